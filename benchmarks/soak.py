"""Hours of a live run against the practice exchange, with things going wrong at random.

    python -m benchmarks.soak --minutes 60

A run in live mode trades several coins of Upbit against Binance USD-M on books that come several times a
second, while faults are switched on one after the other. At the end what the run believes is compared with
what the exchange booked: executions, positions, fees; and its trades with the backtest of the rows it saw.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import yaml

from arbkit.live import open_run, parity_of
from arbkit.testing import FAULTS, PracticeExchange, walk_frames
from benchmarks.tables import table

#: What ends an account, or trades in its place, is tried by the table of faults and not here.
_LEFT_OUT: Final = frozenset(
    {"revoke_key", "auto_deleverage", "liquidate", "change_leverage", "change_funding_interval"}
)
_COINS: Final = ("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "LINK", "LTC", "DOT", "AVAX")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
#: How long the exchange behaves at the end, so that what was in doubt is settled.
_CALM_S: Final = 40.0


@dataclass
class Watched:
    """What was seen of the run's process: a sample every few seconds."""

    rss_mb: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    longest_silence_s: float = 0.0
    rows: list[int] = field(default_factory=list)


def config_of(exchange: PracticeExchange, coins: list[str], folder: Path, notional: float) -> dict[str, Any]:
    """Return the configuration of a run on these coins; buying on Upbit and selling perpetuals only."""
    venues = {
        name: {"rest_url": venue.rest_url, "ws_url": venue.ws_url, "depth": 15}
        for name, venue in exchange.venues.items()
    }
    return {
        "name": "soak",
        "mode": "live",
        "currency": "USDT",
        "balance": 100_000,
        "runs": str(folder / "runs"),
        "venues": venues,
        "pairs": [{"a": f"upbit/KRW-{coin}", "b": f"binance_usdm/{coin}USDT"} for coin in coins],
        "fx": {"venue": "upbit", "symbol": "KRW-USDT", "max_age": "60s"},
        "max_age": "5s",
        "params": {
            "min_spread_bps": -4,
            "taker_fee_a_bps": 5,
            "taker_fee_b_bps": 5,
            "slippage_bps": 1,
            "max_position_usd": notional,
            "max_hold_s": 120,
            "direction": "long_a_short_b",
        },
        "guard": {
            "max_position_usd": 3 * notional,
            "max_daily_loss_usd": 50_000,
            "max_trades_per_hour": 2_000,
            "max_trades_per_day": 40_000,
        },
        "execution": {"fills": "venue", "legs": "together", "deadline": "5s", "on_naked": "hedge"},
    }


class _Faults:
    """Switches on one fault after the other."""

    def __init__(self, exchange: PracticeExchange, every_s: float, seed: int) -> None:
        self._exchange = exchange
        self._every_s = every_s
        self._chance = random.Random(seed)
        self._names = sorted(set(FAULTS) - _LEFT_OUT)
        self.switched: Counter[str] = Counter()

    async def run(self) -> None:
        """Go on until cancelled; every fault comes before any comes again."""
        left: list[str] = []
        while True:
            left = left or self._chance.sample(self._names, len(self._names))
            await asyncio.sleep(self._every_s * self._chance.uniform(0.5, 1.5))
            self._one(left.pop())

    def _one(self, name: str) -> None:
        fault = FAULTS[name]
        venue = self._chance.choice([item for item in fault.venues if item in self._exchange.venues])
        counted = fault.scope in ("order",) or name in ("slow_answer", "reset_before", "reset_after")
        limits: dict[str, Any] = {"count": self._chance.randint(1, 3)} if counted else {}
        if not fault.once:
            # A count that is not used up ends with the time.
            limits["seconds"] = self._chance.uniform(2, 10) if not counted else 60.0
        self.switched[name] += 1
        self._exchange.faults.on(name, venue=venue, **limits)


def _sample(pid: int, watched: Watched) -> None:
    with suppress(OSError):
        watched.rss_mb.append(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 2**20)
        cells = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        watched.cpu_s = (int(cells[11]) + int(cells[12])) / _TICKS


async def _watch(pid: int, run: Path, watched: Watched, every_s: float = 5.0) -> None:
    """Follow memory, and how long the run's folder stood still."""
    seen: tuple[Any, ...] = ()
    since = time.monotonic()
    while True:
        await asyncio.sleep(every_s)
        _sample(pid, watched)
        now = tuple(
            (str(path), path.stat().st_size) for path in sorted((run / "rows").rglob("*")) if path.is_file()
        )
        if now != seen:
            seen, since = now, time.monotonic()
        watched.longest_silence_s = max(watched.longest_silence_s, time.monotonic() - since)


def truth(before: Mapping[str, Any], after: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """Compare what the run wrote down with what the exchange booked.

    Returns:
        Numbers of executions at the exchange and in the journal, those lost, those that the journal holds
        twice, the sum of differences of position and of fees, and the open net exposure per coin.
    """
    booked = {
        (venue, trade.symbol, str(trade.number if venue != "upbit" else trade.uuid)): trade
        for venue, side in after.items()
        for trade in side["fills"]
    }
    journal: Counter[tuple[str, str, str]] = Counter()
    size: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    fees: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for record in open_run(run).records("fill"):
        journal[record["venue"], record["symbol"], str(record["trade_id"])] += 1
        if journal[record["venue"], record["symbol"], str(record["trade_id"])] > 1:
            continue
        way = 1 if record["side"] == "buy" else -1
        size[record["venue"], record["symbol"]] += way * Decimal(record["size"])
        fees[record["venue"], record["fee_asset"]] += Decimal(record["fee"])
    true_size: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    true_fees: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (venue, symbol, _), trade in booked.items():
        true_size[venue, symbol] += trade.size if trade.side in ("bid", "BUY", "buy") else -trade.size
        true_fees[venue, trade.fee_asset] += trade.fee
    return {
        "executions": len(booked),
        "in the journal": len(journal),
        "lost": len(set(booked) - set(journal)),
        "unknown": len(set(journal) - set(booked)),
        "twice": sum(count > 1 for count in journal.values()),
        "position off": float(sum(abs(size[k] - true_size[k]) for k in {*size, *true_size})),
        "fees off": float(sum(abs(fees[k] - true_fees[k]) for k in {*fees, *true_fees})),
        "open at the exchange": sum(len(side["open"]) for side in after.values()),
        "net exposure": {coin: float(net) for coin, net in _net(true_size).items() if net},
        "money spent": {
            f"{venue} {asset}": float(after[venue]["balances"][asset] - before[venue]["balances"][asset])
            for venue in after
            for asset in ("KRW", "USDT")
            if asset in after[venue]["balances"] and asset in before[venue]["balances"]
        },
    }


def _net(size: Mapping[tuple[str, str], Decimal]) -> dict[str, Decimal]:
    net: dict[str, Decimal] = defaultdict(Decimal)
    for (venue, symbol), amount in size.items():
        net[symbol.partition("-")[2] if venue == "upbit" else symbol.removesuffix("USDT")] += amount
    return net


def naked(fills: Mapping[str, Any], least_usd: float = 30.0) -> dict[str, float]:
    """Return how long, and with how much, a coin stood unhedged by the exchange's own books.

    Args:
        fills: of the exchange's ledger, per venue.
        least_usd: an exposure below it (less than a lot) is none.
    """
    events: dict[str, list[tuple[int, Decimal, Decimal]]] = defaultdict(list)
    for venue, side in fills.items():
        for trade in side["fills"]:
            coin = trade.symbol.partition("-")[2] if venue == "upbit" else trade.symbol.removesuffix("USDT")
            usd = trade.price / (1400 if venue == "upbit" else 1)
            signed = trade.size if trade.side in ("bid", "BUY", "buy") else -trade.size
            events[coin].append((trade.ts_ms, signed, usd))
    worst_s, worst_usd, times = 0.0, 0.0, []
    for found in events.values():
        net, since = Decimal(0), None
        for ts, signed, usd in sorted(found, key=lambda item: item[0]):
            net += signed
            exposure = float(abs(net) * usd)
            if exposure < least_usd:
                if since is not None:
                    times.append((ts - since) / 1e3)
                since = None
            else:
                since = ts if since is None else since
                worst_usd = max(worst_usd, exposure)
    if times:
        worst_s = max(times)
    return {
        "times naked": len(times),
        "longest s": worst_s,
        "99th percentile s": sorted(times)[int(0.99 * len(times))] if times else 0.0,
        "largest USDT": worst_usd,
    }


async def soak(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run it all; returns what was found."""
    coins = list(_COINS[: arguments.pairs])
    markets = {
        "upbit": [f"KRW-{coin}" for coin in (*coins, "USDT")],
        "binance_usdm": [f"{coin}USDT" for coin in coins],
    }
    balances = {"upbit": {"KRW": 1_000_000_000}, "binance_usdm": {"USDT": 1_000_000}}
    async with PracticeExchange(markets, balances=balances) as exchange:
        exchange.play(walk_frames(markets, per_second=arguments.rate, levels=15, seed=arguments.seed))
        path = folder / "soak.yaml"
        path.write_text(yaml.safe_dump(config_of(exchange, coins, folder, arguments.notional)), "utf-8")
        before = exchange.ledger()
        environ = {**os.environ, "ARBKIT_LIVE": "soak"}
        for name in markets:
            environ[f"ARBKIT_{name.upper()}_KEY"] = f"practice-{name}-key"
            environ[f"ARBKIT_{name.upper()}_SECRET"] = f"practice-{name}-secret"
        command = [sys.executable, "-m", "arbkit", "live", "run", "--config", str(path), "--mode", "live"]
        run, watched = folder / "runs" / "soak", Watched()
        with (folder / "said.log").open("wb") as said:
            process = subprocess.Popen(command, env=environ, stdout=said, stderr=said)
            try:
                watch = asyncio.create_task(_watch(process.pid, run, watched))
                faults = _Faults(exchange, arguments.fault_every, arguments.seed)
                await asyncio.sleep(20)
                switch = asyncio.create_task(faults.run())
                await _until(time.monotonic() + 60 * arguments.minutes, process, run)
                switch.cancel()
                exchange.faults.off()
                await _until(time.monotonic() + _CALM_S, process, run)
                watch.cancel()
                ended_early = process.poll() is not None
                process.send_signal(signal.SIGTERM)
                code = await asyncio.to_thread(process.wait, 60)
            finally:
                process.kill()
        after = exchange.ledger()
        hits = {f"{venue} {name}": count for (venue, name), count in sorted(exchange.faults.hits.items())}
    checked = {"truth": truth(before, after, run), "naked": naked(after)}
    (folder / "truth.json").write_text(json.dumps(checked, indent=1, default=str), "utf-8")
    found = open_run(run)
    parity = parity_of(found)
    return {
        "minutes": arguments.minutes,
        "pairs": len(coins),
        "ended early": ended_early,
        "exit code": code,
        "faults switched on": sum(faults.switched.values()),
        "faults by name": dict(sorted(faults.switched.items())),
        "strikes": hits,
        "memory MB": _memory(watched.rss_mb),
        "CPU share": round(watched.cpu_s / (60 * arguments.minutes + 20 + _CALM_S), 3),
        "longest silence s": round(watched.longest_silence_s, 1),
        **checked,
        "parity": {
            "ok": parity.ok,
            "trades": parity.trades,
            "same": parity.same,
            "causes": parity.by_cause(),
        },
        "latency": _latency(found.summary),
        "summary": found.summary,
    }


async def _until(moment: float, process: subprocess.Popen[bytes], run: Path) -> None:
    """Wait, and say every minute how things stand."""
    said = time.monotonic()
    while time.monotonic() < moment and process.poll() is None:
        await asyncio.sleep(0.5)
        if time.monotonic() - said >= 60:
            said = time.monotonic()
            with suppress(OSError, ValueError):
                now = json.loads((run / "summary.json").read_text(encoding="utf-8"))
                print(
                    f"{(moment - said) / 60:.0f} min left: {now['rows']:,} rows, "
                    f"{now['trades_opened']} opened, {now['trades_closed']} closed, {now['state']}",
                    flush=True,
                )


def _latency(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return median and 99th percentile in us, from a book read off the socket on."""
    found = {
        "row to decision": (summary["decide_us"], 1),
        "book to decision": (summary["book_to_decision_us"], 1),
        "book to order sent": (summary["orders"]["book_to_sent_ms"], 1000),
    }
    return {
        f"{name}, {part}": round(values[part] * unit)
        for name, (values, unit) in found.items()
        for part in ("p50", "p99")
        if values.get(part) is not None
    }


def _memory(samples: list[float]) -> dict[str, float]:
    """Return the means of the second, third and last quarter: a leak shows as a slope."""
    if len(samples) < 4:
        return {}
    quarter = len(samples) // 4
    names = ("first quarter", "second quarter", "third quarter", "last quarter")
    parts = [samples[i * quarter : (i + 1) * quarter] for i in range(4)]
    found = {name: round(sum(part) / len(part), 1) for name, part in zip(names, parts, strict=True)}
    return found | {"highest": round(max(samples), 1)}


def main(argv: list[str] | None = None) -> int:
    """Soak a live run; the exit code is 0 when nothing was lost, doubled or left naked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--rate", type=float, default=10.0, help="books per second and symbol")
    parser.add_argument("--fault-every", type=float, default=15.0, help="seconds, in the mean")
    parser.add_argument("--notional", type=float, default=500.0, help="USDT per trade")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("runs-soak"))
    arguments = parser.parse_args(argv)
    folder = arguments.folder.resolve()
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        print(
            f"`--folder` must be a new folder, {folder}: {error.strerror}; name another one", file=sys.stderr
        )
        return 1
    found = asyncio.run(soak(arguments, folder))
    (folder / "soak.json").write_text(json.dumps(found, indent=1, default=str), "utf-8")
    for name in ("truth", "naked", "latency", "memory MB", "parity"):
        rows = [{"what": key, name: value} for key, value in found[name].items()]
        print(
            table([{k: str(v) if isinstance(v, dict) else v for k, v in row.items()} for row in rows]), "\n"
        )
    shown = ("faults switched on", "CPU share", "longest silence s", "ended early", "exit code")
    print(table([{"what": name, "value": found[name]} for name in shown]))
    print(f"all of it: {folder / 'soak.json'}")
    return int(not good(found))


def good(found: Mapping[str, Any]) -> bool:
    """Tell whether a soak shows what it is to show."""
    truths = found["truth"]
    exact = all(truths[name] == 0 for name in ("lost", "unknown", "twice", "position off", "fees off"))
    return exact and found["parity"]["ok"] and not found["ended early"] and found["exit code"] == 0


if __name__ == "__main__":
    sys.exit(main())
