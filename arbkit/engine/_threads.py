"""Work in parts, several at once: kernels release the interpreter lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from arbkit.errors import ConfigError

__all__ = ["at_once", "thread_count", "whole"]

_P = TypeVar("_P")


def thread_count(threads: int | None, most: int | None = None) -> int:
    """Return how many threads to use: as many as asked for, or one per core, and no more than `most`.

    Raises:
        ConfigError: when `threads` is not a whole number from 1 on.
    """
    if threads is None:
        threads = os.cpu_count() or 1
    else:
        whole("threads", threads, 1, "; leave it out for one per core")
    return threads if most is None else max(1, min(threads, most))


def at_once(work: Callable[[_P], None], parts: Iterable[_P], threads: int) -> None:
    """Do work on every part, so many of them at the same time."""
    if threads <= 1:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, parts))


def whole(name: str, value: Any, least: int, remedy: str = "") -> None:
    """Refuse what is no whole number from `least` on.

    Raises:
        ConfigError: with the name, the value and, where there is one, the remedy.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ConfigError(f"`{name}` must be a whole number, at least {least}, was {value!r}{remedy}")
