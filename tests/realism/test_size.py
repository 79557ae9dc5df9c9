"""Capacity."""

from __future__ import annotations

import pytest

import arbkit
from arbkit import ConfigError, Panel, Params, capacity
from tests.realism.conftest import make_panel


def test_small_trades_earn_what_the_top_claims_and_large_ones_less(market: Panel, params: Params) -> None:
    frame = capacity(market, params, notionals=[10, 100, 300, 10_000]).frame
    assert frame["mtm_pnl_usd"][0] == pytest.approx(frame["top_pnl_usd"][0])
    assert frame["mtm_pnl_usd"][3] < frame["top_pnl_usd"][3] / 10
    assert frame["filled_pct"][0] == 100
    assert frame["filled_pct"][3] < 10
    per_unit = frame["pnl_bps"].to_list()
    assert per_unit[1] == pytest.approx(per_unit[0])
    assert per_unit[0] > per_unit[2] > per_unit[3]
    assert frame["rejected_thin"][3] > 0 == frame["rejected_thin"][0]


def test_rows_are_those_of_backtests_with_depth(market: Panel, params: Params) -> None:
    found = capacity(market, params, notionals=[250], levels=1)
    run = arbkit.backtest(market, params.replace(max_position_usd=250, depth_levels=1))
    row = found.frame.row(0, named=True)
    assert found.levels == 1
    assert row["mtm_pnl_usd"] == run.metrics.mtm_pnl_usd
    assert row["filled_usd"] == pytest.approx(run.trades["notional_usd"].sum())
    assert capacity(market, params.replace(depth_levels=1), notionals=[250]).levels == 1


def test_default_sizes_span_the_best_level_to_the_whole_ladder(market: Panel, params: Params) -> None:
    found = capacity(market, params)
    sizes = found.frame["notional_usd"].to_list()
    assert sizes == [10, 20, 50, 100, 200, 500, 1_000, 2_000]
    assert found.finding.startswith("PnL is highest at ")
    assert len(found.plot().axes) == 3


def test_finding_when_no_size_earns_and_when_nothing_is_traded(market: Panel, params: Params) -> None:
    losing = params.replace(min_spread_bps=-9, exit_spread_bps=40, slippage_bps=6)
    assert capacity(market, losing).finding.startswith("No size earns money")
    quiet = capacity(market, params.replace(min_spread_bps=500))
    assert quiet.finding.startswith("Nothing is traded at any size")
    assert quiet.frame["pnl_bps"].null_count() == quiet.frame.height
    assert len(quiet.plot().axes) == 3
    assert capacity(market.rows(0, 0), params).finding.startswith("Nothing is traded")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"notionals": [0]}, "`notionals` must hold finite numbers above 0, was 0"),
        ({"levels": 3}, "`levels` must be from 1 to those of the panel, 2, was 3"),
        ({"levels": 0}, "was 0"),
    ],
)
def test_bad_options_are_refused(
    market: Panel, params: Params, options: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        capacity(market, params, **options)  # type: ignore[arg-type]


def test_what_depth_cannot_simulate_is_refused(market: Panel, params: Params) -> None:
    with pytest.raises(ConfigError, match="needs a panel with sizes"):
        capacity(make_panel(sizes=False), params)
    with pytest.raises(ConfigError, match="was convergence"):
        capacity(market, params.replace(pnl_model="convergence"))
