"""How fast one thread reads memory, and what share of that the scan and the index build reach."""

from __future__ import annotations

from typing import Any, Final

import numba
import numpy as np

import arbkit
from arbkit._typing import IntArray
from arbkit.engine import run_sets
from arbkit.kernels.index import build_index, index_size
from benchmarks.markets import rules_at
from benchmarks.timing import cpu_in_turns

__all__ = ["index_and_scan"]

#: Bytes per row that a pass reads: four prices, and with them the mark of tradable rows.
_PRICE_BYTES: Final = 32
_PASS_BYTES: Final = 33


@numba.njit(cache=True, nogil=True)
def _sum(values: IntArray) -> int:
    """Return the sum: vectorised whole numbers, so that only reading takes time."""
    total = 0
    for value in values:
        total += value
    return total


def index_and_scan(panel: arbkit.Panel, *, rounds: int = 5, buffer_mib: int = 400) -> dict[str, Any]:
    """Time sums of a large buffer and of the prices, the index build and a scan without entries, in turns.

    Returns:
        GB/s of reading the buffer and the prices; nanoseconds and bytes per row of the index, nanoseconds per
        row of the scan, and the share that each reaches of the bandwidth at which the same prices are summed.
    """
    buffer = np.ones(buffer_mib * 2**17, np.int64)
    market = panel.market
    offsets = index_size(len(panel))
    bounds = np.empty((panel.index.bounds.shape[0], int(offsets[-1])), np.float32)
    never = rules_at(np.array([1e6]))
    prices = [column.view(np.int64) for column in (panel.bid_a, panel.ask_a, panel.bid_b, panel.ask_b)]
    times = cpu_in_turns(
        {
            "read": lambda: _sum(buffer),
            "prices": lambda: [_sum(column) for column in prices],
            "index": lambda: build_index(market, offsets, bounds),
            "scan": lambda: run_sets(panel, never, threads=1, engine="scan", measure=False),
        },
        rounds=rounds,
    )
    read = len(panel) * _PRICE_BYTES / times["prices"]
    found: dict[str, Any] = {
        "rows": len(panel),
        "read GB/s": buffer.nbytes / times["read"] / 1e9,
        "prices GB/s": read / 1e9,
    }
    for name in ("index", "scan"):
        per_row = times[name] / len(panel)
        found[f"{name} ns/row"] = per_row * 1e9
        found[f"{name} share of read"] = _PASS_BYTES / per_row / read
    return found | {"index bytes/row": bounds.nbytes / len(panel)}
