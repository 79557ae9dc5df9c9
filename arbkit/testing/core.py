"""What the venues of one practice exchange have in common."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from arbkit.testing.clock import ServerClock
from arbkit.testing.faults import Faults

__all__ = ["Core"]

_T = TypeVar("_T")


class Core:
    """What the venues of one exchange have in common: clock, faults, and the loop they run on."""

    def __init__(self, clock: ServerClock, *, limits: bool = True) -> None:
        self.clock = clock
        self.faults = Faults(clock)
        self.limits = limits
        self.loop: asyncio.AbstractEventLoop | None = None
        self.thread = 0

    def call(self, function: Callable[[], _T]) -> _T:
        """Run a function on the exchange's loop, from whichever thread, and return what it returns."""
        if self.loop is None or threading.get_ident() == self.thread:
            return function()

        async def run() -> _T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)
