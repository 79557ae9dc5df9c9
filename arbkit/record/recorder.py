"""The recorder: feeds in, a dataset out, made safe every few seconds."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final

from arbkit.data import InstrumentInfo
from arbkit.data.growing import GrowingDataset
from arbkit.data.ingest.book_rows import BookRows
from arbkit.errors import DataError
from arbkit.record.events import EventRows, VenueEvents, frames_of, state_row
from arbkit.record.raw import RawLog
from arbkit.record.spec import RecordSpec, VenueSpec
from arbkit.record.timing import Durations
from arbkit.units import SECOND_NS
from arbkit.venues.clock import Clock, StampClock
from arbkit.venues.feeds import Feed, FeedOptions, MarketData, open_feed, open_market_data
from arbkit.venues.feeds.feed import together
from arbkit.venues.protocol import BookEvent, FeedState, FeedStatus, GapEvent, InstrumentState
from arbkit.venues.upbit_client import UpbitClient

__all__ = ["RecordSummary", "Recorder"]

#: Rows that may wait while the disk does not take them; then the recording ends with an error.
_WAITING_LIMIT: Final = 1_000_000
#: A stored stamp may lie so far ahead of the clock, and stamps go on from it; beyond, the clock is wrong.
_AHEAD_NS: Final = 60 * SECOND_NS
#: Merging of small files may take this share of the time between two flushes.
_TIDY_SHARE: Final = 0.3
#: Reading goes on beside the writing thread: how long that one may keep the interpreter.
_SWITCH_S: Final = 0.0005


@dataclass(frozen=True)
class RecordSummary:
    """What a recording has brought: counts since its start, bytes on disk, delays in ms.

    `to_row_ms_p99` is from the read off the socket to the row; `lag_ms` the last delay of each venue's stamp.
    """

    seconds: float
    messages: int
    books: int
    rows: int
    gaps: int
    reconnects: int
    malformed: int
    dropped: int
    events: dict[str, int]
    files: int
    bytes: int
    raw_bytes: int
    flushes: int
    flush_ms_longest: float
    to_row_ms_p50: float | None
    to_row_ms_p99: float | None
    venues: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


async def _told(symbols: Sequence[str]) -> Mapping[str, InstrumentState]:
    """Return no states: they are told by who feeds the recorder."""
    return {}


def _client(item: VenueSpec) -> UpbitClient:
    assert item.keys is not None
    if item.rest_url is None:
        return UpbitClient(item.keys.key, item.keys.secret)
    return UpbitClient(item.keys.key, item.keys.secret, rest_url=item.rest_url)


class Recorder:
    """Records what `spec` names until `stop` is called, or `run` is cancelled.

        recorder = Recorder(RecordSpec(venues=(VenueSpec(venue="upbit", symbols=("KRW-BTC",)),), to=path))
        summary = await recorder.run(seconds=600)

    A book becomes a row at its receive time. Where a book is not known any more (a gap, a lost connection, a
    recording that went on later) stands a row without prices, so that no panel carries the last quote on.

    Args:
        spec: what to record.
        clock: where stamps come from.
        options: patience of the feeds.
        say: told, in words, of connections, refusals and venues that do not answer.
        fed: books come from outside, through `on_book` and `on_gap`, with stamps of the clock given; no feed
            is opened, and states of instruments come through `on_state`.
        ask: ask the venues for instruments, states and funding.
        goes_on: what is fed continues a dataset without a gap, so that none is marked.
        pause: waits so many seconds between two writes.

    Raises:
        ConfigError: when the spec breaks a rule.
        DataError: when the folder cannot be continued.
    """

    def __init__(
        self,
        spec: RecordSpec,
        *,
        clock: Clock | None = None,
        options: FeedOptions | None = None,
        say: Callable[[str], None] = lambda text: None,
        fed: bool = False,
        ask: bool = True,
        goes_on: bool = False,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.spec = spec
        self._pause = pause
        self._say = say
        self._fed, self._asks, self._goes_on = fed, ask, goes_on
        self._infos = {(info.venue, info.symbol): info for info in spec.instruments()}
        self.dataset = GrowingDataset(spec.to, source="recorded live", rotate_ns=spec.rotate_ns)
        try:
            self.dataset.check(self._infos.values())
            floor_ns = self._floor_ns()
            self.clock = clock or StampClock(floor_ns)
            self._raw = {item.venue: RawLog(spec.to, item.venue, spec.rotate_ns) for item in spec.venues}
            self._feeds = [] if fed else [self._feed(item, options) for item in spec.venues]
        except BaseException:
            self.dataset.close()
            raise
        self._rows = {key: BookRows(info.levels) for key, info in self._infos.items()}
        self._events = EventRows()
        self._asking: list[VenueEvents] = []
        self._states: dict[tuple[str, str], dict[str, Any]] = {}
        self._stop = asyncio.Event()
        self._to_row = Durations()
        self._started = time.monotonic()
        self._rows_written = 0
        self._flushes = 0
        self._flush_longest_s = 0.0
        self._pending: list[Any] = []
        self._troubles: dict[str, str] = {}

    @property
    def feeds(self) -> list[Feed]:
        """The feeds, one per venue."""
        return self._feeds

    # --- what the feeds bring ---

    def on_book(self, event: BookEvent) -> None:
        """Make a row of a book."""
        rows = self._rows[event.venue, event.symbol]
        rows.add(event.ts_event, event.ts_recv, event.bids, event.asks)  # type: ignore[arg-type]
        self._to_row.add(time.time_ns() - event.ts_recv)

    def on_gap(self, event: GapEvent) -> None:
        """Make a row without prices, and a row of the table of gaps."""
        self._rows[event.venue, event.symbol].add(None, event.ts, [], [])
        self._events.gap(event)

    def on_status(self, event: FeedStatus) -> None:
        """Say what concerns a whole connection."""
        if not event.symbol and event.state is not FeedState.TRUSTED:
            self._say(f"{event.venue}: {event.state.value}, {event.detail}")

    def on_state(self, venue: str, symbol: str, state: InstrumentState) -> None:
        """Make a row of the table of states, where it is another than before; for a recorder that is fed."""
        row = state_row(state)
        if self._states.get((venue, symbol)) != row:
            self._states[venue, symbol] = row
            self._events.add("states", {"ts": self.clock(), "venue": venue, "symbol": symbol} | row)

    # --- running ---

    def stop(self) -> None:
        """End the recording: what was received is written first."""
        self._stop.set()

    async def run(self, seconds: float | None = None) -> RecordSummary:
        """Record until stopped, cancelled, or for so many seconds; everything received is then on disk.

        Raises:
            ConfigError: when a venue does not list a symbol.
            DataError: when the disk does not take what was received.
        """
        switch = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        self._started = time.monotonic()
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="arbkit-record") as pool:
                await self._record(pool, seconds)
        finally:
            sys.setswitchinterval(switch)
            self.dataset.close()
        return self.summary()

    async def _record(self, pool: ThreadPoolExecutor, seconds: float | None) -> None:
        asked = self.spec.venues if self._asks else ()
        readers = [open_market_data(item.venue, item.rest_url) for item in asked]
        clients = {item.venue: _client(item) for item in self.spec.venues if item.keys is not None}
        try:
            self._asking = [self._asker(data, at, clients.get(data.venue)) for at, data in enumerate(readers)]
            if not self._fed:
                await asyncio.gather(*(asking.check_symbols() for asking in self._asking))
            if not self._goes_on:
                self._mark_restart()
            every_s = self.spec.events_ns / 1e9
            parts = [feed.run(self) for feed in self._feeds]
            parts += [asking.run(every_s, every_s / 10) for asking in self._asking]
            recording = asyncio.create_task(together(*parts, self._flush_for_ever(pool)))
            stopping = asyncio.create_task(self._stop.wait())
            try:
                await asyncio.wait(
                    [recording, stopping], timeout=seconds, return_when=asyncio.FIRST_COMPLETED
                )
            finally:
                stopping.cancel()
                recording.cancel()
                await asyncio.wait([recording])
                await asyncio.shield(self._last_flush(pool))
            if not recording.cancelled():
                recording.result()
        finally:
            await asyncio.gather(*(it.close() for it in readers), *(it.close() for it in clients.values()))

    def _asker(self, data: MarketData, at: int, client: UpbitClient | None) -> VenueEvents:
        symbols = self.spec.symbols_of(self.spec.venues[at])
        states = client.states if client is not None else _told if self._fed else None
        asking = VenueEvents(data, symbols, self._events, self.clock, self._say, states)
        manifest = self.dataset.manifest
        if manifest is not None and manifest.tables:
            from arbkit.data import Dataset

            asking.continue_from(Dataset(self.spec.to, manifest).table("funding"))
        return asking

    def _feed(self, item: Any, options: FeedOptions | None) -> Feed:
        return open_feed(
            item.venue,
            self.spec.symbols_of(item),
            depth=self.spec.depth,
            clock=self.clock,
            options=options,
            on_frame=self._raw[item.venue].take if self.spec.raw else None,
            **item.feed_options(),
        )

    def _floor_ns(self) -> int:
        """Return the stamp that the recording goes on from."""
        end = self.dataset.end_ns()
        ahead = end - time.time_ns()
        if ahead > _AHEAD_NS:
            raise DataError(
                f"{self.spec.to}: the dataset ends {ahead / 1e9:.0f} s after the present time; "
                "set the clock right, or record to another folder"
            )
        return end

    def _mark_restart(self) -> None:
        """Where a recording goes on, what happened meanwhile is not known."""
        for (venue, symbol), info in self._infos.items():
            end = self.dataset.end_ns(info.leg)
            if end:
                self.on_gap(GapEvent(venue, symbol, end + 1, "restart", "not recorded from here on"))

    # --- writing ---

    async def _flush_for_ever(self, pool: ThreadPoolExecutor) -> None:
        every_s = self.spec.flush_ns / 1e9
        while True:
            await self._pause(every_s)
            await self._flush(pool, every_s * _TIDY_SHARE)

    async def _flush(self, pool: ThreadPoolExecutor, tidy_s: float) -> None:
        started = time.monotonic()
        taken = self._take()
        loop = asyncio.get_running_loop()
        try:
            # A cancellation must not take from the thread what it has not begun to write.
            await asyncio.shield(loop.run_in_executor(pool, self._write, taken))
        except OSError as error:
            self._troubled("rows", error, "what comes waits, and is tried again with every flush")
            if self._waiting() > _WAITING_LIMIT:
                raise DataError(f"{self.spec.to}: the disk takes no more rows: {error}") from error
            return
        self._flushes += 1
        self._flush_longest_s = max(self._flush_longest_s, time.monotonic() - started)
        if self._troubles.pop("rows", ""):
            self._say(f"{self.spec.to}: the disk takes rows again, none was lost")
        await self._tidy(pool, tidy_s)

    async def _tidy(self, pool: ThreadPoolExecutor, tidy_s: float) -> None:
        """Merge small files; those that cannot be stay as they are."""
        try:
            await asyncio.get_running_loop().run_in_executor(pool, self.dataset.tidy, tidy_s)
        except (OSError, DataError) as error:
            self.dataset.check_there()
            self._troubled("merged files", error, "small ones stay")

    def _troubled(self, what: str, error: Exception, then: str) -> None:
        """Say what the disk does not take, once for each reason."""
        number = getattr(error, "errno", None)
        why = os.strerror(number) if number else str(error)
        if self._troubles.get(what) != why:
            self._troubles[what] = why
            self._say(f"{self.spec.to}: the disk takes no {what}: {why}; {then}")

    def _waiting(self) -> int:
        return sum(len(rows) for batch in self._pending for _, rows in batch[0])

    async def _last_flush(self, pool: ThreadPoolExecutor) -> None:
        await self._flush(pool, 2.0)
        if self._pending:
            raise DataError(
                f"{self.spec.to}: {self._waiting()} rows could not be written at the end: "
                f"{self._troubles['rows']}; what was written before is whole"
            )

    def _take(self) -> Any:
        """Take what was received since the last time, quickly; frames are made of it in the other thread."""
        full: list[tuple[InstrumentInfo, BookRows]] = []
        for key, rows in self._rows.items():
            if len(rows):
                full.append((self._infos[key], rows))
                self._rows[key] = BookRows(rows.levels)
        raw = [(log, *log.swap()) for log in self._raw.values()] if self.spec.raw else []
        return full, self._events.swap(), raw

    def _write(self, taken: Any) -> None:
        """Make everything taken live; what the disk refused before comes first."""
        self._pending.append(taken)
        self.dataset.check_there()  # or the raw frames would make the folder anew
        while self._pending:
            full, events, raw = self._pending[0]
            for log, first_ns, lines in raw:
                log.write(first_ns, lines)
                lines.clear()
            frames = [(info, rows.frame()) for info, rows in full]
            self._rows_written += self.dataset.commit(frames, frames_of(events))
            self._pending.pop(0)

    # --- telling ---

    def summary(self) -> RecordSummary:
        """Return what the recording has brought so far."""
        stats = {feed.venue: dict(feed.stats()) for feed in self._feeds}
        manifest = self.dataset.manifest
        files = [item.bytes for item in manifest.files] if manifest else []
        files += [item.bytes for item in manifest.tables] if manifest else []

        def total(name: str) -> int:
            return sum(item[name] for item in stats.values())

        return RecordSummary(
            seconds=time.monotonic() - self._started,
            messages=total("messages"),
            books=total("books"),
            rows=self._rows_written,
            gaps=self._events.counts["gaps"],
            reconnects=total("reconnects"),
            malformed=total("malformed"),
            dropped=sum(log.dropped for log in self._raw.values()),
            events=dict(self._events.counts),
            files=len(files),
            bytes=sum(files),
            raw_bytes=sum(log.bytes_written for log in self._raw.values()),
            flushes=self._flushes,
            flush_ms_longest=1e3 * self._flush_longest_s,
            to_row_ms_p50=self._to_row.percentile_ms(0.5),
            to_row_ms_p99=self._to_row.percentile_ms(0.99),
            venues=stats,
        )
