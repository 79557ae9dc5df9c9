"""Marked-to-market drawdown between two events, exact, without walking every row of a trade.

The value of the open trades is linear in the prices they would be closed at, so the highest and lowest spread
and ask of a block bound it. A block whose bounds allow neither a new peak of equity nor a deeper drawdown is
passed over; any other is opened, down to rows, which are valued exactly as the scan values them. The
convergence model, valued from signals, needs a fair ratio of 1, so its signals are the spreads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import IntArray, RecordArray
from arbkit.kernels._jit import inlined, inner
from arbkit.kernels.index import (
    ASK_A,
    ASK_B,
    FAN,
    FAN_BITS,
    NEG_ASK_A,
    NEG_ASK_B,
    NEG_S_AB,
    NEG_S_BA,
    S_AB,
    S_BA,
    Index,
)
from arbkit.kernels.ladder import ASK_A as LADDER_ASK_A
from arbkit.kernels.ladder import ASK_B as LADDER_ASK_B
from arbkit.kernels.ladder import BID_A as LADDER_BID_A
from arbkit.kernels.ladder import BID_B as LADDER_BID_B
from arbkit.kernels.ladder import Books
from arbkit.kernels.market import Market, quote_at
from arbkit.kernels.money import open_value
from arbkit.kernels.reach import reach_of

__all__ = ["drawdown_between", "equity_at", "linear_equity", "node_bounds", "peak_between"]


class _Linear(NamedTuple):
    """Equity as a function of prices: base + size_ab (long_a bid_a - short_b ask_b) + the mirror image.

    For the convergence model size_ab and size_ba are notionals, and equity is base - size_d x_d / 1e4.
    `slack` covers the rounding of this rearrangement; it is infinite, and every row is valued, where entry
    prices move with FX until the exit, or where marks walk ladders of which no bounds are known. Where they
    are, `on_ladders` says that a row may be worth less than its best prices say, by what the ladders reach.
    """

    base: float
    size_ab: float
    size_ba: float
    long_a: float
    short_b: float
    long_b: float
    short_a: float
    slack: float
    convergence: bool
    on_ladders: bool


@inner
def linear_equity(books: Books, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray) -> _Linear:
    """Return equity as a function of prices, while the open trades stay the same."""
    h, fa, fb = rules.half_slip, rules.fee_a, rules.fee_b
    base = rules.initial_balance_usd + state.realized_pnl
    scale = abs(base)
    size_ab, size_ba = 0.0, 0.0
    convergence, on_ladders = rules.pnl_model == 1, rules.depth_levels > 0
    for k in range(state.n_open):
        trade = trades[open_ids[k]]
        size = trade.size
        if convergence:
            size = trade.notional_usd
            base += size * (trade.entry_spread_bps - rules.cost_bps) / 1e4
        else:
            buy, sell = trade.entry_long_px * (1 + h), trade.entry_short_px * (1 - h)
            fee_long, fee_short = (fa, fb) if trade.side == 0 else (fb, fa)
            base += size * (sell * (1 - fee_short) - buy * (1 + fee_long))
        if not convergence:
            base += trade.funding_usd
        scale += abs(trade.funding_usd) + 4 * trade.notional_usd * (1 + abs(trade.entry_spread_bps) / 1e4)
        if trade.side == 0:
            size_ab += size
        else:
            size_ba += size
    return _Linear(
        base,
        size_ab,
        size_ba,
        (1 - h) * (1 - fa),
        (1 + h) * (1 + fb),
        (1 - h) * (1 - fb),
        (1 + h) * (1 + fa),
        1e-11 * scale if rules.fx_at_exit == 0 and (not on_ladders or books.reach != 0) else np.inf,
        convergence,
        on_ladders and books.reach != 0,
    )


@inlined
def _side_bounds(
    size: float, long: float, short: float, lo_s: float, hi_s: float, lo_ask: float, hi_ask: float
) -> tuple[float, float]:
    """Bound size * (long * bid - short * ask) where bid = ask * (1 + s / 1e4)."""
    low = long * (1 + lo_s / 1e4) - short
    high = long * (1 + hi_s / 1e4) - short
    return (
        size * low * (hi_ask if low < 0 else lo_ask),
        size * high * (hi_ask if high > 0 else lo_ask),
    )


@inlined
def _price_bounds(
    line: _Linear,
    lo_ab: float,
    hi_ab: float,
    lo_ba: float,
    hi_ba: float,
    lo_a: float,
    hi_a: float,
    lo_b: float,
    hi_b: float,
) -> tuple[float, float]:
    """Return the lowest and highest equity where spreads and asks lie within these bounds (executable)."""
    low, high = line.base - line.slack, line.base + line.slack
    if line.size_ab > 0:
        lo, hi = _side_bounds(line.size_ab, line.long_a, line.short_b, lo_ba, hi_ba, lo_b, hi_b)
        low += lo
        high += hi
    if line.size_ba > 0:
        lo, hi = _side_bounds(line.size_ba, line.long_b, line.short_a, lo_ab, hi_ab, lo_a, hi_a)
        low += lo
        high += hi
    return low, high


@inlined
def _signal_bounds(
    line: _Linear, lo_ab: float, hi_ab: float, lo_ba: float, hi_ba: float
) -> tuple[float, float]:
    """Return the lowest and highest equity where signals lie within these bounds (convergence)."""
    low, high = line.base - line.slack, line.base + line.slack
    if line.size_ab > 0:
        low -= line.size_ab * hi_ab / 1e4
        high -= line.size_ab * lo_ab / 1e4
    if line.size_ba > 0:
        low -= line.size_ba * hi_ba / 1e4
        high -= line.size_ba * lo_ba / 1e4
    return low, high


@inlined
def _ladder_loss(books: Books, index: Index, node: int, line: _Linear) -> float:
    """Return how much less than at the best prices equity may be on a row of a block."""
    loss, k = 0.0, np.uint64(node)
    if line.size_ab > 0:
        ask = np.float64(index.bounds[ASK_B, k])
        bid = ask * (1 + np.float64(index.bounds[S_BA, k]) / 1e4)
        deep = line.long_a * bid * reach_of(books, LADDER_BID_A, node)
        loss += line.size_ab * (deep + line.short_b * ask * reach_of(books, LADDER_ASK_B, node))
    if line.size_ba > 0:
        ask = np.float64(index.bounds[ASK_A, k])
        bid = ask * (1 + np.float64(index.bounds[S_AB, k]) / 1e4)
        deep = line.long_b * bid * reach_of(books, LADDER_BID_B, node)
        loss += line.size_ba * (deep + line.short_a * ask * reach_of(books, LADDER_ASK_A, node))
    return loss


@inlined
def node_bounds(books: Books, index: Index, node: int, line: _Linear) -> tuple[float, float]:
    """Return the lowest and highest equity that a row of a block may have; (0, -inf) where none counts."""
    bounds, k = index.bounds, np.uint64(node)
    if not bounds[ASK_A, k] > 0:
        return 0.0, -np.inf
    if line.convergence:
        return _signal_bounds(
            line, -bounds[NEG_S_AB, k], bounds[S_AB, k], -bounds[NEG_S_BA, k], bounds[S_BA, k]
        )
    low, high = _price_bounds(
        line,
        -bounds[NEG_S_AB, k],
        bounds[S_AB, k],
        -bounds[NEG_S_BA, k],
        bounds[S_BA, k],
        -bounds[NEG_ASK_A, k],
        bounds[ASK_A, k],
        -bounds[NEG_ASK_B, k],
        bounds[ASK_B, k],
    )
    if line.on_ladders:
        low -= _ladder_loss(books, index, node, line)
    return low, high


@inlined
def equity_at(
    market: Market, i: int, balance: float, rules: Any, state: Any, trades: RecordArray, open_ids: IntArray
) -> float:
    """Return equity on a row, as the scan values it."""
    quote = quote_at(market, i)
    return balance + open_value(quote, rules, state, trades, open_ids)


@inlined
def _top_equity(market: Market, i: int, line: _Linear) -> float:
    """Return equity on a row at its best prices, give or take the slack (executable model)."""
    equity = line.base
    if line.size_ab > 0:
        equity += line.size_ab * (line.long_a * market.bid_a[i] - line.short_b * market.ask_b[i])
    if line.size_ba > 0:
        equity += line.size_ba * (line.long_b * market.bid_b[i] - line.short_a * market.ask_a[i])
    return equity


@inner
def peak_between(
    market: Market,
    index: Index,
    start: int,
    stop: int,
    peak: float,
    line: _Linear,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
) -> float:
    """Return the larger of `peak` and the highest equity in start <= row < stop."""
    balance = rules.initial_balance_usd + state.realized_pnl
    offsets, top = index.offsets, index.offsets.size - 2
    level, block = 0, start >> FAN_BITS
    while True:
        end = min(offsets[level + 1] - offsets[level], (block | (FAN - 1)) + 1)
        while block < end and not node_bounds(market.books, index, offsets[level] + block, line)[1] > peak:
            block += 1
        if block << (FAN_BITS * (level + 1)) >= stop or (block >= end and level == top):
            return peak
        if block >= end:
            block, level = block >> FAN_BITS, level + 1
        elif level > 0:
            block, level = block << FAN_BITS, level - 1
        else:
            for i in range(max(start, block << FAN_BITS), min(stop, (block + 1) << FAN_BITS)):
                if not market.tradable[i]:
                    continue
                if line.on_ladders and _top_equity(market, i, line) + line.slack <= peak:
                    continue
                peak = max(peak, equity_at(market, i, balance, rules, state, trades, open_ids))
            block += 1
            if block & (FAN - 1) == 0 and level < top:
                block, level = block >> FAN_BITS, level + 1


@inner
def drawdown_between(
    market: Market,
    index: Index,
    start: int,
    stop: int,
    rules: Any,
    state: Any,
    trades: RecordArray,
    open_ids: IntArray,
) -> int:
    """Follow peak and drawdown of equity over start <= row < stop, while the open trades stay the same.

    Returns `stop`, or the first row on which the stop on the marked drawdown has to be looked at.

    On the way only an upper bound of the peak is kept, and a block is opened only where even that bound would
    make a deeper drawdown; the exact peak is looked up where it decides, and at the end. A winning trade sets
    one new peak after another, and each would open its block otherwise (five times the work).

    Args:
        market, index: the panel and its index.
        start, stop: rows between two events.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`; `peak_equity` and `max_drawdown_mtm` are changed.
        trades, open_ids: the trades, and which of them are open, oldest first.
    """
    line = linear_equity(market.books, rules, state, trades, open_ids)
    balance = rules.initial_balance_usd + state.realized_pnl
    offsets, top = index.offsets, index.offsets.size - 2
    peak, deepest = state.peak_equity, state.max_drawdown_mtm
    upper, settled = peak, start
    stopping = rules.has_stop_drawdown_mtm == 1
    shallow = rules.stop_on_drawdown_mtm_pct / 100 if stopping else np.inf
    level, block = 0, start >> FAN_BITS
    while True:
        end = min(offsets[level + 1] - offsets[level], (block | (FAN - 1)) + 1)
        while block < end:
            low, high = node_bounds(market.books, index, offsets[level] + block, line)
            if high > -np.inf:
                span = max(upper, high) - low
                if span > deepest * peak or (stopping and span >= shallow * peak):
                    break
                upper = max(upper, high)
            block += 1
        if block << (FAN_BITS * (level + 1)) >= stop or (block >= end and level == top):
            break
        if block >= end:
            block, level = block >> FAN_BITS, level + 1
            continue
        if level > 0:
            block, level = block << FAN_BITS, level - 1
            continue
        first, last = max(start, block << FAN_BITS), min(stop, (block + 1) << FAN_BITS)
        if upper > peak:
            peak = peak_between(market, index, settled, first, peak, line, rules, state, trades, open_ids)
        loss = 0.0
        if line.on_ladders:
            loss = _ladder_loss(market.books, index, offsets[0] + block, line) + line.slack
        for i in range(first, last):
            if not market.tradable[i]:
                continue
            if line.on_ladders:
                top_equity = _top_equity(market, i, line)
                fall = peak - (top_equity - loss)
                shallower = fall <= deepest * peak and (not stopping or fall < shallow * peak)
                if shallower and top_equity + line.slack <= peak:
                    continue
            equity = equity_at(market, i, balance, rules, state, trades, open_ids)
            peak = max(peak, equity)
            drawdown = (peak - equity) / peak
            if stopping and drawdown * 100 >= rules.stop_on_drawdown_mtm_pct:
                state.peak_equity, state.max_drawdown_mtm = peak, deepest
                return i
            deepest = max(deepest, drawdown)
        upper, settled = peak, last
        block += 1
        if block & (FAN - 1) == 0 and level < top:
            block, level = block >> FAN_BITS, level + 1
    if upper > peak and settled < stop:
        i = stop - 1
        while i > settled and not market.tradable[i]:
            i -= 1
        if market.tradable[i]:
            peak = max(peak, equity_at(market, i, balance, rules, state, trades, open_ids))
        peak = peak_between(market, index, settled, stop, peak, line, rules, state, trades, open_ids)
    state.peak_equity, state.max_drawdown_mtm = peak, deepest
    return stop
