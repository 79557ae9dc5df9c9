"""The neighbourhood: what is run there is what the study would have run."""

from __future__ import annotations

import numpy as np

from arbkit.engine import backtest
from arbkit.report.around import around_of
from arbkit.report.figures.around import draw_near, draw_profile, near_numbers, profile_numbers
from arbkit.report.text import load_text
from arbkit.report.trust import near_table


def test_profiles_pass_through_the_chosen_set(study, seen):
    found = {profile.name: profile for profile in seen.around.profiles}
    assert set(found) == {item.name for item in seen.searched}
    for item in seen.searched:
        profile = found[item.name]
        at = profile.values.index(item.chosen)
        assert profile.train[at] == seen.train.result.metrics.mtm_pnl_usd
        assert profile.test[at] == seen.test.result.metrics.mtm_pnl_usd


def test_one_neighbour_run_alone_earns_the_same(study, seen):
    profile = next(item for item in seen.around.profiles if item.name == "min_spread_bps")
    params, reference = study.params_of(
        {**{item.name: item.chosen for item in seen.searched}, "min_spread_bps": profile.values[0]}
    )
    result = backtest(study.panel_for(reference, "test"), params)
    assert profile.test[0] == result.metrics.mtm_pnl_usd


def test_neighbours_are_as_many_as_the_spec_says(study, seen):
    assert seen.around.train.size == seen.around.test.size == study.spec.validation.neighbours
    assert seen.around.step == study.spec.validation.step


def test_sets_that_the_engine_refuses_have_no_value(spec_of):
    from arbkit.study import run_study

    space = {
        "min_hold_s": {"type": "float", "low": 0, "high": 4_000},
        "max_hold_s": {"type": "float", "low": 600, "high": 86_400},
    }
    study = run_study(spec_of("refused", space=space, n_trials=6, constraints=["min_hold_s <= max_hold_s"],
                              fixed={**spec_of("demo").fixed, "min_spread_bps": 8.0}))  # fmt: skip
    found = around_of(study, {"min_hold_s": 3_000.0, "max_hold_s": 5_000.0})
    profile = next(item for item in found.profiles if item.name == "max_hold_s")
    assert np.isnan(profile.train[profile.values.index(600.0)])
    assert np.isfinite(profile.train[-1])


def test_pictures_and_table_show_both_stretches(seen):
    text = load_text()
    chart = draw_near(near_numbers(seen.around, seen), text, 900)
    assert {"In sample", "Out of sample"} <= set(chart.texts)
    for profile in seen.around.profiles:
        item = next(item for item in seen.searched if item.name == profile.name)
        assert draw_profile(profile_numbers(profile, item), text, 290).areas[0].marks
    rows = near_table(seen, text).rows
    assert rows[0].head == "The chosen set"
