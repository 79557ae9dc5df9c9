"""How long from a book off the socket to the order on its way: a live run against the practice exchange.

    python -m benchmarks.sent --orders 400

The two are processes of their own, and every order's intent is on the disk before it leaves. What the disk
takes is measured by itself too: lines added to a file that grows, and written over one that is there already,
as the run does.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from arbkit.live import open_run
from arbkit.live.ahead import WriteAhead
from arbkit.testing import PracticeExchange, walk_frames
from benchmarks.machine import describe
from benchmarks.soak import config_of
from benchmarks.tables import table

_COINS = ("BTC", "ETH", "BNB", "SOL")


def shown(what: str, values_ms: Sequence[float]) -> dict[str, Any]:
    """Return number, median, 90th and 99th percentile of milliseconds."""
    if len(values_ms) < 2:
        return {"from a book off the socket": what, "n": len(values_ms)}
    cuts = statistics.quantiles(values_ms, n=100, method="inclusive")
    parts = {"median": cuts[49], "90th": cuts[89], "99th": cuts[98], "longest": max(values_ms)}
    name = {"from a book off the socket": what, "n": len(values_ms)}
    return name | {f"{key} ms": round(value, 2) for key, value in parts.items()}


def disk(folder: Path, count: int = 300, size: int = 700) -> list[dict[str, Any]]:
    """Put lines onto the disk one after the other; returns what each took."""
    rows, line = [], b"x" * (size - 1) + b"\n"
    growing = os.open(folder / "growing", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    ahead = WriteAhead(folder / "there")

    def grow() -> None:
        os.write(growing, line)
        os.fdatasync(growing)

    for what, act in (("a file that grows", grow), ("a file that is there", lambda: ahead.put(line))):
        took = []
        for _ in range(count):
            began = time.perf_counter()
            act()
            took.append((time.perf_counter() - began) * 1e3)
            time.sleep(0.005)
        rows.append(shown(f"the disk alone: {what}", took))
    os.close(growing)
    ahead.close()
    return rows


async def trade(folder: Path, pairs: int, rate: float, orders: int) -> Path:
    """Let a live run trade on the practice exchange until it has sent so many orders; returns its folder."""
    coins = list(_COINS[:pairs])
    markets = {
        "upbit": [f"KRW-{coin}" for coin in (*coins, "USDT")],
        "binance_usdm": [f"{coin}USDT" for coin in coins],
    }
    balances = {"upbit": {"KRW": 1_000_000_000}, "binance_usdm": {"USDT": 1_000_000}}
    async with PracticeExchange(markets, balances=balances) as exchange:
        exchange.play(walk_frames(markets, per_second=rate, levels=15, seed=3))
        values = config_of(exchange, coins, folder, 500.0)
        values["params"]["max_hold_s"] = 2
        values["guard"] |= {
            "max_trades_per_hour": 100_000,
            "max_trades_per_day": 100_000,
            "breaker_loss_pct": None,
        }
        path = folder / "sent.yaml"
        path.write_text(yaml.safe_dump(values), "utf-8")
        environ = {**os.environ, "ARBKIT_LIVE": "soak"}
        for venue in markets:
            environ[f"ARBKIT_{venue.upper()}_KEY"] = f"practice-{venue}-key"
            environ[f"ARBKIT_{venue.upper()}_SECRET"] = f"practice-{venue}-secret"
        command = [sys.executable, "-m", "arbkit", "live", "run", "--config", str(path), "--mode", "live"]
        run = folder / "runs" / "soak"
        with (folder / "said.log").open("wb") as said:
            process = subprocess.Popen(command, env=environ, stdout=said, stderr=said)
            try:
                while process.poll() is None and _sent(run) < orders:
                    await asyncio.sleep(1.0)
                process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(process.wait, 60)
            finally:
                process.kill()
    return run


def _sent(run: Path) -> int:
    with contextlib.suppress(OSError):
        return (run / "journal.jsonl").read_bytes().count(b'"kind":"intent"')
    return 0


def measured(run: Path) -> list[dict[str, Any]]:
    """Return what a run's journal and summary say; the exchange's stamps are whole milliseconds."""
    found = open_run(run)
    legs = [(line, line[leg]) for line in found.records("outcome") for leg in "ab"]
    sent = [(leg["sent_ns"] - line["decided_ns"]) / 1e6 for line, leg in legs if leg["sent_ns"]]
    filled = [(leg["first_fill_ns"] - line["decided_ns"]) / 1e6 for line, leg in legs if leg["first_fill_ns"]]
    decided = found.summary["book_to_decision_us"]
    first = {"from a book off the socket": "to the decision", "n": decided["n"]} | {
        f"{name} ms": round(decided[key] / 1e3, 2) for name, key in (("median", "p50"), ("99th", "p99"))
    }
    return [
        first,
        shown("to the order on its way", sent),
        shown("to its fill at the exchange, by its stamp", filled),
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure and print one row per part."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sent", description=__doc__)
    parser.add_argument("--orders", type=int, default=400)
    parser.add_argument("--pairs", type=int, default=2, choices=range(1, 5))
    parser.add_argument("--rate", type=float, default=10.0, help="books per second and symbol")
    parser.add_argument("--folder", type=Path, help="on the disk that is meant; by default a temporary one")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(dir=given.folder) as spare:
        folder = Path(spare)
        before = disk(folder)
        rows = measured(asyncio.run(trade(folder, given.pairs, given.rate, given.orders)))
    names = dict.fromkeys(name for row in (*before, *rows) for name in row)
    print(table([{name: row.get(name, "-") for name in names} for row in (*rows, *before)]))
    print(f"\n{json.dumps(describe())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
