"""State stores by URL."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from arbkit.errors import ConfigError, StorageError
from arbkit.live.stores.backend import StateBackend
from arbkit.live.stores.schema import PREFIX, StateEntry, kind_of
from arbkit.live.stores.store import StateStore

__all__ = ["DEFAULT_URL", "open_backend", "open_store", "read_state"]

DEFAULT_URL: Final = "sqlite:///runs/state.sqlite"
_SQLITE: Final = "sqlite:///"
_REDIS: Final = ("redis://", "rediss://")


def open_store(url: str = DEFAULT_URL, **options: Any) -> StateStore:
    """Open the state store of a run.

    A server that cannot be reached is no error: the store says so and catches up.

    Args:
        url: `sqlite:///FILE` (made when it is not there), `redis://HOST:PORT/DB` or `rediss://...`.
        options: `clock`, `say` and `room` of `StateStore`.

    Raises:
        ConfigError: for a URL of another form.
        MissingDependencyError: without the package that speaks to Redis.
    """
    return StateStore(open_backend(url), **options)


def read_state(url: str = DEFAULT_URL, *, clock: Callable[[], int] = time.time_ns) -> list[StateEntry]:
    """Return what a store holds now, sorted by key; nothing is written.

    Raises:
        ConfigError: for a URL that is none.
        StorageError: when the file is not there or the server cannot be reached.
    """
    if url.startswith(_SQLITE) and not Path(url.removeprefix(_SQLITE)).is_file():
        raise StorageError(f"a state store must exist to be read, there is no {url!r}; a live run writes one")
    backend = open_backend(url)
    try:
        return [item for item in backend.items(PREFIX, clock()) if kind_of(item.key)]
    finally:
        backend.close()


def open_backend(url: str) -> StateBackend:
    """Return the backend that a URL names."""
    if url.startswith(_REDIS):
        from arbkit.live.stores.redis_server import RedisState

        return RedisState(url, _shown(url))
    file = url.removeprefix(_SQLITE)
    if not url.startswith(_SQLITE) or not file:
        raise ConfigError(
            f"a state store must be sqlite:///FILE or redis://HOST:PORT/DB, was {_shown(url)!r}"
        )
    from arbkit.live.stores.sqlite import SqliteState

    return SqliteState(Path(file))


def _shown(url: str) -> str:
    """Return a URL without its user, password and options: those may hold a password too."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    place = rest.partition("?")[0].rpartition("@")
    return f"{scheme}://{'***@' if place[1] else ''}{place[2]}"
