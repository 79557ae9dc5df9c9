"""The books of a run on their way into a dataset, with the very stamps that the run decides by.

What `arbkit.load_panel` makes of that dataset are the rows of the run's tape. The disk may fail: then the
recording ends and says so, and the run goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from arbkit.errors import ArbkitError, ConfigError
from arbkit.live.config import LiveConfig
from arbkit.live.replay_loop import ReplayLoop
from arbkit.record import Recorder, RecordSpec, VenueSpec
from arbkit.venues import BookEvent, FeedStatus, GapEvent
from arbkit.venues.clock import wall_clock
from arbkit.venues.protocol import InstrumentState

__all__ = ["RunRecording"]

#: The end of a run waits so long for what was received to reach the disk.
_LAST_S: Final = 60.0


class RunRecording:
    """A recorder that is fed by a run.

    Args:
        config: the run's, with `record`.
        trouble: told, in words, what goes wrong.
        after: the stamp after which books of a replay come; None for live books.

    Raises:
        ConfigError: when a venue of the run cannot be recorded, or a replay would be recorded twice.
        DataError: when the folder cannot be continued.
    """

    def __init__(self, config: LiveConfig, trouble: Callable[[str], None], after: int | None = None) -> None:
        assert config.record is not None
        self.to = config.record.to
        self._trouble = trouble
        live, loop = after is None, asyncio.get_running_loop()
        pause = loop.wall_sleep if isinstance(loop, ReplayLoop) else asyncio.sleep
        self._recorder = Recorder(
            _spec(config), clock=wall_clock, say=trouble, fed=True, ask=live, goes_on=not live, pause=pause
        )
        self._alive = True
        self._task: asyncio.Future[Any] | None = None
        if after is not None and self._recorder.dataset.end_ns() > after:
            self._recorder.dataset.close()
            raise ConfigError(
                f"a replay is recorded once, {self.to} holds books later than its next; "
                "record to another folder"
            )

    def start(self) -> None:
        """Begin to write; books may come from now on."""
        self._task = asyncio.ensure_future(self._recorder.run())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._alive = False
        if not task.cancelled() and (error := task.exception()) is not None:
            text = str(error) if isinstance(error, (ArbkitError, OSError)) else repr(error)
            self._trouble(f"the recording has ended, the run goes on: {text}")

    def on_book(self, event: BookEvent) -> None:
        """Take a book that the run has decided on."""
        if self._alive:
            self._recorder.on_book(event)

    def on_gap(self, event: GapEvent) -> None:
        """Take note that a book is not known."""
        if self._alive:
            self._recorder.on_gap(event)

    def on_status(self, event: FeedStatus) -> None:
        """Leave what concerns connections to the run's journal."""

    def on_state(self, venue: str, symbol: str, state: InstrumentState) -> None:
        """Take whether entries make sense."""
        if self._alive:
            self._recorder.on_state(venue, symbol, state)

    async def close(self) -> None:
        """Write what was received and end; idempotent."""
        if self._task is None:
            self._recorder.dataset.close()
            return
        self._recorder.stop()
        await asyncio.wait([self._task], timeout=_LAST_S)

    def stats(self) -> dict[str, Any]:
        """Return what was recorded so far."""
        summary = self._recorder.summary()
        return {"to": str(self.to), "rows": summary.rows, "gaps": summary.gaps, "bytes": summary.bytes}


def _spec(config: LiveConfig) -> RecordSpec:
    symbols: dict[str, list[str]] = {}
    for leg in config.legs:
        venue, _, symbol = leg.partition("/")
        symbols.setdefault(venue, []).append(symbol)
    record, depth, venues = config.record, [config.levels], []
    assert record is not None
    for name, wanted in symbols.items():
        at = config.venues.get(name)
        if at is not None and config.replay is None:
            depth.append(at.depth)
        rest_url, ws_url = (None, None) if at is None else (at.rest_url, at.ws_url)
        venues.append(VenueSpec(venue=name, symbols=tuple(wanted), rest_url=rest_url, ws_url=ws_url))
    return RecordSpec(
        venues=tuple(venues),
        to=record.to,
        depth=max(depth),
        flush_ns=record.flush_ns,
        rotate_ns=record.rotate_ns,
        fx=False,
    )
