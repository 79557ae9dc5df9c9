"""Points tried first, warm starts, budgets and folds: stored with the study, exact after a resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from arbkit._typing import RecordArray
from arbkit.engine import backtest
from arbkit.errors import ConfigError, StudyError
from arbkit.study import (
    Market,
    PanelEvaluator,
    Points,
    Progress,
    Study,
    StudySpec,
    load_study,
    resume_study,
    run_study,
)

KNOWN = [
    {"min_spread_bps": 12.5, "exit_spread_bps": 0, "stop_loss_bps": "none", "min_hold_s": 10,
     "max_hold_s": 100, "reference": "none"},
    {"min_spread_bps": 8, "exit_spread_bps": -2.5, "stop_loss_bps": 20, "min_hold_s": 0,
     "max_hold_s": 900.5, "reference": "ewma:10m"},
]  # fmt: skip


def content(study: Study) -> list[tuple[Any, ...]]:
    return [
        (item.number, item.state, item.params, item.values, item.user_attrs, item.constraints)
        for item in study.optuna.trials
    ]


class Stopping(PanelEvaluator):
    """Is interrupted at one of its calls."""

    def __init__(self, spec: StudySpec, stop_at: int) -> None:
        super().__init__(Market.load(spec))
        self._left = stop_at

    def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().evaluate(points, fold)


@pytest.mark.parametrize("sampler", ["random", "tpe", "nsgaii", "cmaes"])
def test_known_points_are_tried_first_and_the_sampler_goes_on(sampler: str, values: dict[str, Any]) -> None:
    values |= {"sampler": sampler, "enqueue": KNOWN, "batch": 4}
    whole = run_study(StudySpec.from_dict({**values, "storage": "memory://"}))

    first = [item.params for item in whole.optuna.trials[:2]]
    assert [item["min_spread_bps"] for item in first] == [12.5, 8.0]
    assert [item["reference"] for item in first] == ["none", "ewma:10m"]
    assert [item["stop_loss_bps"] for item in first] == [None, 20]
    assert len(whole.optuna.trials) == 20

    spec = StudySpec.from_dict({**values, "name": "broken"})
    with pytest.raises(KeyboardInterrupt):
        run_study(spec, evaluator=Stopping(spec, 1))
    assert content(resume_study("broken")) == content(whole)


def test_a_grid_with_known_points_leaves_none_of_its_own_out(values: dict[str, Any]) -> None:
    space = {"min_spread_bps": {"type": "categorical", "choices": [5, 10, 20]}}
    plain = run_study(StudySpec.from_dict({
        **values, "space": space, "sampler": "grid", "n_trials": 0, "storage": "memory://",
        "enqueue": [{"min_spread_bps": 10}],
    }))  # fmt: skip

    frame = plain.trials()
    assert frame.height == 4
    assert frame["min_spread_bps"][0] == 10
    assert sorted(frame["min_spread_bps"][1:].to_list()) == [5, 10, 20]
    assert frame["duplicate_of"].count() == 1


def test_points_are_read_from_a_file_and_kept_in_the_study(values: dict[str, Any]) -> None:
    Path("points.json").write_text(json.dumps(KNOWN))
    study = run_study(StudySpec.from_dict({**values, "enqueue": "points.json"}))
    Path("points.json").unlink()

    assert load_study("small").spec.enqueue == study.spec.enqueue
    assert resume_study("small", n_trials=24).trials().height == 24


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([{**KNOWN[0], "min_spred_bps": 1}], r"`enqueue\[0\]`: `min_spred_bps` .*min_spread_bps"),
        ([{"min_spread_bps": 12}], r"must name every parameter of `space`, missing: exit_spread_bps"),
        (
            [{**KNOWN[0], "min_spread_bps": 99}],
            r"`enqueue\[0\]\.min_spread_bps` .*low 1\.0, high 60\.0.* was 99",
        ),
        ([KNOWN[0], {**KNOWN[1], "stop_loss_bps": 21}], r"`enqueue\[1\]\.stop_loss_bps`"),
        (5, "must be a list of points"),
        ("nowhere.yaml", "a file of points must exist, 'nowhere.yaml' does not"),
    ],
)
def test_bad_points_get_one_message(points: Any, message: str, values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=message):
        StudySpec.from_dict({**values, "enqueue": points})


def test_a_warm_start_tries_the_best_points_of_another_study(values: dict[str, Any]) -> None:
    found = run_study(StudySpec.from_dict({**values, "name": "before"}))
    warm = run_study(
        StudySpec.from_dict({**values, "name": "after", "seed": 8, "warm_start": {"study": "before", "n": 3}})
    )

    names = list(found.spec.space)
    assert warm.trials().select(names).head(3).rows() == found.best_trials(3).select(names).rows()
    assert warm.trials()["value"][0] == found.best_trials(1)["value"][0]
    Path("studies/before.db").unlink()
    assert resume_study("after", n_trials=22).trials().height == 22


def test_a_warm_start_without_a_fitting_point_is_refused(values: dict[str, Any]) -> None:
    run_study(StudySpec.from_dict({**values, "name": "before"}))
    space = {**values["space"], "min_spread_bps": {"type": "float", "low": 100, "high": 200}}
    with pytest.raises(StudyError, match=r"none of the .* best of 'before' does"):
        run_study(StudySpec.from_dict({**values, "name": "after", "space": space, "warm_start": "before"}))
    with pytest.raises(StudyError, match="befor"):
        run_study(StudySpec.from_dict({**values, "name": "after", "warm_start": "befor"}))


def test_time_that_is_up_ends_a_run_which_a_resume_completes(values: dict[str, Any]) -> None:
    whole = run_study(StudySpec.from_dict({**values, "sampler": "tpe", "storage": "memory://"}))
    spec = StudySpec.from_dict({**values, "sampler": "tpe", "name": "timed", "timeout": "1ms"})

    assert run_study(spec).trials().height == 0
    assert content(resume_study("timed", timeout="1h")) == content(whole)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_study_that_finds_nothing_better_ends_early(sampler: str, values: dict[str, Any]) -> None:
    values |= {"sampler": sampler, "n_trials": 200, "stagnation": 12}
    steps: list[Progress] = []
    study = run_study(StudySpec.from_dict(values), progress=steps.append)

    frame = study.trials()
    assert frame.height < 200
    feasible = frame.filter(frame["feasible"])
    best_at = feasible["number"][int(feasible["value"].arg_max() or 0)]
    assert frame.height == best_at + 12 + 1
    before = content(study)
    assert content(resume_study("small")) == before
    further = content(resume_study("small", stagnation=0))
    assert further[: len(before)] == before
    assert len(further) == 200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timeout": "soon"}, "timeout"),
        ({"timeout": 0}, "`timeout` must be longer than 0"),
        ({"stagnation": -1}, "stagnation"),
        ({"folds": -1}, "folds"),
        ({"folds": "week"}, "folds"),
        ({"metrics": "realized", "objective": "sharpe"}, None),
        ({"metrics": "realized", "constraints": ["max_drawdown_mtm_pct <= 5"]}, "does not measure"),
        (
            {"stagnation": 5, "objective": [{"metric": "mtm_pnl_usd"}, {"metric": "win_rate"}]},
            "one objective",
        ),
    ],
)
def test_a_bad_budget_gets_one_message(
    changes: dict[str, Any], message: str | None, values: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match=message):
        StudySpec.from_dict({**values, **changes})


def test_realized_metrics_are_the_same_numbers_and_fewer(values: dict[str, Any]) -> None:
    every = run_study(StudySpec.from_dict({**values, "storage": "memory://"})).trials()
    some = run_study(StudySpec.from_dict({**values, "storage": "memory://", "metrics": "realized"})).trials()

    assert some["value"].to_list() == every["value"].to_list()
    assert some["metric_fees_usd"].to_list() == every["metric_fees_usd"].to_list()
    assert some["metric_sharpe"].null_count() == some.height


@pytest.mark.parametrize("folds", [3, "day"])
def test_folds_are_simulated_apart_and_kept_beside_the_study(folds: Any, values: dict[str, Any]) -> None:
    spec = StudySpec.from_dict({**values, "folds": folds})
    with pytest.raises(KeyboardInterrupt):
        run_study(spec, evaluator=Stopping(spec, 5 if folds == 3 else 3))
    study = resume_study("small")

    market, frame = Market.load(spec), pl.read_parquet("studies/small.metrics/folds-*.parquet")
    count = len(market.fold_edges) - 1
    trials = study.trials()
    simulated = trials.filter(trials["metric_total_trades"].is_not_null() & trials["duplicate_of"].is_null())
    assert frame["number"].unique().sort().to_list() == simulated["number"].to_list()
    assert frame.height == count * simulated.height
    row = simulated.row(0, named=True)
    params, reference = study.params_of(row)
    for fold in range(count):
        alone = backtest(market.fold(reference, fold), params).metrics
        kept = frame.filter((frame["number"] == row["number"]) & (frame["fold"] == fold)).row(0, named=True)
        assert kept["mtm_pnl_usd"] == alone.mtm_pnl_usd
        assert kept["total_trades"] == alone.total_trades


def test_parts_of_trials_that_were_not_stored_are_removed(values: dict[str, Any]) -> None:
    run_study(StudySpec.from_dict({**values, "folds": 2}))
    left = Path("studies/small.metrics/folds-000000020-000000024.parquet")
    left.write_bytes(b"of a killed run")
    Path("studies/small.metrics/folds-1.77.part").write_bytes(b"half")

    resume_study("small", n_trials=22)

    frame = pl.read_parquet("studies/small.metrics/folds-*.parquet")
    assert frame["number"].max() == 21
    assert list(Path("studies/small.metrics").glob("*.part")) == []
