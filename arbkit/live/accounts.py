"""The venues' own accounts held against what a run believes: positions, other hands' trades, refused keys.

What a run holds is what it began with and its fills since. Where a venue says otherwise its trades are read
over REST: a liquidation, an order made by hand, a fill that the private stream has lost. Whatever remains
lets nothing be entered; what other hands have traded does so until a person starts the run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from arbkit.errors import ConfigError
from arbkit.live.session import Session
from arbkit.venues import Fill, OrderKeeper, OrderSide, TradingClient, VenueError
from arbkit.venues.orders import Order, OrderState

__all__ = ["KEY_CODES", "AccountWatch", "key_refused"]

#: What a venue says of a key that it will not take however often it is asked.
KEY_CODES: Final = frozenset(
    {"-1022", "-2014", "-2015", "invalid_access_key", "jwt_verification", "expired_access_key",
     "no_authorization_ip", "out_of_scope"}
)  # fmt: skip
_CHECK_S: Final = 30.0
_FIRST_PAUSE_S: Final = 1.0
#: How far before the last agreement the venue's trades are read: clocks differ, and fills are on their way.
_MARGIN_NS: Final = 60 * 10**9
_MOST_IDS: Final = 5
#: How long after the last word from a run a venue cancels its orders, where it offers that.
_SWITCH_S: Final = 120.0


class AccountWatch:
    """Compares positions every 30 s, and follows what the venues say of the keys.

    Args:
        session: whose guard is told.
        clients: by venue.
        keeper: whose fills are the run's.
        recorded: the journal as it was when the run began.
        clock: nanoseconds since the epoch.

    Attributes:
        ready: set while the accounts agree with the fills.
        refused: code of the key by venue, where the venue takes no order with it.
    """

    def __init__(
        self,
        session: Session,
        clients: Mapping[str, TradingClient],
        keeper: OrderKeeper,
        recorded: Sequence[Mapping[str, Any]],
        clock: Callable[[], int],
    ) -> None:
        self._session, self._clients, self._keeper, self._clock = session, clients, keeper, clock
        self._pair_of = {
            leg: lane.config.name
            for lane in session.lanes
            for leg in (
                (lane.config.venue_a, lane.config.symbol_a),
                (lane.config.venue_b, lane.config.symbol_b),
            )
        }
        self._baseline: dict[tuple[str, str], Decimal] = {}
        for line in recorded:
            if line["kind"] == "baseline":
                self._baseline = {(v, s): Decimal(size) for v, s, size in line["positions"]}
        self._agreed_ns = int(recorded[-1]["ts"]) if recorded else clock()
        self._foreign: dict[tuple[str, str], list[Fill]] = {}
        self._quiet = False
        self._unreadable: dict[str, str] = {}
        self._told_of: set[str] = set()
        self.refused: dict[str, str] = {}
        self.ready = asyncio.Event()

    def before(self, venue: str, symbol: str) -> Decimal:
        """Return the position that was there before the run."""
        return self._baseline.get((venue, symbol), Decimal(0))

    async def run(self) -> None:
        """Look again and again until cancelled: every 30 s, and ever more rarely where it does not agree."""
        pause = _FIRST_PAUSE_S
        while True:
            pause = _FIRST_PAUSE_S if await self.look() else min(2 * pause, _CHECK_S)
            await asyncio.sleep(_CHECK_S if self.ready.is_set() else pause)

    async def look(self) -> bool:
        """Hold the venues' positions against one's own fills; what does not agree lets nothing be entered.

        Returns:
            False where they do not agree, or a venue does not answer.
        """
        asked_ns = self._clock()
        held = await self._positions()
        if held is None or self._keeper.open:
            return held is not None
        if not self._baseline:
            self._begin(held)
        for leg, (holds, expected) in self._wrong(held).items():
            await self._search(*leg, holds - expected)
        texts = [
            f"{'/'.join(leg)} holds {holds}, by its fills {expected}"
            for leg, (holds, expected) in self._wrong(held).items()
        ]
        self._session.guard.set("reconciling", bool(texts), detail="; ".join(texts))
        if texts:
            self._session.tell("; ".join(texts) + "; nothing is entered until they agree")
            self.ready.clear()
        else:
            self._agreed_ns = asked_ns
            self.ready.set()
        return not texts

    async def _positions(self) -> dict[str, Mapping[str, Decimal]] | None:
        """Return what the venues hold, None where one does not say."""
        held = {}
        for venue, client in self._clients.items():
            try:
                held[venue] = await client.positions()
            except VenueError as error:
                if error.code in KEY_CODES:
                    self._unreadable[venue] = error.code
                    self._tell_keys()
                self._session.guard.set("reconciling", True, detail=str(error))
                self.ready.clear()
                return None
            if self._unreadable.pop(venue, None) is not None:
                self._tell_keys()
        return held

    def _begin(self, held: Mapping[str, Mapping[str, Decimal]]) -> None:
        """Take the positions that the run begins with into its journal."""
        own = self._keeper.ledger.positions
        self._baseline = {
            (venue, symbol): Decimal(held[venue].get(symbol, 0)) - own[venue, symbol]
            for venue, symbol in self._pair_of
        }
        lines = [(venue, symbol, str(size)) for (venue, symbol), size in self._baseline.items()]
        self._session.journal.append("baseline", sync=True, positions=lines)

    def _wrong(
        self, held: Mapping[str, Mapping[str, Decimal]]
    ) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        """Return positions that are not what the fills make of them: what is held, what should be."""
        found = {}
        for leg in self._pair_of:
            venue, symbol = leg
            expected = self._baseline.get(leg, Decimal(0)) + self._keeper.ledger.positions[leg]
            holds = held[venue].get(symbol, Decimal(0))
            if abs(holds - expected) > self._crumb(venue, symbol):
                found[leg] = (holds, expected)
        return found

    def _crumb(self, venue: str, symbol: str) -> Decimal:
        instrument = self._keeper.instrument(venue, symbol)
        return max(Decimal(0) if instrument is None else instrument.lot, Decimal("1e-8"))

    async def _search(self, venue: str, symbol: str, difference: Decimal) -> None:
        """Read the venue's trades since it last agreed: what the private stream has not brought counts now.

        Trades of other hands count where the latest of them are the difference: an earlier one may have been
        part of what was held before.
        """
        known = {order.client_id for order in self._keeper.orders}
        try:
            fills = await self._clients[venue].executions(symbol, self._agreed_ns - _MARGIN_NS, known)
        except VenueError as error:
            self._session.trouble("executions", str(error), venue=venue)
            return
        crumb = self._crumb(venue, symbol)
        strange: list[Fill] = []
        for fill in sorted(fills, key=lambda fill: fill.ts, reverse=True):
            if self._keeper.has_counted(fill):
                continue
            if self._keeper.owner(fill) is not None:
                difference -= _signed(fill)
                self._keeper.on_fill(fill)
            else:
                strange.append(fill)
        for count in range(1, len(strange) + 1):
            if abs(difference - sum(map(_signed, strange[:count]), Decimal(0))) <= crumb:
                self._quiet = True
                for fill in reversed(strange[:count]):
                    self._keeper.on_fill(fill)
                self._quiet = False
                self._say_foreign((venue, symbol))
                return

    # The dead man's switch.

    async def hold_switch(self) -> None:
        """Have venues that offer it cancel every open order two minutes after this process fell silent."""
        while True:
            await self._switch(_SWITCH_S)
            await asyncio.sleep(_SWITCH_S / 4)

    async def release_switch(self) -> None:
        """Take the switch back: a run that ends cleanly leaves the orders of other hands alone."""
        await self._switch(0.0)

    async def _switch(self, seconds: float) -> None:
        for venue, symbol in self._pair_of:
            ask = getattr(self._clients[venue], "cancel_all_after", None)
            if ask is None:
                continue
            try:
                await ask(symbol, seconds)
            except VenueError as error:
                self._session.tell(f"{venue}: the switch that cancels orders is not set: {error}")

    # What the keeper tells.

    def on_fill(self, order: Order | None, fill: Fill) -> None:
        """Take note of a trade that is of none of the run's orders."""
        leg = (fill.venue, fill.symbol)
        if order is not None or leg not in self._pair_of:
            return
        self._foreign.setdefault(leg, []).append(fill)
        if not self._quiet:
            self._say_foreign(leg)

    def _say_foreign(self, leg: tuple[str, str]) -> None:
        fills = self._foreign[leg]
        ids = ", ".join(fill.trade_id for fill in fills[:_MOST_IDS]) + (", ..." * (len(fills) > _MOST_IDS))
        text = (
            f"{'/'.join(leg)} differs by {sum(map(_signed, fills), Decimal(0)):+f} because of {len(fills)} "
            f"foreign {'fill' if len(fills) == 1 else 'fills'}: {ids}"
        )
        guard, pair = self._session.guard, self._pair_of[leg]
        guard.set("foreign_fills", False, scope=pair)
        guard.set("foreign_fills", True, scope=pair, detail=text)
        self._session.trouble(
            "foreign_fills", f"{text}; {pair} enters nothing until the run is started again", pair=pair
        )

    def on_end(self, order: Order) -> None:
        """Take note of whether the venue takes orders with the run's key."""
        refused = order.state is OrderState.REJECTED and order.code in KEY_CODES
        if refused:
            self.refused[order.venue] = order.code
        elif order.state is OrderState.REJECTED or self.refused.pop(order.venue, None) is None:
            return
        self._tell_keys()

    def _tell_keys(self) -> None:
        codes = self._unreadable | self.refused
        text = ", ".join(f"{venue} ({code})" for venue, code in codes.items())
        self._session.guard.set("key_refused", bool(codes), detail=text)
        for venue in set(codes) - self._told_of:
            self._session.trouble("key_refused", str(key_refused(venue, codes[venue])), venue=venue)
        self._told_of = set(codes)


def _signed(fill: Fill) -> Decimal:
    return fill.size if fill.side is OrderSide.BUY else -fill.size


def key_refused(venue: str, code: str) -> ConfigError:
    """Return what to say of a key that a venue does not take."""
    names = " and ".join(f"ARBKIT_{venue.upper()}_{part}" for part in ("KEY", "SECRET"))
    return ConfigError(
        f"{venue} refuses the key ({code}); check {names} (or its `keys_file`), and at the venue which "
        "permissions and addresses the key has"
    )
