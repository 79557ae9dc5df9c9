"""Panels larger than memory: made in parts, mapped, indexed and simulated by processes with little memory.

python -m benchmarks.bench_store make FOLDER ROWS
python -m benchmarks.bench_store run FOLDER

Both cap the memory that they may ask for (RLIMIT_DATA: heap and private maps) and print JSON. Pages of mapped
files do not count there: the kernel takes them back when it needs them. So the highest resident memory,
mapped pages included, is printed too.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any, Final

import arbkit
from arbkit.panel import Panel, write_store
from arbkit.panel.store_index import INDEX_FILE
from arbkit.synthetic import Market, joined_tops, load_market_spec, tops_meta
from benchmarks.bench_synthetic import peak_mib
from benchmarks.timing import run_process

__all__ = ["CAP_BYTES", "large_panel", "make_store", "simulate_store"]

#: What a process may ask for.
CAP_BYTES: Final = 4 << 30
_READ_BYTES: Final = 8 << 20
#: Columns that building the index reads.
_INDEXED: Final = ("bid_a", "ask_a", "bid_b", "ask_b", "tradable")
PARAMS: Final = arbkit.Params(
    min_spread_bps=60,
    taker_fee_a_bps=5,
    taker_fee_b_bps=5,
    slippage_bps=2,
    max_position_usd=1000,
    max_hold_s=86_400,
)


def large_panel(rows: int, folder: Path, *, apart: bool = True) -> list[dict[str, Any]]:
    """Make a panel of `rows` updates and simulate it, `apart` in processes with little memory.

    Returns:
        One line per step: wall seconds, CPU seconds, rows a second, bytes read a second and their share of
        what plain reading of the same disk gave in the same run, highest resident memory.
    """
    store = folder / "panel"
    if not apart:
        return make_store(store, rows) + simulate_store(store)
    command = [sys.executable, "-m", "benchmarks.bench_store"]
    lines: list[dict[str, Any]] = []
    for words in (["make", str(store), str(rows)], ["run", str(store)]):
        lines += json.loads(run_process([*command, *words]).said)
    return lines


def make_store(folder: Path, rows: int) -> list[dict[str, Any]]:
    """Write the top of book of a synthetic market as a panel store, part by part."""
    market = Market(load_market_spec("kimchi"), rows=rows)
    meta = tops_meta(market)
    list(joined_tops(Market(load_market_spec("kimchi"), rows=100)))
    watch = _Watch()
    made = sum(frame.height for frame in joined_tops(Market(market.spec, rows=min(rows, 5_000_000))))
    lines = [watch.line("made only", made)]
    watch = _Watch()
    panel = write_store((Panel.from_frame(frame, **meta) for frame in joined_tops(market)), folder)
    return [*lines, watch.line("made, stored and indexed", len(panel))]


def simulate_store(folder: Path) -> list[dict[str, Any]]:
    """Read a column as fast as the disk gives it, then simulate: without an index, with it, and once more."""
    _warm_up()
    _forget(folder)
    watch = _Watch()
    plain = watch.line(
        "plain read of two columns", size=sum(_read(folder / f"{name}.bin") for name in ("bid_a", "ask_b"))
    )
    size = sum((folder / f"{name}.bin").stat().st_size for name in _INDEXED)
    lines = [plain]
    (folder / INDEX_FILE).unlink(missing_ok=True)
    for step, read in (("first run, index built", size), ("first run, index stored", 0), ("next run", 0)):
        if step != "next run":
            _forget(folder)
            panel = Panel.open(folder)
        watch = _Watch()
        trades = arbkit.backtest(panel, PARAMS).metrics.total_trades
        lines.append(watch.line(step, len(panel), read) | {"trades": trades})
    for line in lines:
        if line.get("MB/s"):
            line["share of plain read"] = line["MB/s"] / plain["MB/s"]
    return lines


class _Watch:
    """Wall and CPU time since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def line(self, step: str, rows: int = 0, size: int = 0) -> dict[str, Any]:
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        found = {"step": step, "rows": rows or None, "wall s": wall, "CPU s": cpu}
        found |= {"rows/s": rows / wall if rows else None, "rows per CPU s": rows / cpu if rows else None}
        return found | {"MB/s": size / wall / 1e6 if size else None, "peak MiB": peak_mib()}


def _warm_up() -> None:
    """Compile everything, on a market of a few rows."""
    frame = next(joined_tops(Market(load_market_spec("kimchi"), rows=2_000)))
    arbkit.backtest(Panel.from_frame(frame), PARAMS)


def _read(path: Path) -> int:
    """Read a file in order and return its size."""
    buffer, done = bytearray(_READ_BYTES), 0
    handle = os.open(path, os.O_RDONLY)
    while count := os.readv(handle, [buffer]):
        done += count
    os.close(handle)
    return done


def _forget(folder: Path) -> None:
    """Ask the kernel to drop what it keeps of the files in memory, so that reading them reads the disk."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def main() -> None:
    """Do one step in this process, with its memory capped."""
    resource.setrlimit(resource.RLIMIT_DATA, (CAP_BYTES, CAP_BYTES))
    folder = Path(sys.argv[2])
    lines = make_store(folder, int(sys.argv[3])) if sys.argv[1] == "make" else simulate_store(folder)
    print(json.dumps(lines))


if __name__ == "__main__":
    main()
