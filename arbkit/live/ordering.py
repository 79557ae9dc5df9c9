"""`VenueOrders`: decisions become orders at venues, and what the venues filled becomes trades.

One pair of orders at a time per pair. What came of it is written down when it is known, and booked as the
first thing on the next tradable row of its pair, at the prices that were really paid. Meanwhile the rules
go on: an entry on its way holds its slot, an exit on its way keeps its reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arbkit.live.accounts import KEY_CODES, AccountWatch, key_refused
from arbkit.live.config import PairConfig
from arbkit.live.fills import LegFills, Outcome, ids_of
from arbkit.live.legs import LegPlan, PairExecutor, PairIntent
from arbkit.live.rejections import ExitPauses, FillLimits, Rejections
from arbkit.live.session import Session
from arbkit.live.stats import Histogram
from arbkit.venues import BookEvent, OrderKeeper, OrderSide, TradingClient, VenueError, read_intents
from arbkit.venues.orders import Order

__all__ = ["VenueOrders"]

_RETRY_S: Final = 5.0
#: Longest pause before an exit is tried again of which venues have taken nothing.
#: A share of a trade's size that is taken for rounding.
_CRUMB: Final = 1e-6


class VenueOrders:
    """Sends a session's decisions to venues.

    Args:
        session: whose decisions they are.
        clients: by venue.
        recorded: the journal as it was when the run began.
        clock: nanoseconds since the epoch.
        grace_s: as of `OrderKeeper`.

    Attributes:
        keeper: what is known of every order.
        accounts: holds the venues' positions against the fills.
    """

    def __init__(
        self,
        session: Session,
        clients: Mapping[str, TradingClient],
        recorded: Sequence[Mapping[str, Any]] = (),
        clock: Callable[[], int] = time.time_ns,
        grace_s: float = 2.0,
    ) -> None:
        self._session = session
        self._clients = dict(clients)
        self._clock = clock
        self._recorded = list(recorded)
        rules = session.config.execution
        limits = {pair.name: pair.params.guard for pair in session.config.pairs}
        slips = [own.max_slippage_bps for own in limits.values() if own is not None]
        max_slip_bps = min([rules.max_slip_bps, *(slip for slip in slips if slip is not None)])
        self.keeper = OrderKeeper(
            clients,
            session.journal,
            clock=clock,
            grace_s=grace_s,
            on_fill=lambda order, fill: self.accounts.on_fill(order, fill),
            on_end=lambda order: self.accounts.on_end(order),
        )
        self.accounts = AccountWatch(session, clients, self.keeper, recorded, clock)
        self.executor = PairExecutor(
            self.keeper,
            self._book,
            max_slip_bps=max_slip_bps,
            naked_slip_bps=max(100.0, rules.max_slip_bps),
            deadline_s=rules.deadline_s,
            execution=rules.legs,
            on_naked=rules.on_naked,
            told=self._alarmed,
            clock=clock,
        )
        self._rejections = Rejections(session.guard, session.refusals, rules.cooldown_s)
        self._pairs = [lane.config for lane in session.lanes]
        self._limits = FillLimits(session.guard, session.refusals, limits)
        self._outcomes: list[list[Outcome]] = [[] for _ in self._pairs]
        self._tasks: list[set[asyncio.Task[None]]] = [set() for _ in self._pairs]
        self._pauses = ExitPauses(len(self._pairs))
        self._locks = [asyncio.Lock() for _ in self._pairs]
        self._prepared = False
        self._before = [session.desk.orders(p).copy() for p in range(len(self._pairs))]
        self._recovered = asyncio.Event()
        self.naked_s = 0.0
        self.sent_after_ns = Histogram()
        self.counts = self.executor.counts

    def _book(self, venue: str, symbol: str) -> BookEvent | None:
        leg = self._session.legs.get((venue, symbol))
        if leg is None or not leg.bids or not leg.asks or not 0 < leg.bid < leg.ask:
            return None
        return BookEvent(venue, symbol, leg.ts, None, leg.bids, leg.asks)

    # What the session asks for.

    def send(self, p: int, orders: Any) -> None:
        """Send the orders of a row; each waits for an earlier life's, and for those of its pair."""
        for order in orders:
            plan = self._planned(p, order)
            if order["trade"] < 0:
                self._note(p, plan, order)
            self._begin(p, self._carry_out(p, plan, order.copy()))

    def _begin(self, p: int, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[p].add(task)
        task.add_done_callback(self._tasks[p].discard)
        task.add_done_callback(self._failed)

    def _note(self, p: int, plan: PairIntent, order: Any) -> None:
        """Remember the tops of the books that an entry is decided on."""
        long, short = (plan.a, plan.b) if order["side"] == 0 else (plan.b, plan.a)
        legs = self._session.legs
        tops = legs[long.venue, long.symbol].ask, legs[short.venue, short.symbol].bid
        self._limits.sent(self._pairs[p].name, int(order["row"]), float(plan.size), *tops)

    def _failed(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._session.trouble("orders", repr(task.exception()))
            self._session.guard.set("unhedged", True, detail="an order could not be carried out")

    def _alarmed(self, name: str, what: str, exposure: Decimal) -> None:
        """Take note of a pair whose legs cannot be levelled, or of whose orders a venue does not speak."""
        guard = self._session.guard
        unhedged = what == "unhedged"
        text = f"{exposure.normalize():f} open on one side" if unhedged else "a venue does not answer"
        guard.set("unhedged", unhedged, scope=name, detail=text)
        guard.set("order_in_doubt", not unhedged, scope=name)
        self._session.trouble(what, f"{name}: {text}; it is tried until it works", pair=name)

    def _planned(self, p: int, order: Any) -> PairIntent:
        """Return the two legs of an entry or of an exit."""
        pair, row, desk = self._pairs[p], self._session.desk.last_row(p), self._session.desk
        entering, on_ab = order["trade"] < 0, order["side"] == 0
        if entering:
            price = float(row["ask_a"] if on_ab else row["ask_b"])
            size = float(order["notional_usd"]) / (price * (1 + float(desk.rules[p]["half_slip"])))
        else:
            size = float(desk.trades[order["trade"]]["size"])
        buys_a = on_ab == entering
        sides = (OrderSide.BUY, OrderSide.SELL) if buys_a else (OrderSide.SELL, OrderSide.BUY)
        return PairIntent(
            name=pair.name,
            a=LegPlan(venue=pair.venue_a, symbol=pair.symbol_a, side=sides[0]),
            b=LegPlan(venue=pair.venue_b, symbol=pair.symbol_b, side=sides[1]),
            size=Decimal(repr(size)),
        )

    async def _carry_out(self, p: int, plan: PairIntent, order: Any) -> None:
        await self._recovered.wait()
        async with self._locks[p]:
            if order["trade"] >= 0 and self._pauses[p]:
                await asyncio.sleep(self._pauses[p])
            result = await self.executor.run(plan)
            outcome = Outcome(
                pair=plan.name,
                row=int(order["row"]),
                trade=int(order["trade"]),
                side=int(order["side"]),
                a=self._leg(plan.a, result.a.orders),
                b=self._leg(plan.b, result.b.orders),
                action=result.action,
                residual=float(result.residual),
                worst_naked_s=result.worst_naked_s,
                decided_ns=int(order["ts"]),
                done_ns=self._clock(),
                reasons=result.reasons,
            )
            self._pauses.see(p, outcome)
            await self._known(p, outcome)

    def _leg(self, plan: LegPlan, orders: Sequence[Order]) -> LegFills:
        instrument = self.keeper.instrument(plan.venue, plan.symbol)
        return LegFills.of(orders, plan.side, "" if instrument is None else instrument.base)

    async def _known(self, p: int, outcome: Outcome) -> None:
        """Write an outcome down, before it is booked."""
        self._session.journal.append("outcome", **outcome.to_dict())
        if not all(client.simulated for client in self._clients.values()):
            await self.keeper.on_disk()
        self.naked_s = max(self.naked_s, outcome.worst_naked_s)
        for leg in (outcome.a, outcome.b):
            if leg.sent_ns >= outcome.decided_ns > 0:
                self.sent_after_ns.add(leg.sent_ns - outcome.decided_ns)
        guard = self._session.guard
        name = outcome.pair
        guard.set("unhedged", False, scope=name)
        guard.set("order_in_doubt", False, scope=name)
        if self._rejections.see(outcome, self._clock()):
            self._session.tell(
                f"{name}: the venue refuses its orders, {', '.join(outcome.reasons)}; it waits"
            )
        if waits := self._limits.see(outcome, self._clock()):
            self._session.tell(f"{name}: {', '.join(waits)}; it enters nothing for a while")
        self._outcomes[p].append(outcome)

    def outcomes(self, p: int) -> list[Outcome]:
        """Return what became of the pair's orders since last asked."""
        for limits in (self._rejections, self._limits):
            limits.look(self._pairs[p].name, self._clock())
        known, self._outcomes[p] = self._outcomes[p], []
        return known

    def before(self, venue: str, symbol: str) -> Decimal:
        """Return the position that was there before the run."""
        return self.accounts.before(venue, symbol)

    def not_booked(self) -> str:
        """Say in words which fills no row has booked yet; empty where there are none."""
        filled = [outcome for own in self._outcomes for outcome in own if outcome.hedged > 0]
        entries = sum(outcome.trade < 0 for outcome in filled)
        found = (("entry", "entries", entries), ("exit", "exits", len(filled) - entries))
        texts = [f"{count} filled {one if count == 1 else more}" for one, more, count in found if count]
        return " and ".join(texts) + " not yet booked" if texts else ""

    def unfinished(self) -> str:
        """Say in words what is open on one side of pairs that are being traded; empty where nothing is."""
        texts = []
        for pair, tasks in zip(self._pairs, self._tasks, strict=True):
            exposure = self.executor.exposure(pair.name)
            if tasks and exposure:
                texts.append(f"{pair.name}: {exposure.normalize():f} open on one side")
        return ", ".join(texts)

    # From fills to trades.

    def book(self, p: int, outcome: Outcome) -> list[tuple[str, dict[str, Any]]]:
        """Book an outcome on the row taken in last and return what the journal says of it."""
        desk = self._session.desk
        k = desk.order_at(p, outcome.row, outcome.trade)
        if k < 0:
            return [
                ("error", {"pair": outcome.pair, "what": "an outcome without its order", "row": outcome.row})
            ]
        row = desk.last_row(p)
        rates = self._rates(self._pairs[p], row)
        if outcome.trade < 0:
            return self._book_entry(p, k, outcome, rates)
        return self._book_exit(p, k, outcome, rates)

    def _rates(self, pair: PairConfig, row: Any) -> dict[str, float]:
        """Return the account currency per unit of the assets in which the legs' fees can be."""
        rates = {self._session.config.currency: 1.0}
        for leg in "ab":
            rates[getattr(pair, f"quote_{leg}")] = float(row[f"fx_{leg}"])
            instrument = self.keeper.instrument(getattr(pair, f"venue_{leg}"), getattr(pair, f"symbol_{leg}"))
            if instrument is not None:
                rates[instrument.quote] = float(row[f"fx_{leg}"])
                rates[instrument.base] = float(row[f"bid_{leg}"])
        return rates

    def _money(self, outcome: Outcome, row: Any, rates: Mapping[str, float]) -> tuple[float, float, float]:
        """Return long and short price in the account currency, and the money that changed hands."""
        fx = {"a": float(row["fx_a"]), "b": float(row["fx_b"])}
        names = ("a", "b") if outcome.side == 0 else ("b", "a")
        long_px = outcome.long.average_price * fx[names[0]]
        short_px = outcome.short.average_price * fx[names[1]]
        cash = outcome.a.cash * fx["a"] + outcome.b.cash * fx["b"]
        open_base = outcome.a.change + outcome.b.change
        worth = open_base * (float(row["bid_b"]) if open_base > 0 else float(row["ask_b"]))
        return long_px, short_px, cash + worth

    def _book_entry(
        self, p: int, k: int, outcome: Outcome, rates: Mapping[str, float]
    ) -> list[tuple[str, dict[str, Any]]]:
        desk, row, size = self._session.desk, self._session.desk.last_row(p), outcome.hedged
        long_px, short_px, money = self._money(outcome, row, rates)
        fees = outcome.a.fees_in(rates) + outcome.b.fees_in(rates)
        if size <= 0:
            desk.dropped(p, k)
            if outcome.a.ids or outcome.b.ids:
                self._charge(p, fees - money)
            codes = ", ".join(outcome.reasons) or "nothing was filled"
            self._session.tell(f"{outcome.pair}: an entry failed, {codes}; later ones are in the journal")
            return [("decision", self._about(p, outcome) | {"what": "entry_failed", "usd": money - fees})]
        half = float(desk.rules[p]["half_slip"])
        notional = size * long_px
        trade = desk.filled(p, k, (long_px / (1 + half), short_px / (1 - half), size, notional))
        record = desk.trades[trade]
        beside = money - size * (short_px - long_px)
        model = float(record["fees_usd"])
        extra = fees - model - beside
        record["funding_usd"] -= extra
        about = {"what": "entry_filled", "trade": trade, "extra_fees_usd": fees - model, "beside_usd": beside}
        return [("decision", self._about(p, outcome) | about)]

    def _book_exit(
        self, p: int, k: int, outcome: Outcome, rates: Mapping[str, float]
    ) -> list[tuple[str, dict[str, Any]]]:
        desk, row = self._session.desk, self._session.desk.last_row(p)
        record = desk.trades[outcome.trade]
        size, held = outcome.hedged, float(record["size"])
        long_px, short_px, money = self._money(outcome, row, rates)
        fees = outcome.a.fees_in(rates) + outcome.b.fees_in(rates)
        if size <= 0:
            desk.dropped(p, k)
            if outcome.a.ids or outcome.b.ids:
                self._charge(p, fees - money)
            return [
                (
                    "decision",
                    self._about(p, outcome)
                    | {"what": "exit_failed", "trade": outcome.trade, "usd": money - fees},
                )
            ]
        half = float(desk.rules[p]["half_slip"])
        beside = money - size * (long_px - short_px)
        raw = (long_px / (1 - half), short_px / (1 + half))
        part = None
        if size < held * (1 - _CRUMB):
            part = desk.split(p, outcome.trade, size)
        trade_fees = self._exit_fees(p, outcome.side, size, long_px, short_px)
        desk.filled(p, k, (*raw, fees - trade_fees, -beside))
        about = {
            "what": "exit_filled",
            "trade": outcome.trade,
            "extra_fees_usd": fees - trade_fees,
            "beside_usd": beside,
        }
        more = {} if part is None else {"kept_as": part}
        return [("decision", self._about(p, outcome) | about | more)]

    def _charge(self, p: int, usd: float) -> None:
        self._session.desk.charge(usd)
        self._session.lanes[p].pnl -= usd

    def _exit_fees(self, p: int, side: int, size: float, long_px: float, short_px: float) -> float:
        """Return what the rules charge for these two fills."""
        rules = self._session.desk.rules[p]
        fee_long, fee_short = (
            (rules["fee_a"], rules["fee_b"]) if side == 0 else (rules["fee_b"], rules["fee_a"])
        )
        return size * (float(fee_long) * long_px + float(fee_short) * short_px)

    def _about(self, p: int, outcome: Outcome) -> dict[str, Any]:
        row = self._session.desk.last_row(p)
        return {
            "pair": outcome.pair,
            "row": self._session.desk.row_number(p),
            "row_ts": int(row["ts"]),
            "decided_row": outcome.row,
            "decided_ts": outcome.decided_ns,
            "fx_a": float(row["fx_a"]),
            "fx_b": float(row["fx_b"]),
            "action": outcome.action,
            "reasons": list(outcome.reasons),
        }

    # Beginning, watching and ending.

    async def run(self) -> None:
        """Take over what an earlier life left, then follow the accounts until cancelled."""
        await self.prepare()
        streams = [asyncio.ensure_future(self._stream(client)) for client in self._clients.values()]
        streams.append(asyncio.ensure_future(self.accounts.hold_switch()))
        try:
            self._finish_all()
            await self.accounts.run()
        finally:
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)

    async def _stream(self, client: TradingClient) -> None:
        await client.run_account(self.keeper)

    async def _started(self) -> None:
        """Connect and look at the accounts; a venue that cannot be reached is tried again.

        Raises:
            ConfigError: when a venue refuses the key.
        """
        for venue, client in self._clients.items():
            while True:
                try:
                    await client.start()
                    await client.positions()
                    break
                except VenueError as error:
                    if error.code in KEY_CODES:
                        raise key_refused(venue, error.code) from None
                    self._session.trouble("start", str(error), venue=venue)
                    await asyncio.sleep(_RETRY_S)

    async def prepare(self) -> None:
        """Connect, and ask about every order that was open when the run ended; once."""
        if self._prepared:
            return
        self._prepared = True
        await self._started()
        recorded = read_intents(self._recorded)
        while True:
            try:
                await self.keeper.start()
                await self.keeper.recover(recorded.intents, recorded.fills)
                break
            except VenueError as error:
                self._session.trouble("recover", str(error))
                await asyncio.sleep(_RETRY_S)

    def _finish_all(self) -> None:
        """Give every decision that was sent its outcome, and level what is open on one side."""
        outcomes = [Outcome.read(line) for line in self._recorded if line["kind"] == "outcome"]
        known = ids_of(outcomes)
        left = [order for order in self.keeper.orders if order.client_id not in known]
        for p, pair in enumerate(self._pairs):
            last = [outcome for outcome in outcomes if outcome.pair == pair.name]
            own = {(pair.venue_a, pair.symbol_a), (pair.venue_b, pair.symbol_b)}
            orphans = [order for order in left if (order.venue, order.request.symbol) in own]
            self._finish(p, last, orphans)
        self._recorded.clear()
        self._recovered.set()

    def _finish(self, p: int, outcomes: Sequence[Outcome], orphans: Sequence[Order]) -> None:
        """Book what was known, hedge what is open, and give the decision that was cut off its outcome."""
        pair = self._pairs[p]
        if outcomes:
            self.executor.carry(pair.name, Decimal(repr(outcomes[-1].residual)))
        done = {(outcome.row, outcome.trade): outcome for outcome in outcomes}
        cut_off: Any = None
        for order in self._before[p]:
            outcome = done.get((int(order["row"]), int(order["trade"])))
            if outcome is not None:
                self._outcomes[p].append(outcome)
            elif cut_off is None:
                cut_off = order
            else:
                self._drop(p, order)
        if cut_off is None:
            return
        if not orphans:
            self._drop(p, cut_off)
            return
        self._session.guard.set("unhedged", True, scope=pair.name, detail="orders that were cut off")
        self._begin(p, self._rescued(p, self._planned(p, cut_off), cut_off.copy(), orphans))

    def _drop(self, p: int, order: Any) -> None:
        """Forget a decision of which nothing was sent before the process died."""
        desk = self._session.desk
        desk.dropped(p, desk.order_at(p, int(order["row"]), int(order["trade"])))
        self._session.journal.append(
            "decision",
            pair=self._pairs[p].name,
            row=desk.row_number(p) + 1,
            row_ts=int(order["ts"]),
            decided_row=int(order["row"]),
            decided_ts=int(order["ts"]),
            what="entry_failed" if order["trade"] < 0 else "exit_failed",
            trade=int(order["trade"]),
            action="never_sent",
            usd=0.0,
        )

    async def _rescued(self, p: int, plan: PairIntent, order: Any, orphans: Sequence[Order]) -> None:
        """Level the legs of a decision that was cut off, and make one outcome of all its orders.

        It begins before anything else of its pair is sent.
        """
        pair = self._pairs[p]
        legs = {}
        for leg, own in (("a", plan.a), ("b", plan.b)):
            mine = [o for o in orphans if (o.venue, o.request.symbol) == (own.venue, own.symbol)]
            legs[leg] = (own, mine)
        exposure = sum((o.net_base(self._base(own)) for own, mine in legs.values() for o in mine), Decimal(0))
        self.executor.carry(pair.name, exposure)
        async with self._locks[p]:
            while (
                self._book(pair.venue_a, pair.symbol_a) is None
                or self._book(pair.venue_b, pair.symbol_b) is None
            ):
                await asyncio.sleep(_RETRY_S / 50)
            empty = PairIntent(name=plan.name, a=plan.a, b=plan.b, size=Decimal(0))
            result = await self.executor.run(empty)
            await self._known(
                p,
                Outcome(
                    pair=pair.name,
                    row=int(order["row"]),
                    trade=int(order["trade"]),
                    side=int(order["side"]),
                    a=self._leg(plan.a, [*legs["a"][1], *result.a.orders]),
                    b=self._leg(plan.b, [*legs["b"][1], *result.b.orders]),
                    action="recovered" if result.action in ("none", "done") else result.action,
                    residual=float(result.residual),
                    worst_naked_s=result.worst_naked_s,
                    decided_ns=int(order["ts"]),
                    done_ns=self._clock(),
                    reasons=("cut_off", *result.reasons),
                ),
            )

    def _base(self, plan: LegPlan) -> str:
        instrument = self.keeper.instrument(plan.venue, plan.symbol)
        return "" if instrument is None else instrument.base

    def cancel_all(self) -> None:
        """Ask the venues to cancel every open order."""
        for order in self.keeper.open:
            task = asyncio.get_running_loop().create_task(self.keeper.cancel(order))
            self._tasks[0].add(task)
            task.add_done_callback(self._tasks[0].discard)

    async def settle(self, timeout_s: float) -> bool:
        """Wait until nothing is on its way; False where that took too long."""
        tasks = [task for own in self._tasks for task in own]
        if not tasks:
            return True
        _, pending = await asyncio.wait(tasks, timeout=timeout_s)
        return not pending

    async def close(self) -> None:
        """Stop waiting for orders; what is in doubt is asked about at the next start."""
        tasks = [task for own in self._tasks for task in own]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for last in (self.executor.close, self.accounts.release_switch):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_RETRY_S):
                    await last()
        await self.keeper.close()
        for client in self._clients.values():
            await client.close()

    def stats(self) -> dict[str, Any]:
        """Return counts of orders, and the longest time that one side was open alone."""
        return {
            "orders": self.keeper.count,
            "open": len(self.keeper.open),
            "not_booked": self.not_booked(),
            "strangers": len(self.keeper.strangers),
            "longest_naked_s": round(self.naked_s, 6),
            "open_on_one_side": {
                name: float(self.executor.exposure(name))
                for name, what in self.executor.alarms.items()
                if what == "unhedged"
            },
            "book_to_sent_ms": self.sent_after_ns.to_dict(1e6),
            **dict(self.counts),
        }
