"""State on a Redis server, for whoever else watches: each value a JSON text with a lifetime."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from arbkit.errors import ConfigError, MissingDependencyError, StorageError
from arbkit.live.stores.schema import Entry, StateEntry, decoded
from arbkit.units import MS_NS

__all__ = ["RedisState"]

#: A server that does not answer within this time counts as away.
_PATIENCE_S: Final = 2.0
_AT_ONCE: Final = 500


class RedisState:
    """Values as strings with a lifetime; one `MULTI`/`EXEC` writes any number of them.

    Nothing is sent twice by the client library: what was not confirmed is written again by the store, as the
    latest value, which is the same thing for a value that replaces another.
    """

    def __init__(self, url: str, shown: str) -> None:
        try:
            import redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry
        except ImportError as error:
            raise MissingDependencyError(
                "a redis:// state store needs a package that is not installed: pip install 'arbkit[live]'"
            ) from error
        self.url = shown
        self._made = 0
        self._faults: tuple[type[Exception], ...] = (redis.RedisError, OSError)
        options: dict[str, Any] = {
            "socket_timeout": _PATIENCE_S,
            "socket_connect_timeout": _PATIENCE_S,
            "retry": Retry(NoBackoff(), 0),
        }
        try:
            self._writer = redis.Redis.from_url(url, redis_connect_func=self._connected, **options)
            self._reader = redis.Redis.from_url(url, **options)
        except ValueError:
            raise ConfigError(f"a state store on Redis must be redis://HOST:PORT/DB, was {shown!r}") from None

    def write(self, entries: Sequence[Entry], now: int) -> None:
        """Write all entries in one transaction of the server."""
        with self._translated(), self._writer.pipeline(transaction=True) as pipe:
            for entry in entries:
                left = (entry.expires - now) // MS_NS
                if left > 0:
                    pipe.set(entry.key, entry.value, px=left)
            pipe.execute()

    def read(self, key: str, now: int) -> StateEntry | None:
        """Return one value that lives; the server counts its time."""
        del now
        with self._translated():
            found = self._fetch([key])
        return found[0] if found else None

    def items(self, prefix: str, now: int) -> list[StateEntry]:
        """Return the living values whose keys begin so."""
        del now
        with self._translated():
            found = self._reader.scan_iter(match=f"{prefix}*", count=_AT_ONCE)
            keys = sorted({key.decode("utf-8", "replace") for key in found})
            return [
                item
                for start in range(0, len(keys), _AT_ONCE)
                for item in self._fetch(keys[start : start + _AT_ONCE])
            ]

    def connections(self) -> int:
        """Return how often the writer has connected."""
        return self._made

    def close(self) -> None:
        """Close both connections."""
        self._writer.close()
        self._reader.close()

    def _fetch(self, keys: Sequence[str]) -> list[StateEntry]:
        with self._reader.pipeline(transaction=True) as pipe:
            for key in keys:
                pipe.get(key)
                pipe.pttl(key)
            answers = pipe.execute(raise_on_error=False)
        found = zip(keys, answers[::2], answers[1::2], strict=True)
        return [
            StateEntry(key, decoded(value), max(left, 0) / 1_000)
            for key, value, left in found
            if isinstance(value, bytes) and isinstance(left, int)
        ]

    def _connected(self, connection: Any) -> None:
        connection.on_connect()
        self._made += 1

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._faults as error:
            said = " ".join(str(error).split()) or type(error).__name__
            raise StorageError(f"the state store {self.url} cannot be used: {said}") from error
