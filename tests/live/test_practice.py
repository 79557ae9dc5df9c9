"""Runs against the practice exchange: live books, real orders, the venues' own accounts."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from arbkit.data import open_dataset
from arbkit.errors import ConfigError
from arbkit.live import LiveConfig, LiveRunner, open_run, parity_of, recorded_parity
from arbkit.testing import PracticeExchange, walk_frames

MARKETS = {"upbit": ["KRW-BTC", "KRW-USDT"], "binance_usdm": ["BTCUSDT"]}
BALANCES = {"upbit": {"KRW": 100_000_000, "BTC": "2"}, "binance_usdm": {"USDT": 100_000}}


def values(exchange: PracticeExchange, runs: Path, **changes: Any) -> dict[str, Any]:
    venues = {
        name: {"rest_url": getattr(exchange, name).rest_url, "ws_url": getattr(exchange, name).ws_url}
        for name in MARKETS
    }
    return {
        "name": "practice",
        "currency": "USDT",
        "balance": 10_000,
        "runs": str(runs),
        "max_age": "5s",
        "venues": venues,
        "pairs": [{"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}],
        "fx": {"venue": "upbit", "symbol": "KRW-USDT", "max_age": "60s"},
        "params": {
            "min_spread_bps": -1_000,
            "taker_fee_a_bps": 5,
            "taker_fee_b_bps": 4,
            "slippage_bps": 1,
            "max_position_usd": 300,
            "max_hold_s": 0.5,
            "close_on_spread_reversal": False,
        },
        "guard": {"max_trades_per_hour": 1_000},
        **changes,
    }


def played(make: Any) -> Any:
    """Run a coroutine function while the practice exchange plays a random walk."""

    async def run() -> Any:
        async with PracticeExchange(MARKETS, balances=BALANCES, limits=False) as exchange:  # type: ignore[arg-type]
            frames = walk_frames(MARKETS, per_second=25, seconds=600, levels=5, seed=2)
            task = exchange.play(frames)
            try:
                return await make(exchange)
            finally:
                task.cancel()

    return asyncio.run(run())


async def traded(runner: LiveRunner, trades: int) -> dict[str, Any]:
    """Run until so many trades are closed, then stop cleanly."""

    async def watch() -> None:
        while runner._session is None or sum(lane.closed for lane in runner.session.lanes) < trades:
            await asyncio.sleep(0.02)
        runner.stop()

    watching = asyncio.ensure_future(watch())
    try:
        return await runner.run(max_runtime_s=80)
    finally:
        watching.cancel()


def test_a_live_run_agrees_with_the_venues_and_shows_no_secret(tmp_path: Path) -> None:
    planted: list[bytes] = []

    async def run(exchange: PracticeExchange) -> None:
        environ = {"ARBKIT_LIVE": "practice"}
        for name in MARKETS:
            keys = getattr(exchange, name).keys
            planted.append(keys.secret.encode())
            environ |= {f"ARBKIT_{name.upper()}_KEY": keys.key, f"ARBKIT_{name.upper()}_SECRET": keys.secret}
        execution = {"fills": "venue", "max_slip_bps": 50}
        config = LiveConfig.from_dict(values(exchange, tmp_path, mode="live", execution=execution))
        runner = LiveRunner(config, mode="live", environ=environ)
        final = await traded(runner, 2)
        ledger = exchange.ledger()
        assert final["trades_closed"] >= 2
        assert final["orders"]["strangers"] == 0
        run = open_run(tmp_path / "practice")
        assert runner._orders is not None
        own = runner._orders.keeper.ledger.positions
        assert own["binance_usdm", "BTCUSDT"] == ledger["binance_usdm"]["positions"].get("BTCUSDT", 0)
        assert own["upbit", "KRW-BTC"] == ledger["upbit"]["balances"]["BTC"] - 2
        fills = sum(len(ledger[name]["fills"]) for name in MARKETS)
        assert fills == len({(f["venue"], f["trade_id"]) for f in run.records("fill")})
        assert parity_of(run).ok

    played(run)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or not any(secret in path.read_bytes() for secret in planted)


@pytest.mark.parametrize(
    ("venue", "part", "code"),
    [("upbit", "SECRET", "jwt_verification"), ("upbit", "KEY", "invalid_access_key"),
     ("binance_usdm", "SECRET", "-1022"), ("binance_usdm", "KEY", "-201[45]")],
)  # fmt: skip
def test_a_refused_key_ends_a_run_at_once(tmp_path: Path, venue: str, part: str, code: str) -> None:
    async def run(exchange: PracticeExchange) -> None:
        environ = {"ARBKIT_LIVE": "practice"}
        for name in MARKETS:
            keys = getattr(exchange, name).keys
            environ |= {f"ARBKIT_{name.upper()}_KEY": keys.key, f"ARBKIT_{name.upper()}_SECRET": keys.secret}
        environ[f"ARBKIT_{venue.upper()}_{part}"] = "not-" + environ[f"ARBKIT_{venue.upper()}_{part}"]
        config = LiveConfig.from_dict(
            values(exchange, tmp_path, mode="live", execution={"fills": "venue", "max_slip_bps": 50})
        )
        with pytest.raises(ConfigError, match=rf"^{venue} refuses the key \({code}\)") as caught:
            await LiveRunner(config, mode="live", environ=environ).run(max_runtime_s=5)
        assert environ[f"ARBKIT_{venue.upper()}_{part}"] not in str(caught.value)

    played(run)
    kinds = [line["kind"] for line in open_run(tmp_path / "practice").records()]
    assert kinds[-1] == "stop"


def test_a_symbol_that_is_not_listed_begins_no_run(tmp_path: Path) -> None:
    async def run(exchange: PracticeExchange) -> None:
        pairs = [{"a": "upbit/KRW-BTX", "b": "binance_usdm/BTXUSDT"}]
        runner = LiveRunner(LiveConfig.from_dict(values(exchange, tmp_path, pairs=pairs)))
        with pytest.raises(ConfigError, match=r"^upbit lists no KRW-BTX; did you mean `KRW-BTC`"):
            await runner.run(max_runtime_s=5)

    played(run)
    assert not (tmp_path / "practice").exists()


def test_paper_on_websocket_books_has_the_trades_of_the_backtest(tmp_path: Path) -> None:
    async def run(exchange: PracticeExchange) -> dict[str, Any]:
        config = LiveConfig.from_dict(values(exchange, tmp_path, record=str(tmp_path / "live")))
        return await traded(LiveRunner(config), 2)

    final = played(run)
    practice = open_run(tmp_path / "practice")
    parity = parity_of(practice)
    assert parity.ok
    assert parity.same == parity.trades == final["trades_opened"]
    recorded = recorded_parity(practice, tmp_path / "live")
    (pair,) = recorded.pairs
    assert (pair.same_stamps, pair.columns, pair.extra, recorded.ok) == (True, {}, {}, True)
    assert set(pair.missing) <= {"after_its_end"}
    # On the last rows one leg has no book any more: what was done there is not in the recording.
    assert recorded.same >= final["trades_opened"] - 2
    assert {"funding", "instruments", "states"} <= set(open_dataset(tmp_path / "live").tables)
    assert final["book_to_decision_us"]["n"] > 20
    assert final["feeds"]["upbit"]["gaps"] == 0


def test_books_may_be_asked_for_over_rest(tmp_path: Path) -> None:
    async def run(exchange: PracticeExchange) -> dict[str, Any]:
        runner = LiveRunner(LiveConfig.from_dict(values(exchange, tmp_path)))
        first = await asyncio.to_thread(runner.run_once)
        second = await asyncio.to_thread(runner.run_once)
        stats = runner.stats()
        runner.close()
        assert (first, second) == (1, 2)
        return stats

    stats = played(run)
    assert stats["rows"] == 3
    assert stats["pairs"][0]["feed_age_s"]["a"] < 5


DIES_AFTER_A_FILL = """
import os, signal, sys
from arbkit.live import LiveRunner
from arbkit.live.journal import Journal
first = Journal.extend
def extend(self, lines, **more):
    kinds = [kind for kind, _ in lines]
    number = first(self, lines, **more)
    if "fill" in kinds:
        os.kill(os.getpid(), signal.SIGKILL)
    return number
Journal.extend = extend
LiveRunner(sys.argv[1], mode="live").run_forever(max_runtime_s=60)
"""


def test_a_run_killed_between_two_legs_ends_hedged_with_every_fill_counted_once(tmp_path: Path) -> None:
    async def run(exchange: PracticeExchange) -> None:
        path = tmp_path / "practice.yaml"
        execution = {"fills": "venue", "max_slip_bps": 50}
        path.write_text(yaml.safe_dump(values(exchange, tmp_path, mode="live", execution=execution)))
        environ = dict(os.environ) | {"ARBKIT_LIVE": "practice"}
        for name in MARKETS:
            keys = getattr(exchange, name).keys
            environ |= {f"ARBKIT_{name.upper()}_KEY": keys.key, f"ARBKIT_{name.upper()}_SECRET": keys.secret}
        words = (sys.executable, "-c", DIES_AFTER_A_FILL, str(path))
        killed = await asyncio.create_subprocess_exec(*words, env=environ)
        assert await killed.wait() == -signal.SIGKILL
        runner = LiveRunner(path, mode="live", environ=environ)
        final = await traded(runner, 2)
        ledger, run = exchange.ledger(), open_run(tmp_path / "practice")
        assert final["trades_closed"] >= 2
        assert [line["kind"] for line in run.records("start", "resume")] == ["start", "resume"]
        long = ledger["upbit"]["balances"]["BTC"] - 2
        assert long + ledger["binance_usdm"]["positions"].get("BTCUSDT", 0) == 0
        fills = sum(len(ledger[name]["fills"]) for name in MARKETS)
        assert fills == len({(f["venue"], f["trade_id"]) for f in run.records("fill")})
        assert parity_of(run).ok

    played(run)
