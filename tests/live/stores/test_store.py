from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from arbkit.errors import ConfigError
from arbkit.live.stores import StateStore, open_store
from tests.servers import RedisServer

TS = 1_763_749_842_123_456_789


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/runs/state.sqlite"
    return str(request.getfixturevalue("redis_url"))


@pytest.fixture
def store(url: str) -> Iterator[StateStore]:
    opened = open_store(url)
    yield opened
    opened.close()


def put_one_of_each(store: StateStore) -> None:
    store.put_price("upbit", "KRW-BTC", bid=137_001_000.0, ask=137_002_000.0, ts=TS)
    store.put_signal(
        "BTC",
        buy_exchange="binance_usdm",
        buy_price=100.0,
        sell_exchange="upbit",
        sell_price=101.0,
        spread=1.0,
        spread_pct=1.0,
        ts=TS,
    )
    store.put_order("o-1", {"status": "open", "size": Decimal("0.10")}, live=True, ts=TS)
    store.put_position("BTC", {"quantity": 0.1}, live=True, ts=TS)
    store.put_execution("BTC", {"pnl": 1.5}, ts=TS)
    store.put_execution("BTC", {"pnl": 2.5}, ts=TS)
    store.put_metrics(
        total_balance=10_000.0,
        available_balance=9_000.0,
        positions_count=1,
        orders_count=1,
        daily_loss=0.0,
        total_loss=0.0,
        trades_today=2,
        state="ACTIVE",
        ts=TS,
    )
    store.heartbeat("runner", ts=TS)


def test_every_kind_of_value_has_its_key_its_fields_and_its_lifetime(store: StateStore) -> None:
    put_one_of_each(store)
    assert store.flush()
    items = {item.key: item for item in store.items()}
    lifetimes = {key: round(item.expires_in_s) for key, item in items.items()}
    assert lifetimes == {
        "arbitrage:execution:BTC:2025-11-21T18:30:42.123456+00:00": 86_400,
        "arbitrage:execution:BTC:2025-11-21T18:30:42.123457+00:00": 86_400,
        "arbitrage:heartbeat:runner": 60,
        "arbitrage:metrics:live": 300,
        "arbitrage:orders:o-1": 86_400,
        "arbitrage:positions:BTC": 86_400,
        "arbitrage:prices:upbit:KRW-BTC": 60,
        "arbitrage:signal:BTC": 300,
    }
    assert items["arbitrage:prices:upbit:KRW-BTC"].value == {
        "bid": 137_001_000.0,
        "ask": 137_002_000.0,
        "mid": 137_001_500.0,
        "timestamp": "2025-11-21T18:30:42.123456+00:00",
    }
    assert store.get("orders", "o-1") == {
        "status": "open",
        "size": "0.10",
        "timestamp": "2025-11-21T18:30:42.123456+00:00",
    }
    assert [item.key for item in store.items("metrics")] == ["arbitrage:metrics:live"]
    assert store.get("positions", "ETH") is None


def test_the_latest_value_of_a_key_wins_and_all_of_a_run_is_counted(store: StateStore) -> None:
    for number in range(2_000):
        store.put_price("upbit", "KRW-BTC", bid=float(number), ask=number + 1.0, ts=TS + number)
    assert store.flush()
    found = store.get("prices", "upbit", "KRW-BTC")
    stats = store.stats()
    assert found is not None
    assert found["bid"] == 1_999.0
    assert (stats.put, stats.replaced + stats.written, stats.waiting) == (2_000, 2_000, 0)
    assert stats.available


def test_closing_writes_what_is_left_and_can_be_done_twice(url: str) -> None:
    store = open_store(url)
    put_one_of_each(store)
    assert store.close()
    assert store.close()
    again = open_store(url)
    assert again.get("positions", "BTC") is not None
    again.close()


def test_a_value_that_json_cannot_hold_is_the_callers_mistake(store: StateStore) -> None:
    with pytest.raises(ConfigError, match="plain fields"):
        store.put_position("BTC", {"quantity": object()}, live=True, ts=TS)
    assert store.stats().put == 0


def wait_for(store: StateStore, available: bool) -> None:
    until = time.monotonic() + 60
    while store.stats().available is not available:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_server_that_dies_and_comes_back_empty_gets_everything_that_lives(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, keep=False)
    said: list[str] = []
    server.start()
    store = open_store(server.url, say=said.append)
    put_one_of_each(store)
    assert store.flush()
    server.stop()
    began = time.perf_counter()
    for number in range(1_000):
        store.put_price("upbit", "KRW-BTC", bid=float(number), ask=number + 1.0, ts=TS + number)
    assert time.perf_counter() - began < 10.0
    wait_for(store, available=False)
    store.put_position("BTC", {"quantity": 0.2}, live=True, ts=TS)
    assert not store.flush(0.01)
    server.start()
    assert store.flush(60)
    assert len(store.items()) == 8
    position, price = store.get("positions", "BTC"), store.get("prices", "upbit", "KRW-BTC")
    assert position is not None
    assert price is not None
    assert (position["quantity"], price["bid"]) == (0.2, 999.0)
    assert len(said) == 2
    assert "back after" in said[1]
    store.close()
    server.stop()


def test_a_server_that_was_restarted_unseen_gets_everything_too(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, keep=False)
    server.start()
    store = open_store(server.url)
    put_one_of_each(store)
    assert store.flush()
    server.stop()
    server.start()
    store.heartbeat("runner", ts=TS)
    assert store.flush(60)
    assert len(store.items()) == 8
    store.close()
    server.stop()


def test_a_server_that_was_never_there_stops_nobody(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    said: list[str] = []
    store = open_store(server.url, say=said.append)
    store.heartbeat("runner", ts=TS)
    wait_for(store, available=False)
    assert not store.close(1.0)
    assert len(said) == 1
    assert "keeps the latest values" in said[0]


def test_what_a_store_shows_of_itself_has_no_password(tmp_path: Path) -> None:
    said: list[str] = []
    port = RedisServer(tmp_path).url.rpartition(":")[2]
    store = open_store(f"redis://me:secret@127.0.0.1:{port}", say=said.append)
    store.heartbeat("runner", ts=TS)
    wait_for(store, available=False)
    store.close(1.0)
    shown: Any = (repr(store), store.url, store.stats(), said)
    assert "secret" not in str(shown)
    assert f"redis://***@127.0.0.1:{port}" in str(shown)
