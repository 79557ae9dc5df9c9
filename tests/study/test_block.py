"""A block of trials holds what Optuna's own objects hold."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState

from arbkit.study.block import TrialBlock

SPACE: dict[str, BaseDistribution] = {
    "x": FloatDistribution(0, 1),
    "k": IntDistribution(1, 9),
    "choice": CategoricalDistribution(("none", 5, None)),
}


def _trial(number: int, **changes: object) -> FrozenTrial:
    start = dt.datetime(2026, 3, 29, 12, 0, 0, 250_000)
    values: dict[str, object] = {
        "number": number,
        "trial_id": number,
        "state": TrialState.COMPLETE,
        "value": None,
        "values": [1.5, -np.inf],
        "datetime_start": start,
        "datetime_complete": start + dt.timedelta(seconds=1),
        "params": {"x": 0.25, "k": 3, "choice": None},
        "distributions": dict(SPACE),
        "user_attrs": {"metrics": {"total_trades": 7, "sharpe": None}},
        "system_attrs": {"constraints:x <= 1": -0.75, "tpe:note": [1, "a"]},
        "intermediate_values": {0: 1.0, 4: float("inf")},
    }
    return FrozenTrial(**(values | changes))  # type: ignore[arg-type]


def _trials() -> list[FrozenTrial]:
    return [
        _trial(5),
        _trial(6, state=TrialState.PRUNED, values=None, user_attrs={"reason": "breaks x"}, system_attrs={}),
        _trial(7, params={"x": 0.5}, distributions={"x": SPACE["x"]}, intermediate_values={}),
        _trial(8, state=TrialState.FAIL, values=None, datetime_start=None, datetime_complete=None),
    ]


def test_trials_come_back_from_a_block_as_they_went_in() -> None:
    trials = _trials()

    block = TrialBlock.from_frozen(trials, SPACE, 2)

    assert (block.first, block.end, len(block)) == (5, 9, 4)
    for old, new in zip(trials, block.to_frozen(), strict=True):
        assert vars(new) == vars(old) | {"_trial_id": old.number}


def test_columns_hold_the_internal_representation() -> None:
    block = TrialBlock.from_frozen(_trials(), SPACE, 2)

    np.testing.assert_array_equal(block.params[0], [0.25, 3, 2])
    np.testing.assert_array_equal(block.params[2], [0.5, np.nan, np.nan])
    np.testing.assert_array_equal(block.values[1], [np.nan, np.nan])
    np.testing.assert_array_equal(block.constraints["x <= 1"], [-0.75, np.nan, -0.75, -0.75])
    assert block.attrs["reason"] == [None, '"breaks x"', None, None]


def test_a_part_of_a_block_keeps_numbers_and_reports() -> None:
    trials = _trials()

    part = TrialBlock.from_frozen(trials, SPACE, 2).rows(1, 4)

    assert [item.number for item in part.to_frozen()] == [6, 7, 8]
    assert [item.intermediate_values for item in part.to_frozen()] == [
        item.intermediate_values for item in trials[1:]
    ]


def test_an_empty_block_has_no_trials() -> None:
    block = TrialBlock.from_frozen([], SPACE, 1)

    assert block.to_frozen() == []
    assert block.params.shape == (0, 3)


def test_gaps_and_foreign_distributions_are_refused() -> None:
    with pytest.raises(ValueError, match="consecutive"):
        TrialBlock.from_frozen([_trial(1), _trial(3)], SPACE, 2)
    other = SPACE | {"k": IntDistribution(1, 10)}
    with pytest.raises(ValueError, match="another distribution for 'k'"):
        TrialBlock.from_frozen([_trial(1)], other, 2)
