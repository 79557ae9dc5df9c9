"""Batches that go by a table of excursions have the metrics of the reference, and go there when it pays."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.engine import rules_of, run_sets
from arbkit.engine.tables import run_by_tables, run_table_sets, table_applies, table_groups
from arbkit.kernels.excursions import entry_levels
from arbkit.records import METRICS_DTYPE
from arbkit.units import HOUR_NS
from tests.kernels.test_excursions import REALIZED, sets
from tests.kernels.test_search import market, parameters


def no_trades(rules: np.ndarray) -> np.ndarray:
    return np.zeros(rules.size, np.int64)


@pytest.mark.parametrize("seed", range(12))
def test_a_mixed_batch_has_the_metrics_of_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = market(rng, int(rng.choice([300, 3000])))
    many = sets(rng, panel, 120) + [parameters(rng, panel) for _ in range(20)]
    rules = rules_of([many[k] for k in rng.permutation(len(many))])
    wanted = run_sets(panel, rules, engine="step", threads=1)
    for threads in (1, 2):
        found = run_sets(panel, rules, measure=False, threads=threads)
        for name in REALIZED:
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)
        measured = run_sets(panel, rules, threads=threads)
        for name in METRICS_DTYPE.names or ():
            np.testing.assert_array_equal(measured[name], wanted[name], err_msg=name)


def test_a_batch_with_many_trades_builds_the_table_and_a_small_one_does_not() -> None:
    rng = np.random.default_rng(3)
    panel = market(rng, 6000)
    rules = rules_of(sets(rng, panel, 400))
    rules = rules[table_applies(rules)]
    level = float(rules["exit_spread_bps"][0])
    rules = rules[rules["exit_spread_bps"] == level]
    run_sets(panel, rules[:8])
    run_sets(panel, rules, measure=False, engine="scan")
    assert level not in panel.excursions
    run_sets(panel, np.tile(rules, 8), measure=False)
    assert level in panel.excursions


def test_a_table_that_is_there_is_used_whatever_the_size_of_the_batch() -> None:
    rng = np.random.default_rng(4)
    panel = market(rng, 600)
    rules = rules_of(sets(rng, panel, 30))
    metrics = np.zeros(rules.size, METRICS_DTYPE)
    candidates = np.ones(rules.size, np.bool_)
    assert not run_by_tables(panel, rules, candidates, no_trades, HOUR_NS, 1, False, metrics).any()
    for level in np.unique(rules["exit_spread_bps"]):
        panel.excursions.at(float(level))
    done = run_by_tables(panel, rules, candidates, no_trades, HOUR_NS, 1, False, metrics)
    assert done.tolist() == table_applies(rules).tolist()
    assert run_by_tables(panel, rules, ~candidates, no_trades, HOUR_NS, 1, False, metrics).sum() == 0


def test_runs_apart_are_put_together_and_give_the_same_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arbkit.panel.excursions._APART_FROM", 4)
    rng = np.random.default_rng(6)
    panel = market(rng, 6000)
    rules = rules_of(sets(rng, panel, 600))
    rules = rules[table_applies(rules) & (rules["exit_spread_bps"] == 0)]
    rules = rules[max(table_groups(rules), key=len)]
    rules = rules[np.argsort(entry_levels(rules))]
    assert rules.size > 20
    wanted = run_sets(panel, rules, engine="step", threads=1)
    whole = panel.excursions.at(0.0)
    assert whole is not None
    fewer = []
    for first in (rules.size - 5, rules.size // 2, rules.size - 9, 0):
        found = np.zeros(rules.size - first, METRICS_DTYPE)
        run_table_sets(panel, whole, rules[first:], HOUR_NS, 1, True, found)
        for name in METRICS_DTYPE.names or ():
            np.testing.assert_array_equal(found[name], wanted[name][first:], err_msg=name)
        level = float(entry_levels(rules[first:]).min())
        fewer.append(panel.excursions.above(0.0, whole, level).exits.size)
    assert fewer[0] < whole.exits.size / 4
    assert fewer[0] <= fewer[1] == fewer[2] <= fewer[3]


def test_groups_hold_every_set_once_and_share_what_a_pass_needs() -> None:
    rng = np.random.default_rng(5)
    rules = rules_of(sets(rng, market(rng, 600), 100))
    groups = table_groups(rules)
    assert sorted(np.concatenate(groups).tolist()) == list(range(100))
    for group in groups:
        for name in ("exit_spread_bps", "allow_ab", "allow_ba", "close_at_end"):
            assert len(set(rules[name][group].tolist())) == 1
    assert len(groups) > 4
    assert table_groups(rules[:0]) == []
