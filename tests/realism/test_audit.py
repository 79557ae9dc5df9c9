"""The optimism audit."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import arbkit
from arbkit import ConfigError, Panel, Params, optimism_audit
from arbkit.realism import Audit
from tests.realism.conftest import START, make_panel

DERIVATIVES = {"spot_a": False, "spot_b": False}


def rows_of(found: Audit) -> dict[str, dict[str, object]]:
    return {row["assumption"]: row for row in found.frame.iter_rows(named=True)}


def test_each_change_is_the_backtest_with_that_change(market: Panel, params: Params) -> None:
    rows = rows_of(optimism_audit(market, params, latency_ms=150))
    changes = {
        "as configured": {},
        "fills without delay": {"latency_ms": 150},
        "any size at the best price": {"depth_levels": 2},
        "convergence PnL, not used": {"pnl_model": "convergence"},
        "spot sold short": {"inventory_a_usd": 0, "inventory_b_usd": 0},
        "all together": {},
    }
    for name, change in changes.items():
        if name != "all together":
            run = arbkit.backtest(market, params.replace(**change)).metrics
            assert rows[name]["mtm_pnl_usd"] == run.mtm_pnl_usd
    assert rows["all together"]["total_trades"] == 0
    assert rows["perpetuals without funding"]["status"] == "realistic"


def test_share_that_survives_is_that_of_all_changes_together(params: Params) -> None:
    panel = make_panel(**DERIVATIVES)
    found = optimism_audit(panel, params, latency_ms=50, grid="200ms")
    rows = rows_of(found)
    base, end = rows["as configured"]["mtm_pnl_usd"], rows["all together"]["mtm_pnl_usd"]
    assert isinstance(base, float)
    assert isinstance(end, float)
    assert found.survives == pytest.approx(end / base)
    assert rows["acting on every update"]["status"] == "tested"
    assert "of the PnL survives" in found.finding
    assert "perpetuals without funding: the panel has no funding rates" in " ".join(found.notes)


def test_inventory_is_named_when_it_is_what_ends_all_trades(market: Panel, params: Params) -> None:
    rows = rows_of(optimism_audit(market, params, latency_ms=50))
    assert rows["spot sold short"]["total_trades"] == 0
    kept = rows["all, but with inventory to sell"]
    run = arbkit.backtest(market.replace(), params.replace(latency_ms=50, depth_levels=2)).metrics
    assert kept["total_trades"] in range(run.total_trades + 1)


def test_grid_leaves_the_last_row_before_each_tick(params: Params) -> None:
    panel = make_panel(**DERIVATIVES)
    rows = rows_of(optimism_audit(panel, params, grid="1s"))
    seen = np.zeros(len(panel), bool)
    seen[-(START // 10**8 + 0) % 10 :: 10] = True
    seen[-1] = True
    coarse = panel.replace(bid_a=np.where(seen, panel.bid_a, np.nan))
    run = arbkit.backtest(coarse, params).metrics
    assert rows["acting on every update"]["mtm_pnl_usd"] == run.mtm_pnl_usd
    assert coarse.tradable.sum() == pytest.approx(len(panel) / 10, abs=1)


def test_funding_and_currencies_are_tried_where_the_panel_has_them(params: Params) -> None:
    n = 200
    panel = make_panel(spot_a=True, spot_b=False, fx_b=np.linspace(1.0, 1.001, n), fx_a=np.ones(n))
    rates = pl.DataFrame({"ts": [START + 7 * 10**9], "leg": ["b"], "rate": [-0.001]})
    rows = rows_of(optimism_audit(panel.with_funding(rates), params.replace(direction="long_a_short_b")))
    assert rows["perpetuals without funding"]["status"] == "tested"
    assert rows["currency converted at each fill"]["status"] == "tested"
    assert rows["spot sold short"]["reason"] == "no spot venue is sold short"
    run = arbkit.backtest(panel, params.replace(direction="long_a_short_b", fx_settlement="at_exit")).metrics
    assert rows["currency converted at each fill"]["mtm_pnl_usd"] == run.mtm_pnl_usd


def test_what_is_simulated_already_is_not_tried_again(market: Panel, params: Params) -> None:
    careful = params.replace(latency_ms=80, depth_levels=2, inventory_a_usd=500, inventory_b_usd=500)
    rows = rows_of(optimism_audit(market, careful))
    for name in ("fills without delay", "any size at the best price", "spot sold short"):
        assert rows[name]["status"] == "realistic"
        assert rows[name]["reason"]


def test_what_the_panel_cannot_tell_is_listed_with_the_reason(params: Params) -> None:
    panel = make_panel(sizes=False, step_ms=60_000, fidelity="candle")
    rows = rows_of(optimism_audit(panel, params))
    reasons = {name: row["reason"] for name, row in rows.items() if row["status"] == "untestable"}
    assert reasons["any size at the best price"] == "the panel has no ladders; load it with levels"
    assert "no finer than the grid" in str(reasons["acting on every update"])
    assert "candles" in str(reasons["closes as prices"])


def test_convergence_is_replaced_by_two_accounts(market: Panel, params: Params) -> None:
    rows = rows_of(optimism_audit(market, params.replace(pnl_model="convergence")))
    assert rows["convergence PnL"]["status"] == "tested"
    assert rows["convergence PnL"]["mtm_pnl_usd"] == arbkit.backtest(market, params).metrics.mtm_pnl_usd
    fair = market.replace(fair=np.ones(len(market)))
    assert rows_of(optimism_audit(fair, params))["convergence PnL"]["reason"] == "not used"


def test_loss_has_no_share_that_survives(market: Panel, params: Params) -> None:
    losing = params.replace(min_spread_bps=-9, exit_spread_bps=40, slippage_bps=6)
    found = optimism_audit(market, losing)
    assert found.survives is None
    assert found.finding.startswith("There is no profit to lose: -")


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_nothing_traded_is_said_and_drawn(market: Panel, params: Params, rows: int) -> None:
    found = optimism_audit(market.rows(0, rows), params)
    assert found.finding.startswith("Nothing is traded as configured")
    assert len(found.plot().axes) == 1
    assert found.finding in found._repr_html_()


def test_bad_options_are_refused(market: Panel, params: Params) -> None:
    with pytest.raises(ConfigError, match="`latency_ms` must hold finite numbers above 0"):
        optimism_audit(market, params, latency_ms=0)
    with pytest.raises(ConfigError, match="`grid` must be longer than 0"):
        optimism_audit(market, params, grid="0s")
    with pytest.raises(ConfigError, match="depth_levels"):
        optimism_audit(make_panel(sizes=False), params.replace(depth_levels=2))


def test_progress_counts_every_run(market: Panel, params: Params) -> None:
    seen: list[tuple[int, int]] = []
    optimism_audit(market, params, progress=lambda *step: seen.append(step))
    assert [done for done, _ in seen] == list(range(1, len(seen) + 1))
    assert seen[-1][0] == seen[-1][1]
