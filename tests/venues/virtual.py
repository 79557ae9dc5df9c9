"""A loop whose clock jumps to the next thing to do: hours pass in no time, always in the same order."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

Result = TypeVar("Result")
_START_NS: Final = 1_700_000_000 * 10**9


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing and remembers for how long it was asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("nothing is left that could happen")
        self.now_s += max(timeout, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop for what neither sockets nor threads take part in."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def clock(self) -> int:
        """Nanoseconds since the epoch, by this loop."""
        return _START_NS + round(self._jumping.now_s * 1e9)


def run_virtually(loop: VirtualLoop, act: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end on a loop of its own and close it."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(act)
