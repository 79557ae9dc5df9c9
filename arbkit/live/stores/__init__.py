"""State of a live run, for whoever watches it and for its own return: SQLite by default, or Redis.

    store = open_store("sqlite:///runs/state.sqlite")        # or redis://HOST:PORT/DB
    store.put_price("upbit", "KRW-BTC", bid=137_001_000, ask=137_002_000, ts=time.time_ns())
    store.close()

Nothing that is put ever waits: a thread writes, and a store that is away holds nobody up.
"""

from __future__ import annotations

from arbkit.live.stores.backend import StateBackend
from arbkit.live.stores.opening import DEFAULT_URL, open_store, read_state
from arbkit.live.stores.schema import LIFETIMES_S, PREFIX, StateEntry, iso_time, key_of, kind_of
from arbkit.live.stores.store import StateStore, StoreStats

__all__ = [
    "DEFAULT_URL",
    "LIFETIMES_S",
    "PREFIX",
    "StateBackend",
    "StateEntry",
    "StateStore",
    "StoreStats",
    "iso_time",
    "key_of",
    "kind_of",
    "open_store",
    "read_state",
]
