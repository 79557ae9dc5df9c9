"""One open trade as plain numbers: its exact value on a row, and bounds of it over many rows.

With one trade open at most, marks are needed for many trades and on few rows of each. Bounds come from the
rules where they say enough: while a trade is held no exit rule has held yet, and so the spread lies on the
near side of every level. What the rules leave open comes from a few nodes of the index.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from arbkit.kernels._jit import inlined, inner, jit
from arbkit.kernels.filter import stored_bound, stored_flag, stored_float, stored_int
from arbkit.kernels.index import ASK_A, ASK_B, FAN, FAN_BITS, S_AB, S_BA
from arbkit.kernels.queries import Columns, row_from
from arbkit.records import PnlModel, Side

__all__ = ["Position", "Span", "position_at", "span_of", "steepest_fall", "value_at"]

_AB: Final = int(Side.LONG_A_SHORT_B)
_CONVERGENCE: Final = int(PnlModel.CONVERGENCE)
#: Bounds of spreads are read from blocks of 256 rows, those of asks, which hardly matter, from 4,096: they
#: lie in the cache. A trade that is held longer reads larger blocks, `_MOST_NODES` at most.
_SPREAD_LEVEL: Final = 1
_ASK_LEVEL: Final = 2
_MOST_NODES: Final = 4
_MOST_BLOCKS: Final = 64


class Position(NamedTuple):
    """A trade as it was filled: size, filled prices, fees; addresses of the columns that value it.

    `paid` is the notional; `entry_spread` and `cost` are in bps. The trade sells at `bid` and buys back at
    `ask`; under the convergence model its signal is that from `signal_ask` to `signal_bid`.
    """

    side: int
    convergence: bool
    size: float
    paid: float
    buy_long: float
    sell_short: float
    fee_long: float
    fee_short: float
    half_slip: float
    entry_spread: float
    cost: float
    bid: int
    ask: int
    signal_bid: int
    signal_ask: int


@inlined
def position_at(columns: Columns, rules: Any, row: int, side: int) -> Position:
    """Return the trade that is entered on a row (docs/engine.md, section 4)."""
    on_ab = side == _AB
    signal_ask = columns.ask_a if on_ab else columns.ask_b
    signal_bid = columns.bid_b if on_ab else columns.bid_a
    long_px, short_px = stored_float(signal_ask, row), stored_float(signal_bid, row)
    h = rules.half_slip
    buy_long, paid = long_px * (1 + h), rules.notional_usd * 1.0
    return Position(
        side,
        rules.pnl_model == _CONVERGENCE,
        paid / buy_long,
        paid,
        buy_long,
        short_px * (1 - h),
        rules.fee_a if on_ab else rules.fee_b,
        rules.fee_b if on_ab else rules.fee_a,
        h,
        (short_px - long_px) / long_px * 1e4,
        rules.cost_bps,
        columns.bid_a if on_ab else columns.bid_b,
        columns.ask_b if on_ab else columns.ask_a,
        signal_bid,
        signal_ask,
    )


@inlined
def value_at(position: Position, row: int) -> float:
    """Return what closing on a tradable row would leave, as `money.mark_value` does."""
    p = position
    if p.convergence:
        ask = stored_float(p.signal_ask, row)
        now = (stored_float(p.signal_bid, row) - ask) / ask * 1e4
        return p.paid * (p.entry_spread - now - p.cost) / 1e4  # type: ignore[no-any-return]
    sell_long = stored_float(p.bid, row) * (1 - p.half_slip)
    buy_short = stored_float(p.ask, row) * (1 + p.half_slip)
    fees = p.size * (p.fee_long * (p.buy_long + sell_long) + p.fee_short * (p.sell_short + buy_short))
    return p.size * (sell_long - p.buy_long + p.sell_short - buy_short) - fees + 0.0  # type: ignore[no-any-return]


class Span(NamedTuple):
    """Bounds of the value of a trade over a range of rows: base + slope * w, give or take `loose`.

    w is the unwinding spread, under the convergence model the signal with its sign changed; it lies between
    `low` and `high` on the range's tradable rows, of which there are none where `high` is -inf. `tops` and
    `lows` are the addresses of the bounds of w and of -w.
    """

    base: float
    slope: float
    loose: float
    low: float
    high: float
    tops: int
    lows: int


@inlined
def span_of(columns: Columns, position: Position, rules: Any, first: int, last: int) -> Span:
    """Return bounds of the value over the tradable rows in first <= row <= last, while the trade is held.

    The trade is entered on the row before the first and left after the last. Rounding is the caller's: they
    are exact up to some 1e-13 of the notional.
    """
    p = position
    on_ab = p.side == _AB
    if p.convergence:
        lows = columns.bounds + (S_AB if on_ab else S_BA) * columns.series_bytes
        tops = lows + columns.series_bytes
    else:
        tops = columns.bounds + (S_BA if on_ab else S_AB) * columns.series_bytes
        lows = tops + columns.series_bytes
    low, high = -_highest(columns, lows, first, last, _SPREAD_LEVEL), -np.inf
    if low < np.inf:
        low = max(low, _floor(p, rules))
        high = _ceiling(columns, p, rules)
        if high == np.inf:
            high = _highest(columns, tops, first, last, _SPREAD_LEVEL)
        elif rules.min_hold_ns > 0:
            high = max(high, _highest_waiting(columns, p, rules.min_hold_ns, tops, first, last))
    if p.convergence:
        return Span(p.paid * (p.entry_spread - p.cost) / 1e4, p.paid / 1e4, 0.0, low, high, tops, lows)
    asks = columns.bounds + (ASK_B if on_ab else ASK_A) * columns.series_bytes
    ask_high = _highest(columns, asks, first, last, _ASK_LEVEL)
    ask_low = -_highest(columns, asks + columns.series_bytes, first, last, _ASK_LEVEL)
    ask, half = (ask_high + ask_low) / 2, (ask_high - ask_low) / 2
    kept_long = (1 - p.half_slip) * (1 - p.fee_long)
    paid_short = (1 + p.half_slip) * (1 + p.fee_short)
    base = p.size * (p.sell_short * (1 - p.fee_short) - p.buy_long * (1 + p.fee_long))
    at_low, at_high = kept_long * (1 + low / 1e4) - paid_short, kept_long * (1 + high / 1e4) - paid_short
    return Span(
        base + p.size * ask * (kept_long - paid_short),
        p.size * ask * kept_long / 1e4,
        p.size * half * max(abs(at_low), abs(at_high)),
        low,
        high,
        tops,
        lows,
    )


@inner
def steepest_fall(columns: Columns, position: Position, span: Span, first: int, last: int) -> float:
    """Return a bound of how far the value falls from one row to a later one in first <= row <= last.

    The block in which the range begins is read row by row: before the entry the spread was elsewhere.
    """
    fall, top = 0.0, -np.inf
    p = position
    edge = min(last, first | (FAN - 1))
    for row in range(first, edge + 1):
        if stored_flag(columns.tradable, row):
            w = _way_back(p, row)
            top = max(top, w)
            fall = max(fall, top - w)
    if edge < last:
        level, shift = 0, FAN_BITS
        while (last >> shift) - ((edge + 1) >> shift) >= _MOST_BLOCKS and level < columns.top:
            level += 1
            shift += FAN_BITS
        base = stored_int(columns.offsets, level)
        for node in range(base + ((edge + 1) >> shift), base + (last >> shift) + 1):
            top = max(top, min(span.high, np.float64(stored_bound(span.tops, node))))
            fall = max(fall, top + np.float64(stored_bound(span.lows, node)))
    return span.slope * fall + 2 * span.loose


@inlined
def _way_back(position: Position, row: int) -> float:
    """Return w on a row."""
    p = position
    buy = stored_float(p.signal_ask if p.convergence else p.ask, row)
    sell = stored_float(p.signal_bid if p.convergence else p.bid, row)
    w: float = (sell - buy) / buy * 1e4
    return -w if p.convergence else w


@jit
def _highest_waiting(
    columns: Columns, position: Position, min_hold_ns: int, tops: int, first: int, last: int
) -> float:
    """Return a bound above w on the rows on which exit rules still wait for the trade to have been held."""
    moment = stored_int(columns.ts, first - 1) + min_hold_ns
    free = row_from(columns.ts, first, last + 1, moment, columns.pace)
    if free - first > FAN:
        return _highest(columns, tops, first, free - 1, 0)
    found = -np.inf
    for row in range(first, free):
        if stored_flag(columns.tradable, row):
            found = max(found, _way_back(position, row))
    return found


@inlined
def _ceiling(columns: Columns, position: Position, rules: Any) -> float:
    """Return a bound above w on every row on which no exit rule holds that need not wait; inf for none.

    Where reversal does not hold, bid >= ask (1 + x / 1e4) with x the exit level; both books are not crossed,
    so the way back earns less than 1 / (1 + x / 1e4) - 1. A NaN fair ratio says nothing.
    """
    ceiling = np.inf
    level = rules.exit_spread_bps
    if position.convergence:
        return -level if rules.has_reversal == 1 and columns.fair == 0 else ceiling
    if rules.has_reversal == 1 and columns.fair == 0 and level > -5e3:
        ceiling = -level / (1 + level / 1e4) + 1e-9 * (1 + abs(level))
    if rules.has_take_profit == 1:
        ceiling = min(ceiling, _unwind_at(position, rules.take_profit_bps, 1e-9))
    return ceiling


@inlined
def _floor(position: Position, rules: Any) -> float:
    """Return a bound below w on every row on which the stop does not hold; -inf for none."""
    if rules.has_stop_loss == 0 or position.convergence:
        return -np.inf
    return _unwind_at(position, -rules.stop_loss_bps, -1e-9)


@inlined
def _unwind_at(position: Position, mark_bps: float, margin: float) -> float:
    """Return the unwinding spread of a mark, moved by a share of what it is made of."""
    e, cost2 = position.entry_spread, 2 * position.cost
    return mark_bps - e + cost2 + margin * (1 + abs(mark_bps) + abs(e) + abs(cost2))


@inlined
def _highest(columns: Columns, series: int, first: int, last: int, level: int) -> float:
    """Return the highest of a series of bounds over the blocks that hold the rows first <= row <= last."""
    level = min(level, columns.top)
    shift = FAN_BITS * (level + 1)
    while (last >> shift) - (first >> shift) >= _MOST_NODES and level < columns.top:
        level += 1
        shift += FAN_BITS
    base = stored_int(columns.offsets, level)
    found = -np.inf
    for node in range(base + (first >> shift), base + (last >> shift) + 1):
        found = max(found, np.float64(stored_bound(series, node)))
    return found
