"""What a generated market promises: repeatable, consistent, on ticks, never ahead of its clock."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from arbkit.data.schema import book_schema
from arbkit.errors import ConfigError
from arbkit.synthetic import Market, MarketSpec, load_market_spec
from arbkit.synthetic.ticks import TICK_TABLES

A, B, FX = "upbit/KRW-BTC", "binance_usdm/BTCUSDT", "upbit/KRW-USDT"


@pytest.mark.parametrize("leg", [A, B, FX])
def test_rows_do_not_depend_on_the_size_of_the_pieces(kimchi: MarketSpec, leg: str) -> None:
    market = Market(kimchi, seed=3, rows=4_000)
    whole = pl.concat(market.frames(leg, chunk_rows=10_000))
    pieces = list(market.frames(leg, chunk_rows=97))
    assert len(pieces) > 10
    assert_frame_equal(whole, pl.concat(pieces), check_exact=True)


@pytest.mark.parametrize("leg", [A, B, FX])
def test_a_shorter_market_is_the_beginning_of_a_longer_one(kimchi: MarketSpec, leg: str) -> None:
    short = Market(kimchi, seed=3, rows=2_000).frame(leg)
    long = Market(kimchi, seed=3, days=0.01).frame(leg)
    assert 0 < short.height < long.height
    assert_frame_equal(short, long.head(short.height), check_exact=True)


@pytest.mark.parametrize("leg", [A, B, FX])
def test_a_shallow_book_is_the_top_of_a_deep_one(kimchi: MarketSpec, leg: str) -> None:
    deep = Market(kimchi, rows=1_000, levels=30).frame(leg)
    shallow = Market(kimchi, rows=1_000, levels=2).frame(leg)
    assert_frame_equal(shallow, deep.select(shallow.columns), check_exact=True)


def test_another_seed_is_another_market(kimchi: MarketSpec) -> None:
    one, other = (Market(kimchi, seed=seed, rows=100).frame(B) for seed in (1, 2))
    assert not one.equals(other)


def test_rows_count_the_updates_of_both_venues(kimchi: MarketSpec) -> None:
    market = Market(kimchi, rows=1_234)
    assert market.frame(A).height + market.frame(B).height == 1_234


def test_the_market_ends_before_its_last_moment(demo: MarketSpec) -> None:
    market = Market(demo, days=0.1)
    stamps = market.frame(B)["ts_event"].to_physical()
    assert market.start_ns < stamps[0]
    assert market.end_ns - 60_000_000_000 < stamps[-1] < market.end_ns


@pytest.mark.parametrize("leg", [A, B, FX])
def test_books_are_ordered_positive_and_of_the_canonical_schema(kimchi: MarketSpec, leg: str) -> None:
    frame = Market(kimchi, rows=4_000, levels=10).frame(leg)
    assert frame.schema == book_schema(10)
    assert sum(frame.null_count().row(0)) == 0
    bids = frame.select(pl.col("^bid_px_.*$")).to_numpy()
    asks = frame.select(pl.col("^ask_px_.*$")).to_numpy()
    assert (asks[:, 0] > bids[:, 0]).all()
    assert (np.diff(bids, axis=1) < 0).all()
    assert (np.diff(asks, axis=1) > 0).all()
    assert (frame.select(pl.col("^.*_sz_.*$")).to_numpy() > 0).all()


@pytest.mark.parametrize(("leg", "tick"), [(A, 1000.0), (B, 0.1), (FX, 1.0)])
def test_prices_are_the_nearest_floats_to_whole_ticks(kimchi: MarketSpec, leg: str, tick: float) -> None:
    frame = Market(kimchi, rows=2_000, levels=10).frame(leg)
    prices = frame.select(pl.col("^.*_px_.*$")).to_numpy().ravel()
    assert np.array_equal(prices, np.round(np.round(prices / tick) * tick, 1))


def test_stamps_rise_and_are_received_after_the_event(kimchi: MarketSpec) -> None:
    frame = Market(kimchi, rows=20_000).frame(A)
    event, recv = (frame[name].to_physical().to_numpy() for name in ("ts_event", "ts_recv"))
    assert (np.diff(event) > 0).all()
    assert (np.diff(recv) > 0).all()
    assert (recv > event).all()
    assert (event % 1_000_000 == 0).all()
    assert np.median(recv - event) / 1e6 == pytest.approx(238, rel=0.1)


def test_what_stands_at_a_price_stays_for_a_while(kimchi: MarketSpec) -> None:
    frame = Market(kimchi, rows=20_000).frame(B)
    price, size = frame["bid_px_03"].to_numpy(), frame["bid_sz_03"].to_numpy()
    same_price = price[1:] == price[:-1]
    assert same_price.mean() > 0.05
    assert (size[1:] == size[:-1])[same_price].mean() > 0.7


def test_prices_on_both_sides_of_a_band_border_use_their_own_tick(kimchi: MarketSpec) -> None:
    spec = load_market_spec("kimchi", {"start_price": 1_000_100 / 1400, "regimes.0.price_vol_annual": 0.05})
    spec = spec.model_copy(update={"premium": spec.premium.model_copy(update={"level_mean_bps": 0.0})})
    frame = Market(spec, rows=20_000, levels=30).frame(A)
    prices = frame.select(pl.col("^.*_px_.*$")).to_numpy().ravel()
    low, high = prices[prices < 1_000_000], prices[prices >= 1_000_000]
    assert len(low) > 0
    assert len(high) > 0
    assert (low % 500 == 0).all()
    assert (high % 1000 == 0).all()
    assert TICK_TABLES["upbit-krw"][0] == (1_000_000.0, 1000.0)


def test_a_book_near_zero_lacks_the_bids_it_has_no_room_for(kimchi: MarketSpec) -> None:
    spec = load_market_spec("kimchi", {"start_fx": 3.0, "fx.tick": 1.0})
    frame = Market(spec, rows=2_000, levels=5).frame(FX)
    assert frame["bid_px_04"].null_count() == frame.height
    assert frame["ask_px_04"].null_count() == 0
    assert frame["bid_px_04"].is_nan().sum() == 0


def test_bad_rows_come_at_the_share_asked_for(kimchi: MarketSpec) -> None:
    spec = load_market_spec("kimchi", {"b.bad_row_share": 0.05})
    frame = Market(spec, rows=20_000).frame(B)
    crossed = (pl.col("bid_px_00") >= pl.col("ask_px_00")).fill_null(False)
    counts = frame.select(
        crossed.sum().alias("crossed"),
        pl.col("ask_px_00").is_null().sum().alias("one_sided"),
        (pl.col("bid_px_00") == 0).sum().alias("zero"),
    ).row(0, named=True)
    share = {name: count / frame.height for name, count in counts.items()}
    assert share == pytest.approx({"crossed": 0.025, "one_sided": 0.0125, "zero": 0.0125}, rel=0.35)


def test_outages_leave_gaps_of_their_length(demo: MarketSpec) -> None:
    spec = load_market_spec("demo", {"a.outages": [{"per_day": 100, "mean_s": 300}]})
    stamps = Market(spec, days=2).frame(A)["ts_event"].to_physical().to_numpy()
    gaps = np.diff(stamps) / 1e9
    assert (gaps > 60).sum() == pytest.approx(2 * 100 * 0.72 * np.exp(-0.2), rel=0.3)


@pytest.mark.parametrize(
    ("change", "rule"),
    [({"levels": 31}, "levels"), ({"rows": 0}, "rows"), ({"days": -1.0}, "days"), ({"seed": -1}, "seed")],
)
def test_a_size_out_of_range_is_refused(kimchi: MarketSpec, change: dict[str, float], rule: str) -> None:
    with pytest.raises(ConfigError, match=f"`{rule}` must be within"):
        Market(kimchi, **change)  # type: ignore[arg-type]


def test_an_unknown_instrument_is_refused_with_the_nearest_name(kimchi: MarketSpec) -> None:
    with pytest.raises(ConfigError, match="did you mean `upbit/KRW-BTC`"):
        list(Market(kimchi, rows=10).frames("upbit/KRW-BTX"))
