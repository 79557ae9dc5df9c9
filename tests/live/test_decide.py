"""The desk steps rows one by one, and its trades are those of the backtest of the whole panel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from arbkit.config import Params
from arbkit.engine import Portfolio, backtest
from arbkit.kernels.live import ACTIVE, HALTED
from arbkit.live.decide import Desk, DeskLimits, PairRules
from arbkit.panel import Panel
from tests.engine.test_against_twin import panel_of
from tests.strategies import FEATURES, Case, cases

SKIPPED = ("mae_bps", "mfe_bps", "pnl_usd", "pnl_bps")
LIVE = tuple(name for name in FEATURES if name not in ("funding", "stop_mtm"))


def rows_of(panel: Panel) -> list[tuple[Any, ...]]:
    """Return a panel's rows as the desk takes them."""

    def column(values: Any, default: float) -> Any:
        return np.full(len(panel), default) if values is None else values

    zeros = np.zeros(len(panel), np.int64)
    columns = (
        panel.ts, panel.bid_a, panel.ask_a, panel.bid_b, panel.ask_b, column(panel.fair, 1.0),
        column(panel.scale, 1.0), column(panel.fx_a, 1.0), column(panel.fx_b, 1.0), zeros, zeros, zeros,
        column(panel.entry_ok, 1), np.full(len(panel), ACTIVE),
    )  # fmt: skip
    return list(zip(*(c.tolist() for c in columns), strict=True))


def ladder_at(panel: Panel, row: int, levels: int) -> Any:
    if not levels:
        return None
    assert panel.ladders is not None
    return np.stack([side[row, :levels] for side in panel.ladders])


def limits_of(params: Params) -> DeskLimits:
    return DeskLimits(
        initial_balance_usd=params.initial_balance_usd,
        stop_on_drawdown_pct=params.stop_on_drawdown_pct,
        stop_on_drawdown_mtm_pct=params.stop_on_drawdown_mtm_pct,
    )


def run_desk(panel: Panel, params: Params) -> Desk:
    desk = Desk([PairRules("P", params)], limits_of(params))
    for number, row in enumerate(rows_of(panel)):
        desk.step(0, row, ladder_at(panel, number, params.depth_levels))
    desk.marked()
    return desk


def same_trades(desk: Desk, records: Any) -> None:
    own = desk.trades[: desk.n_trades]
    assert own.size == records.size
    closed = records["exit_index"] >= 0
    for name in records.dtype.names:
        if name not in SKIPPED:
            np.testing.assert_array_equal(own[name], records[name], name)
    for name in ("pnl_usd", "pnl_bps"):
        np.testing.assert_array_equal(own[name][closed], records[name][closed], name)


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=cases(LIVE))
def test_desk_has_the_trades_and_refusals_of_the_backtest(case: Case) -> None:
    params = case.params.replace(close_at_end=False)
    panel = panel_of(case.rows, fair=case.fair, entry_ok=case.entry_ok)
    if params.pnl_model == "convergence" and (case.fair or params.depth_levels):
        return
    desk, result = run_desk(panel, params), backtest(panel, params, engine="step")
    same_trades(desk, result.records)
    metrics = result.metrics
    state = desk.states[0]
    assert int(state["excursions"]) == metrics.excursions
    assert float(desk.account[0]["max_drawdown"]) * 100 == metrics.max_drawdown_pct
    assert bool(desk.account[0]["stopped"]) == metrics.stopped
    refused = [int(n) for n in state["rejected"][[1, 2, 3, 4, *range(8, 18)]]]
    names = [name for name in metrics.to_dict() if name.startswith("rejected_")]
    assert refused == [getattr(metrics, name) for name in names[:14]]


def walk(seed: int, rows: int = 400) -> Panel:
    rng = np.random.default_rng(seed)
    mid = 100 + np.cumsum(rng.integers(-1, 2, rows)) * 0.05
    other = mid + rng.integers(-6, 7, rows) * 0.05
    wide = rng.integers(1, 3, (2, rows)) * 0.05
    ts = 1_700_000_000_000_000_000 + np.cumsum(rng.integers(1, 4, rows)) * 1_000_000_000
    return Panel(ts, mid, mid + wide[0], other, other + wide[1])


SET = Params(
    min_spread_bps=8.0, taker_fee_a_bps=1.0, taker_fee_b_bps=1.0, slippage_bps=1.0, max_position_usd=500.0,
    max_open_trades=3, max_hold_s=60.0, cooldown_s=5.0,
    guard={"max_trades_per_hour": 20, "breaker_loss_pct": 0.05, "max_positions": 2},
)  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_pairs_on_one_balance_have_the_trades_of_the_portfolio(seed: int) -> None:
    panels = {f"P{n}": walk(10 * seed + n) for n in range(3)}
    limits = {"max_total_notional_usd": 1_500.0, "max_open_trades_total": 4, "stop_on_drawdown_pct": 2.0}
    result = Portfolio(panels, **limits).backtest(SET, engine="scan")  # type: ignore[arg-type]
    desk = Desk([PairRules(name, SET) for name in panels], DeskLimits(**limits))  # type: ignore[arg-type]
    tapes = [rows_of(panel) for panel in panels.values()]
    merged = sorted((row[0], p, n) for p, tape in enumerate(tapes) for n, row in enumerate(tape))
    for _, p, n in merged:
        desk.step(p, tapes[p][n])
    same_trades(desk, result.records)
    assert float(desk.account[0]["realized_pnl"]) == result.metrics.realized_pnl_usd
    assert desk.pair_of == [list(panels).index(name) for name in result.trades["pair"]]


def test_a_desk_goes_on_from_its_snapshot_with_the_same_trades() -> None:
    panel = walk(3, rows=6_000)
    params = SET.replace(latency_ms=1_500.0)
    whole = run_desk(panel, params)
    desk, tape = Desk([PairRules("P", params)], DeskLimits()), rows_of(panel)
    for number, row in enumerate(tape):
        if number % 1_000 == 500:
            kept, ended = desk.snapshot(0), desk.trades[: desk.n_trades].copy()
            desk = Desk([PairRules("P", params)], DeskLimits())
            desk.restore(0, kept)
            desk.trades[: ended.size] = ended
        desk.step(0, row)
    desk.marked()
    same_trades(desk, whole.trades[: whole.n_trades])


def test_a_halted_row_changes_nothing() -> None:
    panel = walk(1)
    desk = Desk([PairRules("P", SET)], DeskLimits())
    for row in rows_of(panel):
        assert desk.step(0, (*row[:-1], HALTED)) == 0
    assert desk.n_trades == 0
