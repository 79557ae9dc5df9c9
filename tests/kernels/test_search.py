"""The rows, sides and reasons of all trades against the every-row scan and against the plain twin."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from arbkit.config import Params
from arbkit.engine import rules_of
from arbkit.kernels.market import Grid
from arbkit.kernels.scan import scan
from arbkit.kernels.search import SEARCH_FROM, begin, search
from arbkit.panel import Panel
from arbkit.records import STATE_DTYPE, TRADE_DTYPE, TRIP_DTYPE, ExitReason, Side
from tests.strategies import Case, cases
from tests.twin.twin import run

PANELS = int(os.environ.get("ARBKIT_SEARCH_PANELS", "60"))
EXAMPLES = int(os.environ.get("ARBKIT_TWIN_EXAMPLES", "150"))
SECOND = 10**9
START = 1_700_000_000 * SECOND


def found(panel: Panel, params: Params, *, streams: bool = False, capacity: int = 4_096) -> np.ndarray:
    """Return all trips, however often the table has to be emptied."""
    index = panel.index
    rules, cursor = rules_of([params])[0], begin.py_func(index)
    parts = [np.empty(0, TRIP_DTYPE)]
    while not cursor.done:
        trips = np.empty(capacity, TRIP_DTYPE)
        n, cursor = search(panel.market, index, rules, trips, cursor, not streams)
        parts.append(trips[:n])
    return np.concatenate(parts)


def expected(panel: Panel, params: Params) -> np.ndarray:
    """Return the trips of the scan of every row."""
    state, none = np.zeros(1, STATE_DTYPE), np.empty(0)
    trades, _ = scan(
        panel.market, rules_of([params])[0], state[0], np.empty(64, TRADE_DTYPE), Grid(none, 1), none, none
    )
    trades = trades[: state[0]["n_trades"]]
    out = np.empty(trades.size, TRIP_DTYPE)
    names = zip(TRIP_DTYPE.names or (), ("entry_index", "exit_index", "side", "reason"), strict=True)
    for ours, theirs in names:
        out[ours] = trades[theirs]
    return out


def market(rng: np.random.Generator, rows: int) -> Panel:
    """Return tick-rounded books with outages, ties, equal stamps and, often, a fair ratio that is not 1."""
    tick = float(rng.choice([0.01, 0.05, 1000.0]))
    base = 1.5e8 if tick == 1000.0 else float(rng.choice([10.0, 100.0]))
    mid = np.abs(base + tick * np.round(np.cumsum(rng.normal(0, 2, rows)))) + tick
    width = int(rng.choice([1, 5]))
    gap = rng.integers(-6, 7, rows) * width
    if rng.random() < 0.5:
        gap = np.round(np.cumsum(rng.normal(0, 0.5, rows)) % 12 - 6) * width
    other = np.abs(mid + tick * gap) + tick
    prices = [mid, mid + tick * rng.integers(1, 4, rows), other, other + tick * rng.integers(1, 3, rows)]
    void = rng.random(rows) < rng.choice([0, 0.1, 0.9])
    for start in np.flatnonzero(rng.random(rows) < rng.choice([0, 0.002])):
        void[start : start + int(rng.integers(1, 600))] = True
    prices[int(rng.integers(4))][void] = rng.choice([np.nan, 0, np.inf])
    ts = np.cumsum(rng.choice([0, 1, SECOND, 60 * SECOND, 3600 * SECOND], rows)) + START
    extra: dict[str, Any] = {}
    if rng.random() < 0.3:
        extra["fair"] = np.where(rng.random(rows) < 0.1, np.nan, 1 + rng.normal(0, 2e-3, rows))
    if rng.random() < 0.4:
        extra["entry_ok"] = rng.random(rows) < 0.6
    return Panel(ts, *prices, **extra)


def parameters(rng: np.random.Generator, panel: Panel) -> Params:
    """Return parameters whose thresholds are taken from the panel, so that ties with them are common."""
    spreads = panel.spreads()
    seen = np.concatenate([spreads["x_ab_bps"].drop_nulls(), spreads["x_ba_bps"].drop_nulls(), [0.0]])

    def pick() -> float:
        return float(rng.choice(seen) + rng.choice([0, 0, 1e-9, -5, 5]))

    def maybe(value: float) -> float | None:
        return value if rng.random() < 0.5 else None

    cost = float(rng.choice([0, 5, -1]))
    longest = maybe(float(rng.choice([0, 1, 60, 3600, 86400])))
    return Params(
        min_spread_bps=pick() - float(rng.choice([0, cost])),
        taker_fee_a_bps=cost,
        taker_fee_b_bps=0,
        slippage_bps=float(rng.choice([0, 3])),
        max_position_usd=1000,
        direction=str(rng.choice(["both", "both", "long_a_short_b", "long_b_short_a"])),
        close_on_spread_reversal=bool(rng.random() < 0.7),
        exit_spread_bps=pick(),
        take_profit_bps=maybe(pick()),
        stop_loss_bps=maybe(abs(pick()) + 1e-6),
        max_hold_s=longest,
        min_hold_s=float(rng.choice([0, 1, 60])) if longest is None else min(longest, 1.0),
        cooldown_s=float(rng.choice([0, 60, 7200])),
        rearm_spread_bps=maybe(pick()),
        close_at_end=bool(rng.random() < 0.5),
    )


def plain(**changes: Any) -> Params:
    base: dict[str, Any] = {
        "min_spread_bps": 0,
        "taker_fee_a_bps": 0,
        "taker_fee_b_bps": 0,
        "slippage_bps": 0,
        "max_position_usd": 1000,
    }
    return Params(**(base | changes))


@pytest.mark.parametrize("seed", range(PANELS))
def test_every_trip_is_that_of_the_scan(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = market(rng, int(rng.choice([16, 17, 31, 32, 255, 256, 257, 300, 1500, 4096, 6000, 20_000])))
    for _ in range(6):
        params = parameters(rng, panel)
        wanted = expected(panel, params).tolist()
        assert found(panel, params).tolist() == wanted, params
        assert found(panel, params, streams=True).tolist() == wanted, params
        assert found(panel, params, capacity=int(rng.integers(1, 4))).tolist() == wanted, params


def test_the_random_markets_reach_every_reason_and_both_sides() -> None:
    reasons, sides = set(), set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        panel = market(rng, 1500)
        for _ in range(4):
            trips = expected(panel, parameters(rng, panel))
            reasons |= set(trips["reason"].tolist())
            sides |= set(trips["side"].tolist())
    assert reasons == {int(reason) for reason in ExitReason} - {int(ExitReason.LIQUIDATION)}
    assert sides == {int(side) for side in Side}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=cases())
def test_every_trip_is_that_of_the_twin(case: Case) -> None:
    assume(case.rows)
    params = case.params.replace(max_open_trades=1, stop_on_drawdown_pct=None)
    names = ("bid_a", "ask_a", "bid_b", "ask_b")
    void = np.full(SEARCH_FROM, np.nan)
    prices = [np.append([getattr(row, name) for row in case.rows], void) for name in names]
    ts = [row.ts for row in case.rows]
    extra: dict[str, Any] = {}
    if case.fair:
        extra["fair"] = np.append([row.fair for row in case.rows], void)
    if case.entry_ok:
        extra["entry_ok"] = np.append([row.entry_ok for row in case.rows], np.ones(SEARCH_FROM, np.bool_))
    panel = Panel(np.array(ts + ts[-1:] * SEARCH_FROM, np.int64), *prices, **extra)
    wanted = [
        (t["entry_index"], -1 if t["is_open"] else t["exit_index"], t["side"], t["exit_reason"] or "open")
        for t in run(case.rows, params).trades
    ]
    for streams in (False, True):
        trips = found(panel, params, streams=streams)
        got = [
            (entry, leave, Side(side).name, ExitReason(reason).name.lower())
            for entry, leave, side, reason in trips.tolist()
        ]
        assert got == wanted


def test_a_rare_trade_is_found_across_all_levels_of_a_long_index() -> None:
    rows = 1_300_000
    a = np.full(rows, 100.0)
    b = np.full(rows, 100.0)
    for row, price in ((3, 101.0), (700_000, 99.0), (rows - 1, 101.5)):
        b[row:] = price
    b[1_100_000:] = 100.0
    b[rows - 1] = 102.0
    panel = Panel(START + np.arange(rows) * SECOND, a, a + 0.01, b, b + 0.01)
    for params in (
        plain(min_spread_bps=50),
        plain(min_spread_bps=150),
        plain(min_spread_bps=50, max_hold_s=800_000, close_on_spread_reversal=False),
        plain(min_spread_bps=50, stop_loss_bps=500, take_profit_bps=100, close_at_end=True),
    ):
        wanted = expected(panel, params).tolist()
        assert wanted
        assert found(panel, params).tolist() == wanted
        assert found(panel, params, streams=True).tolist() == wanted


@pytest.mark.parametrize("rows", [SEARCH_FROM, 40])
def test_a_panel_without_a_tradable_row_has_no_trips(rows: int) -> None:
    void = np.full(rows, np.nan)
    panel = Panel(np.arange(rows), void, void, void, void)
    assert begin.py_func(panel.index).done
    assert found(panel, plain()).size == 0


@pytest.mark.parametrize("at", [0, 15, 16, 39])
def test_one_tradable_row_opens_a_trade_that_stays_open(at: int) -> None:
    prices = [np.full(40, np.nan) for _ in range(4)]
    for column, price in zip(prices, (100.0, 101.0, 105.0, 106.0), strict=True):
        column[at] = price
    panel = Panel(np.arange(40), *prices)
    assert found(panel, plain()).tolist() == [(at, -1, int(Side.LONG_A_SHORT_B), int(ExitReason.OPEN))]
    assert found(panel, plain(close_at_end=True)).size == 0


def test_a_level_met_exactly_enters_and_does_not_reverse() -> None:
    rows = 64
    a, b = np.full(rows, 100.0), np.full(rows, 100.0)
    b[20:40] = 103.0
    panel = Panel(np.arange(rows) * SECOND, a - 1, a, b, b + 1)
    level = (103.0 - 100.0) / 100.0 * 1e4
    met = plain(min_spread_bps=level, exit_spread_bps=level)
    assert found(panel, met).tolist() == [(20, 40, 0, int(ExitReason.SPREAD_REVERSAL))]
    assert found(panel, met.replace(min_spread_bps=np.nextafter(level, 1e9))).size == 0
    early = met.replace(exit_spread_bps=float(np.nextafter(level, 1e9)))
    assert found(panel, early)[0].tolist() == (20, 21, 0, int(ExitReason.SPREAD_REVERSAL))
