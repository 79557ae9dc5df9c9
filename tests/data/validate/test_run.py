"""Validation of whole datasets: one thing wrong at a time, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.data import DatasetWriter, InstrumentInfo, book_schema, open_dataset
from arbkit.data.growing import GrowingDataset
from arbkit.data.validate import CHECKS, Limits, ValidationReport, validate
from arbkit.errors import ConfigError

START_NS = 1_704_067_200 * 10**9
HOUR_NS = 3_600 * 10**9
A, B = "upbit/BTC", "binance/BTC"


def info_of(leg: str, **changes: Any) -> InstrumentInfo:
    venue, symbol = leg.split("/")
    return InstrumentInfo(**({"venue": venue, "symbol": symbol, "base": "BTC", "quote": "USDT"} | changes))


def walk_of(rows: int = 3000, seed: int = 1) -> np.ndarray:
    return 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 3e-4, rows)))


def book_of(
    mids: np.ndarray, *, levels: int = 2, step_ns: int = 10**9, start_ns: int = START_NS
) -> pl.DataFrame:
    ts = start_ns + step_ns * np.arange(mids.size, dtype=np.int64)
    columns: dict[str, Any] = {"ts_event": ts, "ts_recv": ts + 4_000_000}
    for level in range(levels):
        for side, sign in (("bid", -1), ("ask", 1)):
            columns[f"{side}_px_{level:02d}"] = np.round(mids + sign * 0.01 * (level + 1), 4)
            columns[f"{side}_sz_{level:02d}"] = 1.0
    stamps = pl.col("ts_event", "ts_recv").cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame(columns).with_columns(stamps).cast(book_schema(levels))


def candles_of(mids: np.ndarray, *, step_ns: int = HOUR_NS, start_ns: int = START_NS) -> pl.DataFrame:
    ts = pl.Series(start_ns + step_ns * np.arange(mids.size, dtype=np.int64)).cast(pl.Datetime("ns", "UTC"))
    price = pl.Series(mids)
    return pl.DataFrame(
        {"ts_event": ts, "open": price, "high": price, "low": price, "close": price, "volume": 1.0}
    )


def change(frame: pl.DataFrame, rows: list[int], **values: float | None) -> pl.DataFrame:
    chosen = pl.int_range(pl.len()).is_in(rows)
    return frame.with_columns(
        pl.when(chosen).then(pl.lit(value, pl.Float64)).otherwise(name).alias(name)
        for name, value in values.items()
    )


@pytest.fixture
def check(tmp_path):
    def check(
        frames: dict[str, pl.DataFrame], limits: Limits | None = None, **changes: Any
    ) -> ValidationReport:
        with DatasetWriter(tmp_path / "d") as writer:
            for leg, frame in frames.items():
                base = {"levels": sum(name.startswith("bid_px") for name in frame.columns)}
                writer.write(info_of(leg, **(base | changes)), frame)
            writer.commit()
        return validate(tmp_path / "d", limits)

    return check


def test_two_healthy_books_have_no_errors_and_no_warnings(check):
    mids = walk_of()
    report = check({A: book_of(mids), B: book_of(mids * 1.001)})
    assert report.ok
    assert report.warnings == 0
    assert {item.check for item in report.findings} == {"spread", "lag"}
    assert report.of("spread", A)[0].figures["median_spread_bps"] == pytest.approx(2.0, rel=0.1)


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("crossed", {"bid_px_00": 500.0}),
        ("zero_price", {"ask_px_00": 0.0}),
        ("zero_price", {"bid_px_00": -1.0}),
        ("missing_price", {"bid_px_00": None}),
        ("zero_size", {"ask_sz_00": 0.0}),
        ("disordered_levels", {"ask_px_01": 50.0}),
        ("disordered_levels", {"bid_px_01": 500.0}),
    ],
)
def test_bad_quotes_are_counted_with_examples_and_their_share(check, code, values):
    report = check({A: change(book_of(walk_of()), [5, 700, 701], **values)})
    (finding,) = report.of(code, A)
    assert (finding.rows, finding.severity) == (3, "warning")
    assert finding.share == pytest.approx(0.001)
    assert len(finding.examples) == 3
    assert finding.examples[0]["ts_recv"].startswith("2024-01-01T00:")


def test_bad_quotes_beyond_the_allowed_share_are_an_error(check):
    report = check({A: change(book_of(walk_of()), list(range(100)), bid_px_00=500.0)})
    assert report.of("crossed")[0].severity == "error"
    assert not report.ok


def test_rows_that_tell_of_a_gap_count_towards_no_share(tmp_path):
    void = {name: None for name in book_of(walk_of(1)).columns if "_px_" in name or "_sz_" in name}
    frame = change(book_of(walk_of(200)), [5, 60, 120, 121], **void)
    gaps = pl.DataFrame(
        {"ts": frame["ts_recv"].gather([5, 60, 120]), "venue": "upbit", "symbol": "BTC"}
        | {"reason": "restart", "detail": ""}
    )
    with GrowingDataset(tmp_path / "d") as dataset:
        dataset.commit([(info_of(A, levels=2), frame)], {"gaps": gaps})
    report = validate(tmp_path / "d")
    (told,), (missing,) = report.of("gap_rows", A), report.of("missing_price", A)
    assert (told.rows, told.severity, missing.rows, missing.severity) == (3, "info", 1, "warning")
    assert report.ok


def test_a_locked_book_is_not_called_crossed(check):
    frame = book_of(walk_of())
    report = check(
        {
            A: frame.with_columns(
                ask_px_00=pl.when(pl.int_range(pl.len()) == 3).then("bid_px_00").otherwise("ask_px_00")
            )
        }
    )
    assert report.of("locked")[0].rows == 1
    assert not report.of("crossed")


def test_a_level_below_a_missing_one_is_disordered(check):
    report = check({A: change(book_of(walk_of(), levels=3), [8], bid_px_01=None)})
    assert report.of("disordered_levels")[0].rows == 1


def test_gaps_are_counted_and_the_longest_shown_first(check):
    frame = book_of(walk_of())
    report = check({A: pl.concat([frame[:500], frame[600:1000], frame[1200:]])})
    (finding,) = report.of("gaps")
    assert finding.rows == 2
    assert [item["length"] for item in finding.examples] == ["3m21s", "1m41s"]


def test_the_gap_limit_can_be_set(check):
    frame = book_of(walk_of())
    report = check({A: pl.concat([frame[:500], frame[510:]])}, Limits(max_gap_s=5))
    assert report.of("gaps")[0].rows == 1


def test_hourly_bars_are_no_gaps_but_a_missing_one_is(check):
    candles = candles_of(walk_of())
    report = check({A: candles, B: pl.concat([candles[:9], candles[10:]])}, kind="candle")
    (finding,) = report.of("gaps")
    assert (finding.leg, finding.rows) == (B, 1)


def test_a_lead_of_less_than_a_second_is_only_told(check):
    mids = walk_of()
    books = [book_of(mids, step_ns=10**8, start_ns=START_NS + away) for away in (0, 3 * 10**8)]
    (finding,) = check({A: books[0], B: books[1]}).of("lag")
    assert finding.severity == "info"
    assert finding.figures["shift_s"] == pytest.approx(-0.3)


def test_rows_with_one_stamp_are_counted(check):
    frame = book_of(walk_of())
    report = check({A: pl.concat([frame[:10], frame[9:]])})
    assert report.of("duplicate_stamps")[0].rows == 1
    assert report.of("duplicate_rows")[0].rows == 1


def test_late_rows_are_told_although_they_were_sorted_in(check):
    frame = book_of(walk_of())
    report = check({A: pl.concat([frame[:10], frame[12:], frame[10:12]])})
    assert report.of("arrived_unsorted")[0].rows == 2
    assert not report.of("unsorted")


def test_a_file_unsorted_behind_the_manifest_is_an_error(check, tmp_path):
    check({A: book_of(walk_of())})
    (path,) = (tmp_path / "d").rglob("part-*.parquet")
    pl.read_parquet(path).reverse().write_parquet(path)
    rewrite_size(tmp_path / "d", path)
    report = validate(tmp_path / "d")
    assert report.of("unsorted")[0].rows == 2999
    assert report.of("content")[0].severity == "error"


def rewrite_size(folder: Any, path: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][0]["bytes"] = path.stat().st_size
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_quote_that_stands_still_while_the_other_moves_is_frozen(check):
    mids = walk_of()
    stuck = mids.copy()
    stuck[1000:1200] = mids[1000]
    report = check({A: book_of(stuck), B: book_of(mids)})
    (finding,) = report.of("frozen")
    assert finding.leg == A
    assert finding.rows == 200
    assert finding.examples[0]["from"] == "2024-01-01T00:16:40.004Z"


def test_a_quote_frozen_to_the_end_is_found(check):
    mids = walk_of()
    stuck = mids.copy()
    stuck[2500:] = mids[2500]
    assert check({A: book_of(stuck), B: book_of(mids)}).of("frozen", A)[0].rows == 500


def test_two_venues_that_stand_still_together_are_not_frozen(check):
    mids = walk_of()
    mids[1000:1200] = mids[1000]
    assert not check({A: book_of(mids), B: book_of(mids)}).of("frozen")


def test_rows_received_before_their_event_are_a_warning_with_the_median(check):
    frame = book_of(walk_of()).with_columns(ts_recv=pl.col("ts_event") - pl.duration(microseconds=12_300))
    report = check({A: frame.cast(book_schema(2))})
    (finding,) = report.of("receive_before_event")
    assert finding.severity == "warning"
    assert finding.rows == 3000
    assert finding.figures["median_offset_ms"] == pytest.approx(-12.3)


def test_a_receive_clock_hours_off_is_an_error(check):
    frame = book_of(walk_of()).with_columns(ts_recv=pl.col("ts_event") + pl.duration(hours=9))
    assert check({A: frame.cast(book_schema(2))}).of("clock_offset")[0].severity == "error"


@pytest.mark.parametrize(("divide", "code"), [(1_000, "stamp_units"), (10**9, "stamp_units")])
def test_stamps_in_another_unit_are_an_error(check, divide, code):
    assert check({A: book_of(walk_of(), start_ns=START_NS // divide)}).of(code)[0].severity == "error"


def test_stamps_of_an_old_exchange_rate_are_no_error(check):
    in_2007 = 1_167_688_800 * 10**9
    assert check({A: book_of(walk_of(), start_ns=in_2007)}).of("stamp_units") == []


def test_stamps_in_the_future_are_an_error(check):
    frame = book_of(walk_of())
    assert check({A: frame}, Limits(now_ns=START_NS - 2 * 24 * HOUR_NS)).of("future_stamps")[0].rows == 3000


@pytest.mark.parametrize("hours", [-9, 9])
def test_hourly_candles_stamped_nine_hours_apart_are_an_error(check, hours):
    mids = walk_of()
    shifted = candles_of(mids * 1300, start_ns=START_NS + hours * HOUR_NS)
    report = check({A: shifted, B: candles_of(mids)}, kind="candle")
    (finding,) = report.of("lag")
    assert finding.severity == "error"
    assert abs(finding.figures["shift_s"]) == 9 * 3600
    late = A if hours > 0 else B
    assert finding.message.startswith(f"{late} repeats 9h later")


def test_a_venue_that_lags_by_seconds_is_a_warning(check):
    mids = walk_of()
    report = check({A: book_of(mids), B: book_of(mids, start_ns=START_NS + 3 * 10**9)})
    (finding,) = report.of("lag")
    assert finding.severity == "warning"
    assert finding.leg == f"{B} ~ {A}"
    assert finding.figures["shift_s"] == pytest.approx(-3.0)


def test_venues_that_share_nothing_are_told(check):
    report = check({A: book_of(walk_of(seed=1)), B: book_of(walk_of(seed=2))})
    assert report.of("uncorrelated")[0].severity == "warning"


def test_instruments_without_common_time_are_told(check):
    mids = walk_of()
    report = check({A: book_of(mids), B: book_of(mids, start_ns=START_NS + 24 * HOUR_NS)})
    assert report.of("no_overlap")[0].severity == "warning"


def test_a_coarse_fx_tick_is_set_beside_the_spreads(tmp_path):
    mids = walk_of()
    fx = book_of(np.round(1380 + np.cumsum(np.random.default_rng(3).integers(-1, 2, mids.size)) * 1.0))
    with DatasetWriter(tmp_path / "d") as writer:
        writer.write(info_of(A, levels=2), book_of(mids))
        whole = [pl.col(f"{side}_px_{level}").round(0) for side in ("bid", "ask") for level in ("00", "01")]
        fx_info = info_of("upbit/KRW-USDT", base="USDT", quote="KRW", kind="fx", levels=2)
        writer.write(fx_info, fx.with_columns(whole))
        writer.commit()
    (finding,) = validate(tmp_path / "d").of("fx_tick")
    assert finding.severity == "warning"
    assert finding.figures["tick_size"] == 1.0
    assert finding.figures["tick_bps"] == pytest.approx(7.2, rel=0.1)
    assert "upbit/BTC" in finding.message


def test_disordered_bars_are_counted(check):
    report = check({A: change(candles_of(walk_of()), [4], low=1e6)}, kind="candle")
    assert report.of("disordered_bar")[0].rows == 1


def test_quarantined_rows_are_counted_with_their_reasons(tmp_path):
    with DatasetWriter(tmp_path / "d") as writer:
        writer.write(info_of(A, levels=2), book_of(walk_of()))
        writer.quarantine(pl.DataFrame({"source": "a", "line": 3, "reason": "text in price", "text": "x"}))
        writer.commit()
    (finding,) = validate(tmp_path / "d").of("quarantined")
    assert finding.rows == 1
    assert "text in price (1)" in finding.message


def test_a_batch_border_neither_hides_nor_doubles_a_finding(check, monkeypatch):
    monkeypatch.setattr("arbkit.data._parts.ROW_GROUP", 100)
    mids = walk_of(1000)
    stuck = mids.copy()
    stuck[150:350] = mids[150]
    frame = book_of(stuck)
    rows = pl.concat([frame[:100], frame[99:200], frame[400:]])
    report = check({A: rows, B: book_of(mids)})
    assert report.of("duplicate_rows")[0].rows == 1
    assert report.of("gaps")[0].rows == 1
    assert not report.of("frozen")
    assert not report.of("unsorted")


def test_the_report_is_plain_json_and_every_code_is_listed(check):
    report = check({A: change(book_of(walk_of()), [5], bid_px_00=None), B: book_of(walk_of())})
    text = json.dumps(report.to_dict())
    assert json.loads(text)["findings"][0]["severity"] == "warning"
    assert {item.check for item in report.findings} <= set(CHECKS)


@pytest.mark.parametrize("options", [{"max_gap_s": 0}, {"frozen_s": -1}, {"bad_share": 0}, {"bad_share": 2}])
def test_impossible_limits_are_refused(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        Limits(**options)


def test_an_open_dataset_can_be_validated(check, tmp_path):
    check({A: book_of(walk_of())})
    assert validate(open_dataset(tmp_path / "d")).ok


@pytest.mark.real_data
@pytest.mark.parametrize(("hours", "found"), [(0, "info"), (9, "error")])
def test_hourly_kimchi_candles_moved_by_nine_hours_are_found(check, real_data, hours, found):
    folder = real_data / "kimchi_daily_hourly_fx_2017_2024"
    upbit = closes_of(folder / "upbit_btc_hourly_history.csv", "trade_price", "%Y-%m-%d %H:%M")
    binance = closes_of(folder / "binance_btc_hourly_history_2017_9_1.csv", "Close", "%Y-%m-%d %H:%M:%S")
    moved = upbit.with_columns(pl.col("ts_event") + pl.duration(hours=hours, time_unit="ns"))
    report = check({A: moved, B: binance}, kind="candle")
    (finding,) = report.of("lag")
    assert (finding.severity, finding.figures["shift_s"]) == (found, hours * 3600)
    assert finding.figures["correlation"] == pytest.approx(0.74, abs=0.05)


@pytest.mark.real_data
def test_the_nine_hours_between_the_shipped_daily_columns_are_found(check, real_data):
    path = real_data / "kimchi_daily_hourly_fx_2017_2024" / "kimchi_premium.csv"
    days = {leg: closes_of(path, column, "%Y-%m-%d") for leg, column in ((A, "B"), (B, "A"))}
    (finding,) = check(days, kind="candle").of("lag")
    assert finding.severity == "error"
    assert finding.leg == f"{B} ~ {A}"
    assert finding.message.startswith(f"{B} repeats about 6h")
    assert -10 * 3600 < finding.figures["shift_s"] < -5 * 3600


def closes_of(path: Path, column: str, layout: str) -> pl.DataFrame:
    rows = pl.read_csv(path, infer_schema_length=0).drop_nulls(column)
    stamps = rows[rows.columns[0]].str.to_datetime(layout, time_unit="ns").dt.replace_time_zone("UTC")
    price = rows[column].cast(pl.Float64)
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    return pl.DataFrame({"ts_event": stamps} | prices | {"volume": price})
