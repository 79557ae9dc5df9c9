"""Pruners by name."""

from __future__ import annotations

import re
from typing import Any

import optuna
import pytest

from arbkit.errors import ConfigError, MissingDependencyError
from arbkit.study.pruners import PRUNERS, make_pruner

OPTIONS: dict[str, dict[str, Any]] = {"threshold": {"lower": 0.0}}


@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_of_the_table_can_be_made(name: str) -> None:
    assert isinstance(make_pruner(name, OPTIONS.get(name, {})), optuna.pruners.BasePruner)


def test_every_pruner_of_optuna_has_a_name() -> None:
    theirs = {name for name in optuna.pruners.__all__ if name != "BasePruner" and name.endswith("Pruner")}

    assert {item.path for item in PRUNERS.values()} == {f"optuna.pruners:{name}" for name in theirs}


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    [
        ("medain", {}, ConfigError, "was 'medain'; did you mean `median`"),
        ("median", {"n_startup": 3}, ConfigError, "`n_startup` is no option of the median pruner"),
        ("median", {"n_startup_trials": -1}, ConfigError, "the options of the median pruner break a rule"),
        ("patient", {"wrapped": 3}, ConfigError, "`wrapped` of the patient pruner must be a pruner"),
        ("no_such_package:One", {}, MissingDependencyError, "pip install no_such_package"),
        ("collections:OrderedDict", {}, ConfigError, "must be an optuna.pruners.BasePruner"),
    ],
)
def test_a_pruner_that_cannot_be_is_refused(
    name: str, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=re.escape(message)):
        make_pruner(name, options)


def test_a_class_is_a_pruner_by_its_path_and_one_may_wrap_another() -> None:
    assert isinstance(make_pruner("optuna.pruners:NopPruner", {}), optuna.pruners.NopPruner)
    wrapped = make_pruner("patient", {"wrapped": {"name": "median", "n_startup_trials": 1}, "patience": 3})
    assert isinstance(wrapped, optuna.pruners.PatientPruner)


def test_options_of_pruners_are_listed() -> None:
    assert PRUNERS["none"].options == []
    assert PRUNERS["patient"].options == ["wrapped", "patience", "min_delta"]
    assert PRUNERS["percentile"].options[0] == "percentile"  # type: ignore[index]
