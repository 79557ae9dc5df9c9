"""What is left if the costs are wrong: the engine's curves of fee, latency and size, on one panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from arbkit.config import Params
from arbkit.decision.result import CheckedCost
from arbkit.errors import ArbkitError
from arbkit.panel import Panel
from arbkit.realism import break_even_fee, capacity, edge_vs_latency

__all__ = ["checked_costs", "size_of"]


def checked_costs(panel: Panel, params: Params, step: Callable[[str], None]) -> tuple[CheckedCost, ...]:
    """Measure break-even fee, edge against latency, and capacity; one that cannot be measured says why.

    Args:
        panel: where it is measured: out of sample, or books.
        params: the chosen set.
        step: told what comes next.
    """
    found = []
    for name, measure in (("fee", _fee), ("latency", _latency), ("capacity", _capacity)):
        step(f"what it costs if {name} is wrong")
        try:
            found.append(measure(panel, params))
        except ArbkitError as error:
            found.append(_skipped(name, str(error)))
    return tuple(found)


def _skipped(name: str, why: str) -> CheckedCost:
    return CheckedCost(name, f"not measured: {why}", True, {})


def _fee(panel: Panel, params: Params) -> CheckedCost:
    found = break_even_fee(panel, params)
    numbers: dict[str, Any] = {
        "own_fee_bps": found.own_fee_bps,
        "break_even_bps": found.break_even_bps,
        "same_trades_bps": found.same_trades_bps,
        "width_a_bps": _width(panel.bid_a, panel.ask_a, panel),
        "width_b_bps": _width(panel.bid_b, panel.ask_b, panel),
    }
    return CheckedCost("fee", found.finding, False, numbers)


def _width(bid: Any, ask: Any, panel: Panel) -> float | None:
    """Return the median width of a book, bps of its mid."""
    rows = np.flatnonzero(panel.tradable)
    if not rows.size:
        return None
    return float(np.median((ask[rows] - bid[rows]) / ((ask[rows] + bid[rows]) / 2) * 1e4))


def _latency(panel: Panel, params: Params) -> CheckedCost:
    if panel.meta.fidelity == "candle":
        return _skipped(
            "latency",
            "candles know nothing of the time between two closes; give `--books`",
        )
    found = edge_vs_latency(panel, params)
    frame = found.frame
    lost = frame.filter(frame["mtm_pnl_usd"] <= 0)
    numbers = {
        "pnl_usd": frame["mtm_pnl_usd"].to_list(),
        "latency_ms": frame["latency_ms"].to_list(),
        "lost_ms": float(lost["latency_ms"][0]) if lost.height else None,
        "step_ms": found.step_ms,
    }
    return CheckedCost("latency", found.finding, False, numbers)


def _capacity(panel: Panel, params: Params) -> CheckedCost:
    if panel.ladders is None or panel.levels == 0:
        return _skipped("capacity", "this panel has no book sizes; `--books` takes one that has")
    found = capacity(panel, params)
    frame = found.frame
    best = frame.row(int(frame["mtm_pnl_usd"].arg_max() or 0), named=True)
    numbers = {
        "levels": found.levels,
        "notional_usd": frame["notional_usd"].to_list(),
        "pnl_usd": frame["mtm_pnl_usd"].to_list(),
        "best_notional_usd": best["notional_usd"],
        "best_pnl_usd": best["mtm_pnl_usd"],
        "studied_usd": params.max_position_usd,
    }
    return CheckedCost("capacity", found.finding, False, numbers)


def size_of(costs: tuple[CheckedCost, ...], params: Params) -> float:
    """Return the size to write: the studied one, or a smaller one at which the books earn most."""
    found = next(item for item in costs if item.name == "capacity")
    if found.skipped or not found.numbers["best_pnl_usd"] > 0:
        return params.max_position_usd
    return min(params.max_position_usd, float(found.numbers["best_notional_usd"]))
