"""The guard: limits on loss, pace and size that refuse an entry (section 6, Guard).

The state record of a run holds what the guard remembers, so that a live runner calls the same functions in
the same order: `guard_row` on every row after its exits, `guard_verdict` before an entry is sent,
`guard_count` when it is.
"""

from __future__ import annotations

from typing import Any, Final

from arbkit.kernels._jit import inlined

__all__ = [
    "DAY_NS",
    "REFUSED_BY_GUARD",
    "breaker_trips",
    "guard_count",
    "guard_day",
    "guard_row",
    "guard_verdict",
]

DAY_NS: Final = 86_400_000_000_000
_HOUR_NS: Final = 3_600_000_000_000

#: The first of the guard's reasons in `state.rejected`, in the order in which they are looked at:
#: breaker, daily loss, total loss, trades of the hour, trades of the day, positions, position size, spread,
#: slippage, fill rate.
REFUSED_BY_GUARD: Final = 8


@inlined
def guard_day(ts: int, rules: Any) -> int:
    """Return the number of the calendar day, in the guard's own offset."""
    return (ts + rules.guard_offset_ns) // DAY_NS  # type: ignore[no-any-return]


@inlined
def breaker_trips(equity: float, rules: Any, state: Any) -> bool:
    """Tell whether the day's loss at this equity reaches the breaker's share of the day's opening equity."""
    loss = state.guard_opening - equity
    return loss > 0 and loss >= rules.guard_breaker_share * state.guard_opening  # type: ignore[no-any-return]


@inlined
def guard_row(ts: int, equity: float, rules: Any, state: Any) -> None:
    """Take note of a row after its exits: the day's opening equity, and whether the breaker opens.

    Args:
        ts: stamp of the row, nanoseconds.
        equity: balance plus the value of the open trades on this row.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`; the fields of the guard are changed.
    """
    state.guard_equity = equity
    day = guard_day(ts, rules)
    if day != state.guard_day:
        state.guard_day = day
        state.guard_opening = equity
    if rules.guard_has_breaker == 1 and ts >= state.guard_until and breaker_trips(equity, rules, state):
        state.guard_until = ts + rules.guard_cooldown_ns


@inlined
def guard_verdict(
    ts: int,
    net_spread_bps: float,
    notional: float,
    slip_bps: float,
    fill_rate: float,
    open_trades: int,
    rules: Any,
    state: Any,
) -> int:
    """Return 0 to allow an entry, or why it is refused: `REFUSED_BY_GUARD` and up, the first that holds.

    Args:
        ts: stamp of the row, which `guard_row` has seen.
        net_spread_bps: signal of the direction less the cost of a crossing.
        notional: what would be filled, account currency.
        slip_bps: price of the ladder against the top, both legs; 0 without depth.
        fill_rate: notional that would be filled over that asked for; 1 without depth.
        open_trades: how many are open or on their way.
        rules, state: records of `RULES_DTYPE` and `STATE_DTYPE`.
    """
    equity = state.guard_equity
    if rules.guard_has_breaker == 1 and (ts < state.guard_until or breaker_trips(equity, rules, state)):
        return REFUSED_BY_GUARD
    if state.guard_opening - equity >= rules.guard_daily_loss:
        return REFUSED_BY_GUARD + 1
    if rules.initial_balance_usd - equity >= rules.guard_total_loss:
        return REFUSED_BY_GUARD + 2
    hour = (ts + rules.guard_offset_ns) // _HOUR_NS
    if hour == state.guard_hour and state.guard_hour_entries >= rules.guard_hour_trades:
        return REFUSED_BY_GUARD + 3
    if guard_day(ts, rules) == state.guard_entry_day and state.guard_day_entries >= rules.guard_day_trades:
        return REFUSED_BY_GUARD + 4
    if open_trades >= rules.guard_max_positions:
        return REFUSED_BY_GUARD + 5
    if notional > rules.guard_max_notional:
        return REFUSED_BY_GUARD + 6
    if net_spread_bps < rules.guard_min_spread:
        return REFUSED_BY_GUARD + 7
    if slip_bps > rules.guard_max_slip:
        return REFUSED_BY_GUARD + 8
    return REFUSED_BY_GUARD + 9 if fill_rate < rules.guard_min_fill else 0


@inlined
def guard_count(ts: int, rules: Any, state: Any) -> None:
    """Count an entry towards its calendar hour and day."""
    hour, day = (ts + rules.guard_offset_ns) // _HOUR_NS, guard_day(ts, rules)
    state.guard_hour_entries = state.guard_hour_entries + 1 if hour == state.guard_hour else 1
    state.guard_day_entries = state.guard_day_entries + 1 if day == state.guard_entry_day else 1
    state.guard_hour = hour
    state.guard_entry_day = day
