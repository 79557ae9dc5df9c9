"""Panels whose truth is known: the noise has no edge, the premium reverts as fast as it says."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import polars as pl
import pytest

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError
from arbkit.synthetic import EDGE_SD_BPS, NOISE_KINDS, PanelShape, edge_panel, noise_panel, ou_panel


def premium(frame: pl.DataFrame) -> FloatArray:
    mid_a, mid_b = (((frame[f"bid_{v}"] + frame[f"ask_{v}"]) / 2).to_numpy() for v in "ab")
    return np.log(mid_a / mid_b) * 1e4


def test_a_reverting_premium_has_its_half_life_and_its_size() -> None:
    values = premium(ou_panel(PanelShape(rows=400_000, step_s=10), seed=1, half_life_s=1800, sd_bps=20))
    lag = 60
    rho = np.corrcoef(values[:-lag], values[lag:])[0, 1]
    assert -math.log(2) * lag * 10 / math.log(rho) == pytest.approx(1800, rel=0.1)
    assert values.std() == pytest.approx(20, rel=0.1)


def test_a_random_walk_has_no_memory() -> None:
    changes = np.diff(premium(noise_panel(PanelShape(rows=200_000, step_s=60, tick=0.01), seed=2))[::30])
    error = 1 / math.sqrt(len(changes))
    assert abs(np.corrcoef(changes[:-1], changes[1:])[0, 1]) < 4 * error
    assert changes.std() == pytest.approx(60 * math.sqrt(1800 / 86_400), rel=0.06)


def test_buying_what_fell_earns_nothing_on_a_random_walk() -> None:
    profits = []
    for seed in range(40):
        values = premium(noise_panel(PanelShape(rows=20_000, step_s=60), seed=seed))
        trend = np.convolve(values, np.ones(360) / 360, mode="valid")[:-60]
        now, later = values[359:-60], values[419:]
        profits.append(float(np.mean(np.sign(trend - now) * (later - now))))
    error = np.std(profits, ddof=1) / math.sqrt(len(profits))
    assert abs(np.mean(profits)) < 3 * error


def test_white_noise_never_pays_for_a_crossing_at_normal_costs() -> None:
    frame = noise_panel(200_000, seed=3, kind="white")
    spread = ((frame["bid_a"] - frame["ask_b"]) / frame["ask_b"] * 1e4).max()
    assert isinstance(spread, float)
    assert spread < 15
    values = premium(frame)
    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.02


def test_a_book_that_leans_bounces_and_never_offers_more_than_the_fair_price() -> None:
    shape = PanelShape(rows=20_000, step_s=60, spread_bps=10)
    bounce = noise_panel(shape, seed=4, kind="bounce")
    fair = noise_panel(dataclasses.replace(shape, spread_bps=0), seed=4)
    for venue in "ab":
        assert (bounce[f"bid_{venue}"] <= fair[f"ask_{venue}"]).all()
        assert (bounce[f"ask_{venue}"] >= fair[f"bid_{venue}"]).all()
    changes = np.diff(premium(bounce))
    assert np.corrcoef(changes[:-1], changes[1:])[0, 1] < -0.4


def test_spells_are_a_random_walk_whose_moves_come_in_spells() -> None:
    shape = PanelShape(rows=200_000, step_s=60, tick=0.01, spread_bps=0.1)
    changes = np.diff(premium(noise_panel(shape, seed=2, kind="spells"))[::30])
    sizes = np.abs(changes)
    assert abs(np.corrcoef(changes[:-1], changes[1:])[0, 1]) < 0.05
    assert np.corrcoef(sizes[:-1], sizes[1:])[0, 1] > 0.2
    assert ((changes - changes.mean()) ** 4).mean() / changes.var() ** 2 > 6
    assert changes.std() == pytest.approx(60 * math.sqrt(1800 / 86_400), rel=0.2)


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_the_same_seed_gives_the_same_panel_and_another_another(kind: str) -> None:
    first, again, other = (noise_panel(500, seed=seed, kind=kind) for seed in (7, 7, 8))
    assert first.equals(again)
    assert not first.equals(other)


def test_a_shorter_panel_is_the_beginning_of_a_longer_one() -> None:
    short, long = (ou_panel(rows, seed=1, half_life_s=60, sd_bps=5) for rows in (100, 1_000))
    assert short.equals(long.head(100))


def test_columns_and_clock_are_those_of_a_panel() -> None:
    frame = noise_panel(PanelShape(rows=10, step_s=0.5), seed=1)
    assert frame.columns == ["ts", "bid_a", "ask_a", "bid_b", "ask_b"]
    assert np.diff(frame["ts"].to_physical().to_numpy()).tolist() == [500_000_000] * 9
    assert (frame["ask_a"] > frame["bid_a"]).all()
    assert (frame["ask_b"] > frame["bid_b"]).all()


@pytest.mark.parametrize("tick", [0.01, 0.25, 5.0])
def test_prices_are_whole_ticks(tick: float) -> None:
    frame = noise_panel(PanelShape(rows=1_000, tick=tick), seed=1)
    ticks = frame["ask_b"].to_numpy() / tick
    assert np.allclose(ticks, np.round(ticks), atol=1e-6)


def test_bad_rows_come_at_their_share() -> None:
    frame = ou_panel(PanelShape(rows=40_000, bad_row_share=0.02), seed=1, half_life_s=60, sd_bps=5)
    good = (pl.col("bid_a") < pl.col("ask_a")) & (pl.col("bid_a") > 0) & pl.col("ask_a").is_not_nan()
    assert 1 - frame.select(good.mean()).item() == pytest.approx(0.02, rel=0.15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: noise_panel(10, seed=1, kind="pink"), "`pink` is no kind of noise"),
        (lambda: noise_panel(10, seed=1, sd_bps=0), "`sd_bps` must be above 0"),
        (lambda: ou_panel(10, seed=1, half_life_s=0, sd_bps=1), "`half_life_s` must be above 0"),
        (lambda: PanelShape(rows=0), "`rows` must be above 0"),
        (lambda: PanelShape(rows=1, bad_row_share=2), "`bad_row_share` must be within 0 and 1"),
        (lambda: PanelShape(rows=1, spread_bps=-1), "`spread_bps` must be at least 0"),
    ],
)
def test_a_bad_size_is_refused(call: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()  # type: ignore[operator]


def test_an_edge_is_the_premium_of_its_calibrated_size() -> None:
    shape = PanelShape(rows=500, step_s=60)
    made = edge_panel(shape, seed=4, lockbox_t=3)
    assert made.equals(ou_panel(shape, seed=4, half_life_s=1_800, sd_bps=EDGE_SD_BPS[3]))
    with pytest.raises(ConfigError, match="`lockbox_t` must be one of 2, 3, 4, 5, was 6"):
        edge_panel(shape, seed=4, lockbox_t=6)
