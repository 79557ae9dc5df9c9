"""Edge against latency."""

from __future__ import annotations

import pytest

import arbkit
from arbkit import ConfigError, Panel, Params, edge_vs_latency
from tests.realism.conftest import make_panel


def test_share_still_there_follows_from_the_length_of_each_opportunity(market: Panel, params: Params) -> None:
    frame = edge_vs_latency(market, params, latencies_ms=[0, 50, 100, 150, 450, 500, 1_900, 2_000]).frame
    # windows of 1, 5, 20, 2 and 12 rows of 100 ms; 50 ms waits for the next row as 100 ms does, and 2 s after
    # the start of the first one the second has come
    assert frame["there_pct"].to_list() == [100, 80, 80, 60, 40, 40, 20, 20]
    assert frame["opportunities"].to_list() == [5] * 8
    assert frame["waited_ms"].to_list() == [0, 100, 100, 200, 500, 500, 1_900, 2_000]
    assert frame["left_median_bps"][0] > params.min_spread_bps > 0 > frame["left_median_bps"][-1]


def test_runs_are_those_of_a_backtest_with_that_latency(market: Panel, params: Params) -> None:
    late = params.replace(latency_ms=5, latency_a_ms=900, latency_b_ms=None)
    frame = edge_vs_latency(market, late, latencies_ms=[300]).frame
    assert frame["latency_ms"].to_list() == [0, 300]
    for row in frame.iter_rows(named=True):
        run = arbkit.backtest(market, params.replace(latency_ms=row["latency_ms"])).metrics
        assert (row["mtm_pnl_usd"], row["total_trades"]) == (run.mtm_pnl_usd, run.total_trades)
    assert frame["entries"].to_list() == [5, 5]


def test_opportunity_without_a_later_row_is_left_out() -> None:
    panel = make_panel([(10, 3, 100.31), (197, 3, 100.31)])
    set_ = Params(min_spread_bps=12, taker_fee_a_bps=1, taker_fee_b_bps=1, slippage_bps=1, max_position_usd=9)
    frame = edge_vs_latency(panel, set_, latencies_ms=[200, 300]).frame
    assert frame["opportunities"].to_list() == [2, 2, 1]
    assert frame["there_pct"].to_list() == [100, 100, 0]


def test_finding_names_share_delay_and_pnl(market: Panel, params: Params) -> None:
    found = edge_vs_latency(market, params)
    assert found.finding.startswith("40 % of 5 opportunities are still there after 500 ms; PnL is ")
    assert "shorter latencies cannot be told apart" in found.notes[0]
    assert found.step_ms == 100


def test_no_opportunity_and_no_rows_are_said_and_drawn(market: Panel, params: Params) -> None:
    for panel in (market.rows(0, 0), market.rows(0, 1), market.rows(0, 9)):
        found = edge_vs_latency(panel, params)
        assert found.finding.startswith("There is no opportunity")
        assert found.frame["there_pct"].null_count() == found.frame.height
        assert len(found.plot().axes) == 3


@pytest.mark.parametrize("bad", [[-1], [float("nan")], [float("inf")], [1e14], "fast", 5])
def test_bad_latency_is_refused(market: Panel, params: Params, bad: object) -> None:
    with pytest.raises(ConfigError, match="latencies_ms"):
        edge_vs_latency(market, params, latencies_ms=bad)  # type: ignore[arg-type]


def test_progress_ends_with_all_runs(market: Panel, params: Params) -> None:
    seen: list[tuple[int, int]] = []
    edge_vs_latency(market, params, latencies_ms=range(40), progress=lambda *step: seen.append(step))
    assert seen == [(16, 40), (32, 40), (40, 40)]
