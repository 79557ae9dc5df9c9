"""Sets measured together on the table of excursions against the every-row scan of each."""

from __future__ import annotations

import os

import numpy as np
import pytest

from arbkit.engine import rules_of, run_sets
from arbkit.engine.tables import run_table_sets, table_applies, table_groups
from arbkit.panel import Panel
from arbkit.records import METRICS_DTYPE
from arbkit.units import HOUR_NS
from tests.kernels.test_excursions import sets
from tests.kernels.test_search import market

PANELS = int(os.environ.get("ARBKIT_TABLE_PANELS", "60"))
MINUTE = 60 * 10**9


def measured(panel: Panel, rules: np.ndarray, step_ns: int, threads: int) -> np.ndarray:
    metrics = np.zeros(rules.size, METRICS_DTYPE)
    for group in table_groups(rules):
        table = panel.excursions.at(float(rules["exit_spread_bps"][group[0]]))
        assert table is not None
        part = np.zeros(group.size, METRICS_DTYPE)
        run_table_sets(panel, table, rules[group], step_ns, threads, True, part)
        metrics[group] = part
    return metrics


@pytest.mark.parametrize("seed", range(PANELS))
def test_every_metric_is_that_of_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed + 300)
    panel = market(rng, int(rng.choice([16, 300, 1500, 6000])))
    rules = rules_of(sets(rng, panel, 60))
    rules = rules[table_applies(rules)]
    step_ns = int(rng.choice([MINUTE, 7 * MINUTE, HOUR_NS]))
    wanted = run_sets(panel, rules, step_ns, engine="step", threads=1)
    found = measured(panel, rules, step_ns, int(rng.choice([1, 3])))
    for name in METRICS_DTYPE.names or ():
        np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


def test_the_random_sets_reach_drawdowns_ratios_and_many_levels() -> None:
    deepest, ratios, levels = 0.0, 0, set()
    for seed in range(20):
        rng = np.random.default_rng(seed + 300)
        panel = market(rng, 6000)
        rules = rules_of(sets(rng, panel, 60))
        rules = rules[table_applies(rules)]
        found = measured(panel, rules, MINUTE, 1)
        deepest = max(deepest, float(found["max_drawdown_mtm_pct"].max()))
        ratios += np.isfinite(found["sharpe"]).sum()
        levels |= set(found["total_trades"].tolist())
    assert deepest > 1
    assert ratios > 100
    assert len(levels) > 30
