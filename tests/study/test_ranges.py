"""Ranges as plain values, against the distributions of Optuna that they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import distribution_to_json

from arbkit.study.ranges import Choices, from_row, plain_range, plain_space, stored_range, to_row
from arbkit.study.samplers import external, internal
from arbkit.study.space import Categorical, FloatRange, IntRange, Range, distributions

SPACE: dict[str, Range] = {
    "min_spread_bps": FloatRange(type="float", low=0.4, high=1, step=0.3),
    "exit_spread_bps": FloatRange(type="float", low=-5, high=20),
    "max_hold_s": FloatRange(type="float", low=1, high=1000, log=True),
    "max_open_trades": IntRange(type="int", low=1, high=6, step=2),
    "cooldown_s": IntRange(type="int", low=1, high=64, log=True),
    "min_hold_s": IntRange(type="int", low=4, high=4),
    "stop_loss_bps": Categorical(type="categorical", choices=(None, 50, 100.5)),
    "reference": Categorical(type="categorical", choices=("none",)),
}


@pytest.mark.parametrize("name", list(SPACE))
def test_spec_optuna_and_storage_say_the_same_range(name: str) -> None:
    theirs = distributions(SPACE)[name]
    assert plain_space(SPACE)[name] == plain_range(theirs) == stored_range(distribution_to_json(theirs))
    assert plain_range(theirs).single == theirs.single()


def test_rows_and_parameters_turn_into_each_other_as_optuna_turns_them() -> None:
    plain, theirs = plain_space(SPACE), distributions(SPACE)
    params = {
        "min_spread_bps": 0.7, "exit_spread_bps": 3.25, "max_hold_s": 60.0, "max_open_trades": 3,
        "cooldown_s": 8, "min_hold_s": 4, "stop_loss_bps": None, "reference": "none",
    }  # fmt: skip
    row = to_row(plain, params)
    assert row.tolist() == internal(theirs, params)
    assert from_row(plain, row) == external(theirs, row) == params
    assert isinstance(from_row(plain, row)["max_open_trades"], int)


def test_what_is_no_part_of_a_set_is_nan_in_its_row() -> None:
    row = to_row(plain_space(SPACE), {"exit_spread_bps": None, "stop_loss_bps": 70})
    assert np.isnan(row[:-2]).all()
    assert np.isnan(row[-2])
    assert from_row(plain_space(SPACE), row) == {}


def test_distribution_of_an_early_optuna_is_read() -> None:
    text = '{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 2}}'
    with pytest.warns(FutureWarning):
        found = stored_range(text)
    assert not isinstance(found, Choices)
    assert (found.low, found.high, found.step, found.whole) == (1, 9, 2, True)
