"""Funding in a run: booked as the backtest books it, and accounted for where it comes late."""

from __future__ import annotations

import asyncio
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import arbkit
from arbkit.data.growing import GrowingDataset
from arbkit.data.schema import EVENT_SCHEMAS
from arbkit.live import LiveRunner, open_run, parity_of
from arbkit.live.config import LiveConfig
from arbkit.live.funding import FundingBook, Payment, follow_funding
from arbkit.testing import PracticeExchange
from arbkit.units import DAY_NS, HOUR_NS
from tests.live.conftest import Configure

PAIR = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
FX = {"symbol": "upbit/KRW-USDT", "max_age": "60s"}
OFTEN: dict[str, Any] = {"min_spread_bps": -1_000, "max_hold_s": 25, "funding": True}
PAID = [datetime(2026, 1, 5, 0, minute, second, tzinfo=UTC) for minute, second in ((1, 0), (2, 30), (5, 0))]


@pytest.fixture(scope="module")
def paying(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording, with three payments of its perpetual."""
    folder = tmp_path_factory.mktemp("paying") / "demo"
    shutil.copytree(recording, folder)
    rows = [
        {"ts": ts, "venue": "binance_usdm", "symbol": "BTCUSDT", "rate": rate, "mark_price": None}
        for ts, rate in zip(PAID, (0.001, -0.002, 0.003), strict=True)
    ]
    with GrowingDataset(folder, source="test") as dataset:
        dataset.commit([], {"funding": pl.DataFrame(rows, schema=EVENT_SCHEMAS["funding"])})
    return folder


def test_a_run_books_funding_as_the_backtest_of_the_recording_does(
    configure: Configure, paying: Path
) -> None:
    config = configure(params=OFTEN, reference="none", guard={}, replay={"dataset": str(paying)})
    LiveRunner(config).run_forever()
    run = open_run(config.runs / "small")
    lines = list(run.records("funding"))
    assert [line["paid_ts"] for line in lines] == [int(ts.timestamp()) * 10**9 for ts in PAID]
    assert all(line["trades"] and line["paid"] == line["by_rule"] != 0 for line in lines)
    parity = parity_of(run)
    assert parity.ok
    assert parity.same == parity.trades > 5
    panel = arbkit.load_panel(
        paying, PAIR, FX, currency="USDT", max_age="5s", funding="recorded", cache=False
    )
    expected = arbkit.backtest(panel, run.params("BTC").replace(guard=None)).trades
    closed = run.trades.filter(~pl.col("is_open"))
    assert closed["pnl_usd"].to_list() == expected.head(len(closed))["pnl_usd"].to_list()


def test_funding_of_paper_venues_is_a_part_of_the_difference(configure: Configure, paying: Path) -> None:
    config = configure(
        params=OFTEN, reference="none", guard={}, execution={"fills": "venue"},
        replay={"dataset": str(paying), "end": "2026-01-05T00:03:30"},
    )  # fmt: skip
    LiveRunner(config).run_forever()
    run = open_run(config.runs / "small")
    assert sum(len(line["trades"]) for line in run.records("funding")) == 2
    parity = parity_of(run)
    assert (parity.ok, parity.by_cause()["funding"][0]) == (True, 0)


def test_a_venue_that_pays_otherwise_is_a_difference_by_funding(
    configure: Configure, paying: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def account(dataset: Path, book: FundingBook, config: LiveConfig) -> None:
        ts = int(PAID[1].timestamp()) * 10**9
        book.know("binance_usdm", "BTCUSDT", Payment(ts, -0.002, paid=1.25))

    monkeypatch.setattr("arbkit.live.runner.recorded_payments", account)
    config = configure(
        params=OFTEN, reference="none", guard={}, execution={"fills": "venue"},
        replay={"dataset": str(paying), "end": "2026-01-05T00:03:30"},
    )  # fmt: skip
    final = LiveRunner(config).run_forever()
    run = open_run(config.runs / "small")
    (line,) = run.records("funding")
    assert (line["paid"], abs(line["by_rule"])) == (1.25, pytest.approx(2, rel=0.01))
    parity = parity_of(run)
    assert parity.ok
    count, usd = parity.by_cause()["funding"]
    assert (count, usd) == (1, pytest.approx(1.25 - line["by_rule"], rel=0.01))
    assert final["realized_pnl"] == pytest.approx(run.trades["pnl_usd"].drop_nulls().sum())


def test_what_is_known_late_is_booked_on_the_trade_or_on_the_balance(configure: Configure) -> None:
    config = configure(params=OFTEN, reference="none", guard={})
    runner = LiveRunner(config)

    def until(closed: int) -> int:
        lane = runner.session.lanes[0] if runner._session else None
        while lane is None or not lane.open or lane.closed < closed:
            runner.run_once()
            lane = runner.session.lanes[0]
        return int(runner.session.desk.last_row(0)["ts"])

    in_time = until(1) + 1
    for _ in range(20):
        runner.run_once()
    told = Payment(in_time, 0.001)
    runner.session.funding.know("binance_usdm", "BTCUSDT", told)  # type: ignore[union-attr]
    too_late = until(2) + 1
    until(3)
    runner.session.funding.know("binance_usdm", "BTCUSDT", Payment(too_late, 0.002))  # type: ignore[union-attr]
    runner.run_once()
    runner.run_once()
    runner.close()
    again = LiveRunner(config)
    again.run_once()
    again.session.funding.know("binance_usdm", "BTCUSDT", told)  # type: ignore[union-attr]
    again.run_once()
    final = again.close()
    run = open_run(config.runs / "small")
    first, second = run.records("funding")
    assert (first["paid_ts"], len(first["trades"]), first["late"]) == (in_time, 1, [])
    assert (second["paid_ts"], second["trades"], len(second["late"])) == (too_late, [], 1)
    assert first["row_ts"] > in_time
    parity = parity_of(run)
    assert (parity.ok, parity.same, parity.trades) == (True, 3, 4)
    assert parity.by_cause()["funding"] == (1, pytest.approx(-second["paid"]))
    pnl = run.trades["pnl_usd"].drop_nulls().sum() + second["paid"]
    assert final["realized_pnl"] == pytest.approx(pnl)


def test_a_venue_is_asked_what_it_paid(configure: Configure) -> None:
    async def asked() -> list[int]:
        async with PracticeExchange({"binance_usdm": ["BTCUSDT"]}) as exchange:
            urls = {"rest_url": exchange.binance_usdm.rest_url, "ws_url": exchange.binance_usdm.ws_url}
            venues = {"upbit": urls, "binance_usdm": urls}
            config = configure(params=OFTEN, venues=venues, replay=None)
            runner = LiveRunner(configure(params=OFTEN, name="asks"))
            runner.open()
            book = FundingBook(
                runner.session.desk, config.pairs, [lane.tape for lane in runner.session.lanes]
            )
            now = time.time_ns()
            following = asyncio.ensure_future(
                follow_funding(config, book, now - DAY_NS, lambda venue, text: pytest.fail(text))
            )
            while not book.waiting(0) and not following.done():
                await asyncio.sleep(0.01)
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            runner.close()
            return [payment.ts for payment in book.waiting(0)]

    times = asyncio.run(asked())
    assert len(times) == 3
    assert {ts % (8 * HOUR_NS) for ts in times} == {0}
