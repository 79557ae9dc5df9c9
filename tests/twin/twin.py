"""The trading rules once more, in plain Python: slow, obvious, and independent of the kernels.

`run` follows docs/engine.md row by row for one pair; `run_portfolio` shares one balance between several.
No numpy, no cleverness: every number is recomputed from the row where the rules name it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arbkit.config import Params

from . import depth, money
from .guard import Guard
from .market import (
    DIRECTIONS,
    Row,
    earned,
    is_tradable,
    long_venue,
    nanoseconds,
    opposite,
    s_of,
    short_venue,
    signal,
    x_of,
)
from .money import Outcome, RoundTrip
from .results import HOUR_NS, EquityPoint, TwinResult, summarize
from .trade import Fill, Order, Trade

Funding = tuple[int, str, float]


@dataclass
class Desk:
    """One account: the balance that one pair, or several, trade on."""

    initial: float
    stop_pct: float | None = None
    stop_mtm_pct: float | None = None
    max_total_notional: float | None = None
    max_total_trades: int | None = None
    pairs: list[Pair] = field(default_factory=list)
    closed: list[Trade] = field(default_factory=list)
    equity: list[EquityPoint] = field(default_factory=list)
    realized: float = 0.0
    peak: float = 0.0
    peak_equity: float = 0.0
    max_drawdown: float = 0.0
    max_drawdown_mtm: float = 0.0
    stopped: bool = False

    def __post_init__(self) -> None:
        self.peak = self.initial
        self.peak_equity = self.initial

    @property
    def balance(self) -> float:
        return self.initial + self.realized

    def unrealized(self) -> float:
        value = 0.0
        for pair in self.pairs:
            for trade in pair.open_trades():
                value += pair.value(trade).pnl
        return value

    def check_drawdown(self) -> None:
        """Section 3: after a row's exits; and the same on equity where that stop is set."""
        self.peak = max(self.peak, self.balance)
        drawdown = (self.peak - self.balance) / self.peak
        self.max_drawdown = max(self.max_drawdown, drawdown)
        if self.stop_pct is not None and drawdown * 100 >= self.stop_pct:
            self.stopped = True
        if self.stop_mtm_pct is not None:
            equity = self.balance + self.unrealized()
            peak = max(self.peak_equity, equity)
            if (peak - equity) / peak * 100 >= self.stop_mtm_pct:
                self.stopped = True

    def end_row(self, ts: int) -> None:
        equity = self.balance + self.unrealized()
        self.peak_equity = max(self.peak_equity, equity)
        drawdown = (self.peak_equity - equity) / self.peak_equity
        self.max_drawdown_mtm = max(self.max_drawdown_mtm, drawdown)
        holding = any(pair.open_trades() for pair in self.pairs)
        self.equity.append(EquityPoint(ts, self.balance, equity, drawdown * 100, holding))


class Pair:
    """One pair's rows, parameters, trades, orders in flight and blocks."""

    def __init__(self, desk: Desk, rows: Sequence[Row], params: Params, funding: Sequence[Funding]) -> None:
        self.desk, self.rows, self.params = desk, rows, params
        self.funding = sorted(funding) if params.funding else []
        tradable = [index for index, row in enumerate(rows) if is_tradable(row)]
        self.last_tradable = tradable[-1] if tradable else -1
        self.index = -1
        self.row: Row | None = None
        self.trades: list[Trade] = []
        self.orders: list[Order] = []
        self.blocked_until = dict.fromkeys(DIRECTIONS, -(2**63))
        self.awaits_rearm = dict.fromkeys(DIRECTIONS, False)
        self.in_run = dict.fromkeys(DIRECTIONS, False)
        self.refused_in_run: dict[str, set[str]] = {direction: set() for direction in DIRECTIONS}
        self.excursions = 0
        self.refusals: dict[str, int] = {}
        self.taken: dict[tuple[int, str], float] = {}
        self.guard = None if params.guard is None else Guard(params.guard, desk.initial)

    # ---- one row -------------------------------------------------------------------------------

    def process(self, index: int, row: Row) -> None:
        """Do one tradable row: fills in flight, exits, drawdown check, entry."""
        self.book_funding(row)
        self.index, self.row = index, row
        self.count_excursions(row)
        self.lift_blocks(row)
        for trade in self.open_trades():
            trade.marks.append(self.mark_bps(trade, row))
        self.fill_orders(index, row)
        self.exits(index, row)
        if self.params.close_at_end and index == self.last_tradable:
            self.close_everything(index, row)
        self.desk.check_drawdown()
        if self.guard is not None:
            self.guard.look(row.ts, self.desk.balance + self.desk.unrealized())
        if self.desk.stopped:
            self.orders = [order for order in self.orders if order.trade is not None]
        else:
            self.entry(index, row)
        self.desk.end_row(row.ts)

    def open_trades(self) -> list[Trade]:
        return [trade for trade in self.trades if trade.is_open]

    def entries_in_flight(self) -> list[Order]:
        return [order for order in self.orders if order.trade is None]

    def allowed(self, direction: str) -> bool:
        return self.params.direction in ("both", direction.lower())

    def count_excursions(self, row: Row) -> None:
        for direction in DIRECTIONS:
            beyond = x_of(row, direction) - self.params.cost_bps >= self.params.min_spread_bps
            if beyond and not self.in_run[direction]:
                self.refused_in_run[direction] = set()
                if self.allowed(direction):
                    self.excursions += 1
            self.in_run[direction] = beyond

    def lift_blocks(self, row: Row) -> None:
        if self.params.rearm_spread_bps is None:
            return
        for direction in DIRECTIONS:
            if x_of(row, direction) < self.params.rearm_spread_bps:
                self.awaits_rearm[direction] = False

    # ---- exits ---------------------------------------------------------------------------------

    def mark_bps(self, trade: Trade, row: Row) -> float:
        unwind = s_of(row, opposite(trade.direction))
        return trade.entry_spread + unwind - 2 * self.params.cost_bps

    def exit_rule(self, trade: Trade, row: Row) -> str | None:
        """Return the first rule of section 3 that holds, or None."""
        p = self.params
        mark = self.mark_bps(trade, row)
        now = x_of(row, trade.direction)
        held = row.ts - trade.entry_ts
        may_leave = held >= nanoseconds(p.min_hold_s, 1e9)
        if self.is_liquidated(trade, row):
            return "liquidation"
        if p.stop_loss_bps is not None and mark <= -p.stop_loss_bps:
            return "stop_loss"
        if p.take_profit_bps is not None and may_leave and mark >= p.take_profit_bps:
            return "take_profit"
        if p.close_on_spread_reversal and may_leave and now < p.exit_spread_bps:
            return "spread_reversal"
        if p.max_hold_s is not None and held >= nanoseconds(p.max_hold_s, 1e9):
            return "timeout"
        return None

    def is_liquidated(self, trade: Trade, row: Row) -> bool:
        p = self.params
        if p.leverage_b is None:
            return False
        h = money.half_slippage(p)
        if short_venue(trade.direction) == "b":
            filled = trade.short_entry * (1 - h)
            return row.ask_b >= filled * (1 + 1 / p.leverage_b) / (1 + p.maintenance_b)
        filled = trade.long_entry * (1 + h)
        return row.bid_b <= filled * (1 - 1 / p.leverage_b) / (1 - p.maintenance_b)

    def exits(self, index: int, row: Row) -> None:
        for trade in self.open_trades():
            if trade.entry_index == index or trade.leaving:
                continue
            reason = self.exit_rule(trade, row)
            if reason == "liquidation":
                self.close(trade, reason, (index, row), (index, row))
            elif reason is not None:
                trade.leaving = True
                self.send(Order(trade.direction, index, row.ts, self.due(row), trade, reason), index, row)

    def close_everything(self, index: int, row: Row) -> None:
        """Close what is open; a leg of a decided exit that was filled before stays filled."""
        done = {id(order.trade): order.fills for order in self.orders if order.trade is not None}
        self.orders = []
        here = (index, row)
        for trade in self.open_trades():
            fills = done.get(id(trade), {})
            long_fill = fills.get(long_venue(trade.direction), here)
            short_fill = fills.get(short_venue(trade.direction), here)
            self.close(trade, "end_of_data", long_fill, short_fill)

    def close(self, trade: Trade, reason: str, long_fill: Fill, short_fill: Fill) -> None:
        index, row = max(long_fill, short_fill, key=lambda fill: fill[0])
        trade.reason, trade.exit_index, trade.exit_ts = reason, index, row.ts
        trade.exit_spread = x_of(row, trade.direction)
        trade.unwind = s_of(row, opposite(trade.direction))
        trade.exit_fills = (long_fill, short_fill)
        trade.trip, beyond = self.trip_of(trade, long_fill, short_fill, real=True)
        trade.beyond_book = beyond
        self.take(long_fill, f"bid_{long_venue(trade.direction)}", trade.size)
        self.take(short_fill, f"ask_{short_venue(trade.direction)}", trade.size)
        trade.outcome = self.outcome(trade, trade.trip, reason, trade.exit_spread)
        self.desk.realized += trade.outcome.pnl
        self.desk.closed.append(trade)
        if reason in ("stop_loss", "timeout"):
            self.block(trade.direction, row.ts)

    def block(self, direction: str, ts: int) -> None:
        self.blocked_until[direction] = ts + nanoseconds(self.params.cooldown_s, 1e9)
        self.awaits_rearm[direction] = self.params.rearm_spread_bps is not None

    # ---- money ---------------------------------------------------------------------------------

    def trip_of(
        self, trade: Trade, long_fill: Fill, short_fill: Fill, *, real: bool
    ) -> tuple[RoundTrip, bool]:
        """Price the exit of a trade; a real one takes size off the ladders, a mark does not."""
        long_at, short_at = long_venue(trade.direction), short_venue(trade.direction)
        long_exit, beyond_long = self.leg_price(long_fill, f"bid_{long_at}", trade.size, real=real)
        short_exit, beyond_short = self.leg_price(short_fill, f"ask_{short_at}", trade.size, real=real)
        trip = RoundTrip(
            trade.direction,
            trade.size,
            trade.notional,
            trade.long_entry,
            trade.short_entry,
            long_exit,
            short_exit,
            self.fx_change(long_at, trade.long_fill, long_fill),
            self.fx_change(short_at, trade.short_fill, short_fill),
        )
        return trip, beyond_long or beyond_short

    def fx_change(self, venue: str, entry: Fill, leave: Fill) -> float:
        if self.params.fx_settlement == "per_fill":
            return 1.0
        return float(getattr(leave[1], f"fx_{venue}") / getattr(entry[1], f"fx_{venue}"))

    def outcome(self, trade: Trade, trip: RoundTrip, reason: str | None, now: float) -> Outcome:
        if self.params.pnl_model == "convergence":
            left = 0.0 if reason == "spread_reversal" else now
            return money.convergence(self.params, trip, trade.entry_spread, left)
        plain = money.executable(self.params, trip)
        penalty = 0.0
        if reason == "liquidation":
            perpetual = self.perpetual_exit_price(trade, trip)
            penalty = self.params.liquidation_fee_bps / 1e4 * (trade.size * perpetual)
        pnl = plain.pnl + trade.funding - penalty
        return Outcome(pnl, pnl / trade.notional * 1e4, plain.fees + penalty, plain.turnover)

    def perpetual_exit_price(self, trade: Trade, trip: RoundTrip) -> float:
        h = money.half_slippage(self.params)
        if short_venue(trade.direction) == "b":
            return trip.short_exit * (1 + h)
        return trip.long_exit * (1 - h)

    def value(self, trade: Trade) -> Outcome:
        """Return what an open trade is worth as if closed at the last tradable row seen."""
        assert self.row is not None
        here = (self.index, self.row)
        trip, _ = self.trip_of(trade, here, here, real=False)
        return self.outcome(trade, trip, None, x_of(self.row, trade.direction))

    def levels(self, fill: Fill, side: str, *, real: bool) -> list[tuple[float, float]]:
        taken = self.taken.get((fill[0], side), 0.0) if real else 0.0
        return depth.usable(fill[1].ladders.get(side, ()), self.params.depth_levels, taken)

    def leg_price(self, fill: Fill, side: str, size: float, *, real: bool) -> tuple[float, bool]:
        """Return the raw price of `size` at one side, and whether it went beyond the visible book."""
        top = fill[1].price(side)
        if self.params.depth_levels == 0:
            return top, False
        return depth.walk(self.levels(fill, side, real=real), size, top)

    def take(self, fill: Fill, side: str, size: float) -> None:
        """Remember that this size of one side of one row is gone."""
        self.taken[fill[0], side] = self.taken.get((fill[0], side), 0.0) + size

    def book_funding(self, row: Row) -> None:
        """Pay what fell due since the last tradable row, at the last mid at or before each time."""
        before = self.row
        if before is None:
            return
        for ts, venue, rate in self.funding:
            if not before.ts < ts <= row.ts:
                continue
            mid = row.mid(venue) if row.ts == ts else before.mid(venue)
            for trade in self.open_trades():
                pays = 1.0 if long_venue(trade.direction) == venue else -1.0
                if trade.entry_ts < ts:
                    trade.funding -= pays * rate * trade.size * mid

    # ---- orders --------------------------------------------------------------------------------

    def due(self, row: Row) -> dict[str, int | None]:
        due: dict[str, int | None] = {}
        for venue, own in (("a", self.params.latency_a_ms), ("b", self.params.latency_b_ms)):
            latency = nanoseconds(self.params.latency_ms if own is None else own, 1e6)
            due[venue] = row.ts + latency if latency > 0 else None
        return due

    def send(self, order: Order, index: int, row: Row) -> None:
        if order.offer(index, row):
            self.complete(order)
        else:
            self.orders.append(order)

    def fill_orders(self, index: int, row: Row) -> None:
        for order in list(self.orders):
            last = self.params.close_at_end and index == self.last_tradable
            if order.trade is None and last:
                continue
            if order.offer(index, row):
                self.orders.remove(order)
                self.complete(order)

    def complete(self, order: Order) -> None:
        long_fill = order.fills[long_venue(order.direction)]
        short_fill = order.fills[short_venue(order.direction)]
        if order.trade is not None:
            self.close(order.trade, order.reason, long_fill, short_fill)
        else:
            self.open(order, long_fill, short_fill)

    # ---- entry ---------------------------------------------------------------------------------

    def entry(self, index: int, row: Row) -> None:
        p = self.params
        if not row.entry_ok or (p.close_at_end and index == self.last_tradable):
            return
        if len(self.open_trades()) + len(self.entries_in_flight()) >= p.max_open_trades:
            return
        direction = self.best_direction(row)
        if direction is None:
            return
        count = self.count_in(direction)
        threshold = p.min_spread_bps + count * p.entry_step_bps
        if not x_of(row, direction) - p.cost_bps >= threshold or self.is_too_soon(direction, row.ts):
            return
        notional = p.max_position_usd * row.scale
        if not notional > 0:
            return
        refusal = self.refusal(direction, index, row, notional)
        if refusal is not None:
            self.refuse(refusal, direction)
            return
        if self.guard is not None:
            self.guard.entries.append(row.ts)
        spread = s_of(row, direction)
        order = Order(direction, index, row.ts, self.due(row), decided_spread=spread, notional=notional)
        self.send(order, index, row)

    def best_direction(self, row: Row) -> str | None:
        best = None
        for direction in DIRECTIONS:
            blocked = row.ts < self.blocked_until[direction] or self.awaits_rearm[direction]
            if blocked or not self.allowed(direction):
                continue
            if best is None or x_of(row, direction) > x_of(row, best):
                best = direction
        return best

    def count_in(self, direction: str) -> int:
        waiting = [order for order in self.entries_in_flight() if order.direction == direction]
        return len(waiting) + len([t for t in self.open_trades() if t.direction == direction])

    def is_too_soon(self, direction: str, ts: int) -> bool:
        times = [trade.entry_ts for trade in self.trades if trade.direction == direction]
        times += [order.ts for order in self.entries_in_flight() if order.direction == direction]
        return bool(times) and ts - max(times) < nanoseconds(self.params.min_entry_gap_s, 1e9)

    def refusal(self, direction: str, index: int, row: Row, notional: float) -> str | None:
        """Return why an entry that the signal allows is refused, or None."""
        if self.lacks_inventory(direction, notional):
            return "rejected_no_inventory"
        portfolio = self.portfolio_refusal(notional)
        if portfolio is not None:
            return portfolio
        here = (index, row)
        size, reason = self.plan(direction, here, here, notional)
        if reason is not None:
            return reason
        if self.is_thin(direction, here, size):
            return "rejected_thin"
        return self.guard_refusal(direction, here, size, notional)

    def guard_refusal(self, direction: str, here: Fill, size: float, asked: float) -> str | None:
        """Ask the guard about an entry that everything else allows."""
        if self.guard is None:
            return None
        buy_side, sell_side = f"ask_{long_venue(direction)}", f"bid_{short_venue(direction)}"
        notional = self.filled_notional(here, buy_side, size, asked)
        slip, filled = 0.0, 1.0
        if self.params.depth_levels > 0:
            top_ask, top_bid = here[1].price(buy_side), here[1].price(sell_side)
            ask, bid = (self.leg_price(here, side, size, real=True)[0] for side in (buy_side, sell_side))
            slip = (ask - top_ask) / top_ask * 1e4 + (top_bid - bid) / top_bid * 1e4
            filled = notional / asked
        return self.guard.refusal(
            here[1].ts,
            net=x_of(here[1], direction) - self.params.cost_bps,
            notional=notional,
            slip=slip,
            filled=filled,
            open_trades=len(self.open_trades()) + len(self.entries_in_flight()),
        )

    def lacks_inventory(self, direction: str, notional: float) -> bool:
        venue = short_venue(direction)
        limit = self.params.inventory_a_usd if venue == "a" else self.params.inventory_b_usd
        if limit is None:
            return False
        short, long = 0.0, 0.0
        held = [(t.direction, t.notional) for t in self.open_trades()]
        held += [(order.direction, order.notional) for order in self.entries_in_flight()]
        for other, amount in held:
            if short_venue(other) == venue:
                short += amount
            else:
                long += amount
        return not short - long + notional <= limit

    def portfolio_refusal(self, notional: float) -> str | None:
        desk = self.desk
        amounts = [t.notional for pair in desk.pairs for t in pair.open_trades()]
        amounts += [order.notional for pair in desk.pairs for order in pair.entries_in_flight()]
        if desk.max_total_trades is not None and len(amounts) >= desk.max_total_trades:
            return "rejected_total_trades"
        if desk.max_total_notional is not None and sum(amounts) + notional > desk.max_total_notional:
            return "rejected_total_notional"
        return None

    def is_thin(self, direction: str, here: Fill, size: float) -> bool:
        p = self.params
        if p.depth_levels == 0:
            return False
        tops = dict.fromkeys(("bid_a", "ask_a", "bid_b", "ask_b"), 0.0)
        for side in tops:
            tops[side] = depth.walk(self.levels(here, side, real=True), size, here[1].price(side))[0]
        at_ladder = signal(direction, **tops, fair=here[1].fair)
        return not at_ladder - p.cost_bps >= p.min_spread_bps

    def plan(
        self, direction: str, long_at: Fill, short_at: Fill, notional: float
    ) -> tuple[float, str | None]:
        """Return the size to trade at these rows, or why there is none."""
        p = self.params
        worsen = 1 + money.half_slippage(p)
        buy_side, sell_side = f"ask_{long_venue(direction)}", f"bid_{short_venue(direction)}"
        top = long_at[1].price(buy_side)
        size = money.size_for(p, notional, top)
        if p.depth_levels > 0:
            buyable, _ = depth.affordable(self.levels(long_at, buy_side, real=True), notional, worsen)
            size = min(buyable, depth.total(self.levels(short_at, sell_side, real=True)))
        lot = max(p.lot_a, p.lot_b)
        if size > 0 and lot > 0:
            size = math.floor(size / lot) * lot
            if size == 0:
                return 0.0, "rejected_lot"
        if size <= 0 or self.filled_notional(long_at, buy_side, size, notional) < p.min_notional_usd:
            return 0.0, "rejected_no_depth"
        return size, None

    def filled_notional(self, long_at: Fill, side: str, size: float, notional: float) -> float:
        p = self.params
        if max(p.lot_a, p.lot_b) == 0:
            worsen = 1 + money.half_slippage(p)
            buyable, all_spent = depth.affordable(self.levels(long_at, side, real=True), notional, worsen)
            if p.depth_levels == 0 or (all_spent and size == buyable):
                return notional
        top = long_at[1].price(side)
        price = top
        if self.params.depth_levels > 0:
            price = depth.walk(self.levels(long_at, side, real=True), size, top)[0]
        return size * price * (1 + money.half_slippage(self.params))

    def refuse(self, reason: str, direction: str) -> None:
        """Count a refusal once per excursion."""
        if reason not in self.refused_in_run[direction]:
            self.refused_in_run[direction].add(reason)
            self.refusals[reason] = self.refusals.get(reason, 0) + 1

    def open(self, order: Order, long_fill: Fill, short_fill: Fill) -> None:
        """Fill a decided entry at its rows, unless the prices have slipped too far or the size is gone."""
        direction = order.direction
        size, reason = self.plan(direction, long_fill, short_fill, order.notional)
        if reason is not None:
            self.refuse(reason, direction)
            return
        buy_side, sell_side = f"ask_{long_venue(direction)}", f"bid_{short_venue(direction)}"
        notional = self.filled_notional(long_fill, buy_side, size, order.notional)
        long_px, _ = self.leg_price(long_fill, buy_side, size, real=True)
        short_px, _ = self.leg_price(short_fill, sell_side, size, real=True)
        if self.has_slipped(order, long_px, short_px):
            self.refusals["abandoned"] = self.refusals.get("abandoned", 0) + 1
            return
        self.take(long_fill, buy_side, size)
        self.take(short_fill, sell_side, size)
        index, row = max(long_fill, short_fill, key=lambda fill: fill[0])
        self.trades.append(
            Trade(
                direction,
                index,
                row.ts,
                s_of(row, direction),
                x_of(row, direction),
                size,
                notional,
                long_px,
                short_px,
                long_fill,
                short_fill,
            )
        )

    def has_slipped(self, order: Order, long_px: float, short_px: float) -> bool:
        if self.params.max_slip_bps is None:
            return False
        executed = {
            f"ask_{long_venue(order.direction)}": long_px,
            f"bid_{short_venue(order.direction)}": short_px,
        }
        prices = dict.fromkeys(("bid_a", "ask_a", "bid_b", "ask_b"), 1.0) | executed
        return earned(order.direction, **prices) < order.decided_spread - self.params.max_slip_bps


def run(
    rows: Sequence[Row],
    params: Params | Mapping[str, Any],
    funding: Sequence[Funding] = (),
    every_ns: int = HOUR_NS,
) -> TwinResult:
    """Run one pair over its rows.

    Args:
        rows: the rows in non-decreasing time, tradable or not.
        params: parameters of section 0.
        funding: (ts, "a" or "b", rate) of the perpetual legs.
        every_ns: interval of the grid that Sharpe and Sortino stand on.

    Raises:
        ValueError: when time runs backwards.
    """
    params = params if isinstance(params, Params) else Params.from_dict(params)
    desk = Desk(params.initial_balance_usd, params.stop_on_drawdown_pct, params.stop_on_drawdown_mtm_pct)
    desk.pairs.append(Pair(desk, rows, params, funding))
    drive(desk)
    return summarize(desk, desk.pairs[0], every_ns)


def run_portfolio(pairs: Sequence[tuple[Any, ...]], **limits: Any) -> list[TwinResult]:
    """Run several pairs, each (rows, params) or (rows, params, funding), on one balance.

    Limits are those of `Desk` (initial is required).
    """
    desk = Desk(**limits)
    for rows, params, *funding in pairs:
        desk.pairs.append(Pair(desk, rows, params, funding[0] if funding else ()))
    drive(desk)
    return [summarize(desk, pair) for pair in desk.pairs]


def drive(desk: Desk) -> None:
    """Feed the tradable rows of all pairs in the order (ts, pair, row) until the end or a stop."""
    queue = []
    for number, pair in enumerate(desk.pairs):
        stamps = [row.ts for row in pair.rows]
        if stamps != sorted(stamps):
            raise ValueError("rows must be in non-decreasing time")
        queue += [(row.ts, number, index) for index, row in enumerate(pair.rows) if is_tradable(row)]
    for _, number, index in sorted(queue):
        pair = desk.pairs[number]
        pair.process(index, pair.rows[index])
        if desk.stopped:
            return
