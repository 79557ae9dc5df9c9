"""The exchange's clock: it may run faster than ours, jump, and be wrong for a client."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from arbkit.errors import ConfigError
from arbkit.units import MS_NS, SECOND_NS

__all__ = ["ServerClock"]


class ServerClock:
    """Nanoseconds since the epoch as the exchange counts them; every limit and every timer runs on it.

    Args:
        speed: seconds of the exchange per second of ours; 60 closes an idle connection after 2 s.
        start_ns: what it shows at first; None takes the present.
    """

    def __init__(self, *, speed: float = 1.0, start_ns: int | None = None) -> None:
        if not 0 < speed <= 1e6:
            raise ConfigError(f"`speed` of a clock must be above 0 and at most 1e6, was {speed!r}")
        self._speed = speed
        self._origin = time.monotonic_ns()
        self._base = time.time_ns() if start_ns is None else start_ns
        self._sleepers: Final[set[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]]] = set()

    @property
    def speed(self) -> float:
        """Seconds of the exchange per second of ours."""
        return self._speed

    def now_ns(self) -> int:
        """Return the exchange's time, ns UTC."""
        return self._base + int((time.monotonic_ns() - self._origin) * self._speed)

    def now_ms(self) -> int:
        """Return the exchange's time, ms UTC."""
        return self.now_ns() // MS_NS

    def advance(self, seconds: float) -> None:
        """Jump; whoever sleeps on this clock wakes if its time has come. From any thread."""
        self._base += round(seconds * SECOND_NS)
        self._wake()

    def run_at(self, speed: float) -> None:
        """Go on at another speed, from any thread."""
        if not 0 < speed <= 1e6:
            raise ConfigError(f"`speed` of a clock must be above 0 and at most 1e6, was {speed!r}")
        self._base, self._origin, self._speed = self.now_ns(), time.monotonic_ns(), speed
        self._wake()

    async def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of the exchange."""
        await self.sleep_until(self.now_ns() + round(seconds * SECOND_NS))

    async def sleep_until(self, moment_ns: int) -> None:
        """Wait until the clock shows `moment_ns` or later."""
        loop = asyncio.get_running_loop()
        while (left := moment_ns - self.now_ns()) > 0:
            # No `asyncio.wait_for`: before Python 3.12 it may lose a cancellation that comes with the waking.
            woken = loop.create_future()
            entry = (loop, woken)
            timer = loop.call_later(left / SECOND_NS / self._speed, _finish, woken)
            self._sleepers.add(entry)
            try:
                await woken
            finally:
                timer.cancel()
                self._sleepers.discard(entry)

    def _wake(self) -> None:
        for loop, woken in tuple(self._sleepers):
            if not loop.is_closed():
                loop.call_soon_threadsafe(_finish, woken)


def _finish(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)
