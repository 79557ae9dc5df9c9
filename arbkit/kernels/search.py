"""Entry and exit rows of all trades, found without a state, trade records or a visit to the other rows.

With one open trade at most, sections 1 to 5 of the rules decide rows from spreads and time alone; money comes
later. What is looked for is nearly always one of two things, the next entry or the exit of the open trade,
and each is one query: 16 rows give one mask (`filter`), 16 blocks of the index another, and the lowest bit is
the answer. A query first tests the rows next to it, because what is waited for is mostly near, and then
climbs the index; without an index it goes on, which is a scan that streams the prices.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, RecordArray
from arbkit.kernels._jit import borrowed, inlined, jit
from arbkit.kernels.exits import exit_reason
from arbkit.kernels.filter import LANES, stored_flag, stored_int
from arbkit.kernels.index import Index
from arbkit.kernels.market import Market
from arbkit.kernels.queries import (
    NEVER_CLIMB,
    Columns,
    columns_of,
    first_row,
    rare_row,
    row_at,
    row_from,
    signal_of,
    spread_of,
    wanted_below,
    wanted_entry,
    wanted_exit,
)
from arbkit.records import ExitReason, Side

__all__ = ["SEARCH_FROM", "Cursor", "begin", "search", "searchable"]

#: Fewest rows of a panel that can be searched: masks hold 16.
SEARCH_FROM: Final = LANES

_AB: Final = int(Side.LONG_A_SHORT_B)
_BA: Final = int(Side.LONG_B_SHORT_A)
_OPEN: Final = int(ExitReason.OPEN)
_STOP_LOSS: Final = int(ExitReason.STOP_LOSS)
_TIMEOUT: Final = int(ExitReason.TIMEOUT)
_END_OF_DATA: Final = int(ExitReason.END_OF_DATA)
#: After so many trips the distance between them is looked at anew. With fewer rows per trip than this the
#: second block of 16 rows is worth a look before the index: 7 to 17 % less at 50 to 100 rows per trip, 4 to
#: 20 % more at 1,000, about the same at 300. More than two gained nothing that could be told from noise.
_LOOK_BACK: Final = 64
_CROWDED_ROWS: Final = 250


class Cursor(NamedTuple):
    """Where a search goes on: the first row for an entry, the first rows on which each direction is free.

    `done` tells that no further trade exists.
    """

    row: int
    free_ab: int
    free_ba: int
    done: bool


@jit
def searchable(rules: RecordArray, chosen: BoolArray) -> int:
    """Mark the sets whose rows depend on spreads and time alone, and return how many there are.

    Args:
        rules: `RULES_DTYPE` (m,).
        chosen: bool (m,), overwritten.
    """
    count = 0
    for k in range(rules.size):
        one = rules[k]
        refuses = one.guard_on | one.has_total_limits | one.has_inventory_a | one.has_inventory_b
        held_back = refuses != 0 or one.lot != 0 or one.entry_gap_ns != 0
        follows = one.ordered | one.has_funding | one.has_margin | one.has_stop_drawdown_mtm | one.fx_at_exit
        small = one.min_notional_usd > one.notional_usd
        chosen[k] = one.max_open_trades == 1 and follows == 0 and not held_back and not small
        count += chosen[k]
    return count


@inlined
def begin(index: Index) -> Cursor:
    """Return the cursor before the first row."""
    return Cursor(index.first, index.first, index.first, index.last < index.first)


@jit
def search(
    market: Market, index: Index, rules: Any, trips: RecordArray, cursor: Cursor, climbs: bool
) -> tuple[int, Cursor]:
    """Find the trades from the cursor on, until the table is full or the data ends.

    The rules must allow one open trade and use nothing of section 6 that decides on entries or exits; a stop
    on drawdown is not looked at: the trades behind it are the caller's to drop.

    Args:
        market: arrays of a panel of at least `SEARCH_FROM` rows, without `scale`.
        index: its index.
        rules: record of `RULES_DTYPE`.
        trips: `TRIP_DTYPE` (capacity,), overwritten from the beginning.
        cursor: as returned by `begin` or by the call before.
        climbs: whether to climb the index; else only its `first` and `last` are used, and prices stream.

    Returns:
        How many trips were written, and where to go on.
    """
    return _walk(columns_of(market, index, climbs), rules, borrowed(trips), cursor)


@jit
def _walk(columns: Columns, rules: Any, trips: RecordArray, cursor: Cursor) -> tuple[int, Cursor]:
    """Do what `search` does. No array but the table lives here: each would have its references counted."""
    row, free_ab, free_ba, done = cursor
    end = columns.last if rules.close_at_end == 1 else columns.last + 1
    if rules.allow_ab == 0:
        free_ab = end
    if rules.allow_ba == 0:
        free_ba = end
    probes = 1 if columns.climbs else NEVER_CLIMB
    n, since = 0, row
    while n < trips.size and not done:
        if columns.climbs and n & (_LOOK_BACK - 1) == 0 and n > 0:
            probes = 2 if row - since < _LOOK_BACK * _CROWDED_ROWS else 1
            since = row
        row = _entry_row(columns, rules, row, end, free_ab, free_ba, probes)
        if row >= end:
            done = True
            break
        side = _side(columns, row, free_ab, free_ba)
        leave, reason = _exit_row(columns, rules, row, side, probes)
        trips[n].entry_row = row
        trips[n].exit_row = leave
        trips[n].side = side
        trips[n].reason = reason
        n += 1
        if leave < 0:
            done = True
            break
        row = leave
        if reason in (_STOP_LOSS, _TIMEOUT):
            free = _free_row(columns, rules, row, side)
            if side == _AB:
                free_ab = free
            else:
                free_ba = free
    return n, Cursor(row, free_ab, free_ba, done)


@inlined
def _side(columns: Columns, row: int, free_ab: int, free_ba: int) -> int:
    """Return the side that an entry on this row takes (section 3)."""
    if row < free_ba:
        return _AB
    if row < free_ab:
        return _BA
    at = row_at(columns, row)
    return _BA if signal_of(at, _BA) > signal_of(at, _AB) else _AB


@inlined
def _entry_row(
    columns: Columns, rules: Any, row: int, end: int, free_ab: int, free_ba: int, probes: int
) -> int:
    """Return the first row from `row` on with an entry, or `end`."""
    start, both = max(row, min(free_ab, free_ba)), max(free_ab, free_ba)
    level, cost = rules.min_spread_bps, rules.cost_bps
    while start < end:
        ab, ba, stop = level, level, end
        if start < both:
            stop = min(end, both)
            if start < free_ab:
                ab = np.nan
            else:
                ba = np.nan
        hit = first_row(columns, wanted_entry(columns, cost, ab, ba), start, stop, probes)
        if hit < stop:
            return hit
        start = stop
    return end


@inlined
def _exit_row(columns: Columns, rules: Any, row: int, side: int, probes: int) -> tuple[int, int]:
    """Return the exit row of a trade and the reason, or -1 and open."""
    e = spread_of(row_at(columns, row), side)
    entry_ts = stored_int(columns.ts, row)
    level = rules.exit_spread_bps if rules.has_reversal == 1 else np.nan
    stop_level = -rules.stop_loss_bps if rules.has_stop_loss == 1 else np.nan
    take_level = rules.take_profit_bps if rules.has_take_profit == 1 else np.nan
    cost2 = 2 * rules.cost_bps
    end = columns.last + 1
    stop = end
    # The index passes over a timeout at no cost, so it is looked for only where it comes first; a scan would
    # stream on behind it.
    early_timeout = rules.has_max_hold == 1 and not columns.climbs
    if early_timeout:
        stop = _timeout_row(columns, row, end, entry_ts + rules.max_hold_ns)
    hit = _rule_row(columns, side, level, e, cost2, stop_level, take_level, row + 1, stop, probes)
    held = stored_int(columns.ts, hit) - entry_ts if hit < end else 0
    if rules.min_hold_ns > 0 and hit < stop and held < rules.min_hold_ns:
        unwind = spread_of(row_at(columns, hit), 1 - side)
        if not e + unwind - cost2 <= stop_level:
            free = row_from(columns.ts, hit + 1, stop, entry_ts + rules.min_hold_ns, columns.pace)
            hit = _held_row(columns, side, level, e, cost2, stop_level, take_level, hit + 1, free, stop)
            held = stored_int(columns.ts, hit) - entry_ts if hit < end else 0
    if rules.has_max_hold == 1 and not early_timeout and (hit >= end or held >= rules.max_hold_ns):
        hit = _timeout_row(columns, row, hit, entry_ts + rules.max_hold_ns)
        held = stored_int(columns.ts, hit) - entry_ts if hit < end else 0
    if hit >= end:
        return (columns.last, _END_OF_DATA) if rules.close_at_end == 1 else (-1, _OPEN)
    at = row_at(columns, hit)
    mark_bps = e + spread_of(at, 1 - side) - cost2
    return hit, exit_reason(mark_bps, signal_of(at, side), held, rules)


@inlined
def _rule_row(
    columns: Columns,
    side: int,
    level: float,
    entry_spread: float,
    cost2: float,
    stop_level: float,
    take_level: float,
    start: int,
    stop: int,
    probes: int,
) -> int:
    """Return the first row in start <= i < stop on which a rule that compares spreads holds, or `stop`."""
    if stop_level == stop_level or take_level == take_level:
        wanted = wanted_exit(columns, side, level, entry_spread, cost2, stop_level, take_level)
        return first_row(columns, wanted, start, stop, probes)
    if level == level:
        return first_row(columns, wanted_below(columns, side, level), start, stop, probes)
    return stop


@jit
def _held_row(
    columns: Columns,
    side: int,
    level: float,
    entry_spread: float,
    cost2: float,
    stop_level: float,
    take_level: float,
    start: int,
    free: int,
    stop: int,
) -> int:
    """Like `_rule_row`, where before row `free` only the stop counts."""
    wanted = wanted_exit(columns, side, np.nan, entry_spread, cost2, stop_level, np.nan)
    hit = rare_row(columns, wanted, start, min(free, stop)) if stop_level == stop_level else free
    if hit < free:
        return hit
    wanted = wanted_exit(columns, side, level, entry_spread, cost2, stop_level, take_level)
    return rare_row(columns, wanted, max(start, free), stop)


@inlined
def _timeout_row(columns: Columns, row: int, stop: int, moment: int) -> int:
    """Return the first tradable row after `row` and before `stop` at or after a moment, or `stop`."""
    found = row_from(columns.ts, row + 1, stop, moment, columns.pace)
    while found < stop and not stored_flag(columns.tradable, found):
        found += 1
    return found


@inlined
def _free_row(columns: Columns, rules: Any, row: int, side: int) -> int:
    """Return the first row on which a direction may be entered again after a stop or timeout on `row`."""
    end = columns.last + 1
    free = row
    if rules.cooldown_ns > 0:
        moment = stored_int(columns.ts, row) + rules.cooldown_ns
        free = row_from(columns.ts, row, end, moment, columns.pace)
    if rules.has_rearm == 1:
        wanted = wanted_below(columns, side, rules.rearm_spread_bps)
        free = max(free, rare_row(columns, wanted, row + 1, end))
    return free
