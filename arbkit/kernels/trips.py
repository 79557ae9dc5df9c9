"""From trips to money: what the trades found by `search` earn, summed in the order in which they close.

A trip is an entry row, an exit row, a side and a reason; with one open trade at most these do not depend on
money. Sums are those of `step`, in its order and to its last bit; the stop on the drawdown cuts the list.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray, RecordArray
from arbkit.kernels._jit import inlined, inner, jit
from arbkit.kernels.index import Index
from arbkit.kernels.market import Market, quote_at
from arbkit.kernels.money import close_trade, entry_fills, exit_fills, mark_trades, open_trade
from arbkit.kernels.search import begin, search
from arbkit.kernels.spread import spread_ab, spread_ba
from arbkit.kernels.state import new_state
from arbkit.records import STATE_DTYPE, TRADE_DTYPE, ExitReason, PnlModel, Side

__all__ = ["opened", "run_trips", "settle", "trades_of_trips"]

_AB: Final = int(Side.LONG_A_SHORT_B)
_REVERSAL: Final = int(ExitReason.SPREAD_REVERSAL)
_CONVERGENCE: Final = int(PnlModel.CONVERGENCE)
#: Trips found and settled at a time: their rows are then still in the cache.
_CHUNK: Final = 256


@jit
def run_trips(
    market: Market, index: Index, rules: Any, state: Any, trips: RecordArray, pnl: FloatArray, climbs: bool
) -> tuple[RecordArray, FloatArray, int]:
    """Run one parameter set whose rows do not depend on money (`search` says which).

    Args:
        market, index: the panel and its index; of the index only the ends are used unless `climbs`.
        rules: record of `RULES_DTYPE`.
        state: record of `STATE_DTYPE`, overwritten.
        trips, pnl: `TRIP_DTYPE` and float64 (capacity >= 1,), places to begin with; they grow as needed.
        climbs: whether to climb the index; else prices stream.

    Returns:
        Trips and their PnL (of the open one its mark), and how many are valid.
    """
    new_state(state, rules)
    cursor = begin(index)
    n = 0
    while not cursor.done and state.stopped == 0:
        if n == trips.size:
            trips = np.concatenate((trips, np.empty_like(trips)))
            pnl = np.concatenate((pnl, np.empty_like(pnl)))
        end = min(trips.size, n + _CHUNK)
        found, cursor = search(market, index, rules, trips[n:end], cursor, climbs)
        n += settle(market, rules, trips[n : n + found], pnl[n : n + found], state)
    _finish(market, index, rules, state, trips, pnl, n)
    return trips, pnl, n


@inner
def settle(market: Market, rules: Any, trips: RecordArray, pnl: FloatArray, state: Any) -> int:
    """Book trips in their order and return how many there are up to the stop on the drawdown.

    Args:
        market: arrays of the panel.
        rules: record of `RULES_DTYPE`.
        trips: `TRIP_DTYPE` (n,), those that follow what the state has booked.
        pnl: float64 (n,), overwritten; that of an open trip is left alone.
        state: record of `STATE_DTYPE`, changed in place.
    """
    h, initial = rules.half_slip, rules.initial_balance_usd
    asked, convergence = rules.notional_usd * 1.0, rules.pnl_model == _CONVERGENCE
    realized, fees, turnover = state.realized_pnl, state.fees, state.turnover
    profit, loss, wins, losses = state.gross_profit, state.gross_loss, state.n_win, state.n_loss
    peak, deepest = state.peak_balance, state.max_drawdown
    held_ns, longest, closed = state.held_ns, state.max_held_ns, state.n_closed
    kept = 0
    for k in range(trips.size):
        trip = trips[k]
        entry, leave, side = trip.entry_row, trip.exit_row, trip.side
        ask_a, ask_b = market.ask_a[entry], market.ask_b[entry]
        bid_a, bid_b = market.bid_a[entry], market.bid_b[entry]
        long0, short0 = (ask_a, bid_b) if side == _AB else (ask_b, bid_a)
        fee_long = rules.fee_a if side == _AB else rules.fee_b
        fee_short = rules.fee_b if side == _AB else rules.fee_a
        buy_long, sell_short = long0 * (1 + h), short0 * (1 - h)
        size = asked / buy_long
        paid = size * (fee_long * buy_long + fee_short * sell_short)
        if convergence:
            paid = asked * (rules.fee_a + rules.fee_b)
        turned = size * (buy_long + sell_short)
        fees += paid
        turnover += turned
        kept += 1
        if leave < 0:
            break
        bid_a, ask_a = market.bid_a[leave], market.ask_a[leave]
        bid_b, ask_b = market.bid_b[leave], market.ask_b[leave]
        long1, short1 = (bid_a, ask_b) if side == _AB else (bid_b, ask_a)
        sell_long, buy_short = long1 * (1 - h), short1 * (1 + h)
        cost = size * (fee_long * (buy_long + sell_long) + fee_short * (sell_short + buy_short))
        earned = size * (sell_long - buy_long + sell_short - buy_short) - cost + 0.0
        if convergence:
            # This model needs a fair ratio of 1, so its signal is the spread.
            left = 0.0
            if trip.reason != _REVERSAL:
                left = spread_ab(ask_a, bid_b) if side == _AB else spread_ba(bid_a, ask_b)
            e = spread_ab(long0, short0) if side == _AB else spread_ba(short0, long0)
            earned = asked * (e - left - rules.cost_bps) / 1e4
            cost = paid
        fees += cost - paid
        turnover += size * (buy_long + sell_long + sell_short + buy_short) - turned
        pnl[k] = earned
        realized += earned
        closed += 1
        state.exits[trip.reason] += 1
        held = market.ts[leave] - market.ts[entry]
        held_ns += held
        longest = max(longest, held)
        if earned > 0:
            wins += 1
            profit += earned
        elif earned < 0:
            losses += 1
            loss -= earned
        balance = initial + realized
        peak = max(peak, balance)
        drawdown = (peak - balance) / peak
        deepest = max(deepest, drawdown)
        if rules.has_stop_drawdown == 1 and drawdown * 100 >= rules.stop_on_drawdown_pct:
            state.stopped = 1
            break
    state.realized_pnl, state.fees, state.turnover = realized, fees, turnover
    state.gross_profit, state.gross_loss, state.n_win, state.n_loss = profit, loss, wins, losses
    state.peak_balance, state.max_drawdown = peak, deepest
    state.held_ns, state.max_held_ns, state.n_closed = held_ns, longest, closed
    state.n_trades += kept
    return kept


@inlined
def _finish(
    market: Market, index: Index, rules: Any, state: Any, trips: RecordArray, pnl: FloatArray, n: int
) -> None:
    """Write what the state says at the end of a run: its ends, the open trade and its mark."""
    if index.last < index.first:
        return
    last = trips[n - 1].exit_row if state.stopped == 1 else index.last
    state.first_ts, state.last_ts, state.last_index = market.ts[index.first], market.ts[last], last
    state.exposure_ns = state.held_ns
    if n > state.n_closed:
        age = state.last_ts - market.ts[trips[n - 1].entry_row]
        state.n_open = 1
        state.exposure_ns += age
        state.max_held_ns = max(state.max_held_ns, age)
        trade = np.empty(1, TRADE_DTYPE)
        opened(market, rules, trips[n - 1], trade[0])
        mark_trades(quote_at(market, last), rules, state, trade, np.zeros(1, np.int64))
        state.unrealized_pnl = 0.0 + trade[0].pnl_usd
        pnl[n - 1] = trade[0].pnl_usd


@inlined
def opened(market: Market, rules: Any, trip: Any, trade: Any) -> None:
    """Fill the record of a trade as it stands when it opens."""
    quote = quote_at(market, trip.entry_row)
    fills = entry_fills(trip.side, quote)
    asked = rules.notional_usd * 1.0
    open_trade(trade, trip.side, quote, fills, asked / (fills.long_px * (1 + rules.half_slip)), asked, rules)


@jit
def trades_of_trips(market: Market, rules: Any, trips: RecordArray, last: int, trades: RecordArray) -> None:
    """Write trips as whole trades, as `step` would have left them.

    Args:
        market: arrays of the panel.
        rules: record of `RULES_DTYPE`.
        trips: `TRIP_DTYPE` (n,).
        last: the last row of the run, on which an open trade is marked.
        trades: `TRADE_DTYPE` (n,), overwritten.
    """
    states = np.empty(1, STATE_DTYPE)
    state = states[0]
    new_state(state, rules)
    open_ids = np.zeros(1, np.int64)
    for k in range(trips.size):
        opened(market, rules, trips[k], trades[k])
        leave = trips[k].exit_row
        if leave >= 0:
            quote = quote_at(market, leave)
            fills = exit_fills(trips[k].side, quote)
            close_trade(quote, trips[k].reason, fills, rules, state, trades[k])
        else:
            open_ids[0], state.n_open = k, 1
            mark_trades(quote_at(market, last), rules, state, trades, open_ids)
