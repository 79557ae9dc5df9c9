"""Every limit of the guard in a run: what is refused, its code and count, and that the backtest agrees."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from arbkit.config import GuardLimits
from arbkit.errors import ConfigError
from arbkit.live import LiveRunner, open_run, parity_of
from arbkit.live.config import DEFAULT_GUARD, LiveConfig
from arbkit.live.fills import LegFills, Outcome
from arbkit.live.guard import HeldBack, TradingGuard
from arbkit.live.rejections import FillLimits
from arbkit.live.tape import read_tape
from tests.live.conftest import Configure

OFTEN: dict[str, Any] = {"min_spread_bps": -1_000, "max_hold_s": 2}
HUGE: dict[str, Any] = {"depth_levels": 3, "max_position_usd": 90_000_000.0}
SECOND = 1_000_000_000


def refused_of(run: Any) -> Counter[str]:
    return Counter(
        code for line in run.records("decision") if line["what"] == "refused" for code in line["refusals"]
    )


@pytest.mark.parametrize(
    ("code", "guard", "params", "entries"),
    [
        ("guard_position_size", {"max_position_usd": 999.0}, {}, 0),
        ("guard_positions", {"max_positions": 2}, {"max_open_trades": 4, "max_hold_s": 60}, None),
        ("guard_daily_loss", {"max_daily_loss_usd": 0.5}, {}, None),
        ("guard_total_loss", {"max_total_loss_usd": 0.5}, {}, None),
        ("guard_hour_trades", {"max_trades_per_hour": 3}, {}, 3),
        ("guard_day_trades", {"max_trades_per_day": 4}, {}, 4),
        ("guard_spread", {"min_spread_bps": 500.0}, {}, 0),
        ("guard_slippage", {"max_slippage_bps": 0.0}, HUGE, 0),
        ("guard_fill_rate", {"min_fill_rate": 1.0}, HUGE, 0),
        ("guard_breaker", {"breaker_loss_pct": 0.0005}, {}, None),
    ],
)
def test_a_limit_refuses_in_a_run_with_its_code_as_in_the_backtest(
    configure: Configure, code: str, guard: dict[str, Any], params: dict[str, Any], entries: int | None
) -> None:
    config = configure(reference="none", params=OFTEN | params, guard=guard)
    runner = LiveRunner(config)
    for _ in range(500):
        runner.run_once()
    final = runner.close()
    run = open_run(config.runs / "small")
    assert final["refusals"][code] == refused_of(run)[code] > 0
    assert final["trades_opened"] == entries if entries is not None else final["trades_opened"] > 0
    parity = parity_of(run)
    assert parity.ok
    assert parity.same == parity.trades == final["trades_opened"]


def test_a_total_loss_refuses_after_a_restart_too_and_refusals_are_still_known(configure: Configure) -> None:
    config = configure(reference="none", params=OFTEN, guard={"max_total_loss_usd": 0.5})
    counts = []
    for _ in range(2):
        runner = LiveRunner(config)
        for _ in range(400):
            runner.run_once()
        counts.append((runner.session.desk.n_trades, runner.close()["refusals"]["guard_total_loss"]))
    assert counts[0][0] == counts[1][0] > 0
    assert counts[1][1] >= counts[0][1] > 0


def test_a_day_begins_at_midnight_of_its_own_zone(configure: Configure) -> None:
    """The recording begins at midnight, UTC; 18 s later a day begins 0.005 h west of it."""
    opened = []
    for name, offset in (("utc", 0.0), ("west", -0.005)):
        limits = {"max_trades_per_day": 2, "utc_offset_h": offset}
        config = configure(name=name, reference="none", params=OFTEN, guard=limits)
        runner = LiveRunner(config)
        for _ in range(600):
            runner.run_once()
        opened.append(runner.close()["trades_opened"])
    assert opened == [2, 4]


def test_each_pair_may_have_limits_of_its_own(configure: Configure) -> None:
    legs = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
    own = {"guard": {"max_trades_per_day": 1}}
    config = configure(
        pairs=[{"name": "free", **legs}, {"name": "bound", **legs, "params": own}],
        reference="none",
        params=OFTEN,
    )
    runner = LiveRunner(config)
    for _ in range(300):
        runner.run_once()
    pairs = {pair["pair"]: pair["opened"] for pair in runner.close()["pairs"]}
    assert pairs["bound"] == 1 < pairs["free"]


def test_pairs_share_limits_on_notional(configure: Configure) -> None:
    legs = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
    config = configure(
        pairs=[{"name": "one", **legs}, {"name": "two", **legs, "params": {"max_hold_s": 5}}],
        reference="none",
        params=OFTEN,
        limits={"max_total_notional_usd": 1_500},
    )
    runner = LiveRunner(config)
    for _ in range(300):
        runner.run_once()
    assert runner.close()["refusals"]["total_notional"] > 0


def test_without_a_block_an_account_in_krw_has_the_limits_of_the_older_system(configure: Configure) -> None:
    legs = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
    config = configure(currency="KRW", balance=10**8, guard=None, pairs=[legs])
    assert config.pairs[0].params.guard == GuardLimits(
        max_position_usd=1_000_000, max_daily_loss_usd=500_000, max_trades_per_hour=100,
        max_trades_per_day=1_000, max_slippage_bps=50, min_fill_rate=0.8, breaker_loss_pct=5,
        breaker_cooldown_s=300,
    )  # fmt: skip
    assert GuardLimits.from_dict(DEFAULT_GUARD) == config.pairs[0].params.guard


def test_a_block_without_a_breaker_has_that_of_five_percent_unless_it_says_none(configure: Configure) -> None:
    def guard(**given: Any) -> GuardLimits | None:
        return configure(guard=given).pairs[0].params.guard

    assert guard(max_positions=3) == GuardLimits(max_positions=3, breaker_loss_pct=5, breaker_cooldown_s=300)
    assert guard(breaker_loss_pct=None) == GuardLimits()


def test_what_the_state_keeps_from_being_entered_is_refused_with_its_reason(configure: Configure) -> None:
    config = configure(reference="none", params=OFTEN)
    runner = LiveRunner(config)
    for _ in range(100):
        runner.run_once()
    opened = runner.session.desk.n_trades
    runner.session.guard.set("venue_down", True, detail="upbit")
    runner.session.set_entry_ok("upbit", "KRW-BTC", False)
    for _ in range(100):
        runner.run_once()
    assert runner.session.desk.n_trades == opened
    runner.halt(reason="test")
    for _ in range(50):
        runner.run_once()
    final = runner.close()
    refused = refused_of(open_run(config.runs / "small"))
    for code in ("venue_down", "instrument", "kill_switch"):
        assert final["refusals"][code] == refused[code] == 2  # an excursion of each side, both always there
    assert final["state"]["reasons"] == ["venue_down: upbit", "kill_switch: test"]


def test_an_excursion_held_back_counts_once_per_reason_and_anew_when_it_comes_back() -> None:
    rule = {"min_spread_bps": 5.0, "cost_bps": 10.0, "allow_ab": 1, "allow_ba": 0}
    held = HeldBack()

    def see(spread: float, *reasons: str, room: bool = True) -> list[str]:
        price = 100.0 + spread / 100
        return held.see(0, (1, 99.9, 100.0, price, price + 0.1, 1.0), rule, room, iter(reasons))

    assert see(14.9, "venue_down") == []
    assert see(15.1, "venue_down: upbit") == ["venue_down"]
    assert see(15.1, "venue_down: upbit, binance_usdm", "stopping") == ["stopping"]
    assert see(10, "venue_down") == []
    assert see(20, "venue_down", room=False) == []
    assert see(20, "venue_down") == ["venue_down"]
    held.forget(0)
    assert see(20, "venue_down") == ["venue_down"]


def outcome(row: int, share: float = 1.0, slip_bps: float = 0.0) -> Outcome:
    a = LegFills(("x",), "buy", 2 * share, 100 * (1 + slip_bps / 1e4), 0.0, 0.0)
    return Outcome("BTC", row, -1, 0, a, LegFills(("y",), "sell", 2 * share, 100.0, 0.0, 0.0), "done", 0.0,
                   0.0, 1, 2)  # fmt: skip


def test_fills_beyond_the_limits_let_their_pair_wait_for_the_cooldown() -> None:
    guard, counts = TradingGuard(lambda *change: None), Counter[str]()
    own = GuardLimits(max_slippage_bps=20, min_fill_rate=0.8, breaker_cooldown_s=30)
    limits = FillLimits(guard, counts, {"BTC": own, "ETH": None})

    def see(row: int, now: int = 0, **values: float) -> list[str]:
        limits.sent("BTC", row, 2.0, 100.0, 100.0)
        return limits.see(outcome(row, **values), now)

    assert see(1, slip_bps=19.9) == []
    assert see(2, slip_bps=25) == ["slippage 25.0 bps, at most 20"]
    assert list(guard.reasons("BTC")) == ["slippage: 25.0 bps, at most 20"]
    limits.look("BTC", 30 * SECOND - 1)
    assert guard.holds("slippage", "BTC")
    limits.look("BTC", 30 * SECOND)
    assert not guard.holds("slippage", "BTC")
    assert [see(row, share=0.7) for row in (3, 4)] == [[], []]
    assert see(5, share=0.5) == ["fill_rate 0.78, at least 0.8"]
    assert [see(row, share=0.1) for row in (6, 7, 8, 9)] == [[], [], [], []]  # five are looked at
    assert limits.see(outcome(99), 0) == []  # of an earlier life: what was asked for is not known
    assert counts == {"guard_slippage": 1, "guard_fill_rate": 1}


def at_venues(
    configure: Configure, guard: dict[str, Any], replay: dict[str, Any] | None = None, **venues: Any
) -> Any:
    """Return a run whose orders go to paper venues, and its statistics."""
    values = {"guard": guard, "execution": {"fills": "venue"}, "venues": venues, "params": OFTEN}
    config = configure(reference="none", **values, **({} if replay is None else {"replay": replay}))
    final = LiveRunner(config).run_forever()
    return open_run(config.runs / "small"), final


def test_orders_go_no_further_through_the_book_than_the_guard_allows(configure: Configure) -> None:
    run, final = at_venues(configure, {"max_slippage_bps": 2.0, "max_trades_per_hour": 8})
    assert final["trades_opened"] > 3
    rows, _ = read_tape(run.folder.tape("BTC"))
    prices = {line["client_id"]: float(line["price"]) for line in run.records("intent") if line["price"]}
    furthest = []
    for line in run.records("outcome"):
        bid, ask = (float(rows[line["row"]][name]) for name in ("bid_b", "ask_b"))
        price = prices[line["b"]["ids"][0]]
        furthest.append(price / ask - 1 if line["b"]["side"] == "buy" else 1 - price / bid)
    assert 1e-4 < max(furthest) < 2.1e-4


def test_venues_that_fill_too_little_let_their_pair_wait(configure: Configure, recording: Path) -> None:
    """Upbit holds neither KRW nor coins: of every entry one leg is refused, and the other is undone.

    The replay has a speed so that a fast machine does not end it before five entries have failed.
    """
    guard = {"min_fill_rate": 0.8, "breaker_cooldown_s": 1e6}
    replay = {"dataset": str(recording), "speed": 300.0}
    run, final = at_venues(configure, guard, replay, upbit={"paper_balances": {"KRW": 1, "BTC": 0}})
    assert final["guard_counts"]["fill_rate"] == final["refusals"]["guard_fill_rate"] == 1
    state = next(line for line in run.records("guard") if any("fill_rate" in x for x in line["reasons"]))
    assert (state["state"], state["pair"]) == ("reducing", "BTC")
    assert any(reason == "fill_rate: 0.00, at least 0.8" for reason in state["reasons"])
    entries = [line["seq"] for line in run.records("decision") if line["what"] == "entry"]
    assert len(entries) >= 5
    assert max(entries) < state["seq"]
    assert parity_of(run).ok


def test_a_rate_that_is_missing_is_a_state_with_a_reason(configure: Configure) -> None:
    fx = {"venue": "upbit", "symbol": "KRW-USDT", "max_age": "2s"}
    config = configure(reference="none", params=OFTEN, fx=fx)
    runner = LiveRunner(config)
    for _ in range(700):
        runner.run_once()
    final = runner.close()
    run = open_run(config.runs / "small")
    states = [(line["state"], *line["reasons"]) for line in run.records("guard") if line["pair"] == "BTC"]
    said = "fx_missing: upbit/KRW-USDT is not known or too old"
    assert states[:3] == [("reducing", said), ("active",), ("reducing", said)]
    assert final["guard_counts"]["fx_missing"] >= 2
    rows, _ = read_tape(run.folder.tape("BTC"))
    converted = rows["fx_a"] > 0
    assert (rows["state"][converted] == 0).all()
    assert (rows["state"][~converted] == 1).all()
    assert converted.any()


def test_a_pairs_own_guard_is_held_against_the_decided_one(recording: Path, tmp_path: Path) -> None:
    from tests.live.test_guard import decided, params_file

    params_file(tmp_path / "params.yaml")
    pair = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
    for own in ({"max_trades_per_hour": 31}, None):
        pairs = [{**pair, "params": {"guard": own}}]
        with pytest.raises(ConfigError, match=r"`pairs\[0\].params.guard` differs from that of params.yaml"):
            decided(recording, tmp_path, pairs=pairs)
        assert decided(recording, tmp_path, pairs=pairs, allow_untuned_guard=True)
    same = {"max_trades_per_hour": 30, "max_daily_loss_usd": 500.0}
    assert isinstance(decided(recording, tmp_path, pairs=[{**pair, "params": {"guard": same}}]), LiveConfig)


def test_a_signal_and_a_file_of_any_content_throw_the_kill_switch(configure: Configure) -> None:
    import asyncio

    config = configure(replay=None, venues={"upbit": {}, "binance_usdm": {}})
    runner = LiveRunner(config)

    async def halted_by_signal() -> None:
        with runner._signals():
            os.kill(os.getpid(), signal.SIGUSR1)
            while runner.folder.halted() is None:
                await asyncio.sleep(0)

    runner.open()
    asyncio.run(halted_by_signal())
    assert runner.session.halted
    assert runner.stats()["state"]["reasons"] == ["kill_switch: signal"]
    runner.clear()
    assert not runner.session.halted
    runner.folder.halt_file.write_text("odd noise")
    runner.beat()
    assert runner.stats()["state"]["reasons"] == ["kill_switch: odd noise"]
    runner.close()
