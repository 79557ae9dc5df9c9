"""Funding of perpetual legs: payments become known, and are booked by the rules of the engine.

A long pays, and a short receives, the rate times its size times the venue's last tradable mid at or before
the payment. It is booked on the first tradable row on which it is known, before anything else is done there:
the row that the engine books it on where it was known ahead (a replay), a few seconds later where the venue
had to be asked. A trade that was closed in between keeps its PnL, and the balance gets what it was paid.
"""

from __future__ import annotations

import asyncio
import math
import time
from bisect import insort
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from arbkit._typing import PathLike
from arbkit.live.config import LiveConfig, PairConfig
from arbkit.live.decide import Desk
from arbkit.live.tape import Tape, read_tape
from arbkit.units import MINUTE_NS, SECOND_NS
from arbkit.venues import VenueError
from arbkit.venues.feeds import MarketData

__all__ = ["FundingBook", "Payment", "follow_funding", "perpetual_legs", "recorded_payments", "told_by"]

#: How often a venue is asked what it paid once a payment is due, and at most otherwise.
_ASK_S: Final = 2.0
_LOOK_S: Final = 60.0
#: A payment that is not told for so long after it was due is asked for with the next one.
_PATIENCE_NS: Final = 10 * MINUTE_NS
#: An account's own line is waited for so long, and may be stamped so far from the payment.
_WAIT_NS: Final = MINUTE_NS

_Key = tuple[str, str]


class Payment(NamedTuple):
    """What was paid at `ts`: the rate, and the amount in the venue's currency where the account tells it."""

    ts: int
    rate: float
    paid: float | None = None


class _Lane:
    """What a pair has to know of funding."""

    def __init__(self, pair: PairConfig, tape: Tape) -> None:
        self.name = pair.name
        self.keys: dict[_Key, int] = {}
        if pair.params.funding:
            self.keys = {(pair.venue_a, pair.symbol_a): 0, (pair.venue_b, pair.symbol_b): 1}
        self.tape = tape
        self.waiting: list[tuple[int, int, Payment]] = []
        self.booked: set[tuple[int, int]] = set()
        self.last: tuple[Any, ...] | None = None


class FundingBook:
    """Books what perpetual legs pay on the trades of a desk.

    Args:
        desk: whose trades they are.
        pairs: with `params.funding` where it is accounted.
        tapes: of the pairs.
    """

    def __init__(self, desk: Desk, pairs: Iterable[PairConfig], tapes: Iterable[Tape]) -> None:
        self._desk = desk
        self._lanes = [_Lane(pair, tape) for pair, tape in zip(pairs, tapes, strict=True)]
        self.needed = any(lane.keys for lane in self._lanes)

    def know(self, venue: str, symbol: str, payment: Payment) -> None:
        """Take a payment; each counts once."""
        for lane in self._lanes:
            leg = lane.keys.get((venue, symbol))
            if leg is not None and (payment.ts, leg) not in lane.booked:
                lane.booked.add((payment.ts, leg))
                insort(lane.waiting, (payment.ts, leg, payment))

    def waiting(self, p: int) -> list[Payment]:
        """Return the payments of a pair that no row has booked yet."""
        return [payment for _, _, payment in self._lanes[p].waiting]

    def taken_up(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Take note of what the journal says was booked in an earlier life."""
        lanes = {lane.name: lane for lane in self._lanes}
        for line in lines:
            lanes[line["pair"]].booked.add((line["paid_ts"], line["leg"]))

    def on_row(self, p: int, row: tuple[Any, ...]) -> list[dict[str, Any]]:
        """Book what is due on a tradable row, taken in last; returns the fields of the journal's lines.

        Args:
            p: the pair.
            row: the fields of `LIVE_ROW_DTYPE`.
        """
        lane, lines = self._lanes[p], []
        while lane.waiting and lane.waiting[0][0] <= row[0]:
            _, leg, payment = lane.waiting.pop(0)
            lines.append(self._booked(p, lane, leg, payment, row))
        if lane.keys:
            lane.last = row
        return lines

    def _booked(
        self, p: int, lane: _Lane, leg: int, payment: Payment, row: tuple[Any, ...]
    ) -> dict[str, Any]:
        """Book one payment on the trades that were open at its time."""
        opened, closed = self._holders(p, payment.ts)
        at = self._row_at(lane, payment.ts, row) if opened or closed else None
        mid = None if at is None else (at[1 + 2 * leg] + at[2 + 2 * leg]) / 2
        flows = {} if mid is None else self._flows([*opened, *closed], leg, payment.rate * mid)
        rule = flows
        if payment.paid is not None and flows:
            flows = self._as_paid(rule, payment.paid * row[7 + leg])
        booked = [(trade, flows[trade], rule[trade]) for trade in opened if trade in flows]
        late = [(trade, flows[trade], rule[trade]) for trade in closed if trade in flows]
        for trade, usd, _ in booked:
            self._desk.pay(p, trade, usd)
        if late:
            self._desk.charge(-sum(usd for _, usd, _ in late))
        return {
            "pair": lane.name, "row": self._desk.row_number(p), "row_ts": row[0], "paid_ts": payment.ts,
            "leg": leg, "rate": payment.rate, "mid": mid, "by_rule": sum(rule.values()),
            "paid": sum(flows.values()), "trades": booked, "late": late,
        }  # fmt: skip

    def _holders(self, p: int, ts: int) -> tuple[list[int], list[int]]:
        """Return the trades that were open at a time: those that still are, and those that are not."""
        trades, desk = self._desk.trades, self._desk
        opened = [trade for trade in desk.open_ids(p) if trades[trade]["entry_ts"] < ts]
        closed = [
            trade
            for trade, owner in enumerate(desk.pair_of)
            if owner == p and trades[trade]["exit_index"] >= 0
            and trades[trade]["entry_ts"] < ts <= trades[trade]["exit_ts"]
        ]  # fmt: skip
        return opened, closed

    def _flows(self, trades: list[int], leg: int, amount: float) -> dict[int, float]:
        """Return what each trade receives, in the operations of `kernels.funding.book_funding`."""
        flows = {}
        for trade in trades:
            record = self._desk.trades[trade]
            flow = amount * float(record["size"])
            flows[trade] = -flow if int(record["side"]) == leg else flow
        return flows

    @staticmethod
    def _as_paid(flows: dict[int, float], paid: float) -> dict[int, float]:
        """Share what the account was really paid out in the proportions of the rule."""
        total = sum(flows.values())
        if total == 0:
            return {trade: paid / len(flows) for trade in flows}
        return {trade: paid * flow / total for trade, flow in flows.items()}

    @staticmethod
    def _row_at(lane: _Lane, ts: int, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the last tradable row at or before a time, as far as there is one."""
        if row[0] == ts:
            return row
        if lane.last is not None and lane.last[0] <= ts:
            return lane.last
        rows, _ = read_tape(lane.tape.folder, lane.tape.levels)
        good = (rows["bid_a"] > 0) & (rows["bid_a"] < rows["ask_a"]) & (rows["ask_a"] < math.inf)
        good &= (rows["bid_b"] > 0) & (rows["bid_b"] < rows["ask_b"]) & (rows["ask_b"] < math.inf)
        rows = rows[good & (rows["ts"] <= ts)]
        return rows[-1].item() if rows.size else None


def perpetual_legs(config: LiveConfig) -> list[_Key]:
    """Return the perpetuals among the legs whose funding is accounted."""
    legs = [
        leg
        for pair in config.pairs
        if pair.params.funding
        for leg in ((pair.venue_a, pair.symbol_a), (pair.venue_b, pair.symbol_b))
    ]
    return [leg for leg in dict.fromkeys(legs) if leg[0] == "binance_usdm"]


def recorded_payments(dataset: PathLike, book: FundingBook, config: LiveConfig) -> None:
    """Tell a book the payments that the dataset of a replay holds."""
    from arbkit.data import open_dataset

    source = open_dataset(dataset)
    if "funding" not in source.tables:
        return
    legs = set(config.legs)
    for ts, venue, symbol, rate in (
        source.table("funding").select("ts", "venue", "symbol", "rate").with_columns(_ns()).iter_rows()
    ):
        if f"{venue}/{symbol}" in legs:
            book.know(venue, symbol, Payment(ts, rate))


def _ns() -> Any:
    import polars as pl

    return pl.col("ts").to_physical()


#: Says what an account was paid for a venue's symbol since a time, by time.
Told = Callable[[str, str, int], Awaitable[Mapping[int, float]]]


def told_by(clients: Mapping[str, Any], before: Callable[[str, str], Any]) -> Told:
    """Return who asks the clients of venues what the account was paid, where they can tell.

    A position that was there `before` the run is paid for, too: then nobody says which part is the run's.
    """

    async def told(venue: str, symbol: str, since_ns: int) -> Mapping[int, float]:
        ask = getattr(clients[venue], "funding_paid", None)
        if ask is None or before(venue, symbol):
            return {}
        found: Mapping[int, float] = await ask(symbol, since_ns)
        return found

    return told


async def follow_funding(
    config: LiveConfig,
    book: FundingBook,
    since_ns: int,
    trouble: Callable[[str, str], None],
    told: Told | None = None,
) -> None:
    """Ask the venues what was paid, soon after each payment is due, until cancelled.

    Args:
        config: of the run.
        book: told of payments.
        since_ns: payments from then on count.
        trouble: called with a venue and what went wrong there.
        told: says what the account was really paid, where there is one.
    """
    from arbkit.live.feeds import open_states

    wanted = perpetual_legs(config)
    sources = {name: data for name, data in open_states(config).items() if name in {v for v, _ in wanted}}
    since, due = dict.fromkeys(wanted, since_ns), dict.fromkeys(wanted, 0)
    try:
        while True:
            for venue, data in sources.items():
                own = [key for key in wanted if key[0] == venue]
                try:
                    for key in own:
                        if time.time_ns() >= due[key]:
                            await _ask(data, book, key, since, told)
                    coming = await data.upcoming_funding([symbol for _, symbol in own])
                except (VenueError, LookupError, TypeError, ValueError) as error:
                    trouble(venue, str(error) if isinstance(error, VenueError) else repr(error))
                    continue
                for key in own:
                    _schedule(key, coming, since, due)
            now = time.time_ns()
            ahead = min((moment for moment in due.values() if moment > now), default=now)
            await asyncio.sleep(min(max((ahead - now) / SECOND_NS, _ASK_S), _LOOK_S))
    finally:
        for data in sources.values():
            await data.close()


async def _ask(
    data: MarketData, book: FundingBook, key: _Key, since: dict[_Key, int], told: Told | None
) -> None:
    """Take what was paid since last asked; what the account has not told yet is waited for."""
    paid = {} if told is None else await told(*key, since[key] - _WAIT_NS)
    for item in await data.funding(key[1], since[key]):
        amount = next((amount for ts, amount in paid.items() if abs(ts - item.ts) < _WAIT_NS), None)
        if told is not None and amount is None and time.time_ns() - item.ts < _WAIT_NS:
            return
        book.know(*key, Payment(item.ts, item.rate, amount))
        since[key] = max(since[key], item.ts + 1)


def _schedule(key: _Key, coming: Mapping[str, Any], since: dict[_Key, int], due: dict[_Key, int]) -> None:
    """Set when a symbol is asked for next: when its next payment is due, at once while one is missing."""
    now, item = time.time_ns(), coming.get(key[1])
    missing = since[key] <= due[key] <= now < due[key] + _PATIENCE_NS
    if item is not None and not missing:
        due[key] = item.next_ts
