"""Getting data in: synthetic markets, files of many kinds, a panel of two legs and a rate."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import arbkit
from arbkit.data.ingest import IngestSpec, ingest, input_bytes
from arbkit.panel import load_pair_file, load_panel
from arbkit.synthetic import write_market
from benchmarks import bench_synthetic
from benchmarks.bench_process import write_pair_file
from benchmarks.timing import Cost, once, run_process

__all__ = ["ingest_speeds", "synthetic_market"]

_REPOSITORY = Path(__file__).resolve().parents[1]
_RECORDED = _REPOSITORY.parent / "shared" / "data"
_SPECS = _REPOSITORY / "datasets" / "specs"
_RECORDINGS = ("binance_spot_usdm_cm", "link_binance_huobi")


def synthetic_market(rows: int, levels: int, folder: Path) -> list[dict[str, Any]]:
    """Make a market and write it as a dataset in a process of its own.

    Returns:
        Rows, levels, wall and CPU seconds and peak memory of the whole process, bytes on disk per row.
    """
    script = bench_synthetic.__file__
    bench_synthetic.make_market(1, levels)  # compiled code is in the cache from here on
    made = folder / "synthetic"
    cost = run_process([
        sys.executable, script, "--rows", str(rows), "--levels", str(levels), "--to", str(made)
    ])  # fmt: skip
    size = sum(file.stat().st_size for file in made.rglob("*.parquet"))
    return [{
        "what": "make and write", "rows": rows, "levels": levels, "wall s": cost.wall_s, "CPU s": cost.cpu_s,
        "rows/s": rows / cost.wall_s, "peak MiB": float(cost.said), "bytes/row on disk": size / rows,
    }]  # fmt: skip


def ingest_speeds(rows: int, folder: Path, *, recorded: bool = True) -> list[dict[str, Any]]:
    """Time reading: a CSV of five levels, a pair CSV, the recordings where they are, and making a panel.

    Returns:
        Per kind of input: rows, wall and CPU seconds, rows a second and MB of input a second.
    """
    found = [_table(rows, folder), _pair_csv(rows, folder)]
    if recorded and _RECORDED.is_dir():
        os.environ.setdefault("ARBKIT_DATA", str(_RECORDED))
        specs = [IngestSpec.load(_SPECS / f"{name}.yaml") for name in _RECORDINGS]
        found += [_ingested(spec, f"recorded: {spec.name}", folder) for spec in specs]
    return [*found, _panel(rows, folder)]


def _table(rows: int, folder: Path) -> dict[str, Any]:
    market = bench_synthetic.make_market(2 * rows, 5)
    leg = market.spec.b.leg
    path = folder / "book.csv"
    with path.open("wb") as file:
        for number, frame in enumerate(frame for name, frame in market.pieces() if name == leg):
            frame.write_csv(file, include_header=number == 0)
    entry = {
        "files": str(path), "format": "table", "venue": "v", "symbol": "S", "base": "BTC", "quote": "USDT",
        "kind": "spot", "levels": 5, "time": {"column": "ts_event", "zone": "UTC"},
        "columns": {f"{side}_{part}": f"{side}_{part}_{{level:02}}"
                    for side in ("bid", "ask") for part in ("px", "sz")},
    }  # fmt: skip
    spec = IngestSpec.from_dict({"name": "book", "source": "synthetic", "instruments": [entry]})
    return _ingested(spec, "CSV, five levels", folder)


def _ingested(spec: IngestSpec, what: str, folder: Path) -> dict[str, Any]:
    size = input_bytes(spec)
    cost = once(lambda: ingest(spec, folder / spec.name))
    rows = sum(item.rows for item in arbkit.open_dataset(folder / spec.name).instruments)
    return _row(what, rows, size, cost)


def _pair_csv(rows: int, folder: Path) -> dict[str, Any]:
    path = write_pair_file(folder / "pair.csv", rows)
    return _row("pair CSV to a panel", rows, path.stat().st_size, once(lambda: load_pair_file(path)))


def _panel(rows: int, folder: Path) -> dict[str, Any]:
    market = bench_synthetic.make_market(rows, 5)
    write_market(market, folder / "legs")
    spec = market.spec
    pair = {"a": spec.a.leg, "b": spec.b.leg}
    size = sum(file.stat().st_size for file in (folder / "legs").rglob("*.parquet"))

    def work() -> object:
        fx = {"symbol": spec.fx.symbol, "price": "executable"}
        return load_panel(folder / "legs", pair=pair, fx=fx, currency=spec.b.quote, cache=False)

    return _row("dataset to a panel with FX", rows, size, once(work))


def _row(what: str, rows: int, size: int, cost: Cost) -> dict[str, Any]:
    return {
        "what": what, "rows": rows, "input MB": size / 1e6, "wall s": cost.wall_s, "CPU s": cost.cpu_s,
        "rows/s": rows / cost.wall_s, "input MB/s": size / 1e6 / cost.wall_s,
    }  # fmt: skip
