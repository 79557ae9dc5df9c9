"""Mapped tables: columns, stamps, numbers, bars, and what happens to rows that cannot be read."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from arbkit.errors import ConfigError, DataError

LEG = {"venue": "v", "symbol": "BTC-USD", "base": "BTC", "quote": "USD"}
TOP = {"columns": {"bid_px": "b", "ask_px": "a"}, "time": {"column": "t", "zone": "UTC"}}
CSV = "t,b,a\n2024-01-01 00:00:00,1,2\n2024-01-01 00:00:01,3,4\n"


def rows(dataset, leg: str = "v/BTC-USD") -> pl.DataFrame:
    return dataset.scan(leg).collect()


def stamps(dataset, leg: str = "v/BTC-USD") -> list[str]:
    return [f"{stamp:%Y-%m-%d %H:%M:%S.%f}" for stamp in rows(dataset, leg)["ts_event"]]


def test_levels_are_mapped_by_pattern(run_ingest) -> None:
    text = "t,b1,b2,bv1,bv2,a1,a2,av1,av2\n1700000000,10,9,1,2,11,12,3,4\n"
    columns = {
        "bid_px": "b{level+1}",
        "bid_sz": "bv{level+1}",
        "ask_px": "a{level+1}",
        "ask_sz": "av{level+1}",
    }
    report, dataset = run_ingest(text, columns=columns, time={"column": "t", "unit": "s"}, **LEG)
    assert report.legs[0].levels == 2
    assert rows(dataset).row(0)[2:] == (10.0, 1.0, 11.0, 3.0, 9.0, 2.0, 12.0, 4.0)


@pytest.mark.parametrize("pack", ["plain", "gz", "zip", "crlf", "bom"])
def test_packings_give_the_same_rows(run_ingest, pack: str) -> None:
    data = CSV.encode()
    name = "input.csv"
    if pack == "gz":
        data, name = gzip.compress(data), "input.csv.gz"
    elif pack == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("inner.csv", data)
        data, name = buffer.getvalue(), "input.zip"
    elif pack == "crlf":
        data = data.replace(b"\n", b"\r\n")
    elif pack == "bom":
        data = b"\xef\xbb\xbf" + data
    _, dataset = run_ingest(data, name=name, **LEG, **TOP)
    assert rows(dataset)["bid_px_00"].to_list() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("stamp", "time", "expected"),
    [
        ("2024-01-01 09:00:00", {"zone": "Asia/Seoul"}, "2024-01-01 00:00:00.000000"),
        ("2024-01-01T09:00:00.25+09:00", {}, "2024-01-01 00:00:00.250000"),
        ("2024-01-01T00:00:00Z", {}, "2024-01-01 00:00:00.000000"),
        ("2024-01-01", {"zone": "Asia/Seoul", "offset": "9h"}, "2024-01-01 00:00:00.000000"),
        ("1704067200", {"unit": "s"}, "2024-01-01 00:00:00.000000"),
        ("1704067200.5", {"unit": "s"}, "2024-01-01 00:00:00.500000"),
        ("1704067200000001", {"unit": "us"}, "2024-01-01 00:00:00.000001"),
        ("01/02/2024 3:04", {"format": "%d/%m/%Y %H:%M", "zone": "UTC"}, "2024-02-01 03:04:00.000000"),
    ],
)
def test_stamps_of_every_kind_become_utc(run_ingest, stamp: str, time: dict, expected: str) -> None:
    text = f"t,b,a\n{stamp},1,2\n"
    _, dataset = run_ingest(text, **LEG, columns=TOP["columns"], time={"column": "t"} | time)
    assert stamps(dataset) == [expected]


def test_naive_stamps_without_a_zone_are_refused(run_ingest) -> None:
    with pytest.raises(ConfigError, match="name no time zone"):
        run_ingest(CSV, **LEG, columns=TOP["columns"], time={"column": "t"})


def test_stamp_that_does_not_exist_in_its_zone_is_quarantined(run_ingest) -> None:
    text = "t,b,a\n2024-03-31 02:30:00,1,2\n2024-03-31 04:00:00,1,2\n"
    time = {"column": "t", "zone": "Europe/Berlin"}
    report, dataset = run_ingest(text, **LEG, columns=TOP["columns"], time=time)
    assert report.quarantined == 1
    assert stamps(dataset) == ["2024-03-31 02:00:00.000000"]


def test_date_comes_from_the_file_name_and_a_bar_enters_at_its_end(run_ingest) -> None:
    text = "0,1,2\n60000,3,4\n"
    time = {"column": "ms", "unit": "ms", "origin": "file_date", "zone": "UTC"}
    entry = {"header": ["ms", "b", "a"], "bar": "1min", "stamp": "start", "columns": TOP["columns"]}
    report, dataset = run_ingest(text, name="x_20180404_q.csv", time=time, **entry, **LEG)
    assert stamps(dataset) == ["2018-04-04 00:01:00.000000", "2018-04-04 00:02:00.000000"]
    assert report.rows == 2
    with pytest.raises(DataError, match="must hold a date"):
        run_ingest(text, name="undated.csv", time=time, **entry, **LEG)


@pytest.mark.parametrize(
    ("stamp", "price_at", "expected"),
    [("start", "end", "01"), ("end", "end", "00"), ("start", "start", "00"), ("end", "start", "23")],
)
def test_candle_stamp_is_where_its_price_belongs(
    run_ingest, stamp: str, price_at: str, expected: str
) -> None:
    text = "t,o\n2024-01-02 00:00:00,7\n"
    entry = {"kind": "candle", "bar": "1h", "stamp": stamp, "price_at": price_at, "columns": {"price": "o"}}
    _, dataset = run_ingest(text, time=TOP["time"], **entry, **LEG)
    assert stamps(dataset)[0][11:13] == expected
    assert rows(dataset).select("open", "high", "low", "close", "volume").row(0) == (7.0, 7.0, 7.0, 7.0, None)
    assert dataset.instrument("v/BTC-USD").bar_s == 3600.0


def test_numbers_with_thousands_separators(run_ingest) -> None:
    text = 't,b,a\n2024-01-01,"1,137.62","1,140.68"\n2024-01-02,999,1000\n'
    _, dataset = run_ingest(text, **LEG, **TOP, numbers={"thousands": ","})
    assert rows(dataset)["bid_px_00"].to_list() == [1137.62, 999.0]


def test_one_price_stands_on_both_sides(run_ingest) -> None:
    _, dataset = run_ingest("t,p\n2024-01-01,5\n", **LEG, time=TOP["time"], columns={"price": "p"}, kind="fx")
    assert rows(dataset).select("bid_px_00", "ask_px_00", "bid_sz_00").row(0) == (5.0, 5.0, None)


def test_only_unreadable_rows_are_quarantined_each_with_line_and_reason(run_ingest) -> None:
    text = (
        "t,b,a\n"
        "2024-01-01 00:00:00,1,2\n"
        "2024-01-01 00:00:01,n/a,2\n"
        "2024-01-01 00:00:02,3,2\n"  # crossed: stays
        "2024-01-01 00:00:03,0,2\n"  # zero: stays
        "2024-01-01 00:00:04,,2\n"  # one-sided: stays
        "soon,1,2\n"
        "2024-01-01 00:00:06,1\n"
        ",1,2\n"
        ",,\n"
        "\n"
        "2024-01-01 00:00:08,inf,2\n"
        "2024-01-01 00:00:09,nan,2\n"
    )
    report, dataset = run_ingest(text, **LEG, **TOP)
    refused = dataset.quarantine().sort("line")
    assert refused["line"].to_list() == [3, 7, 8, 9, 12]
    assert refused["text"][0] == "2024-01-01 00:00:01,n/a,2"
    assert refused["reason"][0] == "`b` must be a number, was 'n/a'"
    assert "must hold 3 fields, was 2" in refused["reason"][2]
    assert (report.rows, report.quarantined, report.blank_rows) == (5, 5, 2)
    assert rows(dataset)["bid_px_00"].to_list() == [1.0, 3.0, 0.0, None, None]


def test_blank_rows_can_be_quarantined_instead(run_ingest) -> None:
    report, _ = run_ingest(CSV + ",,\n", **LEG, **TOP, blank_rows="quarantine")
    assert (report.quarantined, report.blank_rows) == (1, 0)


def test_stray_quote_does_not_swallow_the_rows_after_it(run_ingest) -> None:
    text = 't,b,a\n2024-01-01,"1,2\n2024-01-02,3,4\n2024-01-03,5,6\n'
    report, dataset = run_ingest(text, **LEG, **TOP)
    assert report.quarantined == 1
    assert rows(dataset)["bid_px_00"].to_list() == [3.0, 5.0]


def test_bytes_that_are_no_text_are_quarantined(run_ingest) -> None:
    text = CSV.encode() + b'2024-01-03,"\x00\xff,1\n2024-01-04,\r,"x\n2024-01-05,5,6\n'
    report, dataset = run_ingest(text, **LEG, **TOP)
    assert report.quarantined == 2
    assert rows(dataset)["bid_px_00"].to_list() == [1.0, 3.0, 5.0]


def test_rows_of_other_hours_and_symbols_are_counted_not_quarantined(run_ingest) -> None:
    text = "t,s,b,a\n2024-01-01 00:00:00,X,1,2\n2024-01-01 05:00:00,X,3,4\n2024-01-01 00:00:01,Y,5,6\n"
    report, dataset = run_ingest(text, **LEG, **TOP, where={"s": "X"}, hours_utc=[0])
    assert (report.rows, report.filtered_rows, report.quarantined) == (1, 2, 0)
    assert rows(dataset)["bid_px_00"].to_list() == [1.0]


@pytest.mark.parametrize(
    ("inverse", "expected"), [(False, [2.0, 4.0]), (True, [2 * 100 / 50_000, 4 * 100 / 50_010])]
)
def test_sizes_in_contracts_become_base_units(run_ingest, inverse: bool, expected: list[float]) -> None:
    text = "t,b,bs,a,as\n2024-01-01,50000,2,50010,4\n"
    columns = {"bid_px": "b", "bid_sz": "bs", "ask_px": "a", "ask_sz": "as"}
    size = 100 if inverse else 1
    entry = LEG | {"columns": columns, "contract_size": size, "inverse": inverse}
    _, dataset = run_ingest(text, time=TOP["time"], **entry)
    assert list(rows(dataset).select("bid_sz_00", "ask_sz_00").row(0)) == pytest.approx(expected)
    info = dataset.instrument("v/BTC-USD")
    assert info.contract_size is None
    assert "contracts of" in info.flags[0]


def test_parquet_is_mapped_like_csv(run_ingest, tmp_path: Path) -> None:
    frame = pl.DataFrame({"t": [1_700_000_000_000, 1_700_000_001_000], "b": [1, 2], "a": [2.5, None]})
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    time = {"column": "t", "unit": "ms"}
    _, dataset = run_ingest(buffer.getvalue(), name="x.parquet", **LEG, columns=TOP["columns"], time=time)
    assert rows(dataset)["ask_px_00"].to_list() == [2.5, None]
    with pytest.raises(DataError, match="half written"):
        run_ingest(buffer.getvalue()[:-30], name="y.parquet", **LEG, columns=TOP["columns"], time=time)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("t,b,a\n", "holds no data row"),
        ("t,bid,a\n2024-01-01,1,2\n", "column `b` missing"),
        ("t,b,b\n2024-01-01,1,2\n", "stands twice"),
        (
            "t,b,a\n2024-01-01,x,2\n2024-01-02,y,2\n",
            "no row could be read, 2 were refused; the first: .* line 2",
        ),
    ],
)
def test_file_that_gives_nothing_is_an_error(run_ingest, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        run_ingest(text, **LEG, **TOP)


def test_missing_columns_name_the_nearest_present(run_ingest) -> None:
    with pytest.raises(DataError, match=r"columns `bid_price`, `ask_price` missing.*did you mean `bidprice`"):
        run_ingest(
            "t,bidprice,askprice\n2024-01-01,1,2\n",
            **LEG,
            time=TOP["time"],
            columns={"bid_px": "bid_price", "ask_px": "ask_price"},
        )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time": None}, "`time`"),
        ({"columns": {}}, "`columns` must name the prices"),
        ({"columns": {"close": "b"}}, "does not fit kind"),
        ({"kind": "candle", "columns": {"close": "b"}}, "`bar` and `stamp`"),
        ({"venue": ""}, "`venue`"),
        ({"quote": ""}, "--quote"),
    ],
)
def test_entry_that_lacks_something_says_what(run_ingest, changes: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run_ingest(CSV, **(LEG | TOP | changes))
