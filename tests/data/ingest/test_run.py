"""Whole ingest runs: all or nothing, append, reports, and the specs that ship on the recordings."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from arbkit.data import Dataset, open_dataset
from arbkit.data.ingest import IngestSpec, compare_tops, ingest
from arbkit.errors import ConfigError, DataError

CSV = "t,b,a\n2024-01-01T00:00:00Z,1,2\n2024-01-01T00:00:01Z,3,4\n"
TABLE = {
    "venue": "v",
    "symbol": "S",
    "quote": "USD",
    "columns": {"bid_px": "b", "ask_px": "a"},
    "time": {"column": "t"},
}
MS = 1_000_000


@pytest.fixture(scope="session")
def shipped(real_data: Path, repository: Path, tmp_path_factory: pytest.TempPathFactory):
    """Ingest a shipped spec once; the dataset and its report by name."""
    made: dict[str, tuple] = {}

    def make(name: str):
        if name not in made:
            spec = IngestSpec.load(repository / f"datasets/specs/{name}.yaml")
            folder = tmp_path_factory.mktemp("shipped") / name
            report = ingest(spec.expanded({"ARBKIT_DATA": str(real_data)}), folder)
            made[name] = (report, open_dataset(folder))
        return made[name]

    return make


def rows(dataset: Dataset, leg: str) -> pl.DataFrame:
    return dataset.scan(leg).collect()


def test_failed_run_leaves_the_old_dataset_untouched(run_ingest) -> None:
    _, before = run_ingest(CSV, **TABLE)
    with pytest.raises(DataError, match="no row could be read"):
        run_ingest(CSV.replace(",1,", ",x,").replace(",3,", ",y,"), **TABLE)
    assert open_dataset(before.path).fingerprint == before.fingerprint


def test_failed_first_run_leaves_no_folder(run_ingest, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        run_ingest("t,b,a\nx,1,2\n", **TABLE)
    assert not (tmp_path / "made").exists()


def test_second_run_replaces_and_append_adds(run_ingest) -> None:
    run_ingest(CSV, **TABLE)
    _, replaced = run_ingest(CSV, **TABLE)
    assert replaced.manifest.rows == 2
    _, added = run_ingest(CSV.replace("2024-01-01", "2024-01-02"), append=True, **TABLE)
    assert added.manifest.rows == 4
    with pytest.raises(DataError, match="must not overlap"):
        run_ingest(CSV, append=True, **TABLE)


def test_one_instrument_described_in_two_ways_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV)
    entry = {"files": [str(tmp_path / "x.csv")], **TABLE}
    spec = IngestSpec.from_dict({"name": "x", "instruments": [entry, entry | {"quote": "EUR"}]})
    with pytest.raises(ConfigError, match="two ways"):
        ingest(spec, tmp_path / "made")


def test_progress_tells_bytes_and_rows(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(CSV)
    spec = IngestSpec.from_dict({"name": "x", "instruments": [{"files": [str(tmp_path / "x.csv")], **TABLE}]})
    told: list[tuple[int, str]] = []
    ingest(spec, tmp_path / "made", on_progress=lambda done, note: told.append((done, note)))
    assert told[-1][0] == len(CSV)
    assert told[-1][1].startswith("x.csv")


def test_recorder_clock_that_runs_behind_is_a_warning_with_its_median(run_ingest) -> None:
    text = "t,r,b,a\n1700000002,1700000000.5,1,2\n1700000003,1700000001.5,1,2\n"
    entry = TABLE | {"time": {"column": "t", "unit": "s"}, "recv_time": {"column": "r", "unit": "s"}}
    report, dataset = run_ingest(text, **entry)
    assert report.legs[0].median_latency_ms == -1500.0
    assert "median offset -1s500ms" in report.warnings[0]
    assert dataset.instrument("v/S").has_ts_recv


@pytest.mark.real_data
def test_link_books_ingest_whole(shipped) -> None:
    report, dataset = shipped("link_binance_huobi")
    assert (report.rows, report.quarantined, report.filtered_rows) == (14_400, 0, 0)
    assert {leg.levels for leg in report.legs} == {10}
    first = rows(dataset, "binance/LINKUSDT").row(0, named=True)
    assert (first["bid_px_00"], first["bid_sz_00"], first["ask_px_09"]) == (27.095, 988.45, 27.113)


@pytest.mark.real_data
def test_coinbase_bars_enter_at_their_end_beside_two_fx_venues(shipped) -> None:
    report, dataset = shipped("coinbase_btcusd_btceur")
    assert report.quarantined == 0
    first = rows(dataset, "coinbase/BTC-USD").row(0, named=True)
    assert f"{first['ts_event']:%Y-%m-%dT%H:%M:%S}" == "2018-04-04T00:01:00"
    assert (first["bid_px_00"], first["ask_px_00"]) == (7424.9, 7424.91)
    day = pl.col("ts_event").is_between(pl.datetime(2018, 4, 4, 0, 1, time_zone="UTC"),
                                        pl.datetime(2018, 4, 5, time_zone="UTC"))  # fmt: skip
    assert rows(dataset, "coinbase/BTC-USD").filter(day).height in (1437, 1438)
    assert dataset.instrument("oanda/EURUSD").kind == "fx"
    assert rows(dataset, "fxcm/EURUSD").filter(day).height > 1400


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("venue", "symbol", "batch_ms", "least"),
    [("binance_spot", "BTCUSDT", 100, 0.94), ("binance_usdm", "BTCUSDT", 100, 0.95),
     ("binance_coinm", "BTCUSD_PERP", 50, 0.99)],
)  # fmt: skip
def test_rebuilt_top_agrees_with_the_recorded_ticker(shipped, venue, symbol, batch_ms, least) -> None:
    report, dataset = shipped("binance_spot_usdm_cm")
    book, ticker = rows(dataset, f"{venue}/{symbol}"), rows(dataset, f"{venue}_ticker/{symbol}")
    found = compare_tops(book, ticker, batch_ns=batch_ms * MS)
    assert found.instants > 3_400
    assert found.share >= least
    assert found.unexplained == 0
    assert report.gaps == ()
    assert report.quarantined == 0


@pytest.mark.real_data
def test_raw_logs_are_reported_with_a_clock_behind_and_sizes_in_coins(shipped) -> None:
    report, dataset = shipped("binance_spot_usdm_cm")
    latency = {leg.leg: leg.median_latency_ms for leg in report.legs}
    assert -1277 < latency["binance_spot/BTCUSDT"] < -1219
    assert sum("clock runs behind" in message for message in report.warnings) == 5
    sizes = rows(dataset, "binance_coinm/BTCUSD_PERP")["bid_sz_00"]
    assert sizes[0] == pytest.approx(35 * 100 / 61804.7)


@pytest.mark.real_data
def test_rebuilt_books_equal_the_reconstruction_beside_the_logs(shipped, real_data: Path) -> None:
    folder = real_data / "binance_spot_usdm_cm_rawfeed/derived_book10_100ms"
    _, dataset = shipped("binance_spot_usdm_cm")
    reference = pl.read_parquet(folder / "binance_spot_btcusdt_book10_100ms.parquet")
    book = rows(dataset, "binance_spot/BTCUSDT")
    stamps = pl.from_epoch(reference["local_ts_ns"], time_unit="ns").dt.replace_time_zone("UTC")
    both = pl.DataFrame({"ts_recv": stamps.cast(pl.Datetime("ns", "UTC")), "row": range(reference.height)})
    overlap = pl.col("ts_recv").is_between(book["ts_recv"][0], book["ts_recv"][-1])
    joined = both.join_asof(book, on="ts_recv").filter(overlap)
    assert joined.height > 3_400
    reference = reference[joined["row"].to_list()]
    first = next(number for number in (0, 1) if f"bid{number}_px" in reference.columns)
    same = [
        (joined[f"{side}_px_{level:02d}"] == reference[f"{side}{level + first}_px"]).mean()
        for side in ("bid", "ask")
        for level in range(10)
    ]
    assert min(same) > 0.97


@pytest.mark.real_data
def test_recorded_messages_of_nineteen_markets_ingest(shipped) -> None:
    report, dataset = shipped("wire_messages")
    upbit = [leg for leg in report.legs if leg.leg.startswith("upbit/")]
    assert sum(leg.rows for leg in upbit) == 145
    assert len(report.legs) == 19
    assert (report.quarantined, report.gaps) == (0, ())
    info = dataset.instrument("binance_coinm/LINKUSD_PERP")
    assert (info.base, info.quote, info.inverse) == ("LINK", "USD", True)


@pytest.mark.real_data
def test_daily_kimchi_premium_is_aligned(shipped) -> None:
    report, dataset = shipped("kimchi_daily")
    assert (report.quarantined, report.blank_rows) == (0, 222)
    upbit = rows(dataset, "upbit/KRW-BTC").select("ts_event", "close")
    binance = rows(dataset, "binance/BTCUSDT").select("ts_event", close_b="close")
    fx = rows(dataset, "investing/USDKRW").select("ts_event", "bid_px_00")
    both = upbit.join(binance, on="ts_event").sort("ts_event").join_asof(fx, on="ts_event")
    premium = (pl.col("close") / pl.col("close_b") / pl.col("bid_px_00") - 1) * 1e4
    found = both.select("ts_event", premium=premium)
    assert found["premium"].median() == pytest.approx(132, abs=2)
    assert found["premium"].mean() == pytest.approx(226, abs=3)
    assert found["premium"].max() == pytest.approx(5_820, abs=5)
    by_year = found.group_by(pl.col("ts_event").dt.year()).median().sort("ts_event")["premium"]
    assert by_year.to_list() == pytest.approx([349, 168, 11, -43, 328, 147, 146, 423], abs=2)


@pytest.mark.real_data
def test_hourly_kimchi_candles_share_one_clock(shipped) -> None:
    report, dataset = shipped("kimchi_hourly")
    assert (report.rows, report.quarantined, report.blank_rows) == (63_978, 0, 222)
    upbit = rows(dataset, "upbit/KRW-BTC").select("ts_event", "close")
    binance = rows(dataset, "binance/BTCUSDT").select("ts_event", other="close")
    both = upbit.join(binance, on="ts_event").sort("ts_event")
    returns = both.select(pl.col("close").log().diff(), pl.col("other").log().diff()).drop_nulls()
    assert returns.select(pl.corr("close", "other")).item() == pytest.approx(0.74, abs=0.02)
