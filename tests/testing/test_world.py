"""Where books come from: datasets and walks, replayed at any speed, ended or looped."""

from __future__ import annotations

import asyncio
import math
import time
import urllib.request
from pathlib import Path

import pytest

from arbkit.data import open_dataset
from arbkit.errors import ConfigError
from arbkit.synthetic import Market, load_market_spec, write_market
from arbkit.testing import (
    Frame,
    PracticeExchange,
    dataset_frames,
    dataset_markets,
    practice_exchange,
    walk_frames,
)
from tests.testing.world_clients import run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("world") / "kimchi"
    write_market(Market(load_market_spec("kimchi"), rows=60, levels=3), path)
    return path


def test_a_dataset_is_served_under_the_venues_own_names_in_time_order(folder: Path) -> None:
    dataset = open_dataset(folder)
    assert set(dataset_markets(dataset).values()) == {
        ("upbit", "KRW-BTC"),
        ("upbit", "KRW-USDT"),
        ("binance_usdm", "BTCUSDT"),
    }
    frames = list(dataset_frames(dataset))
    assert len(frames) == sum(info.rows for info in dataset.instruments)
    assert [frame.ts_ns for frame in frames] == sorted(frame.ts_ns for frame in frames)
    first = next(frame for frame in frames if frame.symbol == "BTCUSDT")
    row = dataset.scan(next(i.leg for i in dataset.instruments if i.kind == "perpetual")).head(1).collect()
    assert first.bids[0] == (row["bid_px_00"][0], row["bid_sz_00"][0])
    assert len(first.asks) == 3


def test_a_replay_leaves_its_last_books_and_ends(folder: Path) -> None:
    async def main() -> None:
        dataset = open_dataset(folder)
        frames = list(dataset_frames(dataset))
        markets = {"upbit": ["KRW-BTC", "KRW-USDT"], "binance_usdm": ["BTCUSDT"]}
        async with PracticeExchange(markets) as exchange:
            await exchange.play(frames, speed=math.inf)
            last = [frame for frame in frames if frame.symbol == "BTCUSDT"][-1]
            assert exchange.binance_usdm.book_of("BTCUSDT").bids == list(last.bids)
            assert exchange.books_pushed == len(frames)

    run(main())


def test_a_replay_keeps_the_time_and_loops() -> None:
    frames = [
        Frame(second * 10**9, "upbit", "KRW-BTC", [(1000.0 + second, 1.0)], [(2000.0, 1.0)])
        for second in range(3)
    ]

    async def main() -> None:
        async with PracticeExchange({"upbit": ["KRW-BTC"]}) as exchange:
            task = exchange.play(lambda: frames, speed=20, loop=True)
            begun = time.monotonic()
            while exchange.books_pushed < 7:
                await asyncio.sleep(0.001)
            assert time.monotonic() - begun >= 0.19, "two laps of 100 ms each lie between"
            assert exchange.upbit.book_of("KRW-BTC").bids in [[(1000.0 + second, 1.0)] for second in range(3)]
            assert not task.done()
            with pytest.raises(ConfigError, match="`speed` of a replay must be above 0, was 0"):
                exchange.play(frames, speed=0)

    run(main())


def test_a_walk_is_the_same_for_the_same_seed_and_never_crossed() -> None:
    markets = {"upbit": ["KRW-BTC", "KRW-USDT"], "binance_usdm": ["BTCUSDT"]}
    frames = list(walk_frames(markets, seconds=3, seed=7))
    assert frames == list(walk_frames(markets, seconds=3, seed=7))
    assert frames != list(walk_frames(markets, seconds=3, seed=8))
    assert len(frames) == 90
    assert all(frame.bids[0][0] < frame.asks[0][0] for frame in frames)


def test_an_exchange_in_a_thread_serves_code_without_a_loop() -> None:
    with practice_exchange({"upbit": ["KRW-BTC"]}) as exchange:
        exchange.upbit.push_book("KRW-BTC", [(1000, 1)], [(1001, 1)])
        with urllib.request.urlopen(exchange.upbit.rest_url + "/v1/orderbook?markets=KRW-BTC") as answer:
            assert b'"bid_price":1000' in answer.read()
        with pytest.raises(ConfigError, match="upbit does not list `KRW-BTX`; did you mean `KRW-BTC`"):
            exchange.upbit.push_book("KRW-BTX", [], [])
        with pytest.raises(ConfigError, match="a level of a book is a price and a size, was 'x'"):
            exchange.upbit.push_book("KRW-BTC", ["x"], [])
        with (
            pytest.raises(ConfigError, match="cannot listen on port"),
            practice_exchange({"upbit": ["KRW-BTC"]}, ports={"upbit": exchange.upbit.port}),
        ):
            pass


def test_an_unknown_venue_is_named() -> None:
    with pytest.raises(ConfigError, match="no venue `upbitt`; did you mean `upbit`"):
        PracticeExchange({"upbitt": ["KRW-BTC"]})
    with pytest.raises(ConfigError, match="does not serve `binance_spot`; it serves upbit"):
        _ = PracticeExchange({"upbit": ["KRW-BTC"]}).binance_spot
