"""The table of record highs: its trades, its batches and its levels against the scan of every row."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from arbkit.config import Params
from arbkit.engine import rules_of, run_sets
from arbkit.engine.tables import run_table_sets, table_applies, table_groups
from arbkit.kernels.excursions import Excursions, entry_level, excursions_above
from arbkit.kernels.market import Grid
from arbkit.kernels.scan import scan
from arbkit.panel import Panel
from arbkit.records import METRICS_DTYPE, STATE_DTYPE, TRADE_DTYPE, TRIP_DTYPE, ExitReason, Side
from arbkit.units import HOUR_NS
from tests.kernels.test_search import market
from tests.strategies import Case, cases
from tests.twin.twin import run

PANELS = int(os.environ.get("ARBKIT_TABLE_PANELS", "60"))
EXAMPLES = int(os.environ.get("ARBKIT_TWIN_EXAMPLES", "150"))
MEASURED = ("max_drawdown_mtm_pct", "sharpe", "sortino", "excursions")
REVERSAL = int(ExitReason.SPREAD_REVERSAL)
REALIZED = [name for name in METRICS_DTYPE.names or () if name not in MEASURED]


def table_of(panel: Panel, rules: Any) -> Excursions:
    table = panel.excursions.at(float(rules["exit_spread_bps"]))
    assert table is not None
    return table


def trips_of(table: Excursions, rules: Any) -> list[tuple[int, ...]]:
    """Read the trades of one set off a table, run by run: the fields of `TRIP_DTYPE`."""
    level = entry_level(rules["cost_bps"], rules["min_spread_bps"])
    found = []
    for end, first, after in zip(table.exits, table.exits["first"], table.exits["first"][1:], strict=False):
        reached = np.flatnonzero(table.signals[first:after] >= level)
        if reached.size == 0 or not rules["allow_ab" if end["side"] == Side.LONG_A_SHORT_B else "allow_ba"]:
            continue
        row, leave, reason = int(table.entries[first + reached[0]]["row"]), int(end["row"]), REVERSAL
        if leave < 0 and rules["close_at_end"]:
            if row == table.last:
                continue
            leave, reason = table.last, int(ExitReason.END_OF_DATA)
        elif leave < 0:
            reason = int(ExitReason.OPEN)
        found.append((row, leave, int(end["side"]), reason))
    return found


def by_table(panel: Panel, rules: np.ndarray, *, measure: bool = True) -> np.ndarray:
    metrics = np.zeros(rules.size, METRICS_DTYPE)
    for group in table_groups(rules):
        table = panel.excursions.at(float(rules["exit_spread_bps"][group[0]]))
        assert table is not None
        part = np.zeros(group.size, METRICS_DTYPE)
        run_table_sets(panel, table, rules[group], HOUR_NS, 1, measure, part)
        metrics[group] = part
    return metrics


def assert_same_metrics(panel: Panel, rules: np.ndarray, found: np.ndarray) -> None:
    wanted = run_sets(panel, rules, engine="step", threads=1)
    for name in METRICS_DTYPE.names or ():
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


def sets(rng: np.random.Generator, panel: Panel, count: int) -> list[Params]:
    """Return sets the table answers, with thresholds and exit levels that the market realises."""
    spreads = panel.spreads()
    seen = np.concatenate([spreads["x_ab_bps"].drop_nulls(), spreads["x_ba_bps"].drop_nulls(), [0.0]])
    levels = np.append(np.abs(rng.choice(seen, 2)), 0.0)
    found = []
    for _ in range(count):
        level, cost = float(rng.choice(levels)), float(rng.choice([0, 5, -1, 3.3]))
        wanted = float(abs(rng.choice(seen)) + rng.choice([0, 0, 1e-9, -1e-9, 5]))
        found.append(
            Params(
                min_spread_bps=max(wanted, level) - cost + float(rng.choice([0, 1e-9])),
                taker_fee_a_bps=cost,
                taker_fee_b_bps=float(rng.choice([0, 0, 1.5])),
                slippage_bps=float(rng.choice([0, 3])),
                max_position_usd=float(rng.choice([1000, 333.3])),
                exit_spread_bps=level,
                direction=str(rng.choice(["both", "both", "long_a_short_b", "long_b_short_a"])),
                close_at_end=bool(rng.random() < 0.5),
                initial_balance_usd=float(rng.choice([1000, 10000])),
                cooldown_s=float(rng.choice([0, 60])),
            )
        )
    return found


def scanned(panel: Panel, rules: Any) -> np.ndarray:
    """Return the trips of the scan of every row."""
    state, none = np.zeros(1, STATE_DTYPE), np.empty(0)
    trades, _ = scan(panel.market, rules, state[0], np.empty(64, TRADE_DTYPE), Grid(none, 1), none, none)
    trades = trades[: state[0]["n_trades"]]
    out = np.empty(trades.size, TRIP_DTYPE)
    names = zip(TRIP_DTYPE.names or (), ("entry_index", "exit_index", "side", "reason"), strict=True)
    for ours, theirs in names:
        out[ours] = trades[theirs]
    return out


def random_case(seed: int) -> tuple[np.random.Generator, Panel, np.ndarray]:
    rng = np.random.default_rng(seed)
    panel = market(rng, int(rng.choice([1, 16, 40, 300, 1500, 6000])))
    rules = rules_of(sets(rng, panel, int(rng.choice([4, 40, 300]))))
    return rng, panel, rules[table_applies(rules)]


@pytest.mark.parametrize("seed", range(PANELS))
def test_every_trade_and_every_metric_is_that_of_the_scan(seed: int) -> None:
    rng, panel, rules = random_case(seed)
    for k in rng.integers(0, rules.size, 4) if rules.size else []:
        assert trips_of(table_of(panel, rules[k]), rules[k]) == scanned(panel, rules[k]).tolist()
    found = by_table(panel, rules)
    assert_same_metrics(panel, rules, found)
    realized = by_table(panel, rules, measure=False)
    for name in REALIZED:
        np.testing.assert_array_equal(found[name], realized[name], err_msg=name)
    for name in MEASURED[:3]:
        assert np.isnan(realized[name]).all()


def test_the_random_markets_reach_every_end_of_a_trade() -> None:
    open_ones = ends = closed = 0
    for seed in range(20):
        _, panel, rules = random_case(seed)
        metrics = by_table(panel, rules)
        open_ones += metrics["open_trades"].sum()
        ends += metrics["exits_end_of_data"].sum()
        closed += metrics["exits_spread_reversal"].sum()
    assert min(open_ones, ends) > 20
    assert closed > 1000


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=cases())
def test_every_trade_is_that_of_the_twin(case: Case) -> None:
    params = case.params.replace(
        max_open_trades=1, stop_on_drawdown_pct=None, close_on_spread_reversal=True, take_profit_bps=None,
        stop_loss_bps=None, max_hold_s=None, min_hold_s=0, pnl_model="executable",
        exit_spread_bps=abs(case.params.exit_spread_bps),
    )  # fmt: skip
    least = params.exit_spread_bps - params.cost_bps
    params = params.replace(min_spread_bps=max(params.min_spread_bps, least))
    rules = rules_of([params])
    assume(case.rows)
    assume(table_applies(rules)[0])
    prices = [[getattr(row, name) for row in case.rows] for name in ("bid_a", "ask_a", "bid_b", "ask_b")]
    extra: dict[str, Any] = {}
    if case.fair:
        extra["fair"] = [row.fair for row in case.rows]
    if case.entry_ok:
        extra["entry_ok"] = [row.entry_ok for row in case.rows]
    panel = Panel([row.ts for row in case.rows], *prices, **extra)
    wanted = [
        (t["entry_index"], -1 if t["is_open"] else t["exit_index"], t["side"], t["exit_reason"] or "open")
        for t in run(case.rows, params).trades
    ]
    got = [
        (entry, leave, Side(side).name, ExitReason(reason).name.lower())
        for entry, leave, side, reason in trips_of(table_of(panel, rules[0]), rules[0])
    ]
    assert got == wanted
    assert_same_metrics(panel, rules, by_table(panel, rules))


@pytest.mark.parametrize("seed", range(20))
def test_runs_that_reach_a_floor_hold_the_trades_of_every_higher_set(seed: int) -> None:
    _, panel, rules = random_case(seed)
    for one in rules[:6]:
        table = table_of(panel, one)
        level = entry_level(one["cost_bps"], one["min_spread_bps"])
        for floor in (level, level / 2, 0.0):
            few = excursions_above(table, floor)
            assert (few.signals >= floor).all()
            assert trips_of(few, one) == trips_of(table, one)


@pytest.mark.parametrize("seed", range(20))
def test_entry_level_decides_as_the_rule_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(50):
        cost = float(rng.choice([0.0, 10.0, -3.0, 1e-9, 1e9]) * rng.choice([1, rng.random()]))
        spread = float(
            rng.choice([20.0, 1e-300, 1e300, -cost, rng.normal(0, 30)]) * rng.choice([1, 1 + 1e-16])
        )
        level = entry_level(cost, spread)
        assert level >= 0
        assert level - cost >= spread
        if level > 0:
            assert not np.nextafter(level, -1) - cost >= spread


def test_a_set_at_or_below_its_exit_level_is_not_for_the_table() -> None:
    base = Params(
        min_spread_bps=0, taker_fee_a_bps=0, taker_fee_b_bps=0, slippage_bps=0, max_position_usd=1000,
        exit_spread_bps=10,
    )  # fmt: skip
    changes: dict[bool, list[dict[str, Any]]] = {
        True: [
            {"min_spread_bps": 10},
            {"min_spread_bps": 7, "slippage_bps": 3},
            {"min_spread_bps": 11, "cooldown_s": 60},
        ],
        False: [
            {"min_spread_bps": float(np.nextafter(10, 0))},
            {"min_spread_bps": -20},
            {"exit_spread_bps": -1, "min_spread_bps": 50},
            {"min_spread_bps": 50, "take_profit_bps": 5},
            {"min_spread_bps": 50, "stop_loss_bps": 5},
            {"min_spread_bps": 50, "max_hold_s": 5},
            {"min_spread_bps": 50, "min_hold_s": 5},
            {"min_spread_bps": 50, "stop_on_drawdown_pct": 5},
            {"min_spread_bps": 50, "close_on_spread_reversal": False},
            {"min_spread_bps": 50, "pnl_model": "convergence"},
        ],
    }  # fmt: skip
    for wanted, many in changes.items():
        for change in many:
            assert table_applies(rules_of([base.replace(**change)]))[0] == wanted, change


def test_a_ratio_that_overflows_leaves_no_table() -> None:
    rows = 20
    bid_a, bid_b = np.full(rows, 1e300), np.full(rows, 1.0)
    fair = np.ones(rows)
    fair[10:12] = 1e308
    bid_b[10:12] = 100.0
    panel = Panel(np.arange(rows), bid_a, bid_a * 1.01, bid_b, bid_b + 1, fair=fair)
    assert panel.excursions.at(0.0) is None


def test_a_panel_without_a_tradable_row_has_no_trades() -> None:
    void = np.full(40, np.nan)
    panel = Panel(np.arange(40), void, void, void, void)
    rules = rules_of([Params(
        min_spread_bps=1, taker_fee_a_bps=0, taker_fee_b_bps=0, slippage_bps=0, max_position_usd=1000
    )])  # fmt: skip
    assert trips_of(table_of(panel, rules[0]), rules[0]) == []
    assert_same_metrics(panel, rules, by_table(panel, rules))
