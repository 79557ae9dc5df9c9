"""The ranking of a market of several coins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arbkit import load_panel
from arbkit.errors import ConfigError
from arbkit.screen import Costs, Screen, screen

COSTS = Costs(fee_a_bps=5, fee_b_bps=5)


def test_every_shared_coin_is_ranked_the_best_first(morning: Screen) -> None:
    assert set(morning.frame["asset"]) == {"BTC", "ETH", "SOL", "XRP", "DOGE"}
    assert morning.frame["net_bps_per_day"].is_sorted(descending=True)
    assert morning.currency == "USDT"
    assert morning.pair == "upbit x binance_usdm"


def test_premium_is_that_of_the_panel(morning: Screen, coins: Path) -> None:
    row = morning.frame.row(by_predicate=pl.col("asset") == "XRP", named=True)
    panel = load_panel(
        coins, {"a": row["leg_a"], "b": row["leg_b"]}, {"symbol": "upbit/KRW-USDT"}, currency="USDT"
    )
    mid_a, mid_b = (panel.bid_a + panel.ask_a) / 2, (panel.bid_b + panel.ask_b) / 2
    premium = ((mid_a / mid_b - 1) * 1e4)[panel.tradable]
    assert row["premium_bps"] == pytest.approx(premium[-1])
    assert row["premium_median_bps"] == pytest.approx(np.median(premium))
    assert row["tradable_pct"] == pytest.approx(100 * panel.tradable.mean())


def test_from_parity_a_premium_that_stays_is_one_crossing(morning: Screen) -> None:
    row = morning.frame.row(by_predicate=pl.col("asset") == "DOGE", named=True)
    assert row["crossings_per_day"] * row["days"] == pytest.approx(1)
    assert row["net_bps_per_day"] == pytest.approx(row["net_bps_per_crossing"] / row["days"])
    assert row["pnl_per_day"] == pytest.approx(row["net_bps_per_day"] * 1e-4 * 1000)


def test_with_a_reference_crossings_come_in_pairs(coins: Path) -> None:
    found = screen(coins, size=1000, costs=Costs(fee_a_bps=0, fee_b_bps=0), reference="ewma:10m")
    counts = (found.frame["crossings_per_day"] * found.frame["days"]).round(6)
    assert (counts % 2 == 0).all()
    assert (counts > 0).any()
    assert "counts once the one back has been made" in found.notes[-1]


def test_larger_size_fills_less_and_leaves_less(coins: Path, morning: Screen) -> None:
    large = screen(coins, size=200_000, costs=COSTS)
    pair = morning.frame.join(large.frame, on="asset", suffix="_large")
    assert (pair["filled_pct_large"] < pair["filled_pct"]).all()
    assert (pair["net_bps_per_crossing_large"] <= pair["net_bps_per_crossing"]).all()


def test_costs_that_nothing_pays_leave_nothing(coins: Path) -> None:
    found = screen(coins, size=1000, costs=Costs(fee_a_bps=500, fee_b_bps=500), days=0.02)
    assert found.frame["net_bps_per_day"].to_list() == [0.0] * 5
    assert found.frame["net_bps_per_crossing"].null_count() == 5
    assert "none of 5 assets offered anything; no loop of two assets pays now" in found.finding
    assert (found.frame["days"] < 0.021).all()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"size": 0}, "`size` must be above 0, was 0"),
        ({"days": -1}, "`days` must be above 0, was -1"),
        ({"reference": "emwa:6h"}, "emwa"),
    ],
)
def test_wrong_option_is_one_clear_error(coins: Path, options: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        screen(coins, **{"size": 1000, "costs": COSTS, **options})  # type: ignore[arg-type]


def test_cost_that_is_no_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="`fee_a_bps` must be finite, was nan"):
        Costs(fee_a_bps=float("nan"), fee_b_bps=0)
