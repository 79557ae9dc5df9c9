"""The guard on its own: what it remembers of rows and entries, and its verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arbkit.config import Params
from arbkit.engine.rules import rules_of
from arbkit.kernels._jit import jit
from arbkit.kernels.guard import REFUSED_BY_GUARD, guard_count, guard_row, guard_verdict
from arbkit.kernels.state import new_state
from arbkit.records import STATE_DTYPE

HOUR = 3_600_000_000_000
REASONS = (
    "breaker",
    "daily_loss",
    "total_loss",
    "hour_trades",
    "day_trades",
    "positions",
    "position_size",
    "spread",
    "slippage",
    "fill_rate",
)


@jit
def start(rules: Any, state: Any) -> None:
    new_state(state, rules)


@jit
def see_row(ts: int, equity: float, rules: Any, state: Any) -> None:
    guard_row(ts, equity, rules, state)


@jit
def verdict_on(ts: int, order: Any, rules: Any, state: Any) -> int:
    return guard_verdict(ts, order[0], order[1], order[2], order[3], int(order[4]), rules, state)


@jit
def count_order(ts: int, rules: Any, state: Any) -> None:
    guard_count(ts, rules, state)


class Desk:
    """A guard and its memory, with an initial balance of 1,000."""

    def __init__(self, **limits: float) -> None:
        params = Params(
            min_spread_bps=0,
            taker_fee_a_bps=0,
            taker_fee_b_bps=0,
            slippage_bps=0,
            max_position_usd=1,
            initial_balance_usd=1_000,
            guard=limits,  # type: ignore[arg-type]
        )
        self.rules = rules_of([params])[0]
        self.state = np.zeros(1, STATE_DTYPE)[0]
        start(self.rules, self.state)

    def row(self, hours: float, equity: float) -> Desk:
        see_row(int(hours * HOUR), equity, self.rules, self.state)
        return self

    def enter(self, hours: float) -> None:
        count_order(int(hours * HOUR), self.rules, self.state)

    def ask(self, hours: float, **order: float) -> str | None:
        told = {"net": 10.0, "notional": 100.0, "slip": 0.0, "filled": 1.0, "open": 0.0} | order
        code = verdict_on(int(hours * HOUR), np.array(list(told.values())), self.rules, self.state)
        return None if code == 0 else REASONS[code - REFUSED_BY_GUARD]


def test_without_limits_everything_is_allowed() -> None:
    assert Desk().row(0, -500).ask(0, net=-1e9, notional=1e12, slip=1e9, filled=0, open=1e6) is None


@pytest.mark.parametrize(
    ("limits", "order", "reason"),
    [
        ({"max_positions": 2}, {"open": 2}, "positions"),
        ({"max_position_usd": 100}, {"notional": 100.5}, "position_size"),
        ({"min_spread_bps": 10}, {"net": 9.99}, "spread"),
        ({"max_slippage_bps": 0}, {"slip": 0.1}, "slippage"),
        ({"min_fill_rate": 0.8}, {"filled": 0.79}, "fill_rate"),
    ],
)
def test_a_limit_on_the_order_refuses_beyond_it_and_allows_at_it(
    limits: dict[str, float], order: dict[str, float], reason: str
) -> None:
    at = {"open": 1.0, "notional": 100.0, "net": 10.0, "filled": 0.8}
    assert Desk(**limits).row(0, 1_000).ask(0, **order) == reason
    assert Desk(**limits).row(0, 1_000).ask(0, **at) is None


def test_the_daily_loss_counts_from_the_first_row_of_the_local_day() -> None:
    desk = Desk(max_daily_loss_usd=10, utc_offset_h=9).row(14, 1_000).row(14.9, 990)
    assert desk.ask(14.9) == "daily_loss"
    assert desk.row(14.95, 990.5).ask(14.95) is None
    assert desk.row(15, 980).ask(15) is None
    assert desk.row(38.9, 970).ask(38.9) == "daily_loss"


def test_the_total_loss_counts_from_the_start() -> None:
    desk = Desk(max_total_loss_usd=10).row(0, 1_005).row(30, 991)
    assert desk.ask(30) is None
    assert desk.row(31, 990).ask(31) == "total_loss"


def test_hours_and_days_are_calendar() -> None:
    desk = Desk(max_trades_per_hour=2, max_trades_per_day=3).row(0, 1_000)
    for hours in (0.5, 0.9):
        assert desk.ask(hours) is None
        desk.enter(hours)
    assert desk.ask(0.99) == "hour_trades"
    assert desk.ask(1.0) is None
    desk.enter(1.0)
    assert desk.ask(5.0) == "day_trades"
    assert desk.ask(24.0) is None


def test_the_breaker_opens_for_the_cooldown_and_again_while_the_loss_stays() -> None:
    desk = Desk(breaker_loss_pct=5, breaker_cooldown_s=1_800).row(0, 1_000).row(1, 950)
    assert desk.ask(1) == "breaker"
    assert desk.row(1.4, 1_000).ask(1.4) == "breaker"
    assert desk.row(1.5, 950.1).ask(1.5) is None
    assert desk.row(1.6, 940).row(2.1, 950).ask(2.1) == "breaker"
    assert desk.row(2.7, 990).ask(2.7) is None
    assert Desk(breaker_loss_pct=5).row(0, -10).ask(0) is None
