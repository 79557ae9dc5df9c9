"""Runs side by side, and a frame of one's own read as a panel."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

import arbkit
from arbkit import lab
from arbkit.errors import ConfigError
from tests.markets import market_frame


@pytest.fixture
def compared(panel: arbkit.Panel, params: arbkit.Params) -> lab.Comparer:
    sets = [params, params.replace(min_spread_bps=25), params.replace(stop_loss_bps=10)]
    return lab.compare([arbkit.backtest(panel, one) for one in sets], ["low", "high", "stop"])


def test_metrics_and_parameters_stand_side_by_side(compared: lab.Comparer) -> None:
    metrics = compared.metrics()
    line = metrics.filter(pl.col("metric") == "total_trades").row(0)
    assert list(line[1:]) == [result.metrics.total_trades for result in compared.results]
    assert compared.params().rows() == [
        ("min_spread_bps", "15", "25", "15"),
        ("stop_loss_bps", "off", "off", "10"),
    ]


def test_differences_of_trades_add_up_to_that_of_the_runs(compared: lab.Comparer) -> None:
    for one, two in (("low", "high"), ("low", "stop"), ("high", "stop")):
        trades = compared.trades(one, two)
        first, second = (compared.results[compared.names.index(name)].metrics for name in (one, two))
        assert trades["difference_usd"].sum() == pytest.approx(second.mtm_pnl_usd - first.mtm_pnl_usd)
        both = (trades["in"] == "both").sum()
        assert both + (trades["in"] == one).sum() == first.total_trades
        assert both + (trades["in"] == two).sum() == second.total_trades


def test_same_run_twice_has_no_difference(compared: lab.Comparer) -> None:
    twice = lab.compare([compared.results[0]] * 2)
    assert twice.trades()["difference_usd"].abs().sum() == 0
    assert set(twice.trades()["in"]) == {"both"}
    assert twice.params().is_empty()


def test_equity_of_every_run_is_drawn(compared: lab.Comparer) -> None:
    frame = compared.equity_frame(pixels=100)
    last = frame.group_by("name", maintain_order=True).last()
    assert last["gain_usd"].to_list() == pytest.approx([r.metrics.mtm_pnl_usd for r in compared.results])
    shown = compared.compared._repr_html_()
    assert "data:image/png;base64," in shown
    assert "From low to high: " in shown


def test_still_is_of_what_was_looked_at(compared: lab.Comparer) -> None:
    panel = compared.results[0].panel
    middle = (panel.start_ns + panel.end_ns) / 2e9
    seen = {"start": middle, "first": "high", "second": "stop", "shown": ["high"]}
    whole, part = compared.still({})[0], compared.still(seen)[0]
    assert "From low to high: " in whole
    assert "From high to stop: " in part
    assert part.split("</table>")[0] != whole.split("</table>")[0]
    assert compared.equity_frame(50, start=int(middle * 1e9)).height < compared.equity_frame(50).height


def test_front_end_gets_what_the_frames_hold(compared: lab.Comparer) -> None:
    sent: list[tuple[dict[str, Any], Any]] = []
    compared.send = lambda content, buffers=None: sent.append((content, buffers))
    for asked in (
        {"kind": "draw", "id": 1, "pixels": 100},
        {"kind": "trades", "first": "low", "second": "stop"},
        {"kind": "trades", "first": "low", "second": "lowest"},
        {"kind": "dance"},
    ):
        compared._on_message(compared, asked, [])
    (drawn, curves), (told, trades), (unknown, _), (strange, _) = sent
    assert drawn["id"] == 1
    for shape, curve, result in zip(drawn["shapes"], curves, compared.results, strict=True):
        gain = np.frombuffer(curve).reshape(shape)[1]
        assert gain[-1] == pytest.approx(result.metrics.mtm_pnl_usd)
    frame = compared.trades("low", "stop")
    numbers = np.frombuffer(trades[0]).reshape(told["shapes"][0])
    np.testing.assert_array_equal(numbers[1], frame["entry_ts"].cast(pl.Int64) / 1e9)
    np.testing.assert_array_equal(numbers[9], frame["difference_usd"])
    in_both = (frame["in"] == "both").to_numpy()
    np.testing.assert_array_equal(numbers[2] == 0, in_both)
    reasons = np.array(compared._setup["reasons"])[numbers[6, in_both].astype(int)]
    expected = frame["exit_reason_2"].str.replace_all("_", " ").to_numpy()[in_both]
    np.testing.assert_array_equal(reasons, expected)
    assert told["told"].startswith("From low to stop: ")
    assert "`lowest` is no run" in unknown["error"]
    assert "unknown message" in strange["error"]
    assert compared._setup["lines"][0] == ["min_spread_bps", ["15", "25", "15"]]


def test_bad_comparisons_are_named(
    compared: lab.Comparer, panel: arbkit.Panel, params: arbkit.Params
) -> None:
    one = compared.results[0]
    with pytest.raises(ConfigError, match="two or more results"):
        lab.compare([one])
    with pytest.raises(ConfigError, match="a name of its own"):
        lab.compare([one, one], ["a", "a"])
    with pytest.raises(ConfigError, match="over the same rows"):
        lab.compare([one, arbkit.backtest(panel.rows(0, 100), params)])
    with pytest.raises(ConfigError, match="`lo` is no run"):
        compared.trades("lo")


def test_frame_of_ones_own_has_spreads() -> None:
    import arbkit.panel.namespace

    frame = market_frame(50)
    panel = arbkit.Panel.from_frame(frame)
    assert frame.arb.spreads().equals(panel.spreads())
    assert len(frame.arb.panel(name="mine")) == 50
    assert frame.arb.spreads("fixed:10").equals(panel.with_reference("fixed:10").spreads())
