"""What a running study counts does not depend on how its trials are cut into blocks."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from arbkit.study.block import TrialBlock
from arbkit.study.tally import Tally


def _block(values: list[float], first: int = 0, broken: list[float] | None = None) -> TrialBlock:
    n = len(values)
    stamps = np.full(n, np.datetime64("2026-01-01", "us"))
    column = np.array(values)
    states = np.where(np.isnan(column), TrialState.PRUNED.value, TrialState.COMPLETE.value).astype(np.uint8)
    constraints = {} if broken is None else {"c": np.array(broken)}
    space = {"x": FloatDistribution(0, 1)}
    return TrialBlock(first, space, states, np.zeros((n, 1)), column[:, None], stamps, stamps, constraints)


def test_the_best_is_the_best_feasible_value() -> None:
    tally = Tally("maximize")
    tally.take(_block([1.0, 9.0, np.nan, 3.0], broken=[-1.0, 2.0, np.nan, 0.0]))
    assert tally.best == 3.0

    tally = Tally("minimize")
    assert tally.best is None
    tally.take(_block([1.0, 9.0, np.nan, 3.0]))
    assert tally.best == 1.0


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_a_study_stagnates_at_the_same_trial_whatever_the_blocks(size: int) -> None:
    values = [1.0, 2.0, 2.0, 0.5, np.nan, 2.5, *[2.5] * 10, 9.0]
    tally, taken = Tally("maximize", patience=5), 0
    for start in range(0, len(values), size):
        part = values[start : start + size]
        kept = tally.take(_block(part, start))
        taken += kept
        if tally.stagnated:
            break
    # Better at 1 and 5; five trials without a better value end at number 10.
    assert tally.stagnated
    assert taken == 11
    assert tally.best == 2.5


def test_a_study_without_any_value_stagnates_too() -> None:
    tally = Tally("maximize", patience=3)
    assert tally.take(_block([np.nan] * 10)) == 3
    assert tally.best is None


def test_an_empty_block_changes_nothing() -> None:
    tally = Tally("maximize", patience=1)
    assert tally.take(_block([])) == 0
    assert not tally.stagnated
