"""Objectives under scenarios."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

import arbkit
from arbkit import ConfigError, Panel
from arbkit.stress import Scenario
from arbkit.study import Market, PanelEvaluator, Points, StudySpec, resume_study, run_study
from arbkit.study.objective import Judge
from arbkit.study.robust import RobustEvaluator, evaluator_for
from arbkit.study.samplers import internal
from arbkit.study.space import distributions
from arbkit.study.worker import Setup, _evaluator

SCENARIOS = [
    "slippage",
    {"premium_step": {"step_bps": -200, "half_life": "1h"}},
    {"stale_feed": {"lasts": "30m", "count": 3}},
    "refused_leg + fee_surge",
]


@pytest.fixture
def stressed(values: dict[str, Any]) -> StudySpec:
    values["space"].pop("reference")
    return StudySpec.from_dict({**values, "n_trials": 6, "batch": 3, "scenarios": SCENARIOS})


def points_of(spec: StudySpec) -> Points:
    shared = {"exit_spread_bps": 0.0, "min_hold_s": 0, "max_hold_s": 900.0}
    corners = [
        {"min_spread_bps": entry, "stop_loss_bps": stop, **shared}
        for entry, stop in ((3.0, None), (8.0, 40.0), (20.0, None))
    ]
    corners = [corner | {"reference": "none"} if "reference" in spec.space else corner for corner in corners]
    return Judge(spec).points(np.array([internal(distributions(spec.space), corner) for corner in corners]))


def test_objective_is_the_worst_over_the_market_and_every_scenario(stressed: StudySpec) -> None:
    study = run_study(stressed)
    panel = study.panel_for("none", "train")
    for trial in study.trials().filter(study.trials()["state"] == "COMPLETE").iter_rows(named=True):
        params, _ = study.params_of(trial)
        table = arbkit.stress_test(panel, params, scenarios=SCENARIOS, hits="time").frame
        assert trial["value"] == table["mtm_pnl_usd"].min()
        assert trial["metric_mtm_pnl_usd"] == trial["value"]
        assert trial["metric_total_trades"] == table["total_trades"][0]


def test_value_of_a_trial_is_the_worst_of_what_it_came_to_under_each_scenario(stressed: StudySpec) -> None:
    study = run_study(stressed)
    frame = study.scenarios(2)
    labels = ["as it was", *(item.label for item in stressed.parsed_scenarios)]
    best = study.best_trials(2)
    assert frame["number"].unique(maintain_order=True).to_list() == best["number"].to_list()
    for number, part in frame.group_by("number", maintain_order=True):
        assert part["scenario"].to_list() == labels
        row = best.filter(best["number"] == number[0])
        assert part["mtm_pnl_usd"].min() == row["value"][0]
        assert part["total_trades"][0] == row["metric_total_trades"][0]
    with pytest.raises(ConfigError, match="must name `scenarios`"):
        run_study(stressed.replace(name="plain", scenarios=[])).scenarios()


def test_objective_may_be_the_mean(stressed: StudySpec) -> None:
    spec = stressed.replace(robust="mean")
    market = Market.load(spec)
    records = evaluator_for(spec, market).evaluate(points_of(spec))
    for row, found in enumerate(records):
        params = points_of(spec)[row].params
        table = arbkit.stress_test(market.panel_for("none"), params, scenarios=SCENARIOS, hits="time").frame
        assert found["mtm_pnl_usd"] == pytest.approx(table["mtm_pnl_usd"].mean(), rel=1e-12)
    single = evaluator_for(spec, market).evaluate(points_of(spec).take(np.array([1])))
    assert single[0].tobytes() == records[1].tobytes()


def test_drawdown_is_worst_where_it_is_largest(stressed: StudySpec) -> None:
    spec = stressed.replace(objective={"metric": "max_drawdown_mtm_pct", "direction": "minimize"})
    market = Market.load(spec)
    plain, robust = (
        evaluator.evaluate(points_of(spec))["max_drawdown_mtm_pct"]
        for evaluator in (PanelEvaluator(market), evaluator_for(spec, market))
    )
    assert (robust > plain).all()


def test_resumed_study_equals_one_that_was_not_stopped(stressed: StudySpec) -> None:
    whole = run_study(stressed.replace(name="whole"))
    run_study(stressed.replace(name="parts", n_trials=4))
    again = resume_study("parts", n_trials=6)
    assert whole.trials().equals(again.trials())


def test_worker_maps_the_shocked_panels_and_gives_the_same_records(stressed: StudySpec) -> None:
    spec = stressed.replace(folds=2)
    market = Market.load(spec)
    alone = evaluator_for(spec, market)
    expected = [alone.evaluate(points_of(spec), fold) for fold in (None, 0, 1)]
    stores = market.stored(["none"])
    leader = evaluator_for(spec, market)
    setup = Setup("x", "all", stores, market.fold_edges, **leader.setup(["none"]))
    worker = _evaluator(pickle.loads(pickle.dumps(setup)), 1)
    assert isinstance(worker, RobustEvaluator)
    for evaluator in (leader, worker):
        for fold, records in zip((None, 0, 1), expected, strict=True):
            assert evaluator.evaluate(points_of(spec), fold).tobytes() == records.tobytes()
    assert [paths[0] is None for paths in setup.shocks.values()] == [True, False, False, False]


def test_each_panel_is_shocked_once(values: dict[str, Any]) -> None:
    spec = StudySpec.from_dict({**values, "scenarios": [{"tests.study.test_robust:Counted": {}}]})
    Counted.times.clear()
    evaluator, points = evaluator_for(spec, Market.load(spec)), points_of(spec)
    for fold in (None, None):
        evaluator.evaluate(points, fold)
    assert len(Counted.times) == 1


@dataclass(frozen=True, kw_only=True)
class Counted(Scenario):
    """One that counts how often it is written into a panel."""

    times: ClassVar[list[int]] = []

    def shock(self, panel: Panel) -> Panel:
        self.times.append(len(panel))
        return panel.replace(bid_a=panel.bid_a * 0.9999)


def test_spec_without_scenarios_is_evaluated_as_before(values: dict[str, Any]) -> None:
    spec = StudySpec.from_dict(values)
    assert spec.robust == "worst"
    assert type(evaluator_for(spec, Market.load(spec))) is PanelEvaluator
    assert "scenarios" not in spec.to_yaml()


def test_spec_with_scenarios_is_read_back(stressed: StudySpec) -> None:
    assert StudySpec.from_dict(stressed.to_dict()) == stressed
    assert len(stressed.replace(scenarios="standard").parsed_scenarios) == 23


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scenarios": ["hlat"]}, "did you mean `halt`"),
        ({"scenarios": ["halt"], "robust": "best"}, "robust"),
        ({"scenarios": ["noise"], "objective": {"metric": "sharpe"}}, "under the scenario 'noise'"),
        ({"robust": "mean", "scenarios": ["halt"], "objective": {"metric": "total_trades"}}, "no count"),
    ],
)
def test_bad_spec_is_named(changes: dict[str, Any], said: str, values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=said):
        StudySpec.from_dict({**values, **changes})
