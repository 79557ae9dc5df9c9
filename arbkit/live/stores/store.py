"""The state store of a run: takes values without waiting, and has a thread write them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from arbkit.live.stores._writer import Writer, room_for
from arbkit.live.stores.backend import StateBackend
from arbkit.live.stores.schema import (
    PREFIX,
    Entry,
    StateEntry,
    encoded,
    iso_time,
    key_of,
    kind_of,
    lifetime_of,
)
from arbkit.units import SECOND_NS, US_NS

__all__ = ["StateStore", "StoreStats"]

_LOGGER: Final = logging.getLogger(__name__)
#: What is put within this time of each other is written together.
_GATHER_S: Final = 0.02
#: Living values are looked through at least this often.
_LOOK_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_ROOM: Final = 2_000


class StoreStats(NamedTuple):
    """How a store is doing.

    Attributes:
        url: what it was opened with, without a password.
        available: whether the last attempt to write succeeded.
        away_s: for how long it has not been available.
        waiting: values not written yet.
        put, written: values put, and entries written (refreshed ones too).
        replaced: values that a later one of the same key overtook before they were written.
        dropped: values let go for want of room.
        failures: attempts that failed.
    """

    url: str
    available: bool
    away_s: float
    waiting: int
    put: int
    written: int
    replaced: int
    dropped: int
    failures: int


class StateStore:
    """The latest value of each key, written by a thread; no `put_...` ever waits for the store.

    While the store is away, which is said once, the latest value per key is kept, and everything that still
    lives is written when it is back; so it is when the connection was another one meanwhile, because a
    server that was started anew may be empty. What is put as `live` has its lifetime refreshed until it is
    put as not live any more; then it stays for one lifetime.

    Methods may be called from any thread. `get` and `items` read the store itself and do wait.

    Args:
        backend: where values lie.
        clock: nanoseconds since the epoch, for lifetimes.
        say: takes one line when the store goes away and when it returns, on the store's thread; default
            the log.
        room: how many values are kept at most.
    """

    def __init__(
        self,
        backend: StateBackend,
        *,
        clock: Callable[[], int] = time.time_ns,
        say: Callable[[str], None] = _LOGGER.warning,
        room: int = _ROOM,
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._room = room
        self._writer = Writer(backend, room, say)
        self._news: dict[str, Entry] = {}
        self._state = threading.Condition()
        self._put = self._done = self._replaced = self._dropped = 0
        self._closing = False
        self._last_execution: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name="arbkit-state", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"StateStore({self._backend.url!r})"

    @property
    def url(self) -> str:
        """What it was opened with, without a password."""
        return self._backend.url

    def put_price(self, venue: str, symbol: str, *, bid: float, ask: float, ts: int) -> None:
        """Put the best prices of one symbol, in its quote currency; `ts` nanoseconds since the epoch."""
        self._enter(key_of("prices", venue, symbol), {"bid": bid, "ask": ask, "mid": (bid + ask) / 2}, ts)

    def put_signal(
        self,
        symbol: str,
        *,
        buy_exchange: str,
        buy_price: float,
        sell_exchange: str,
        sell_price: float,
        spread: float,
        spread_pct: float,
        ts: int,
    ) -> None:
        """Put where an asset is bought and sold, at prices in the account currency, and what lies between."""
        fields = {
            "buy_exchange": buy_exchange,
            "buy_price": buy_price,
            "sell_exchange": sell_exchange,
            "sell_price": sell_price,
            "spread": spread,
            "spread_pct": spread_pct,
        }
        self._enter(key_of("signal", symbol), fields, ts)

    def put_order(self, order_id: str, fields: Mapping[str, Any], *, live: bool, ts: int) -> None:
        """Put an order; `live` until it has ended."""
        self._enter(key_of("orders", order_id), fields, ts, live=live)

    def put_position(self, symbol: str, fields: Mapping[str, Any], *, live: bool, ts: int) -> None:
        """Put a position; `live` while it is open."""
        self._enter(key_of("positions", symbol), fields, ts, live=live)

    def put_execution(self, symbol: str, fields: Mapping[str, Any], *, ts: int) -> None:
        """Put what became of one decision; keys of one symbol are at least a microsecond apart."""
        with self._state:
            ts = max(ts, self._last_execution.get(symbol, 0) + US_NS)
            self._last_execution[symbol] = ts
        self._enter(key_of("execution", symbol, iso_time(ts)), fields, ts)

    def put_metrics(
        self,
        *,
        total_balance: float | Decimal,
        available_balance: float | Decimal,
        positions_count: int,
        orders_count: int,
        daily_loss: float | Decimal,
        total_loss: float | Decimal,
        trades_today: int,
        ts: int,
        **more: Any,
    ) -> None:
        """Put how the run is doing, in the account currency; `more` fields stand beside the seven."""
        fields = {
            "total_balance": total_balance,
            "available_balance": available_balance,
            "positions_count": positions_count,
            "orders_count": orders_count,
            "daily_loss": daily_loss,
            "total_loss": total_loss,
            "trades_today": trades_today,
            **more,
        }
        self._enter(key_of("metrics", "live"), fields, ts)

    def heartbeat(self, component: str, *, ts: int, **more: Any) -> None:
        """Say that a component lives; it must say so again within a minute."""
        self._enter(key_of("heartbeat", component), more, ts)

    def get(self, kind: str, *names: str) -> dict[str, Any] | None:
        """Return the fields of one value as the store has it, such as `get("positions", "BTC")`; waits.

        Raises:
            StorageError: when the store cannot be read.
        """
        found = self._backend.read(key_of(kind, *names), self._clock())
        return None if found is None else found.value

    def items(self, kind: str | None = None) -> list[StateEntry]:
        """Return what the store holds, of one kind or all, sorted by key; waits.

        Raises:
            StorageError: when the store cannot be read.
        """
        prefix = PREFIX if kind is None else key_of(kind, "x")[:-1]
        return [item for item in self._backend.items(prefix, self._clock()) if kind_of(item.key)]

    def stats(self) -> StoreStats:
        """Return counters; never waits for the store."""
        with self._state:
            since = self._writer.away_since
            return StoreStats(
                url=self._backend.url,
                available=since is None,
                away_s=0.0 if since is None else (self._clock() - since) / SECOND_NS,
                waiting=len(self._news),
                put=self._put,
                written=self._writer.written,
                replaced=self._replaced,
                dropped=self._dropped + self._writer.dropped,
                failures=self._writer.failures,
            )

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until everything put so far is written; return whether it was in time."""
        with self._state:
            target = self._put
            return self._state.wait_for(lambda: self._done >= target, timeout_s)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is left, if the store can be reached, and end; return whether all was written."""
        with self._state:
            self._closing = True
            self._state.notify_all()
        self._thread.join(timeout_s)
        with self._state:
            return self._done >= self._put

    def _enter(self, key: str, fields: Mapping[str, Any], ts: int, *, live: bool = False) -> None:
        lifetime = lifetime_of(kind_of(key))
        entry = Entry(key, encoded(fields, ts), lifetime, self._clock() + lifetime, live)
        with self._state:
            self._put += 1
            self._replaced += self._news.pop(key, None) is not None
            self._news[key] = entry
            if len(self._news) > self._room:
                self._dropped += room_for(self._news, self._room - self._room // 10)
            if len(self._news) == 1:
                self._state.notify_all()

    def _run(self) -> None:
        pause = 0.0
        try:
            while not self._closing:
                self._wait(pause)
                pause = 0.0 if self._turn() else min(max(2 * pause, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            if not pause:
                self._turn()
        finally:
            self._backend.close()

    def _wait(self, pause: float) -> None:
        """Wait for something to write, and a moment for what comes with it; or for the pause to pass."""
        with self._state:
            if pause:
                self._state.wait_for(lambda: self._closing, pause)
            elif self._state.wait_for(lambda: self._news or self._closing, _LOOK_S):
                self._state.wait_for(lambda: self._closing, _GATHER_S)

    def _turn(self) -> bool:
        with self._state:
            news, self._news = self._news, {}
            target = self._put
        written = self._writer.turn(news.values(), self._clock())
        if written:
            with self._state:
                self._done = target
                self._state.notify_all()
        return written
