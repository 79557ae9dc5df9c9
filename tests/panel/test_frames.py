"""Frames of any library to panels and back."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from arbkit.errors import DataError
from arbkit.panel import Panel

SECOND = 1_000_000_000
START = 1_704_067_200 * SECOND
STAMPS = [START, START + SECOND, START + SECOND]
PRICES = {
    "bid_a": [1.0, 2.0, 3.0],
    "ask_a": [2.0, 3.0, 4.0],
    "bid_b": [1.5, 2.5, 3.5],
    "ask_b": [2.5, 3.5, 4.5],
}


def frame(**more: object) -> pl.DataFrame:
    return pl.DataFrame({"ts": pl.Series(STAMPS).cast(pl.Datetime("ns", "UTC")), **PRICES, **more})


def test_every_kind_of_frame_gives_the_same_panel() -> None:
    polars = frame(fair=[1.0, None, 1.01], entry_ok=[True, None, False])
    pandas = polars.to_pandas()
    kinds = [
        polars,
        polars.lazy(),
        pandas,
        pandas.set_index("ts"),
        polars.to_arrow(),
        polars.to_arrow().to_batches()[0],
    ]
    assert {Panel.from_frame(one).fingerprint for one in kinds} == {Panel.from_frame(polars).fingerprint}
    panel = Panel.from_frame(polars)
    assert panel.entry_ok.tolist() == [True, False, False]
    assert np.isnan(panel.fair[1])


@pytest.mark.parametrize(
    "ts",
    [
        pl.Series(STAMPS),
        pl.Series(STAMPS, dtype=pl.UInt64),
        pl.Series(STAMPS).cast(pl.Datetime("ns")),
        (pl.Series(STAMPS) // 1_000).cast(pl.Datetime("us")),
        (pl.Series(STAMPS) // 1_000_000).cast(pl.Datetime("ms", "UTC")),
        pl.Series(STAMPS).cast(pl.Datetime("ns", "UTC")).dt.convert_time_zone("Asia/Seoul"),
    ],
    ids=["int", "uint", "naive", "us", "ms", "seoul"],
)
def test_stamps_of_any_unit_and_zone_are_the_same_instants(ts: pl.Series) -> None:
    assert Panel.from_frame(frame().with_columns(ts.alias("ts"))).ts.tolist() == STAMPS


def test_pandas_stamps_with_a_zone_are_the_same_instants() -> None:
    given = frame().to_pandas()
    given["ts"] = given["ts"].dt.tz_convert("Asia/Seoul")
    assert Panel.from_frame(given).ts.tolist() == STAMPS


def test_dates_are_midnights() -> None:
    days = pl.Series([date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 3)])
    assert Panel.from_frame(frame().with_columns(days.alias("ts"))).ts[1] == START + 86_400 * SECOND


def test_integers_nulls_and_decimals_become_floats() -> None:
    given = frame().with_columns(
        pl.Series("bid_a", [1, None, 3]), pl.Series("ask_a", ["2", "3", "4"]).cast(pl.Decimal(10, 2))
    )
    panel = Panel.from_frame(given)
    assert panel.bid_a.dtype == panel.ask_a.dtype == np.float64
    assert np.isnan(panel.bid_a[1])
    assert panel.tradable.tolist() == [True, False, True]


def test_an_all_null_column_is_a_missing_quote() -> None:
    assert not Panel.from_frame(frame().with_columns(bid_b=None)).tradable.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bid_a": pl.lit("x")}, "column `bid_a` must hold numbers, was String"),
        ({"bid_b": pl.lit(True)}, "column `bid_b` must hold numbers, was Boolean"),
        ({"fair": pl.lit("x")}, "column `fair` must hold numbers"),
        ({"fair": pl.lit(0.0)}, r"`fair` must be a ratio above 0.*row 0 held 0\.0 \(3 such rows\)"),
        ({"entry_ok": pl.lit(1)}, "column `entry_ok` must be boolean, was Int32"),
        ({"ts": pl.lit(1.5)}, "column `ts` must be a datetime or int64 nanoseconds, was Float64"),
        ({"ts": pl.lit("2024-01-01")}, "column `ts` must be a datetime or int64 nanoseconds, was String"),
        ({"ts": pl.lit(None, pl.Int64)}, "column `ts` must hold a time in every row, had 3 nulls"),
        ({"ts": -pl.col("ts").to_physical()}, "non-decreasing time, row 1 .* was before row 0"),
        ({"bid_px_a_01": pl.lit(1.0)}, "missing columns: bid_sz_a, ask_sz_a, bid_sz_b, ask_sz_b"),
        ({"bid_size_a": pl.lit(1.0)}, "missing columns: ask_sz_a, bid_sz_b, ask_sz_b"),
    ],
)
def test_a_bad_column_is_one_clear_error(change: dict[str, pl.Expr], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Panel.from_frame(frame().with_columns(**change))


def test_missing_columns_are_named_with_those_present() -> None:
    with pytest.raises(DataError, match="missing columns: bid_a, ask_b; the frame has ts, ask_a, bid_b"):
        Panel.from_frame(frame().drop("bid_a", "ask_b"))


@pytest.mark.parametrize("thing", [[1, 2], {"ts": [1]}, pd.Series([1]), pa.array([1]), None])
def test_anything_but_a_frame_is_an_error(thing: object) -> None:
    with pytest.raises(DataError, match="polars, pandas or pyarrow frame"):
        Panel.from_frame(thing)


def test_a_frame_without_rows_is_an_empty_panel() -> None:
    panel = Panel.from_frame(frame().clear())
    assert len(panel) == 0
    assert panel.spreads().height == 0


def sized(top: str = "sz") -> pl.DataFrame:
    tops = {f"{side}_{top}_{leg}": [1.0, 2.0, 3.0] for side in ("bid", "ask") for leg in "ab"}
    deep = {
        f"{side}_{what}_{leg}_01": [value + 10.0] * 3
        for side in ("bid", "ask")
        for what, value in (("px", 0), ("sz", 5))
        for leg in "ab"
    }
    return frame(**tops, **deep)


@pytest.mark.parametrize("top", ["sz", "size"])
def test_sizes_and_levels_become_ladders(top: str) -> None:
    ladders = Panel.from_frame(sized(top)).ladders
    assert ladders.levels == 2
    assert ladders.bid_px_a.tolist() == [[1, 10], [2, 10], [3, 10]]
    assert ladders.ask_sz_b.tolist() == [[1, 15], [2, 15], [3, 15]]
    assert all(array.flags.c_contiguous and not array.flags.writeable for array in ladders)


def test_a_missing_level_column_is_an_error() -> None:
    with pytest.raises(DataError, match="missing columns: ask_px_b_01"):
        Panel.from_frame(sized().drop("ask_px_b_01"))


def test_further_numeric_columns_are_kept_and_others_left_out() -> None:
    panel = Panel.from_frame(frame(vola=[1, 2, 3], note=["a", "b", "c"]))
    assert list(panel.columns) == ["vola"]


def test_a_panel_and_its_frame_are_the_same() -> None:
    given = sized().with_columns(
        fair=1.01, fx_a=1_300.0, scale=0.5, entry_ok=pl.Series([True, False, True]), z=1.0
    )
    panel = Panel.from_frame(given)
    again = Panel.from_frame(panel.to_frame())
    assert again.fingerprint == panel.fingerprint
    assert again.to_frame().equals(panel.to_frame())
    assert panel.to_frame().schema["ts"] == pl.Datetime("ns", "UTC")


def test_a_fair_column_is_named_as_the_reference() -> None:
    assert Panel.from_frame(frame(fair=1.0)).meta.reference == "column:fair"
    assert Panel.from_frame(frame(fair=1.0), reference="ewma:1h").meta.reference == "ewma:1h"


def test_naive_python_datetimes_are_utc() -> None:
    given = {"ts": [datetime(2024, 1, 1)], **{name: values[:1] for name, values in PRICES.items()}}
    assert Panel.from_frame(pl.DataFrame(given)).ts[0] == START
