"""The shipped kimchi market against the figures it was calibrated on.

Premium: the aligned premium 2017-2024 (medians by year from -43 to 423, around a 20-day EWMA a deviation of
103 to 147 in calm years and 322 in 2021, half-life of days, hourly changes of 33 to 50, worst days -990 and
+1,109).
Books: the recorded Binance USD-M book, Upbit's recordings.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arbkit._typing import FloatArray
from arbkit.synthetic import Market, MarketSpec

A, B, FX = "upbit/KRW-BTC", "binance_usdm/BTCUSDT", "upbit/KRW-USDT"
SEEDS, YEARS = range(8), 5


@pytest.fixture(scope="module")
def histories(kimchi: MarketSpec) -> list[pl.DataFrame]:
    """Eight histories of five years, hour by hour."""
    return [Market(kimchi, seed=seed).latent(step_s=3600, steps=24 * 365 * YEARS) for seed in SEEDS]


def years(frame: pl.DataFrame) -> list[FloatArray]:
    """The premium at the first hour of each day, year by year."""
    return np.split(frame["premium_bps"].to_numpy()[::24], YEARS)


def around_ewma(daily: FloatArray) -> FloatArray:
    level, out, keep = daily[0], np.empty_like(daily), 1 - 2 / 21
    for i, value in enumerate(daily):
        level = keep * level + (1 - keep) * value
        out[i] = value - level
    return out


def half_life(values: FloatArray) -> float:
    return math.log(0.5) / math.log(np.corrcoef(values[:-1], values[1:])[0, 1])


def test_the_premium_stands_where_it_stood(histories: list[pl.DataFrame]) -> None:
    medians = [float(np.median(year)) for frame in histories for year in years(frame)]
    assert np.median(medians) == pytest.approx(132, abs=60)
    assert np.std(medians) == pytest.approx(165, rel=0.4)


def test_the_premium_wanders_around_its_ewma_as_far_as_it_did(histories: list[pl.DataFrame]) -> None:
    deviations = sorted(float(around_ewma(year).std()) for frame in histories for year in years(frame))
    assert 85 < np.quantile(deviations, 0.25) < 147
    assert 150 < np.quantile(deviations, 0.95) < 322


def test_daily_changes_are_those_of_the_aligned_premium(histories: list[pl.DataFrame]) -> None:
    changes = [float(np.diff(year).std()) for frame in histories for year in years(frame)]
    assert 62 < np.quantile(changes, 0.1) < 101
    assert 101 < np.quantile(changes, 0.9) < 180
    lowest = [min(float(np.diff(year).min()) for year in years(frame)) for frame in histories]
    highest = [max(float(np.diff(year).max()) for year in years(frame)) for frame in histories]
    assert -1_300 < np.median(lowest) < -450
    assert 450 < np.median(highest) < 1_300


def test_hourly_changes_lie_between_33_and_50_bps_and_reverse(histories: list[pl.DataFrame]) -> None:
    hourly = [np.diff(frame["premium_bps"].to_numpy()) for frame in histories]
    assert all(33 < float(change.std()) < 50 for change in hourly)
    reversal = np.mean([np.corrcoef(change[:-1], change[1:])[0, 1] for change in hourly])
    assert reversal == pytest.approx(-0.32, abs=0.08)


def test_the_fx_rate_moves_as_usd_krw_did(histories: list[pl.DataFrame]) -> None:
    changes = [np.diff(np.log(frame["fx"].to_numpy()[::24])).std() * 1e4 for frame in histories]
    assert np.mean(changes) == pytest.approx(52, rel=0.15)


@pytest.mark.real_data
def test_the_half_life_is_that_of_the_real_premium(histories: list[pl.DataFrame], real_data: Path) -> None:
    real = aligned_premium(real_data / "kimchi_daily_hourly_fx_2017_2024")
    found = [half_life(year["off"].to_numpy()) for _, year in real.group_by("year") if year.height > 100]
    made = [half_life(around_ewma(year)) for frame in histories for year in years(frame)]
    assert min(found) * 0.8 < np.median(made) < max(found)


def aligned_premium(folder: Path) -> pl.DataFrame:
    """Opens at 00:00 UTC over the FX close before, since 2019, as distance to the EWMA."""
    upbit = pl.read_csv(folder / "upbit_btc_hourly_history.csv", infer_schema_length=0).select(
        pl.nth(0).str.to_datetime("%Y-%m-%d %k:%M", strict=False).alias("day"),
        pl.col("opening_price").cast(pl.Float64, strict=False).alias("krw"),
    )
    binance = pl.read_csv(folder / "binance_btc_9am_total.csv", infer_schema_length=0).select(
        pl.col("Date").str.to_datetime("%Y-%m-%d", strict=False).alias("day"),
        pl.col("Open").str.replace_all(",", "").cast(pl.Float64).alias("usd"),
    )
    rates = pl.read_csv(folder / "usd_krw_investingcom.csv").select(
        pl.col("Date").str.to_datetime("%Y-%m-%d").dt.offset_by("1d").alias("day"),
        pl.col("Price").str.replace_all(",", "").cast(pl.Float64).alias("rate"),
    )
    joined = upbit.drop_nulls().join(binance.drop_nulls(), on="day").sort("day")
    joined = joined.join_asof(rates.sort("day"), on="day").drop_nulls()
    bps = ((joined["krw"] / joined["usd"] / joined["rate"] - 1) * 1e4).to_numpy()
    return pl.DataFrame({"year": joined["day"].dt.year(), "off": around_ewma(bps)}).filter(
        pl.col("year") >= 2019
    )


def book(kimchi: MarketSpec, leg: str) -> pl.DataFrame:
    return Market(kimchi, seed=5, rows=60_000, levels=10).frame(leg)


def shape(frame: pl.DataFrame, tick: float) -> dict[str, float]:
    """Spread in bps, gap between levels in ticks, sizes: the figures of a book's profile."""
    bids = frame.select(pl.col("^bid_px_.*$")).to_numpy()
    sizes = frame.select(pl.col("^bid_sz_.*$")).to_numpy()
    top, ask = bids[:, 0], frame["ask_px_00"].to_numpy()
    spread = (ask - top) / (ask + top) * 2e4
    return {
        "spread": float(np.median(spread)),
        "spread_99": float(np.quantile(spread, 0.99)),
        "gap": float(-np.diff(bids, axis=1).mean() / tick),
        "top": float(np.median(sizes[:, 0])),
        "deep": float(np.median(sizes[:, 1:])),
        "top_log_sd": float(np.log(sizes[:, 0]).std()),
        "deep_log_sd": float(np.log(sizes[:, 1:]).std()),
    }


def recorded_book(real_data: Path) -> pl.DataFrame:
    folder = real_data / "binance_spot_usdm_cm_rawfeed" / "derived_book10_100ms"
    frame = pl.read_parquet(folder / "binance_usdm_btcusdt_book10_100ms.parquet")
    names = {
        f"{side}{level}_{old}": f"{side}_{new}_{level:02d}"
        for side, (old, new), level in itertools.product(
            ("bid", "ask"), (("px", "px"), ("qty", "sz")), range(10)
        )
    }
    return frame.rename(names)


@pytest.mark.real_data
def test_the_binance_book_has_the_profile_of_the_recorded_one(kimchi: MarketSpec, real_data: Path) -> None:
    made, real = shape(book(kimchi, B), 0.1), shape(recorded_book(real_data), 0.1)
    assert made["gap"] == pytest.approx(real["gap"], rel=0.15)
    assert made["top"] == pytest.approx(real["top"], rel=0.3)
    assert made["deep"] == pytest.approx(real["deep"], rel=0.4)
    assert made["top_log_sd"] == pytest.approx(real["top_log_sd"], rel=0.3)
    assert made["deep_log_sd"] == pytest.approx(real["deep_log_sd"], rel=0.2)
    assert made["spread"] <= real["spread"]


def test_the_binance_spread_is_one_tick_with_a_long_tail(kimchi: MarketSpec) -> None:
    frame = book(kimchi, B)
    ticks = np.round((frame["ask_px_00"] - frame["bid_px_00"]).to_numpy() / 0.1)
    bid = frame["bid_px_00"].to_numpy()
    assert (bid[1:] == bid[:-1]).mean() == pytest.approx(0.84, abs=0.12)
    assert (ticks == 1).mean() > 0.85
    assert shape(frame, 0.1)["spread_99"] == pytest.approx(0.47, rel=0.6)


def test_the_upbit_book_lies_between_its_published_samples(kimchi: MarketSpec) -> None:
    found = shape(book(kimchi, A), 1000)
    assert 0.07 < found["spread"] < 2.0
    assert found["gap"] == pytest.approx(9, rel=0.3)
    assert 0.02 < found["deep"] < 0.1


def test_the_fx_book_is_one_coarse_tick_wide(kimchi: MarketSpec) -> None:
    frame = Market(kimchi, seed=5, days=0.25, levels=1).frame(FX)
    width = (frame["ask_px_00"] - frame["bid_px_00"]).to_numpy()
    assert (width == 1).mean() > 0.8
    assert 1 / frame["bid_px_00"].to_numpy().mean() * 1e4 == pytest.approx(7.1, rel=0.1)


def test_updates_come_at_the_recorded_rates(kimchi: MarketSpec) -> None:
    market = Market(kimchi, days=0.1, levels=1)
    seconds = 0.1 * 86_400
    assert market.frame(A).height / seconds == pytest.approx(2.9, rel=0.05)
    assert market.frame(B).height / seconds == pytest.approx(10, rel=0.05)
