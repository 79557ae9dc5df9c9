"""Named table formats."""

from __future__ import annotations

import pytest

from arbkit.errors import ConfigError, DataError

PAIR = "timestamp,best_bid_a,best_ask_a,best_bid_b,best_ask_b\n{},1,2,3,4\n{},5,6,,8\n"


@pytest.mark.parametrize(
    "stamps",
    [
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z"),
        ("1704067200", "1704067201"),
        ("1704067200000", "1704067201000"),
        ("1704067200000000000", "1704067201000000000"),
    ],
)
def test_pair_csv_gives_two_instruments_whatever_its_stamps(run_ingest, stamps: tuple[str, str]) -> None:
    report, dataset = run_ingest(PAIR.format(*stamps), format="pair-csv")
    assert [item.leg for item in dataset.instruments] == ["a/PAIR", "b/PAIR"]
    second = dataset.scan("b/PAIR").collect()
    assert second["bid_px_00"].to_list() == [3.0, None]
    assert second["ts_event"].to_physical().to_list() == [1_704_067_200 * 10**9, 1_704_067_201 * 10**9]
    assert any("taken as USD" in message for message in report.warnings)


def test_pair_csv_with_names_for_both_legs(run_ingest) -> None:
    text = PAIR.format("2024-01-01 00:00:00", "2024-01-01 00:00:01")
    other = {"venue": "binance", "symbol": "BTCUSDT", "quote": "USDT", "kind": "perpetual"}
    entry = {"venue": "upbit", "symbol": "KRW-BTC", "quote": "KRW", "zone": "Asia/Seoul", "other": other}
    report, dataset = run_ingest(text, format="pair-csv", **entry)
    assert [item.leg for item in dataset.instruments] == ["binance/BTCUSDT", "upbit/KRW-BTC"]
    assert dataset.instrument("BTCUSDT").kind == "perpetual"
    assert report.legs[0].start == "2023-12-31T15:00:00Z"


def test_pair_csv_with_naive_stamps_needs_a_zone(run_ingest) -> None:
    with pytest.raises(ConfigError, match="--zone"):
        run_ingest(PAIR.format("2024-01-01 00:00:00", "2024-01-01 00:00:01"), format="pair-csv")


def test_pair_csv_without_a_column_names_it(run_ingest) -> None:
    text = PAIR.format("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z").replace("best_bid_b", "bid_b")
    with pytest.raises(DataError, match=r"`best_bid_b` missing.*best_bid_a"):
        run_ingest(text, format="pair-csv")


def test_tardis_book_snapshots(run_ingest) -> None:
    text = (
        "exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount,"
        "asks[1].price,asks[1].amount,bids[1].price,bids[1].amount\n"
        "binance-futures,BTCUSDT,1700000000000000,1700000000005000,101,1,100,2,102,3,99,4\n"
        "binance-futures,ETHUSDT,1700000000000000,1700000000005000,101,1,100,2,102,3,99,4\n"
    )
    report, dataset = run_ingest(text, format="tardis-book")
    info = dataset.instrument("binance_futures/BTCUSDT")
    assert (info.levels, info.base, info.quote, info.has_ts_recv) == (2, "BTC", "USDT", True)
    assert dataset.scan(info.leg).collect().row(0)[2:] == (100.0, 2.0, 101.0, 1.0, 99.0, 4.0, 102.0, 3.0)
    assert report.filtered_rows == 1
    assert report.legs[0].median_latency_ms == 5.0


def test_tardis_quotes(run_ingest) -> None:
    text = (
        "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n"
        "upbit,KRW-BTC,1700000000000000,1700000000005000,1,101,100,2\n"
    )
    _, dataset = run_ingest(text, format="tardis-quotes")
    assert dataset.instrument("upbit/KRW-BTC").quote == "KRW"
    assert dataset.scan("upbit/KRW-BTC").collect().row(0)[2:] == (100.0, 2.0, 101.0, 1.0)


def test_candles_by_common_names(run_ingest) -> None:
    text = "Date,Open,High,Low,Close,Volume\n2024-01-01,1,4,0.5,2,10\n"
    leg = {"venue": "v", "symbol": "S", "quote": "USD", "zone": "UTC", "bar": "1d", "stamp": "start"}
    _, dataset = run_ingest(text, format="candles", **leg)
    row = dataset.scan("v/S").collect().row(0, named=True)
    assert f"{row['ts_event']:%Y-%m-%d}" == "2024-01-02"
    assert [row[name] for name in ("open", "high", "low", "close", "volume")] == [1.0, 4.0, 0.5, 2.0, 10.0]


def test_candles_without_a_close_column_list_what_there_is(run_ingest) -> None:
    leg = {"venue": "v", "symbol": "S", "quote": "USD", "zone": "UTC", "bar": "1d", "stamp": "start"}
    with pytest.raises(DataError, match="the file has Date, Last"):
        run_ingest("Date,Last\n2024-01-01,1\n", format="candles", **leg)
