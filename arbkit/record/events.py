"""What changes rarely and is asked for: filters, warnings, funding payments, as rows of the event tables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from arbkit.data.schema import EVENT_SCHEMAS
from arbkit.errors import ConfigError, nearest_names
from arbkit.units import DAY_NS
from arbkit.venues.feeds import MarketData
from arbkit.venues.protocol import GapEvent, Instrument, InstrumentState, VenueError

__all__ = ["EventRows", "VenueEvents", "frames_of", "state_row"]

#: Payments of so long before the start are fetched too: a panel may begin earlier than the funding it needs.
_FUNDING_BEFORE_NS: Final = DAY_NS
_FIELDS: Final = ("tick", "lot", "min_size", "max_size", "min_notional", "contract_size", "taker_fee")


class EventRows:
    """Rows of event tables that wait for the next flush."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {name: [] for name in EVENT_SCHEMAS}
        self.counts = dict.fromkeys(EVENT_SCHEMAS, 0)

    def add(self, table: str, row: dict[str, Any]) -> None:
        """Keep one row."""
        self._rows[table].append(row)
        self.counts[table] += 1

    def gap(self, event: GapEvent) -> None:
        """Keep a gap."""
        self.add(
            "gaps",
            {
                "ts": event.ts,
                "venue": event.venue,
                "symbol": event.symbol,
                "reason": event.reason,
                "detail": event.detail,
            },
        )

    def swap(self) -> dict[str, list[dict[str, Any]]]:
        """Hand over what waits."""
        rows, self._rows = self._rows, {name: [] for name in EVENT_SCHEMAS}
        return rows


def frames_of(rows: dict[str, list[dict[str, Any]]]) -> dict[str, pl.DataFrame]:
    """Return the rows as frames of their schemas."""
    return {
        name: pl.DataFrame(items, schema=EVENT_SCHEMAS[name], orient="row")
        for name, items in rows.items()
        if items
    }


class VenueEvents:
    """Asks one venue again and again, and keeps what is new.

    Args:
        data: the venue's public answers.
        symbols: what is recorded of it.
        rows: where to put what is found.
        clock: for the stamps of states and filters.
        say: told when the venue does not answer.
        states: asked for states instead of `data`, where more is told to who has a key.
    """

    def __init__(
        self,
        data: MarketData,
        symbols: Sequence[str],
        rows: EventRows,
        clock: Callable[[], int],
        say: Callable[[str], None],
        states: Callable[[Sequence[str]], Awaitable[Mapping[str, InstrumentState]]] | None = None,
    ) -> None:
        self._data = data
        self._symbols = tuple(symbols)
        self._rows = rows
        self._clock = clock
        self._say = say
        self._states = states or data.states
        self._known: dict[tuple[str, str], Any] = {}
        self._paid_until: dict[str, int] = {}
        self._due: dict[str, int] = {}
        self.failures = 0

    async def check_symbols(self) -> None:
        """Check that the venue lists the symbols; one that does not answer is not waited for.

        Raises:
            ConfigError: naming a symbol that there is not, and near ones.
        """
        try:
            listed = await self._data.instruments()
        except VenueError as error:
            self._failed(error)
            return
        for symbol in self._symbols:
            if symbol not in listed:
                near = nearest_names(symbol, listed)
                raise ConfigError(f"{self._data.venue} lists no {symbol}; {_shortened(near)}")

    async def run(self, every_s: float, funding_every_s: float) -> None:
        """Ask until cancelled."""
        next_states = 0.0
        loop = asyncio.get_running_loop()
        try:
            while True:
                if loop.time() >= next_states:
                    next_states = loop.time() + every_s
                    await self._try(self._read_states)
                await self._try(self._read_funding)
                await asyncio.sleep(funding_every_s)
        finally:
            await self._data.close()

    async def _try(self, what: Callable[[], Any]) -> None:
        try:
            await what()
        except VenueError as error:
            self._failed(error)

    def _failed(self, error: VenueError) -> None:
        self.failures += 1
        self._say(str(error))

    async def _read_states(self) -> None:
        for symbol, item in (await self._data.instruments(self._symbols)).items():
            self._keep("instruments", symbol, _instrument_row(item))
        for symbol, state in (await self._states(self._symbols)).items():
            self._keep("states", symbol, state_row(state))

    def _keep(self, table: str, symbol: str, row: dict[str, Any]) -> None:
        if self._known.get((table, symbol)) != row:
            self._known[table, symbol] = row
            stamp = {"ts": self._clock(), "venue": self._data.venue, "symbol": symbol}
            self._rows.add(table, stamp | row)

    async def _read_funding(self) -> None:
        """Read the payments of symbols whose next payment is due, or was never asked for."""
        coming = await self._data.upcoming_funding(self._symbols)
        now = time.time_ns()
        for symbol, item in coming.items():
            due = self._due.get(symbol)
            if due is None or item.next_ts != due or now > due:
                since = self._paid_until.get(symbol, now - _FUNDING_BEFORE_NS)
                for paid in await self._data.funding(symbol, since):
                    if paid.ts > self._paid_until.get(symbol, 0):
                        self._paid_until[symbol] = paid.ts
                        row = {"rate": paid.rate, "mark_price": paid.mark_price}
                        self._rows.add(
                            "funding", {"ts": paid.ts, "venue": paid.venue, "symbol": symbol} | row
                        )
                self._due[symbol] = item.next_ts

    def continue_from(self, funding: pl.DataFrame) -> None:
        """Take note of the payments that a dataset holds already."""
        mine = funding.filter(pl.col("venue") == self._data.venue)
        for symbol, ts in mine.group_by("symbol").agg(pl.col("ts").to_physical().max()).iter_rows():
            self._paid_until[symbol] = ts


def _shortened(text: str) -> str:
    return text if len(text) < 200 else f"it lists {text.count('`') // 2} others"


def _instrument_row(item: Instrument) -> dict[str, Any]:
    row: dict[str, Any] = {"base": item.base, "quote": item.quote, "kind": item.kind}
    row |= {name: float(getattr(item, name)) for name in _FIELDS}
    return row | {"trading": item.trading}


def state_row(state: InstrumentState) -> dict[str, Any]:
    """Return what the table of states says of a state."""
    return {
        "entry_ok": state.entry_ok,
        "trading": state.trading,
        "can_deposit": state.can_deposit,
        "can_withdraw": state.can_withdraw,
        "warnings": list(state.warnings),
    }
