"""The numbers of the pictures: what is drawn is what the panel and the run hold."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import arbkit
from arbkit import lab
from arbkit.errors import ConfigError


def test_pixels_hold_the_extremes_of_their_rows(panel: arbkit.Panel) -> None:
    frame = lab.spread_frame(panel, pixels=100)
    assert frame.height == 100
    assert frame["rows"].sum() == len(panel)
    signals = panel.spreads()
    assert frame["x_ab_high_bps"].max() == signals["x_ab_bps"].max()
    assert frame["x_ba_low_bps"].min() == signals["x_ba_bps"].min()
    assert (frame["x_ab_low_bps"] <= frame["x_ab_high_bps"]).all()


def test_from_near_every_row_is_a_point(panel: arbkit.Panel) -> None:
    start, end = int(panel.ts[30]), int(panel.ts[69])
    frame = lab.spread_frame(panel, start, end, pixels=100)
    assert frame["rows"].to_list() == [1] * 40
    signals = panel.spreads()[30:70]
    assert frame["ts"].equals(signals["ts"])
    assert frame["x_ab_low_bps"].equals(frame["x_ab_high_bps"])
    assert frame["x_ab_high_bps"].to_list() == signals["x_ab_bps"].to_list()
    assert frame["x_ab_high_bps"].null_count() == 20


def test_stretch_without_rows_is_an_empty_picture(panel: arbkit.Panel) -> None:
    after = panel.end_ns + 10**12
    assert lab.spread_frame(panel, after, after + 1, pixels=10).height == 0


def test_equity_ends_where_the_metrics_say(panel: arbkit.Panel, params: arbkit.Params) -> None:
    result = arbkit.backtest(panel, params)
    frame = lab.equity_frame(result, pixels=200)
    metrics = result.metrics
    gain = frame["equity_usd"][-1] - params.initial_balance_usd
    assert gain == pytest.approx(metrics.mtm_pnl_usd)
    assert frame["balance_usd"][-1] == pytest.approx(metrics.final_balance_usd)
    assert 0 < frame["drawdown_pct"].max() <= metrics.max_drawdown_mtm_pct + 1e-9
    assert frame["ts"].is_sorted()


def test_every_extreme_of_the_valued_points_is_kept(panel: arbkit.Panel, params: arbkit.Params) -> None:
    result = arbkit.backtest(panel, params)
    whole = lab.equity_frame(result, pixels=3_000)
    few = lab.equity_frame(result, pixels=20)
    assert few.height <= 80
    assert few["equity_usd"].min() >= whole["equity_usd"].min()
    assert few["equity_usd"].max() <= whole["equity_usd"].max()


def test_equity_from_near_knows_the_peak_before_it(panel: arbkit.Panel, params: arbkit.Params) -> None:
    result = arbkit.backtest(panel, params.replace(min_spread_bps=-5))
    assert result.metrics.mtm_pnl_usd < 0
    late = lab.equity_frame(result, int(panel.ts[2_500]), panel.end_ns, pixels=100)
    assert late["drawdown_pct"].min() > 0


def test_trades_in_view_are_those_open_in_it(panel: arbkit.Panel, params: arbkit.Params) -> None:
    result = arbkit.backtest(panel, params)
    assert lab.trades_frame(result).equals(result.trades)
    trade = result.trades.row(3, named=True)
    inside = lab.trades_frame(result, trade["entry_ts"], trade["exit_ts"])
    assert trade["entry_index"] in inside["entry_index"].to_list()
    assert inside.height < result.metrics.total_trades


def test_when_there_are_too_many_the_widest_entries_stand_for_the_rest(
    panel: arbkit.Panel, params: arbkit.Params
) -> None:
    result = arbkit.backtest(panel, params.replace(min_spread_bps=0))
    few = lab.trades_frame(result, most=10)
    assert 0 < few.height <= 22
    assert few["entry_signal_bps"].max() == result.trades["entry_signal_bps"].max()
    assert few["entry_ts"].is_sorted()
    assert few.join(result.trades, on="entry_index", how="semi").height == few.height


def test_run_without_trades_is_a_flat_line(panel: arbkit.Panel, params: arbkit.Params) -> None:
    result = arbkit.backtest(panel, params.replace(min_spread_bps=9_999))
    frame = lab.equity_frame(result, pixels=50)
    assert frame.select(pl.col("equity_usd").n_unique()).item() == 1
    assert lab.trades_frame(result).height == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pixels": 0}, "`pixels` must be 1 to 20,000, was 0"),
        ({"start": "2030-01-01"}, "`start` must not lie after `end`"),
        ({"start": "soon"}, "a time must be ISO text"),
    ],
)
def test_bad_stretch_is_named(panel: arbkit.Panel, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        lab.spread_frame(panel, **arguments)


def test_a_million_pixels_of_one_row_are_one_point() -> None:
    one = arbkit.Panel(np.array([5]), *(np.array([value]) for value in (100.0, 100.1, 100.0, 100.1)))
    frame = lab.spread_frame(one, pixels=500)
    assert frame.height == 1
    assert frame["rows"].item() == 1
