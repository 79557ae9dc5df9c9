"""`ReplayFeed`: the books of a dataset as a feed brings them; the same run every time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from arbkit._typing import FloatArray, IntArray, PathLike
from arbkit.errors import ConfigError
from arbkit.live.replay_loop import ReplayLoop
from arbkit.panel._time import to_ns
from arbkit.venues import BookEvent, MarketSink

if TYPE_CHECKING:
    from arbkit.data import Dataset

__all__ = ["MomentSink", "ReplayFeed"]

#: Other tasks get a turn after so many moments.
_BREATHE: Final = 64


class MomentSink(Protocol):
    """Takes all books of one moment together: of equal stamps a panel has one row."""

    def on_moment(self, events: Sequence[BookEvent]) -> None:
        """Take the books of one stamp."""


class _Leg:
    """The books of one instrument as arrays."""

    def __init__(self, dataset: Dataset, leg: str, levels: int, start: int | None, end: int | None) -> None:
        import polars as pl

        info = dataset.instrument(leg)
        if info.is_candle:
            raise ConfigError(f"a replay needs books, {info.leg} are candles")
        self.venue, self.symbol = info.venue, info.symbol
        depth = min(max(1, levels), info.levels)
        names = [
            f"{side}_{what}_{n:02d}" for side in ("bid", "ask") for n in range(depth) for what in ("px", "sz")
        ]
        wanted = [pl.col(name).fill_null(math.nan) for name in names]
        rows = dataset.scan(info.leg, start_ns=start, end_ns=end)
        frame = rows.select(pl.col(info.clock).to_physical().alias("ts"), *wanted).collect()
        self.ts: IntArray = frame["ts"].to_numpy()
        wide = frame.select(names).to_numpy().reshape(len(frame), 2, depth, 2)
        self.bids: FloatArray = wide[:, 0]
        self.asks: FloatArray = wide[:, 1]

    def event(self, n: int) -> BookEvent:
        """Return the n-th book; levels that are not there are left out."""
        ts = int(self.ts[n])
        bids = tuple((px, sz) for px, sz in self.bids[n].tolist() if px == px)
        asks = tuple((px, sz) for px, sz in self.asks[n].tolist() if px == px)
        return BookEvent(self.venue, self.symbol, ts, ts, bids, asks)


class ReplayFeed:
    """Brings the recorded books of a dataset in the order of their stamps.

    Args:
        dataset: folder of the dataset, or an open one.
        legs: instruments, "venue/symbol".
        levels: levels of each book.
        start, end: first time wanted and time to stop before, as in `load_panel`.
        every_moment: let other tasks do all that they can between any two moments, as orders must.

    Attributes:
        now_ns: the stamp of the last moment.
    """

    venue = "replay"

    def __init__(
        self,
        dataset: PathLike | Dataset,
        legs: Sequence[str],
        *,
        levels: int = 1,
        start: Any = None,
        end: Any = None,
        every_moment: bool = False,
    ) -> None:
        from arbkit.data import open_dataset

        source = open_dataset(dataset)
        begin = None if start is None else to_ns(start)
        stop = None if end is None else to_ns(end)
        self._legs = [_Leg(source, leg, levels, begin, stop) for leg in dict.fromkeys(legs)]
        self._every_moment = every_moment
        self._books = 0
        first = [int(leg.ts[0]) for leg in self._legs if leg.ts.size]
        self.now_ns = min(first) if first else 0
        self._loop: ReplayLoop | None = None
        self._moment_s = 0.0

    def clock(self) -> int:
        """Return the time of the replay, which is the clock of such a run; between moments it goes on."""
        passed_s = 0.0 if self._loop is None else self._loop.time() - self._moment_s
        return self.now_ns + round(passed_s * 1e9)

    def follow(self, loop: asyncio.AbstractEventLoop) -> ReplayLoop:
        """Let time pass with that of a loop from now on.

        Raises:
            ConfigError: when the loop lives by the wall clock.
        """
        if not isinstance(loop, ReplayLoop):
            raise ConfigError(
                "a replay needs a loop whose time is that of the recording, this one lives by the wall "
                "clock; use `LiveRunner.run_forever`, or run in an `arbkit.live.ReplayLoop`"
            )
        self._loop, self._moment_s = loop, loop.time()
        return loop

    async def run(self, sink: MarketSink | MomentSink, after: int = 0) -> None:
        """Bring all books later than a stamp, each when its time has come, then return.

        Raises:
            ConfigError: when the loop lives by the wall clock.
        """
        loop = self.follow(asyncio.get_running_loop())
        together = getattr(sink, "on_moment", None)
        began, first = loop.time(), 0
        for count, (ts, events) in enumerate(self.moments(after)):
            first = first or ts
            due = began + (ts - first) / 1e9
            if self._every_moment or count % _BREATHE == 0 or not loop.skip(due):
                await loop.until(due)
            self.now_ns, self._moment_s = ts, loop.time()
            self._books += len(events)
            if together is not None:
                together(events)
            else:
                for event in events:
                    sink.on_book(event)  # type: ignore[union-attr]

    def moments(self, after: int = 0) -> Iterator[tuple[int, list[BookEvent]]]:
        """Yield the books of each stamp together, in order of time."""
        ts = np.concatenate([leg.ts for leg in self._legs])
        owner = np.concatenate([np.full(leg.ts.size, n) for n, leg in enumerate(self._legs)])
        place = np.concatenate([np.arange(leg.ts.size) for leg in self._legs])
        order = np.argsort(ts, kind="stable")
        order = order[np.searchsorted(ts[order], after, side="right") :]
        events: list[BookEvent] = []
        for k in order.tolist():
            event = self._legs[int(owner[k])].event(int(place[k]))
            if events and event.ts_recv != events[0].ts_recv:
                yield events[0].ts_recv, events
                events = []
            events.append(event)
        if events:
            yield events[0].ts_recv, events

    def latest(self, ts: int) -> list[BookEvent]:
        """Return the last book of each instrument at or before a stamp."""
        places = [(leg, int(np.searchsorted(leg.ts, ts, side="right")) - 1) for leg in self._legs]
        return [leg.event(place) for leg, place in places if place >= 0]

    def stats(self) -> Mapping[str, Any]:
        """Return counters, as every feed does."""
        return {"books": self._books, "gaps": 0, "reconnects": 0, "malformed": 0}
