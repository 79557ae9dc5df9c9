"""Writes finished trials behind the search: a thread of its own, blocks in order, each commit whole.

While one block is stored the next one is simulated. What a kill can cost is what waits, which is bounded.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

__all__ = ["WriteBehind"]

#: Blocks that may wait while one is being written.
_WAITING: Final = 1


class WriteBehind:
    """Runs what stores blocks, in the order it is put.

    Attributes:
        waited_s: seconds that `put` has waited in all.
    """

    def __init__(self) -> None:
        self.waited_s = 0.0
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="arbkit-writer", daemon=True)
        self._thread.start()

    def put(self, store: Callable[[], None]) -> None:
        """Hand over what stores the next block; waits while too many are not stored yet.

        Args:
            store: called in the thread, after those before it.

        Raises:
            ArbkitError: what storing an earlier block raised; nothing is stored after such an error.
        """
        self._raise()
        asked_at = time.monotonic()
        self._jobs.put(store)
        self.waited_s += time.monotonic() - asked_at

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Store what waits, also after Ctrl-C: every block in the queue is finished work."""
        self._jobs.put(None)
        self._thread.join()
        if error is None:
            self._raise()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (store := self._jobs.get()) is not None:
            if self._error is None:
                try:
                    store()
                except BaseException as error:  # handed to the thread that puts
                    self._error = error
