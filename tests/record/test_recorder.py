"""The recorder against tiny venues on loopback: what came is on disk, gaps are rows without prices."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from aiohttp import web

from arbkit import load_panel
from arbkit.data import open_dataset
from arbkit.data.growing import GrowingDataset
from arbkit.data.ingest import IngestSpec, ingest
from arbkit.errors import ConfigError, DataError
from arbkit.panel import Panel
from arbkit.record import Recorder, RecordSpec, RecordSummary, VenueSpec
from arbkit.record.spec import instrument_of
from arbkit.venues import BookEvent
from arbkit.venues.secret import Credentials, Secret
from tests.data.conftest import make_book
from tests.venues.feeds.world import QUICK, TinyBinance, TinyUpbit

Play = Callable[[TinyUpbit, TinyBinance, Recorder], Coroutine[Any, Any, None]]
LEGS = ("upbit/KRW-BTC", "upbit/KRW-USDT", "binance_usdm/BTCUSDT")


class World:
    """Both venues with the public answers that a recorder asks for; a test changes them."""

    def __init__(self) -> None:
        self.upbit, self.binance = TinyUpbit(), TinyBinance(symbols=("BTCUSDT",))
        self.event = {"warning": False, "caution": {}}
        self.payments = [
            {"symbol": "BTCUSDT", "fundingTime": 1_000, "fundingRate": "0.0001", "markPrice": ""}
        ]
        self.asked_from: list[int] = []
        self.next_funding = int(time.time() * 1000) + 60_000
        routes = {
            (self.upbit, "/v1/market/all"): self.markets,
            (self.upbit, "/v1/orderbook/instruments"): lambda request: [],
            (self.upbit, "/v1/status/wallet"): self.wallets,
            (self.binance, "/fapi/v1/exchangeInfo"): self.info,
            (self.binance, "/fapi/v1/premiumIndex"): self.premium,
            (self.binance, "/fapi/v1/fundingRate"): self.paid,
        }
        for (venue, path), answer in routes.items():
            venue.app.router.add_get(path, self._answering(answer))

    @staticmethod
    def _answering(answer: Callable[[web.Request], Any]) -> Any:
        async def handle(request: web.Request) -> web.Response:
            return web.json_response(answer(request))

        return handle

    def markets(self, request: web.Request) -> Any:
        return [{"market": name, "market_event": self.event} for name in ("KRW-BTC", "KRW-USDT", "KRW-ETH")]

    def wallets(self, request: web.Request) -> Any:
        assert request.headers["Authorization"].startswith("Bearer ")
        return [{"currency": "BTC", "wallet_state": "withdraw_only"}]

    def info(self, request: web.Request) -> Any:
        future = {"symbol": "BTCUSDT", "status": "TRADING", "contractType": "PERPETUAL", "filters": []}
        return {"symbols": [future | {"baseAsset": "BTC", "quoteAsset": "USDT"}]}

    def premium(self, request: web.Request) -> Any:
        item = {"symbol": "BTCUSDT", "lastFundingRate": "0.0002", "nextFundingTime": self.next_funding}
        return item | {"time": 1}

    def paid(self, request: web.Request) -> Any:
        self.asked_from.append(int(request.query["startTime"]))
        return self.payments


def record(
    folder: Path,
    play: Play,
    *,
    world: World | None = None,
    symbols: tuple[str, ...] = ("KRW-BTC",),
    keys: Credentials | None = None,
    **options: Any,
) -> RecordSummary:
    """Record both venues while a coroutine plays with them."""

    async def all_of_it() -> RecordSummary:
        where = world or World()
        async with where.upbit.serving(), where.binance.serving():
            venues = (
                VenueSpec(
                    venue="upbit",
                    symbols=symbols,
                    ws_url=where.upbit.ws,
                    rest_url=where.upbit.http,
                    keys=keys,
                ),
                VenueSpec(
                    venue="binance_usdm",
                    symbols=("BTCUSDT",),
                    ws_url=where.binance.ws,
                    rest_url=where.binance.http,
                ),
            )
            quick = {"depth": 2, "flush_ns": 20_000_000, "events_ns": 200_000_000}
            spec = RecordSpec(venues=venues, to=folder, **(quick | options))
            recorder = Recorder(spec, options=QUICK)

            async def played() -> None:
                await play(where.upbit, where.binance, recorder)
                recorder.stop()

            playing = asyncio.create_task(played())
            try:
                summary = await recorder.run(120.0)
            finally:
                playing.cancel()
                await asyncio.wait([playing])
            if not playing.cancelled():
                playing.result()
            return summary

    return asyncio.run(all_of_it())


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(100):
        while not true():
            await asyncio.sleep(0.005)


async def started(recorder: Recorder) -> None:
    """Wait until each symbol has a book."""
    states = [state for feed in recorder.feeds for state in feed.states.values()]
    await until(lambda: all(state.books for state in states))


def rows(folder: Path, leg: str) -> pl.DataFrame:
    return open_dataset(folder).scan(leg).collect()


def test_books_become_rows_that_are_read_while_the_recording_goes_on(tmp_path: Path) -> None:
    seen: list[pl.DataFrame] = []
    panels: list[Panel] = []

    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await started(recorder)
        for number in range(1, 6):
            await upbit.send(upbit.book("KRW-BTC", 100 + number, 110))
            await binance.move("BTCUSDT", 100.0, float(number))
        await until(lambda: recorder.summary().rows == 13)
        seen.extend(rows(tmp_path / "live", leg) for leg in LEGS)
        pair, fx = {"a": LEGS[0], "b": LEGS[2]}, {"symbol": LEGS[1]}
        panels.append(load_panel(tmp_path / "live", pair, fx, currency="USDT", cache=False))

    summary = record(tmp_path / "live", play)
    assert [frame.height for frame in seen] == [6, 1, 6]
    assert seen[0]["bid_px_00"].to_list() == [100, 101, 102, 103, 104, 105]
    assert seen[2]["bid_sz_00"].to_list() == [1, 1, 2, 3, 4, 5]
    assert seen[2]["bid_px_01"].to_list()[1:] == [99] * 5
    assert seen[0]["ts_recv"].is_sorted()
    assert seen[0]["ts_event"].dt.timestamp("ms")[0] == 1_746_601_573_001
    assert (summary.rows, summary.books, summary.gaps, summary.dropped) == (13, 13, 0, 0)
    assert panels[0].tradable.all()
    assert len(panels[0]) >= 5
    assert len(panels[0].meta.files) >= 3
    assert open_dataset(tmp_path / "live").instrument("upbit/KRW-USDT").kind == "fx"
    assert json.loads(json.dumps(summary.as_dict()))["venues"]["upbit"]["books"] == 7


def test_a_gap_is_a_row_without_prices_until_the_next_book(tmp_path: Path) -> None:
    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await started(recorder)
        binance.change("BTCUSDT", 98.0, 1.0)
        await binance.move("BTCUSDT", 97.0, 1.0)
        await upbit.drop()
        await until(lambda: recorder.summary().books == 6)

    record(tmp_path / "live", play)
    assert rows(tmp_path / "live", LEGS[2])["bid_px_00"].to_list() == [99, None, 99]
    assert rows(tmp_path / "live", LEGS[0])["ask_px_00"].to_list() == [101, None, 101]
    gaps = open_dataset(tmp_path / "live").table("gaps").sort("symbol")
    assert gaps["symbol"].to_list() == ["BTCUSDT", "KRW-BTC", "KRW-USDT"]
    assert gaps["reason"].to_list() == ["sequence", "disconnected", "disconnected"]


def test_a_recording_that_goes_on_voids_the_time_between(tmp_path: Path) -> None:
    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await started(recorder)

    world = World()
    record(tmp_path / "live", play, world=world)
    first = rows(tmp_path / "live", LEGS[0])
    world.upbit, world.binance = World().upbit, World().binance
    record(tmp_path / "live", play)
    both = rows(tmp_path / "live", LEGS[0])
    assert both["bid_px_00"].to_list() == [100, None, 100]
    assert both["ts_recv"].to_physical()[1] == first["ts_recv"].to_physical()[0] + 1
    assert open_dataset(tmp_path / "live").table("funding").height == 1


def test_warnings_filters_and_payments_are_tables_with_a_row_per_change(tmp_path: Path) -> None:
    world = World()

    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await started(recorder)
        await until(lambda: recorder.summary().events["funding"] == 1)
        world.event = {"warning": True, "caution": {}}
        world.next_funding += 1000
        world.payments = [
            world.payments[0],
            world.payments[0] | {"fundingTime": 2_000, "fundingRate": "-0.5"},
        ]
        await until(lambda: recorder.summary().events["funding"] == 2)
        await until(lambda: recorder.summary().events["states"] == 5)

    record(tmp_path / "live", play, world=world)
    dataset = open_dataset(tmp_path / "live")
    assert dataset.tables == ("funding", "instruments", "states")
    assert dataset.table("funding")["rate"].to_list() == [0.0001, -0.5]
    assert world.asked_from[1:] == [1000]
    states = dataset.table("states").filter(pl.col("symbol") == "KRW-BTC")
    assert states["warnings"].to_list() == [[], ["WARNING"]]
    assert states["entry_ok"].to_list() == [True, True]
    assert dataset.table("instruments")["min_notional"].sort().to_list() == [0, 5000, 5000]


def test_wallets_that_are_closed_speak_against_entries(tmp_path: Path) -> None:
    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await started(recorder)
        await until(lambda: recorder.summary().events["states"] == 3)

    keys = Credentials(Secret("practice-key"), Secret("practice-secret"))
    record(tmp_path / "live", play, keys=keys)
    states = open_dataset(tmp_path / "live").table("states").filter(pl.col("symbol") == "KRW-BTC")
    assert states.select("can_deposit", "can_withdraw", "entry_ok").row(0) == (False, True, False)
    assert all(
        b"practice-secret" not in path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()
    )


def test_frames_are_kept_and_give_the_same_books_again(tmp_path: Path) -> None:
    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await started(recorder)
        for number in range(1, 4):
            await upbit.send(upbit.book("KRW-BTC", 100 + number, 110))
            await binance.move("BTCUSDT", 100.0, float(number))
        await upbit.send("<html>")
        await until(lambda: recorder.summary().books == 9)

    summary = record(tmp_path / "live", play, raw=True)
    assert summary.raw_bytes > 0
    assert summary.malformed == 1
    folder = tmp_path / "live" / "raw"
    entries = [
        {"files": [f"{folder}/venue=upbit/*.zst"], "format": "upbit-raw", "venue": "upbit", "levels": 2},
        {
            "files": [f"{folder}/venue=binance_usdm/*.zst"],
            "format": "binance-raw",
            "venue": "binance_usdm",
            "levels": 2,
        },
    ]
    ingest(IngestSpec.from_dict({"name": "again", "instruments": entries}), tmp_path / "again")
    prices = [name for name in rows(tmp_path / "again", LEGS[0]).columns if "_px_" in name or "_sz_" in name]
    for leg in LEGS:
        again, live = rows(tmp_path / "again", leg), rows(tmp_path / "live", leg)
        assert again.select(prices).equals(live.select(prices))
    assert rows(tmp_path / "again", LEGS[0])["ts_recv"].equals(rows(tmp_path / "live", LEGS[0])["ts_recv"])


def test_a_symbol_that_the_venue_does_not_list_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await asyncio.sleep(120)

    with pytest.raises(ConfigError, match="upbit lists no KRW-ETC; did you mean `KRW-ETH`"):
        record(tmp_path / "live", play, symbols=("KRW-ETC",))
    assert not (tmp_path / "live").exists()


def test_a_disk_that_takes_nothing_for_a_while_loses_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, failures = GrowingDataset.commit, [OSError(28, "No space left on device")] * 3

    def unwilling(self: GrowingDataset, *given: Any) -> int:
        if failures:
            raise failures.pop()
        return commit(self, *given)

    monkeypatch.setattr(GrowingDataset, "commit", unwilling)

    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await started(recorder)
        await until(lambda: recorder.summary().rows == 3)

    assert record(tmp_path / "live", play).rows == 3
    assert rows(tmp_path / "live", LEGS[0]).height == 1


def test_a_disk_that_takes_nothing_at_all_ends_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwilling(self: GrowingDataset, *given: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GrowingDataset, "commit", unwilling)
    monkeypatch.setattr("arbkit.record.recorder._WAITING_LIMIT", 2)

    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await asyncio.sleep(120)

    with pytest.raises(DataError, match=r"the disk takes no more rows.*No space left"):
        record(tmp_path / "live", play)


def test_a_folder_that_is_removed_ends_the_recording_with_one_message(tmp_path: Path) -> None:
    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        await started(recorder)
        await until(lambda: recorder.summary().rows == 3)
        shutil.rmtree(tmp_path / "live")
        await asyncio.sleep(120)

    with pytest.raises(DataError, match=r"live: the folder was removed while it was being written"):
        record(tmp_path / "live", play, raw=True)
    assert not (tmp_path / "live").exists()


def test_rows_that_the_disk_does_not_take_at_the_end_are_an_error_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    async def play(upbit: TinyUpbit, binance: TinyBinance, recorder: Recorder) -> None:
        recorder._say = said.append
        await started(recorder)
        await until(lambda: recorder.summary().rows == 3)
        flushes: list[int] = []

        def unwilling(self: GrowingDataset, *given: Any) -> int:
            flushes.append(1)
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(GrowingDataset, "commit", unwilling)
        await upbit.send(upbit.book("KRW-BTC", 101, 110))
        await until(lambda: len(flushes) > 3)

    with pytest.raises(DataError, match="1 rows could not be written at the end: Read-only file system"):
        record(tmp_path / "live", play)
    assert len([text for text in said if "takes no rows" in text]) == 1
    assert rows(tmp_path / "live", LEGS[0]).height == 1


def test_a_dataset_that_ends_in_the_future_is_not_continued(tmp_path: Path) -> None:
    info = instrument_of("upbit", "KRW-BTC", 1)
    with GrowingDataset(tmp_path / "live") as dataset:
        dataset.commit([(info, make_book(2, start_ns=time.time_ns() + 3600 * 10**9))])
    spec = RecordSpec(venues=(VenueSpec(venue="upbit", symbols=("KRW-BTC",)),), to=tmp_path / "live", depth=1)
    with pytest.raises(DataError, match="after the present time; set the clock right"):
        Recorder(spec)


def test_what_a_busy_thread_has_not_begun_to_write_when_a_recording_ends_is_written(tmp_path: Path) -> None:
    async def play() -> None:
        spec = RecordSpec(venues=(VenueSpec(venue="upbit", symbols=("KRW-BTC",)),), to=tmp_path / "live")
        recorder, busy = Recorder(spec, fed=True, ask=False), threading.Event()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(busy.wait)
            recorder.on_book(BookEvent("upbit", "KRW-BTC", recorder.clock(), None, ((99.0, 1.0),), ()))
            flushing = asyncio.create_task(recorder._flush(pool, 0.0))
            await asyncio.sleep(0)
            flushing.cancel()
            await asyncio.wait([flushing])
            busy.set()
            await recorder._last_flush(pool)
        recorder.dataset.close()

    asyncio.run(play())
    assert rows(tmp_path / "live", "upbit/KRW-BTC").height == 1
