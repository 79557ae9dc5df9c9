"""Opportunities one by one."""

from __future__ import annotations

import pytest

import arbkit
from arbkit import DataError, Panel, Params, opportunities
from tests.realism.conftest import make_panel


def test_each_opportunity_has_its_duration_peak_and_size(market: Panel, params: Params) -> None:
    frame = opportunities(market, params).frame
    assert frame["rows"].to_list() == [1, 5, 20, 2, 12]
    assert frame["duration_s"].to_list() == pytest.approx([0.1, 0.5, 2.0, 0.2, 1.2])
    assert frame["side"].unique().to_list() == ["LONG_A_SHORT_B"]
    assert frame["peak_bps"][2] == pytest.approx((100.41 - 100.01) / 100.01 * 1e4 - 3)
    assert frame["top_usd"].to_list() == pytest.approx([100.01] * 5)
    # 40 bps: all five units pay, the last against the second levels; 20 bps: the second levels no longer do
    assert frame["paying_usd"][2] == pytest.approx(100.01 + 4 * 100.06)
    assert frame["paying_usd"][1] == pytest.approx(100.01)
    assert frame.height == arbkit.backtest(market, params).metrics.excursions


def test_quantiles_and_finding_sum_them_up(market: Panel, params: Params) -> None:
    found = opportunities(market, params)
    assert found.quantiles["measure"].to_list() == ["duration_s", "peak_bps", "top_usd", "paying_usd"]
    assert found.quantiles["50%"][0] == pytest.approx(0.5)
    assert found.finding.startswith("5 opportunities, half of them over within 500 ms")
    assert found.finding.endswith("half offer at most 100.01 USDT at the top of both books.")
    assert [note[:37] for note in found.notes] == ["1 opportunity shows on one row only: "]
    assert len(found.plot().axes) == 2


def test_panel_without_sizes_has_durations_and_says_so(params: Params) -> None:
    found = opportunities(make_panel(sizes=False), params)
    assert found.frame["top_usd"].null_count() == 5
    assert found.quantiles["measure"].to_list() == ["duration_s", "peak_bps"]
    assert "no sizes" in found.notes[0]
    assert found.plot().axes[0].get_ylabel() == "widest, bps after cost"


def test_single_opportunity_that_lasts_has_no_end(params: Params) -> None:
    found = opportunities(make_panel([(195, 5, 100.31)]), params)
    assert found.frame["end_ts"].to_list() == [None]
    assert found.frame["duration_s"].to_list() == pytest.approx([0.4])
    assert found.finding.startswith("One opportunity, over within 400 ms, 27.00 bps at its widest")
    assert "lasts to the end of the data" in found.notes[-1]
    assert len(found.plot().axes) == 2


def test_direction_limits_what_is_found(market: Panel, params: Params) -> None:
    none = opportunities(market, params.replace(direction="long_b_short_a"))
    assert none.frame.height == 0
    assert none.finding.startswith("There is no opportunity")
    assert none.plot().axes[0].texts[0].get_text() == "none"
    assert opportunities(market.rows(0, 0), params).frame.height == 0


def test_levels_out_of_order_are_refused(params: Params) -> None:
    panel = make_panel()
    assert panel.ladders is not None
    swapped = panel.ladders._replace(bid_px_a=panel.ladders.bid_px_a[:, ::-1])
    with pytest.raises(DataError, match="bid_px_a"):
        opportunities(panel.replace(ladders=swapped), params)
