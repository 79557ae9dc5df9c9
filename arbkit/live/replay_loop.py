"""`ReplayLoop`: an asyncio loop whose time is that of the recording, so that a replay is the same every time.

Nothing waits in it. When everything that can happen at one instant has happened, the time jumps to the next
thing that is due: the delay of an order, a deadline, the next book. So what happens between two books is not
up to the machine, and a replay goes on as fast as it is worked through. With a `speed` each jump takes as
long as it should; what happens stays the same.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from typing import Final, TypeVar, TypeVarTuple

__all__ = ["ReplayLoop"]

#: A step that lets all that is due now happen first; below it two times are one for asyncio.
_INSTANT_S: Final = 2e-9
#: Longest wait for a socket that the system takes.
_LONG_S: Final = 86_400.0
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class _Jumping(selectors.DefaultSelector):
    """Looks at sockets and signals without waiting for them, and lets the time pass instead.

    Args:
        speed: seconds of the loop in one of the wall clock; 0 for no waiting.
    """

    def __init__(self, speed: float) -> None:
        super().__init__()
        self.now_s = 0.0
        self.speed = speed
        self.threads = 0
        self.alarms: list[tuple[float, int, asyncio.Future[None]]] = []
        self._began = time.monotonic()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready; where nothing is, `timeout` seconds have passed."""
        now = time.monotonic()
        if self._rang(now):
            timeout = 0.0
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        next_s = min(max(self.alarms[0][0] - now, 0.0), _LONG_S) if self.alarms else None
        if timeout is None or self.threads:
            return super().select(next_s)
        until = self.now_s + timeout
        wait_s = max(self._began + until / self.speed - now, 0.0) if self.speed > 0 else 0.0
        if next_s is not None and next_s < wait_s:
            return super().select(next_s)
        found = super().select(wait_s)
        if not found:
            self.now_s = until
        return found

    def _rang(self, now: float) -> bool:
        """Wake who waits by the wall clock; returns whether there was one."""
        rang = False
        while self.alarms and self.alarms[0][0] <= now:
            future = heapq.heappop(self.alarms)[2]
            if not future.done():
                future.set_result(None)
                rang = True
        return rang


class ReplayLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own: seconds since it was made, that pass only when nothing is left to do.

    Only what waits by the loop (`asyncio.sleep`, timeouts, `call_later`) takes time in it. Work on threads
    (`asyncio.to_thread`) takes none. Sockets work, but nobody waits for them.

    Args:
        speed: seconds of this clock in one of the wall clock; 0 for as fast as possible.
    """

    def __init__(self, speed: float = 0.0) -> None:
        self._jumping = _Jumping(speed)
        self._alarms = itertools.count()
        self._due: list[float] = []
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return the seconds that have passed."""
        return self._jumping.now_s

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call something at a time of this clock."""
        self._forget_past()
        heapq.heappush(self._due, when)
        return super().call_at(when, callback, *args, context=context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Call something on a thread; the time stands still meanwhile."""
        future = super().run_in_executor(executor, func, *args)
        self._jumping.threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    def _thread_ended(self, _: asyncio.Future[_T]) -> None:
        self._jumping.threads -= 1

    async def wall_sleep(self, seconds: float) -> None:
        """Wait by the wall clock, as for what people and disks want of a run."""
        future = self.create_future()
        alarm = (time.monotonic() + seconds, next(self._alarms), future)
        heapq.heappush(self._jumping.alarms, alarm)
        await future

    async def until(self, when: float) -> None:
        """Wait for a time, and for all that is due at it or before; an instant at least."""
        await asyncio.sleep(max(when - self.time(), _INSTANT_S))

    def skip(self, when: float) -> bool:
        """Go to a time at once, where nobody waits for an earlier one and nothing is paced; else do nothing.

        Tasks that could go on now get their turn later: only for work to which that makes no difference.
        """
        self._forget_past()
        if self._jumping.speed > 0 or self._jumping.threads or (self._due and self._due[0] <= when):
            return False
        self._jumping.now_s = max(self.time(), when)
        return True

    def _forget_past(self) -> None:
        """Let go of times that are over: in a long replay every book has one."""
        now = self.time()
        while self._due and self._due[0] <= now:
            heapq.heappop(self._due)
