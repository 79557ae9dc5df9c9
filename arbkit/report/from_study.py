"""From a stored study to what its report shows: the chosen set, run on both segments that may be seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from arbkit.config import Params
from arbkit.engine import backtest
from arbkit.errors import StudyError
from arbkit.report.around import around_of
from arbkit.report.checks import checks_of
from arbkit.report.importance import ped_anova
from arbkit.report.text import load_text
from arbkit.report.view import HURDLE_PCT, Objective, Searched, Segment, StudyView
from arbkit.study import Study, StudySpec
from arbkit.study.spec import SplitSpec
from arbkit.validation import stored_validation

__all__ = ["view_of"]

_TOP = 10


def view_of(
    study: Study,
    *,
    hurdle_pct: float = HURDLE_PCT,
    checks: bool = True,
    told: Callable[[str], None] | None = None,
) -> StudyView:
    """Take from a study what its report shows, and run the chosen set on the training and the test segment.

    That is the set of the stored validation; without one the highest trial.

    Args:
        study: the study.
        hurdle_pct: what money earns elsewhere, per cent a year.
        checks: whether the sets around the chosen one are run, and what latency, fees, size and stress leave
            is measured: some 200 runs of the engine.
        told: called with the name of each step that is done: `trials`, `runs`, and with `checks` also
            `neighbourhood` and those of `arbkit.report.checks.CHECK_NAMES`.

    Raises:
        StudyError: when no completed trial keeps the constraints, or the data changed since the study began.
    """
    spec, record = study.spec, study.record
    told = told or _silent
    trials = _named(study.trials(metrics=False), spec)
    top = _named(study.best_trials(_TOP), spec)
    if top.is_empty():
        complete = int((trials["state"] == "COMPLETE").sum())
        raise StudyError(
            load_text()("error.no_trials", name=study.name, complete=complete, total=trials.height)
        )
    validation = stored_validation(study)
    chosen, number = top.select(list(spec.space)).row(0, named=True), int(top["number"][0])
    if validation is not None and validation.params is not None:
        chosen, number = _of(spec, validation.params), validation.finalists[0].number
    told("trials")
    params, reference = study.params_of(chosen)
    train, test = (_segment(study, params, reference, name) for name in ("train", "test"))
    told("runs")
    around = around_of(study, chosen) if checks else None
    if checks:
        told("neighbourhood")
    again = f"{study.name}-again"
    return StudyView(
        name=study.name,
        objectives=tuple(Objective(item.metric, item.direction == "maximize") for item in spec.objective),
        searched=tuple(_searched(spec, name, chosen[name]) for name in spec.space),
        fixed=dict(spec.fixed),
        reference=reference,
        params=params,
        chosen_number=number,
        trials=trials,
        top=top,
        ped_anova=ped_anova(study.block(whole=False), maximize=spec.directions[0] == "maximize"),
        train=train,
        test=test,
        lockbox_end_ns=_lockbox_end(train, test, spec.split),
        source=str(spec.dataset or spec.panel),
        sampler=spec.sampler.name,
        seed=record.seed,
        n_trials=record.n_trials,
        storage=study.url,
        created=_minute(record.created),
        fingerprint=record.dataset_fingerprint,
        arbkit_version=record.arbkit_version,
        code_version=record.code_version,
        command=f"{study.command} --name {again}\narbkit report {again}",
        validation=validation,
        around=around,
        checks=checks_of(study, params, reference, told) if checks else None,
        hurdle_pct=hurdle_pct,
    )


def _silent(_: str) -> None:
    """Tell nobody."""


def _of(spec: StudySpec, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return one value per searched parameter; None for one that is no part of the set."""
    return {name: params.get(name) for name in spec.space}


def _named(frame: pl.DataFrame, spec: StudySpec) -> pl.DataFrame:
    """Name the objectives `objective`, `objective_1`, ...; add whether a trial repeats an earlier one, and
    whether a pruner stopped it."""
    values = ["value"] if len(spec.objective) == 1 else [f"values_{i}" for i in range(len(spec.objective))]
    names = ["objective", *(f"objective_{i}" for i in range(1, len(values)))]
    return frame.select(
        "number",
        "state",
        "feasible",
        pl.col("duplicate_of").is_not_null().alias("repeated"),
        (pl.lit(value=False) if spec.pruner is None else pl.col("folds_evaluated").is_not_null()).alias(
            "stopped"
        ),
        *(pl.col(value).alias(name) for value, name in zip(values, names, strict=True)),
        *spec.space,
    )


def _segment(study: Study, params: Params, reference: str, name: Any) -> Segment:
    panel = study.panel_for(reference, name)
    return Segment(panel, backtest(panel, params))


def _searched(spec: StudySpec, name: str, chosen: Any) -> Searched:
    item: Any = spec.space[name]
    if item.type == "categorical":
        return Searched(name, chosen, choices=item.choices)
    return Searched(name, chosen, low=float(item.low), high=float(item.high), log=item.log)


def _lockbox_end(train: Segment, test: Segment, split: SplitSpec) -> int:
    """Find where the data end without looking at the sealed part: the cuts are shares of the time."""
    start = train.panel.start_ns
    by_train = (train.panel.end_ns - start) / (1 - split.out_of_sample)
    by_test = (test.panel.end_ns - start) / (1 - split.sealed)
    return start + round(max(by_train, by_test))


def _minute(created: str) -> str:
    return dt.datetime.fromisoformat(created).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
