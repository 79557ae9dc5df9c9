"""`Session`: what happens between a book and a line in the journal. No sockets, no clock of its own.

Books come in through the methods of a `MarketSink`; each makes the rows of its pairs, which go onto the tape
and through the rules. What the rules do is written to the journal together with the state after it, so that
either all of it outlives the process or none.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any, Final, Protocol

from arbkit.errors import StorageError
from arbkit.kernels.live import CLOSED, HALTED, OPENED, REFUSED, SENT, STEPPED, STOPPED
from arbkit.live.config import LiveConfig, PairConfig
from arbkit.live.decide import Desk, PairRules
from arbkit.live.folder import RunFolder
from arbkit.live.funding import FundingBook
from arbkit.live.guard import REFUSALS, EnvelopeWatch, HeldBack, TradingGuard
from arbkit.live.journal import Journal, plain_record
from arbkit.live.reference import live_reference
from arbkit.live.rows import FxQuote, FxRate, LegQuote, PairRows, no_rate
from arbkit.live.sharing import PairShares
from arbkit.live.stats import Histogram
from arbkit.live.tape import Tape
from arbkit.panel import split_view
from arbkit.records import ExitReason, Side
from arbkit.risk import VolatilityScale
from arbkit.venues import BookEvent, FeedState, FeedStatus, GapEvent, MarketSink

__all__ = ["OrderDesk", "Session", "Sizer"]

_REASONS: Final = [reason.name.lower() for reason in ExitReason]
_SIDES: Final = [side.name for side in Side]
_TOLD: Final = 256


class Sizer(Protocol):
    """Scales the size of entries."""

    def scale(self, pair: str, ts: int, mid_a: float, mid_b: float) -> float:
        """Return what the notional of an entry on this row is multiplied by, in [0, 1]."""


class OrderDesk(Protocol):
    """Sends what the rules decide to venues; what came of it is booked on the pair's next tradable row."""

    def send(self, p: int, orders: Any) -> None:
        """Take the pair's new orders, records of `ORDER_DTYPE`; must return at once."""

    def outcomes(self, p: int) -> list[Any]:
        """Return what became of the pair's orders since last asked."""

    def book(self, p: int, outcome: Any) -> list[tuple[str, dict[str, Any]]]:
        """Book an outcome on the row taken in last and return what the journal says of it."""


class _Lane:
    """One pair of a session."""

    def __init__(self, config: PairConfig, rows: PairRows, tape: Tape, watch: EnvelopeWatch | None) -> None:
        self.config = config
        self.rows = rows
        self.tape = tape
        self.watch = watch
        self.open: list[int] = []
        self.rejected: list[int] = [0] * 20
        self.pnl = 0.0
        self.opened = self.closed = 0
        self.seen = 0
        self.has_rate = True


class Session:
    """The pairs of a run, fed with books.

    Args:
        config: the configuration.
        folder: where the tapes are.
        journal: where everything is written.
        sizer: scales entries.
        pool: turns tapes into Parquet beside the loop.
        clock: nanoseconds since the epoch.

    Attributes:
        shares: the weights over the pairs, where they are asked for.
        orders: where orders go that venues fill; None where the rules' own model fills them.
        funding: books what perpetual legs pay; None where that is not accounted.
        mirrors: who is shown every book before it is decided on.
        taps: who is shown it afterwards.
    """

    def __init__(
        self,
        config: LiveConfig,
        folder: RunFolder,
        journal: Journal,
        *,
        sizer: Sizer | None = None,
        pool: ThreadPoolExecutor | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.config = config
        self.journal = journal
        self.orders: OrderDesk | None = None
        self.funding: FundingBook | None = None
        self._sizer = sizer
        self._clock = clock
        by_venue = config.execution.fills == "venue"
        self.desk = Desk([PairRules(p.name, p.params, by_venue) for p in config.pairs], config.limits)
        self.guard = TradingGuard(self._guarded)
        self.legs: dict[tuple[str, str], LegQuote] = {}
        self._pairs_of: dict[tuple[str, str], list[int]] = {}
        self.fx = self._make_fx()
        self.lanes = [self._make_lane(p, pair, folder, pool) for p, pair in enumerate(config.pairs)]
        rule = config.weights
        self.shares = None if rule is None else PairShares(config.pairs, rule, self._weighed)
        self.entry_ok: dict[tuple[str, str], bool] = {}
        self.decide_ns = Histogram()
        self.latency_ns = Histogram()
        self.refusals: Counter[str] = Counter()
        self._held_back = HeldBack()
        self.mirrors: list[MarketSink] = []
        self.taps: list[MarketSink] = []
        self.on_trade: Callable[[str, int, dict[str, Any]], None] | None = None
        self.say: Callable[[str], None] = lambda text: None
        self._told: dict[str, None] = {}
        self.feeds_down: set[str] = set()
        self._flattening = False

    def _leg(self, venue: str, symbol: str) -> LegQuote:
        return self.legs.setdefault((venue, symbol), LegQuote())

    def _make_fx(self) -> FxQuote | None:
        fx = self.config.fx
        if fx is None:
            return None
        quote = FxQuote(fx.base, fx.quote, executable=fx.executable, max_age_ns=fx.max_age_ns)
        self.legs[fx.venue, fx.symbol] = quote
        return quote

    def _rate(self, currency: str) -> Any:
        if currency == self.config.currency or self.fx is None:
            return no_rate()
        return FxRate(self.fx, inverse=self.fx.base == self.config.currency)

    def _make_lane(
        self, p: int, pair: PairConfig, folder: RunFolder, pool: ThreadPoolExecutor | None
    ) -> _Lane:
        a, b = self._leg(pair.venue_a, pair.symbol_a), self._leg(pair.venue_b, pair.symbol_b)
        for key in ((pair.venue_a, pair.symbol_a), (pair.venue_b, pair.symbol_b)):
            self._pairs_of.setdefault(key, []).append(p)
        ages = pair.max_age_ns
        oldest = max(ages) if min(ages) >= 0 else -1
        reference = live_reference(pair.reference, oldest)
        scale = split_view(pair.reference)[1]
        scaler = None if scale == "none" else VolatilityScale(scale, oldest)
        levels, rates = (
            pair.params.depth_levels,
            [self._rate(quote) for quote in (pair.quote_a, pair.quote_b)],
        )
        rows = PairRows(a, b, rates[0], rates[1], ages, reference, levels, scaler)
        decided = self.config.decided
        half_life = round(self.config.envelope_half_life_s * 1e9)
        watch = None if decided is None else EnvelopeWatch(decided.envelope, half_life)
        return _Lane(pair, rows, Tape(folder.tape(pair.name), levels, pool=pool), watch)

    # What a feed brings.

    def on_book(self, event: BookEvent) -> None:
        """Take one book: a row for each pair that it is a leg of."""
        leg = self.legs.get((event.venue, event.symbol))
        if leg is None:
            return
        leg.on_book(event)
        for mirror in self.mirrors:
            mirror.on_book(event)
        for p in self._pairs_of.get((event.venue, event.symbol), ()):
            self.process(p, event.ts_recv)
        for tap in self.taps:
            tap.on_book(event)
        late = self._clock() - event.ts_recv
        if late >= 0:
            self.latency_ns.add(late)

    def on_moment(self, events: Sequence[BookEvent]) -> None:
        """Take all books of one stamp: one row for each pair that they touch, in the order of the pairs."""
        touched: set[int] = set()
        for event in events:
            leg = self.legs.get((event.venue, event.symbol))
            if leg is not None:
                leg.on_book(event)
                for mirror in self.mirrors:
                    mirror.on_book(event)
                touched.update(self._pairs_of.get((event.venue, event.symbol), ()))
        for p in sorted(touched):
            self.process(p, events[0].ts_recv)
        for tap in self.taps:
            for event in events:
                if (event.venue, event.symbol) in self.legs:
                    tap.on_book(event)

    def prime(self, events: Sequence[BookEvent]) -> None:
        """Take the books that were known when a run stopped; they make no rows."""
        for event in events:
            leg = self.legs.get((event.venue, event.symbol))
            if leg is not None:
                leg.on_book(event)
                for mirror in self.mirrors:
                    mirror.on_book(event)

    def on_gap(self, event: GapEvent) -> None:
        """Take note that a book is not known: void until the next one."""
        leg = self.legs.get((event.venue, event.symbol))
        if leg is None:
            return
        leg.on_gap(event)
        for mirror in self.mirrors:
            mirror.on_gap(event)
        self.journal.append("gap", venue=event.venue, symbol=event.symbol, at=event.ts, reason=event.reason)
        for p in self._pairs_of.get((event.venue, event.symbol), ()):
            self.process(p, event.ts)
        for tap in self.taps:
            tap.on_gap(event)

    def on_status(self, event: FeedStatus) -> None:
        """Take note of a feed's state; a venue that is away lets trades be left and none be entered."""
        if event.state in (FeedState.CONNECTED, FeedState.DISCONNECTED) and not event.symbol:
            down = event.state is FeedState.DISCONNECTED
            (self.feeds_down.add if down else self.feeds_down.discard)(event.venue)
            self.guard.set("venue_down", bool(self.feeds_down), detail=", ".join(sorted(self.feeds_down)))
        self._note(
            "feed", venue=event.venue, symbol=event.symbol, state=event.state.value, detail=event.detail
        )

    def trouble(self, what: str, detail: str, **fields: Any) -> None:
        """Write an error into the journal, and tell whoever watches each of them once."""
        self._note("error", what=what, **fields, detail=detail)
        self.tell(detail)

    def _note(self, kind: str, **fields: Any) -> None:
        """Write a line on which nothing depends: a run that can write nothing ends by itself."""
        with contextlib.suppress(StorageError):
            self.journal.append(kind, **fields)

    def tell(self, text: str) -> None:
        """Tell whoever watches, each of the latest texts once."""
        if text not in self._told:
            while len(self._told) >= _TOLD:
                del self._told[next(iter(self._told))]
            self._told[text] = None
            self.say(text)

    def set_entry_ok(self, venue: str, symbol: str, ok: bool) -> bool:
        """Say whether entries make sense: wallet, warnings, order state; returns whether that is new."""
        changed = self.entry_ok.get((venue, symbol), True) != ok
        if changed:
            self.journal.append("instrument", venue=venue, symbol=symbol, entry_ok=ok)
        self.entry_ok[venue, symbol] = ok
        return changed

    # One row.

    def process(self, p: int, ts: int) -> int:
        """Make the row of a pair at a moment and put it through the rules; returns the bits of `live_row`."""
        began = time.perf_counter_ns()
        lane, pair = self.lanes[p], self.lanes[p].config
        known = self.entry_ok
        entry_ok = not known or (
            known.get((pair.venue_a, pair.symbol_a), True) and known.get((pair.venue_b, pair.symbol_b), True)
        )
        if self.fx is not None:
            self._watch_rate(lane, ts)
        row = lane.rows.row(ts, entry_ok, self.guard.state_of(pair.name), self._scale(lane, ts))
        if row is None:
            return 0
        ladder = lane.rows.ladder(row[0])
        whole, shares = row, self.shares
        if shares is not None:
            row = (*row[:6], row[6] * shares.share(p, row[0]), *row[7:])
        desk = self.desk
        desk.push(p, row, ladder)
        try:
            lane.tape.write(desk.last_row(p), ladder)
        except OSError as error:
            self.journal.fail(error, lane.tape.folder)
        lane.seen += 1
        if self.funding is not None and _is_tradable(row):
            self._book_funding(p, row)
        if self.orders is not None:
            self._book_outcomes(p, row)
        if self._flattening and lane.open and _is_tradable(row):
            self._leave_all(p)
        happened = desk.decide(p)
        ended = time.perf_counter_ns()
        self.decide_ns.add(ended - began)
        if happened > STEPPED:
            self._happened(p, happened)
        if row[13] or not row[12]:
            self._hold_back(p, row)
        else:
            self._held_back.forget(p)
        if shares is not None:
            shares.see(p, whole, ladder, lane.rows.scale)
        if lane.watch is not None and happened:
            outside = lane.watch.see(row)
            if outside is not None:
                self.guard.set("outside_envelope", bool(outside), scope=pair.name, detail=", ".join(outside))
        return happened

    def _watch_rate(self, lane: _Lane, ts: int) -> None:
        """Say so where a leg cannot be converted, which no row would tell but by NaN."""
        rows = lane.rows
        if not (rows.a.ts and rows.b.ts):
            return
        has_rate = rows.has_rate(ts)
        if has_rate != lane.has_rate:
            lane.has_rate = has_rate
            assert self.config.fx is not None
            detail = f"{self.config.fx.leg} is not known or too old"
            self.guard.set("fx_missing", not has_rate, scope=lane.config.name, detail=detail)

    def _hold_back(self, p: int, row: tuple[Any, ...]) -> None:
        """Count what would have been entered were it not for the trading state, and write it down."""
        if not _is_tradable(row):
            return
        lane, state, rule = self.lanes[p], self.desk.states[p], self.desk.rules[p]
        name = lane.config.name
        reasons = chain(self.guard.reasons(), self.guard.reasons(name), () if row[12] else ("instrument",))
        has_room = bool(state["n_open"] + state["n_entering"] < rule["max_open_trades"])
        codes = self._held_back.see(p, row, rule, has_room, reasons)
        if codes:
            self.refusals.update(codes)
            number = self.desk.row_number(p)
            base = {"pair": name, "row": number, "row_ts": row[0]}
            self.journal.append("decision", **base, what="refused", refusals=codes)

    def _scale(self, lane: _Lane, ts: int) -> float:
        if self._sizer is None:
            return 1.0
        a, b = lane.rows.a, lane.rows.b
        scale = self._sizer.scale(lane.config.name, ts, (a.bid + a.ask) / 2, (b.bid + b.ask) / 2)
        return min(1.0, max(0.0, scale)) if scale == scale else 0.0

    def _book_funding(self, p: int, row: tuple[Any, ...]) -> None:
        """Book the payments that fell due, before anything else is done on a tradable row."""
        assert self.funding is not None
        if lines := self.funding.on_row(p, row):
            self.lanes[p].pnl += sum(usd for line in lines for _, usd, _ in line["late"])
            self._write(p, [("funding", line) for line in lines])

    def _book_outcomes(self, p: int, row: tuple[Any, ...]) -> None:
        """Book what became of orders, as the first thing on a tradable row."""
        assert self.orders is not None
        if not _is_tradable(row):
            return
        for outcome in self.orders.outcomes(p):
            lines = self.orders.book(p, outcome)
            lines += self._trade_lines(p)
            self._write(p, lines)

    def _happened(self, p: int, happened: int) -> None:
        """Write down what the rules did, and pass on what they want done."""
        desk, lane = self.desk, self.lanes[p]
        row, number = desk.last_row(p), desk.row_number(p)
        base = {"pair": lane.config.name, "row": number, "row_ts": int(row["ts"])}
        lines: list[tuple[str, dict[str, Any]]] = []
        sent: Any = None
        if happened & SENT:
            orders = desk.orders(p)
            sent = orders[orders["row"] == number]
            lines += [("decision", base | self._decision(order)) for order in sent]
        if happened & (OPENED | CLOSED):
            lines += self._trade_lines(p, None if happened & SENT else base)
        if happened & REFUSED:
            lines.append(("decision", base | {"what": "refused", "refusals": self._refused(p)}))
        if lines:
            self._write(p, lines)
        if happened & STOPPED:
            self.guard.set("drawdown_stop", True)
        if sent is not None and self.orders is not None:
            self.orders.send(p, sent)

    def _decision(self, order: Any) -> dict[str, Any]:
        what = "entry" if order["trade"] < 0 else "exit"
        return {
            "what": what,
            "side": _SIDES[int(order["side"])],
            "reason": None if what == "entry" else _REASONS[int(order["reason"])],
            "trade": int(order["trade"]),
            "s_bps": float(order["spread_bps"]),
            "notional": float(order["notional_usd"]),
        }

    def _trade_lines(self, p: int, decided: dict[str, Any] | None = None) -> list[tuple[str, dict[str, Any]]]:
        """Return the lines of trades that were opened and closed since last asked.

        `decided` is what begins the line of a decision, where decision and fill are one.
        """
        desk, lane = self.desk, self.lanes[p]
        now = desk.open_ids(p)
        lines: list[tuple[str, dict[str, Any]]] = []
        for trade in [t for t in lane.open if t not in now]:
            record = plain_record(desk.trades[trade])
            if decided is not None and record["exit_index"] == decided["row"]:
                lines.append(("decision", decided | _of_trade("exit", trade, record)))
            lines.append(("trade_closed", {"pair": lane.config.name, "trade": trade, "record": record}))
            lane.pnl += record["pnl_usd"]
            lane.closed += 1
        for trade in [t for t in now if t not in lane.open]:
            record = plain_record(desk.trades[trade])
            if decided is not None:
                lines.append(("decision", decided | _of_trade("entry", trade, record)))
            lines.append(("trade_opened", {"pair": lane.config.name, "trade": trade, "record": record}))
            lane.opened += 1
        lane.open = now
        if self.on_trade is not None:
            for kind, fields in lines:
                if kind.startswith("trade_"):
                    self.on_trade(kind, p, fields)
        return lines

    def _refused(self, p: int) -> list[str]:
        """Return the names of the refusals counted since last asked."""
        lane, now = self.lanes[p], self.desk.states[p]["rejected"].tolist()
        names = [REFUSALS.get(k, str(k)) for k in range(len(now)) if now[k] > lane.rejected[k]]
        lane.rejected = now
        self.refusals.update(names)
        return names

    def _write(self, p: int, lines: list[tuple[str, dict[str, Any]]]) -> None:
        """Write lines and the state after them at once; the intent of an order puts them onto the disk."""
        lines.append(("checkpoint", self.desk.snapshot(p)))
        self.journal.extend(lines)

    def _weighed(self, ts: int, now: dict[str, Any]) -> None:
        self.journal.append("weights", row_ts=ts, **now)

    def _guarded(self, scope: str, state: Any, reasons: tuple[str, ...]) -> None:
        name = "pair" if scope else "desk"
        self._note("guard", scope=name, pair=scope or None, state=state.name.lower(), reasons=list(reasons))

    def flatten(self, wanted: bool = True) -> None:
        """Leave every open trade on the next tradable row of its pair, whatever the rules say."""
        self._flattening = wanted

    def _leave_all(self, p: int) -> None:
        """Send an exit for every open trade of a pair that has none on its way, on the row taken in last."""
        desk, lane = self.desk, self.lanes[p]
        number = desk.row_number(p)
        waiting = set(desk.orders(p)["trade"].tolist())
        for trade in [t for t in lane.open if t not in waiting]:
            desk.force_exit(p, trade, int(ExitReason.END_OF_DATA))
            if self.orders is None:
                row, k = desk.last_row(p), desk.order_at(p, number, trade)
                on_ab = desk.trades[trade]["side"] == Side.LONG_A_SHORT_B
                prices = (row["bid_a"], row["ask_b"]) if on_ab else (row["bid_b"], row["ask_a"])
                desk.filled(p, k, (float(prices[0]), float(prices[1]), 0.0, 0.0))
        lines: list[tuple[str, dict[str, Any]]] = []
        sent = desk.orders(p)[desk.orders(p)["row"] == number]
        base = {"pair": lane.config.name, "row": number, "row_ts": int(desk.last_row(p)["ts"])}
        lines += [("decision", base | self._decision(order) | {"why": "flatten"}) for order in sent]
        lines += self._trade_lines(p, base | {"why": "flatten"})
        if lines:
            self._write(p, lines)
        if self.orders is not None and sent.size:
            self.orders.send(p, sent)

    # Going on after a crash.

    def take_up(self, p: int, closed: int, pnl: float, open_ids: Sequence[int]) -> None:
        """Take up the counts of a pair: how many trades are closed, what they earned, and the open ones."""
        lane = self.lanes[p]
        lane.open = list(open_ids)
        lane.closed, lane.pnl = closed, pnl
        lane.opened = lane.closed + len(lane.open)
        lane.rejected = self.desk.states[p]["rejected"].tolist()
        counted = {REFUSALS.get(k, str(k)): count for k, count in enumerate(lane.rejected) if count}
        self.refusals.update(counted)

    def redo(self, p: int, row: Any, ladder: Any) -> None:
        """Put a row of the tape through the rules again that was not yet in the state taken up.

        `orders` is None meanwhile: what would be sent now was decided long ago.
        """
        plain = row.item()
        self.desk.push(p, plain, ladder)
        if self.funding is not None and _is_tradable(plain):
            self._book_funding(p, plain)
        happened = self.desk.decide(p)
        if happened > STEPPED:
            self._happened(p, happened)

    def close(self) -> None:
        """Close the tapes."""
        for lane in self.lanes:
            lane.tape.close()

    @property
    def halted(self) -> bool:
        """Whether the whole desk is halted."""
        return int(self.guard.desk) == HALTED


def _is_tradable(row: tuple[Any, ...]) -> bool:
    return bool(0.0 < row[1] < row[2] < math.inf and 0.0 < row[3] < row[4] < math.inf)


def _of_trade(what: str, trade: int, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": what,
        "side": _SIDES[record["side"]],
        "reason": _REASONS[record["reason"]] if what == "exit" else None,
        "trade": trade,
        "s_bps": record["entry_spread_bps"] if what == "entry" else record["unwind_bps"],
        "x_bps": record["entry_signal_bps"] if what == "entry" else record["exit_spread_bps"],
        "notional": record["notional_usd"],
    }
