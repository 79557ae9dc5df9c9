"""From a stored study to its view."""

from __future__ import annotations

import pytest

from arbkit.errors import StudyError
from arbkit.report import render, view_of
from arbkit.study import load_study, run_study


@pytest.fixture(scope="module")
def found(study):
    return view_of(load_study(study.url))


def test_in_sample_result_is_the_one_the_search_recorded(found, study):
    recorded = study.best_trials(1)["metric_mtm_pnl_usd"][0]
    assert found.train.result.metrics.mtm_pnl_usd == recorded
    assert found.top["objective"][0] == recorded


def test_segments_follow_each_other_and_end_before_the_sealed_stretch(found, panel):
    assert found.train.panel.end_ns < found.test.panel.start_ns
    assert found.test.panel.end_ns < found.lockbox_end_ns
    assert abs(found.lockbox_end_ns - panel.end_ns) < 1_200 * 10**9


def test_chosen_values_and_ranges_come_from_the_spec(found, study):
    assert {item.name: item.chosen for item in found.searched} == study.best_params()
    kinds = {item.name: item for item in found.searched}
    assert kinds["max_hold_s"].log
    assert kinds["reference"].choices == ("none", "ewma:6h")
    assert kinds["max_open_trades"].high == 3


def test_identity_is_the_record_of_the_study(found, study):
    assert found.seed == 1
    assert found.fingerprint == study.record.dataset_fingerprint
    assert found.command.startswith(study.command)
    assert found.command.endswith(" --name demo-again\narbkit report demo-again")


def test_optuna_importance_covers_the_searched_parameters(found):
    assert set(found.ped_anova) == {item.name for item in found.searched}
    assert sum(found.ped_anova.values()) == pytest.approx(1)


def test_study_with_two_objectives_is_reported_by_its_first(spec_of):
    goals = [{"metric": "mtm_pnl_usd"}, {"metric": "max_drawdown_mtm_pct", "direction": "minimize"}]
    view = view_of(run_study(spec_of("two", objective=goals, sampler="nsgaii")))
    assert [item.maximize for item in view.objectives] == [True, False]
    assert {"objective", "objective_1"} <= set(view.top.columns)
    page = render(view)
    assert "highest marked-to-market PnL and lowest marked-to-market drawdown at once" in page
    assert "that no other beats on every objective" in page


def test_study_of_one_trial_is_reported_without_importance(spec_of):
    view = view_of(run_study(spec_of("single", n_trials=1)))
    assert view.ped_anova == {}
    assert "1 trial completed." in render(view)


def test_optional_parameters_and_flags_can_be_searched(spec_of):
    space = {
        "min_spread_bps": {"type": "float", "low": 2, "high": 25},
        "stop_loss_bps": {"type": "categorical", "choices": ["none", 20, 40]},
        "close_on_spread_reversal": {"type": "categorical", "choices": [True, False]},
        "direction": {"type": "categorical", "choices": ["both", "long_a_short_b"]},
    }
    fixed = {"taker_fee_a_bps": 2, "taker_fee_b_bps": 2, "slippage_bps": 1, "max_position_usd": 1000}
    page = render(view_of(run_study(spec_of("choices", space=space, fixed={**fixed, "max_hold_s": 7_200}))))
    assert "none, 20, 40" in page
    assert "true, false" in page
    assert "7,200 · 2\N{NO-BREAK SPACE}h" in page


def test_study_whose_trials_all_break_a_constraint_is_refused(spec_of):
    study = run_study(spec_of("strict", constraints=["closed_trades >= 1000000"]))
    with pytest.raises(StudyError, match="at least one completed trial"):
        view_of(study)
