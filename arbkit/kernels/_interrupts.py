"""Ctrl-C while kernels are compiled: it waits for the end of a step of the compiler.

Between two lines of llvmlite both sides own the same module: a KeyboardInterrupt there can leave it to be
freed twice, which is the likely cause of the `double free or corruption` seen after Ctrl-C during
compilation. While numba holds its lock, the first Ctrl-C is only noted. It counts between two passes of the
compiler, which may take some seconds; a second one counts at once, and so does one while another process
has the turn to compile.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Final

from numba.core import event

__all__ = ["defer_interrupts"]

_LOCK: Final = "numba:compiler_lock"
_PASS: Final = "numba:run_pass"
#: Where a process waits for another one that compiles.
_WAITING: Final = "arbkit.kernels._cache"


class _Deferred(event.Listener):
    """Notes Ctrl-C while this thread, the main one, holds the lock of the compiler."""

    def __init__(self) -> None:
        self._depth = 0
        self._handler: Any = None
        self._asked = False

    def on_start(self, event: Any) -> None:
        """Begin to note, or go on; raise what was noted before another pass begins."""
        if threading.current_thread() is not threading.main_thread():
            return
        if event.kind == _PASS:
            self._raise()
            return
        if self._depth == 0 and callable(signal.getsignal(signal.SIGINT)):
            self._handler = signal.signal(signal.SIGINT, self._note)
        self._depth += 1

    def on_end(self, event: Any) -> None:
        """Raise what was noted; without the lock leave Ctrl-C as it was."""
        if threading.current_thread() is not threading.main_thread():
            return
        if event.kind == _LOCK:
            self._depth -= 1
            if self._depth == 0:
                self._restore()
        else:
            self._raise()

    def _note(self, number: int, frame: FrameType | None) -> None:
        waits = frame is not None and frame.f_globals.get("__name__") == _WAITING
        again, self._asked = self._asked, True
        if again or waits:
            self._raise(frame)

    def _restore(self) -> None:
        if self._handler is not None:
            signal.signal(signal.SIGINT, self._handler)
        handler, self._handler = self._handler, None
        if self._asked:
            self._asked = False
            handler(signal.SIGINT, None)

    def _raise(self, frame: FrameType | None = None) -> None:
        if self._asked:
            self._asked = False
            self._handler(signal.SIGINT, frame)


def defer_interrupts() -> None:
    """Let Ctrl-C wait while numba compiles, in this process from now on."""
    deferred = _Deferred()
    for kind in (_LOCK, _PASS):
        event.register(kind, deferred)
