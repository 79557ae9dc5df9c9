"""Hours of paper trading in minutes: memory, and the size of what is written, hour by hour of the market.

    python -m benchmarks.endurance --hours 12 --fills venue

A synthetic market of five coins is replayed as fast as it goes into a run that trades often. Where venues
fill (on paper), every decision sends orders, writes them down and books them. After the last hour the run is
taken up again, and the time and the memory that this takes are told too.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from arbkit.live import LiveRunner
from arbkit.synthetic import Market, load_market_spec, write_market
from benchmarks.machine import describe
from benchmarks.tables import table

_COINS: Final = ("BTC", "ETH", "SOL", "XRP", "DOGE")
_HOUR_NS: Final = 3_600_000_000_000
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def config_of(folder: Path, fills: str, hold_s: float) -> dict[str, Any]:
    """Return the configuration of a run over the market in the folder."""
    return {
        "name": "endurance",
        "currency": "USDT",
        "balance": 100_000,
        "runs": str(folder / "runs"),
        "max_age": "5s",
        "fx": {"venue": "upbit", "symbol": "KRW-USDT", "max_age": "60s"},
        "pairs": [{"a": f"upbit/KRW-{coin}", "b": f"binance_usdm/{coin}USDT"} for coin in _COINS],
        "params": {
            "min_spread_bps": -9,
            "taker_fee_a_bps": 5,
            "taker_fee_b_bps": 4,
            "slippage_bps": 1,
            "max_position_usd": 50,
            "max_hold_s": hold_s,
        },
        "guard": {
            "max_daily_loss_usd": 50_000,
            "max_trades_per_hour": 100_000,
            "max_trades_per_day": 100_000,
        },
        "execution": {"fills": fills},
        "reference": "ewma:1m",
        "replay": {"dataset": str(folder / "market")},
    }


def make(folder: Path, hours: float, interval_ms: float, seed: int) -> None:
    """Write the market, two instruments a coin, one book per interval in the mean."""
    slow = {f"{leg}.{name}": value for leg in "ab" for name, value in (
        ("mean_interval_ms", interval_ms), ("min_interval_ms", interval_ms / 2))}  # fmt: skip
    spec = load_market_spec("coins", slow)
    write_market(Market(spec, seed=seed, levels=1, days=hours / 24), folder / "market")


def followed(config: Path) -> Iterator[dict[str, Any]]:
    """Run a configuration to the end of its books; yields what stands after each hour of them."""
    runner, seen = LiveRunner(config), []

    async def watch() -> None:
        hour = 0
        while True:
            await asyncio.sleep(0.05)
            if runner._replay is None or runner._session is None:
                continue
            first = runner._replay._legs[0].ts[0]
            if (runner._replay.now_ns - first) // _HOUR_NS > hour:
                hour = int((runner._replay.now_ns - first) // _HOUR_NS)
                seen.append(_standing(runner, hour))

    async def both() -> None:
        watching = asyncio.ensure_future(watch())
        await runner.run()
        watching.cancel()

    asyncio.run(both())
    yield from seen


def _standing(runner: LiveRunner, hour: int) -> dict[str, Any]:
    run = runner.folder.path
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    orders = runner._orders.stats()["orders"] if runner._orders is not None else 0
    tape = sum(path.stat().st_size for path in (run / "rows").rglob("*") if path.is_file())
    return {
        "hour": hour,
        "rows": sum(lane.tape.rows for lane in runner.session.lanes),
        "trades": runner.session.desk.n_trades,
        "orders": orders,
        "memory MB": round(pages * _PAGE / 2**20, 1),
        "journal MB": round(runner.folder.journal.stat().st_size / 2**20, 1),
        "tape MB": round(tape / 2**20, 1),
    }


def taken_up(config: Path) -> dict[str, Any]:
    """Take the run up after its end: seconds until its state and its orders are back, and the memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.perf_counter(), time.process_time()
    runner = LiveRunner(config)
    runner.open()
    opened = time.perf_counter() - began

    async def prepare() -> None:
        orders = await runner._open_orders()
        if orders is not None:
            await orders.prepare()
            await orders.close()

    asyncio.run(prepare())
    took = {"until the state is back, s": opened, "until the orders are too, s": time.perf_counter() - began}
    took["CPU s"] = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    runner.close()
    return {k: round(v, 2) for k, v in took.items()} | {
        "highest memory MB": round(peak / 1024), "of it at first": round(before / 1024),
    }  # fmt: skip


def _child(what: str, config: Path) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.endurance", what, "--config", str(config)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]


def main(argv: list[str] | None = None) -> int:
    """Make a market, run over it, take the run up; prints one row per hour."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("all", "run", "resume"), default="all")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--hours", type=float, default=12.0)
    parser.add_argument("--fills", choices=("engine", "venue"), default="venue")
    parser.add_argument("--interval-ms", type=float, default=1000.0, help="between two books of a symbol")
    parser.add_argument("--hold-s", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="kept; by default a folder that is removed again")
    given = parser.parse_args(argv)
    if given.what != "all":
        found = followed(given.config) if given.what == "run" else [taken_up(given.config)]
        print("\n".join(json.dumps(row) for row in found))
        return 0
    with tempfile.TemporaryDirectory() as spare:
        folder = (given.folder or Path(spare)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "market").exists():
            make(folder, given.hours, given.interval_ms, given.seed)
        config = folder / "endurance.yaml"
        config.write_text(yaml.safe_dump(config_of(folder, given.fills, given.hold_s)), "utf-8")
        began = time.monotonic()
        rows = _child("run", config)
        print(table(rows), f"\n\n{time.monotonic() - began:.0f} s for all of it\n")
        print(table(_child("resume", config)))
        print(f"\n{json.dumps(describe())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
