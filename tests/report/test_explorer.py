"""What the interactive chart and the list of trades are given."""

from __future__ import annotations

import base64
import dataclasses

import numpy as np
import pytest

from arbkit.report import explorer
from arbkit.report.explorer import BUCKETS, chart_data, trade_data


def floats(text):
    return np.frombuffer(base64.b64decode(text), "<f4")


def test_no_spike_of_the_premium_is_lost(view):
    data = chart_data(view)
    premium = np.concatenate(
        [part.panel.spreads()["premium_bps"].drop_nulls().to_numpy() for part in (view.train, view.test)]
    )
    assert np.nanmax(floats(data["premium"]["high"])) == pytest.approx(premium.max(), rel=1e-6)
    assert np.nanmin(floats(data["premium"]["low"])) == pytest.approx(premium.min(), rel=1e-6)
    assert floats(data["premium"]["reference"]).size == BUCKETS


def test_levels_stand_around_the_reference_as_the_parameters_say(view):
    data, params = chart_data(view), view.params
    levels = data["premium"]["levels"]
    reference = floats(data["premium"]["reference"])
    enter = params.min_spread_bps + params.cost_bps
    np.testing.assert_allclose(floats(levels["entry_ab"]), reference - enter, rtol=1e-5)
    np.testing.assert_allclose(floats(levels["exit_ba"]), reference + params.exit_spread_bps, rtol=1e-5)


def test_gains_end_at_the_marked_to_market_pnl(view):
    gain = floats(chart_data(view)["gain"]["test"]["high"])
    last = gain[np.isfinite(gain)][-1]
    assert last == pytest.approx(view.test.result.metrics.mtm_pnl_usd, rel=0.05)


def test_trades_of_both_stretches_are_listed_with_their_premium(view):
    data = trade_data(view)
    columns = data["columns"]
    assert data["total"] == len(columns["number"]) == len(view.train.trades) + len(view.test.trades)
    premium = view.train.panel.spreads()["premium_bps"].to_numpy()
    first = view.train.trades["entry_index"][0]
    assert columns["premium_in"][0] == pytest.approx(premium[first], abs=0.006)
    assert sum(columns["pnl"]) == pytest.approx(
        sum(part.trades["pnl_usd"].sum() for part in (view.train, view.test)), abs=0.01
    )


def test_of_too_many_trades_the_largest_are_kept_in_order(view, monkeypatch):
    monkeypatch.setattr(explorer, "MOST_TRADES", 5)
    columns = trade_data(view)["columns"]
    assert len(columns["pnl"]) == 5
    assert columns["entry"] == sorted(columns["entry"])
    everything = [abs(x) for part in (view.train, view.test) for x in part.trades["pnl_usd"].to_list()]
    assert min(abs(x) for x in columns["pnl"]) == pytest.approx(sorted(everything)[-5], abs=1e-4)


def test_without_trades_there_is_a_chart_and_no_list(view_with, panel):
    view = view_with(panel, {"min_spread_bps": 5_000.0, "exit_spread_bps": 0.0})
    assert trade_data(dataclasses.replace(view))["total"] == 0
    assert chart_data(view)["count"] == BUCKETS
