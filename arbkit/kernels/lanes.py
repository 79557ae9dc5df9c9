"""Many sets at once on the table of excursions: each run is read once for all of them.

Sets are sorted by the signal they enter at. Those that enter a run at the same record lie next to each other
and make the same trade but for fees, slippage and notional: eight of them are closed by one sequence of
vector instructions. Each set still sums its own trades in the order in which they close, so its figures are
those of a single run to the last bit.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numba.core import cgutils, types
from numba.extending import intrinsic

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.kernels._jit import borrowed, inlined, jit
from arbkit.kernels.excursions import Excursions, next_run
from arbkit.kernels.filter import address, ir
from arbkit.kernels.market import Market
from arbkit.kernels.state import new_state
from arbkit.kernels.summary import summarize
from arbkit.records import STATE_DTYPE, TRADE_DTYPE, ExitReason, Side

__all__ = ["fetch", "table_sets"]

#: Sets that are closed at once.
WIDTH: Final = 8
#: Runs that are looked up before the first of them is taken.
_AHEAD: Final = 64

#: What a set brings along and what it keeps, one vector each, in this order.
(
    _INITIAL, _ASKED, _UP, _DOWN, _FEE_A, _FEE_B,
    _REALIZED, _FEES, _TURNOVER, _PROFIT, _LOSS, _PEAK, _DEEPEST,
    _WINS, _LOSSES, _CLOSED, _HELD, _LONGEST,
    _AT_END, _OPEN, _UNREALIZED,
) = range(21)  # fmt: skip
FIELDS: Final = 21

_AB: Final = int(Side.LONG_A_SHORT_B)
_REVERSAL: Final = int(ExitReason.SPREAD_REVERSAL)
_END_OF_DATA: Final = int(ExitReason.END_OF_DATA)
_I64: Final = ir.IntType(64)
_DOUBLES: Final = ir.VectorType(ir.DoubleType(), WIDTH)
_INTS: Final = ir.VectorType(_I64, WIDTH)


def _everywhere(builder: Any, value: Any, vector: Any) -> Any:
    """Return a vector with the value in every lane."""
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH)
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(single, single, lanes)


class _Block:
    """The fields of eight sets; what is stored changes only the lanes that are asked for."""

    def __init__(self, builder: Any, base: Any, first: Any, lo: Any, hi: Any) -> None:
        self.builder, self.base = builder, base
        number = builder.add(_everywhere(builder, first, _INTS), ir.Constant(_INTS, list(range(WIDTH))))
        self.on = builder.and_(
            builder.icmp_signed(">=", number, _everywhere(builder, lo, _INTS)),
            builder.icmp_signed("<", number, _everywhere(builder, hi, _INTS)),
        )

    def _at(self, field: Any, vector: Any) -> Any:
        if isinstance(field, int):
            field = ir.Constant(_I64, field)
        offset = self.builder.mul(field, ir.Constant(_I64, 8 * WIDTH))
        return self.builder.inttoptr(self.builder.add(self.base, offset), vector.as_pointer())

    def load(self, field: Any, vector: Any = _DOUBLES) -> Any:
        return self.builder.load(self._at(field, vector), align=8)

    def store(self, field: int, value: Any, vector: Any = _DOUBLES) -> None:
        kept = self.builder.select(self.on, value, self.load(field, vector))
        self.builder.store(kept, self._at(field, vector), align=8)

    def count(self, field: int, more: Any) -> None:
        """Add a vector of int64."""
        self.store(field, self.builder.add(self.load(field, _INTS), more), _INTS)

    def larger(self, field: int, value: Any, vector: Any = _DOUBLES) -> Any:
        """Return what is kept, or the value where that is larger."""
        kept = self.load(field, vector)
        if vector is _INTS:
            above = self.builder.icmp_signed(">", value, kept)
        else:
            above = self.builder.fcmp_ordered(">", value, kept)
        return self.builder.select(above, value, kept)


def _close_lanes(
    typingctx: Any,
    lanes: Any,
    first: Any,
    lo: Any,
    hi: Any,
    side: Any,
    held: Any,
    long0: Any,
    short0: Any,
    long1: Any,
    short1: Any,
) -> Any:
    """Close one trade in the lanes lo <= set < hi of the block that begins with set `first`.

    Every expression is that of `close_value` and of the bookkeeping behind it, operation by operation.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, value=args[0])
        offset = builder.mul(args[1], ir.Constant(_I64, 8 * FIELDS))
        base = builder.add(builder.ptrtoint(made.data, _I64), offset)
        block = _Block(builder, base, *args[1:4])
        is_ab = builder.icmp_signed("==", args[4], ir.Constant(_I64, _AB))
        fees = [ir.Constant(_I64, field) for field in (_FEE_A, _FEE_B)]
        fee_long = block.load(builder.select(is_ab, *fees))
        fee_short = block.load(builder.select(is_ab, *reversed(fees)))
        held = _everywhere(builder, args[5], _INTS)
        long0, short0, long1, short1 = (_everywhere(builder, px, _DOUBLES) for px in args[6:])
        add, sub, mul, div = builder.fadd, builder.fsub, builder.fmul, builder.fdiv
        up, down = block.load(_UP), block.load(_DOWN)
        buy_long, sell_short = mul(long0, up), mul(short0, down)
        sell_long, buy_short = mul(long1, down), mul(short1, up)
        size = div(block.load(_ASKED), buy_long)
        paid = mul(size, add(mul(fee_long, buy_long), mul(fee_short, sell_short)))
        turned = mul(size, add(buy_long, sell_short))
        cost = mul(
            size, add(mul(fee_long, add(buy_long, sell_long)), mul(fee_short, add(sell_short, buy_short)))
        )
        gain = sub(add(sub(sell_long, buy_long), sell_short), buy_short)
        zero = ir.Constant(_DOUBLES, [0.0] * WIDTH)
        earned = add(sub(mul(size, gain), cost), zero)
        whole = mul(size, add(add(add(buy_long, sell_long), sell_short), buy_short))
        block.store(_FEES, add(add(block.load(_FEES), paid), sub(cost, paid)))
        block.store(_TURNOVER, add(add(block.load(_TURNOVER), turned), sub(whole, turned)))
        won = builder.fcmp_ordered(">", earned, zero)
        lost = builder.fcmp_ordered("<", earned, zero)
        block.store(_PROFIT, add(block.load(_PROFIT), builder.select(won, earned, zero)))
        block.store(_LOSS, sub(block.load(_LOSS), builder.select(lost, earned, zero)))
        block.count(_WINS, builder.zext(won, _INTS))
        block.count(_LOSSES, builder.zext(lost, _INTS))
        block.count(_CLOSED, ir.Constant(_INTS, [1] * WIDTH))
        block.count(_HELD, held)
        block.store(_LONGEST, block.larger(_LONGEST, held, _INTS), _INTS)
        realized = add(block.load(_REALIZED), earned)
        block.store(_REALIZED, realized)
        balance = add(block.load(_INITIAL), realized)
        peak = block.larger(_PEAK, balance)
        block.store(_PEAK, peak)
        block.store(_DEEPEST, block.larger(_DEEPEST, div(sub(peak, balance), peak)))
        return context.get_dummy_value()

    ints, floats = [types.int64] * 5, [types.float64] * 4
    return types.void(lanes, *ints, *floats), code


def _fetched(typingctx: Any, array: Any, position: Any) -> Any:
    """Have an element of an array brought into the cache, without waiting for it."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, value=args[0])
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        at = builder.bitcast(builder.gep(made.data, [args[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        fetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(fetch, [at, *(ir.Constant(word, value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(array, types.int64), code


_closed: Any = intrinsic(_close_lanes)
fetch: Any = intrinsic(_fetched)


@jit
def _level_above(levels: FloatArray, lo: int, signal: float) -> int:
    """Return the first position behind `lo` whose level is above the signal; the last level is NaN."""
    reach = 1
    while lo + reach < levels.size and levels[lo + reach] <= signal:
        reach <<= 1
    low, high = lo + (reach >> 1), min(lo + reach, levels.size - 1)
    while high - low > 1:
        middle = (low + high) >> 1
        if levels[middle] <= signal:
            low = middle
        else:
            high = middle
    return high


class _Last(NamedTuple):
    """What closing on the last tradable row pays and costs."""

    row: int
    ts: int
    bid_a: float
    ask_a: float
    bid_b: float
    ask_b: float


@inlined
def _slot(position: int, field: int) -> int:
    """Return where a field of a set lies."""
    return (position - position % WIDTH) * FIELDS + field * WIDTH + position % WIDTH


@jit
def table_sets(
    market: Market,
    table: Excursions,
    rules: RecordArray,
    order: IntArray,
    levels: FloatArray,
    step_ns: int,
    metrics: RecordArray,
) -> None:
    """Run parameter sets to which one table applies, and write their realised metrics.

    The sets share the exit level of the table, the directions that are allowed and `close_at_end`, and none
    of them stops on a drawdown.

    Args:
        market: arrays of the panel.
        table: its runs.
        rules: `RULES_DTYPE` (m,).
        order: int64 (k,), the sets to run, in rising order of their levels; k >= 1.
        levels: float64 (k + 1,), `entry_level` of each, then NaN.
        step_ns: grid of the ratios, which stay NaN.
        metrics: `METRICS_DTYPE` (m,), those of the sets are overwritten.
    """
    blocks = (order.size + WIDTH - 1) // WIDTH
    lanes = np.zeros(blocks * WIDTH * FIELDS)
    for position in range(order.size):
        _begin(lanes, position, rules[order[position]])
    last = _Last(-1, 0, np.nan, np.nan, np.nan, np.nan)
    if table.last >= table.first:
        k = table.last
        last = _Last(k, market.ts[k], market.bid_a[k], market.ask_a[k], market.bid_b[k], market.ask_b[k])
        _walk(
            borrowed(table.signals), borrowed(table.entries), borrowed(table.exits), address(table.tops),
            borrowed(table.offsets), borrowed(levels), borrowed(lanes), rules[order[0]], last,
        )  # fmt: skip
    states, none, no_equity = np.empty(1, STATE_DTYPE), np.empty(0, TRADE_DTYPE), np.empty(0)
    new_state(states[0], rules[order[0]])
    for position in range(order.size):
        k = order[position]
        _finish(lanes, position, table, states[0])
        summarize(states[0], rules[k], none, no_equity, step_ns, metrics[k])
        metrics[k].max_drawdown_mtm_pct = np.nan


@inlined
def _begin(lanes: FloatArray, position: int, rules: Any) -> None:
    lanes[_slot(position, _INITIAL)] = rules.initial_balance_usd
    lanes[_slot(position, _ASKED)] = rules.notional_usd * 1.0
    lanes[_slot(position, _UP)] = 1 + rules.half_slip
    lanes[_slot(position, _DOWN)] = 1 - rules.half_slip
    lanes[_slot(position, _FEE_A)] = rules.fee_a
    lanes[_slot(position, _FEE_B)] = rules.fee_b
    lanes[_slot(position, _PEAK)] = rules.initial_balance_usd


@jit
def _walk(
    signals: FloatArray,
    entries: RecordArray,
    exits: RecordArray,
    tops: int,
    offsets: IntArray,
    levels: FloatArray,
    lanes: FloatArray,
    rules: Any,
    last: _Last,
) -> None:
    """Take every run that some set enters, in order of time.

    They lie far apart in memory, so some dozens are looked up at a time: their loads then overlap.
    """
    allow_ab, allow_ba = rules.allow_ab == 1, rules.allow_ba == 1
    closes_at_end = rules.close_at_end == 1
    lowest = levels[0]
    runs, firsts = np.empty(_AHEAD, np.int64), np.empty(_AHEAD, np.int64)
    run = 0
    while run >= 0:
        found = 0
        while found < _AHEAD:
            run = next_run(tops, offsets, run, lowest)
            if run < 0:
                break
            runs[found] = run
            fetch(exits, run)
            found += 1
            run += 1
        kept = 0
        for k in range(found):
            end = exits[runs[k]]
            if (end.side == _AB and allow_ab) or (end.side != _AB and allow_ba):
                fetch(signals, end.first)
                runs[kept] = runs[k]
                kept += 1
        for k in range(kept):
            record = exits[runs[k]].first
            while signals[record] < lowest:
                record += 1
            fetch(entries, record)
            firsts[k] = record
        for k in range(kept):
            _take(signals, entries, exits, levels, lanes, runs[k], firsts[k], last, closes_at_end)


@inlined
def _take(
    signals: FloatArray,
    entries: RecordArray,
    exits: RecordArray,
    levels: FloatArray,
    lanes: FloatArray,
    run: int,
    record: int,
    last: _Last,
    closes_at_end: bool,
) -> None:
    """Close the trade of every set that enters one run, from its first record that any set enters at."""
    side, leave, leave_ts = exits[run].side, exits[run].row, exits[run].ts
    long_px, short_px = exits[run].long_px, exits[run].short_px
    if leave < 0:
        leave_ts = last.ts
        long_px, short_px = (last.bid_a, last.ask_b) if side == _AB else (last.bid_b, last.ask_a)
    lo, sets, stop = 0, levels.size - 1, exits[run + 1].first
    while record < stop and lo < sets:
        signal = signals[record]
        if signal >= levels[lo]:
            hi = _level_above(levels, lo, signal)
            entry = entries[record]
            if leave >= 0 or (closes_at_end and entry.row != last.row):
                first = lo - lo % WIDTH
                while first < hi:
                    _closed(
                        lanes, first, lo, hi, side, leave_ts - entry.ts,
                        entry.long_px, entry.short_px, long_px, short_px,
                    )  # fmt: skip
                    first += WIDTH
            if leave < 0:
                _leave_open(lanes, lo, hi, side, entry, last, closes_at_end)
            lo = hi
        record += 1


@jit
def _leave_open(
    lanes: FloatArray, lo: int, hi: int, side: int, entry: Any, last: _Last, closes_at_end: bool
) -> None:
    """Note what sets do whose trade the data end: it was closed there, or it stays open and is valued."""
    for position in range(lo, hi):
        if closes_at_end:
            lanes[_slot(position, _AT_END)] = 1.0 if entry.row != last.row else 0.0
            continue
        up, down = lanes[_slot(position, _UP)], lanes[_slot(position, _DOWN)]
        fee_a, fee_b = lanes[_slot(position, _FEE_A)], lanes[_slot(position, _FEE_B)]
        fee_long, fee_short = (fee_a, fee_b) if side == _AB else (fee_b, fee_a)
        long1, short1 = (last.bid_a, last.ask_b) if side == _AB else (last.bid_b, last.ask_a)
        buy_long, sell_short = entry.long_px * up, entry.short_px * down
        sell_long, buy_short = long1 * down, short1 * up
        size = lanes[_slot(position, _ASKED)] / buy_long
        cost = size * (fee_long * (buy_long + sell_long) + fee_short * (sell_short + buy_short))
        lanes[_slot(position, _UNREALIZED)] = (
            size * (sell_long - buy_long + sell_short - buy_short) - cost + 0.0
        )
        lanes[_slot(position, _FEES)] += size * (fee_long * buy_long + fee_short * sell_short)
        lanes[_slot(position, _TURNOVER)] += size * (buy_long + sell_short)
        lanes.view(np.int64)[_slot(position, _OPEN)] = 1 + (last.ts - entry.ts)


@inlined
def _finish(lanes: FloatArray, position: int, table: Excursions, state: Any) -> None:
    """Write what a set has kept into a state, as a single run would have left it."""
    if table.last < table.first:
        return
    counts = lanes.view(np.int64)
    state.first_ts, state.last_ts, state.last_index = table.first_ts, table.last_ts, table.last
    state.realized_pnl = lanes[_slot(position, _REALIZED)]
    state.fees = lanes[_slot(position, _FEES)]
    state.turnover = lanes[_slot(position, _TURNOVER)]
    state.gross_profit = lanes[_slot(position, _PROFIT)]
    state.gross_loss = lanes[_slot(position, _LOSS)]
    state.peak_balance = lanes[_slot(position, _PEAK)]
    state.max_drawdown = lanes[_slot(position, _DEEPEST)]
    state.unrealized_pnl = lanes[_slot(position, _UNREALIZED)]
    state.n_win = counts[_slot(position, _WINS)]
    state.n_loss = counts[_slot(position, _LOSSES)]
    closed = counts[_slot(position, _CLOSED)]
    at_end = int(lanes[_slot(position, _AT_END)])
    state.n_closed = closed
    state.exits[_REVERSAL] = closed - at_end
    state.exits[_END_OF_DATA] = at_end
    state.held_ns = counts[_slot(position, _HELD)]
    state.max_held_ns = counts[_slot(position, _LONGEST)]
    state.exposure_ns, state.n_open = state.held_ns, 0
    if counts[_slot(position, _OPEN)] > 0:
        age = counts[_slot(position, _OPEN)] - 1
        state.n_open = 1
        state.exposure_ns += age
        state.max_held_ns = max(state.max_held_ns, age)
    state.n_trades = closed + state.n_open
