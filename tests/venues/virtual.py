"""Hours of venues in no time, always in the same order: a `ReplayLoop` with a clock and an end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from arbkit.live import ReplayLoop

Result = TypeVar("Result")
_START_NS: Final = 1_700_000_000 * 10**9
#: What is not over after so long waits for something that cannot happen.
_MOST_S: Final = 30 * 86_400.0


class VirtualLoop(ReplayLoop):
    """An event loop for what neither sockets nor threads take part in."""

    def clock(self) -> int:
        """Nanoseconds since the epoch, by this loop."""
        return _START_NS + round(self.time() * 1e9)


def run_virtually(loop: VirtualLoop, act: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on a loop of its own and close it; `TimeoutError` where it never ends."""

    async def limited() -> Result:
        async with asyncio.timeout(_MOST_S):
            return await act

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(limited())
