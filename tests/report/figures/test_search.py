"""The search figures: the running front, honest importance, slices of every kind of parameter."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

from arbkit.report import Objective, Searched
from arbkit.report.figures import (
    draw_history,
    draw_importance,
    draw_slice,
    history_numbers,
    importance_numbers,
    slice_numbers,
)
from arbkit.report.text import load_text

N = 1_500


def search_of(view, objective, maximize=True, **columns):
    """The view with other trials: `columns` as parameters, `objective` as their values."""
    n = len(objective)
    frame = pl.DataFrame(columns).with_columns(
        number=pl.int_range(n, dtype=pl.Int64),
        state=pl.lit("COMPLETE"),
        feasible=pl.lit(value=True),
        repeated=pl.lit(value=False),
        stopped=pl.lit(value=False),
        objective=pl.Series(objective),
    )
    searched = tuple(_searched(name, frame[name]) for name in columns)
    goal = (Objective("mtm_pnl_usd", maximize),)
    return dataclasses.replace(view, trials=frame, searched=searched, objectives=goal)


def _searched(name, column):
    if column.dtype == pl.String:
        return Searched(name, column[0], choices=tuple(column.unique().sort()))
    return Searched(name, column[0], float(column.min()), float(column.max()))


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_front_is_the_running_extreme_in_both_directions(view, rng):
    values = rng.normal(size=N)
    for maximize, running in ((True, np.maximum), (False, np.minimum)):
        numbers = history_numbers(search_of(view, values, maximize, x=rng.random(N)))
        front = running.accumulate(values)
        np.testing.assert_array_equal(numbers.front_value, front[numbers.front_number])
        assert numbers.front_value[-1] == front[-1]
        assert numbers.front_number[-1] == N - 1


def test_ten_thousand_trials_become_few_dots_and_keep_the_top(view, rng):
    values = rng.normal(size=10_000)
    numbers = history_numbers(search_of(view, values, x=rng.random(10_000)))
    assert numbers.total == 10_000
    assert numbers.value.size <= 900
    assert values.max() in numbers.value


def test_ruinous_trials_do_not_flatten_the_picture(view, rng):
    values = rng.normal(size=N)
    values[:20] = -1e6
    numbers = history_numbers(search_of(view, values, x=rng.random(N)))
    assert numbers.low > -10
    assert numbers.hidden >= 20


def test_importance_of_noise_stays_within_the_noise_level(view, rng):
    above = 0
    for _ in range(20):
        numbers = importance_numbers(
            search_of(view, rng.normal(size=300), x=rng.random(300), y=rng.random(300))
        )
        above += bool((numbers.share > numbers.noise).any())
    assert above <= 4


def test_importance_finds_the_parameter_that_matters(view, rng):
    x, y = rng.random(N), rng.random(N)
    numbers = importance_numbers(search_of(view, (x - 0.4) ** 2 + 0.05 * rng.normal(size=N), x=x, y=y))
    assert numbers.names[0] == "x"
    assert numbers.share[0] > 0.4 > numbers.noise > numbers.share[1] - 0.02


def test_importance_reads_choices_and_missing_values(view, rng):
    choice = rng.choice(["none", "ewma:6h"], N)
    values = (choice == "none") + 0.1 * rng.normal(size=N)
    found = search_of(view, values, reference=choice.tolist(), y=[None, 1.0] * (N // 2))
    numbers = importance_numbers(found)
    assert numbers.names[0] == "reference"
    assert numbers.share[0] > 0.7


def test_equal_values_explain_nothing(view, rng):
    numbers = importance_numbers(search_of(view, np.ones(50), x=rng.random(50)))
    assert numbers.share.tolist() == [0.0]
    assert numbers.noise == 0.0


def test_slice_of_choices_puts_each_dot_near_its_choice(view):
    names = ["ewma:6h", "none"] * 30
    found = search_of(view, np.arange(60.0), reference=names)
    numbers = slice_numbers(found, found.searched[0])
    assert numbers.ticks == ("ewma:6h", "none")
    assert numbers.chosen == 0.0
    assert (np.abs(numbers.x - np.round(numbers.x)) < 0.25).all()


def test_slice_of_optional_numbers_names_the_choice_none(view):
    column = pl.Series([None, 30.0, 60.0] * 10)
    found = search_of(view, np.arange(30.0), stop_loss_bps=column)
    item = Searched("stop_loss_bps", None, choices=(None, 30, 60))
    numbers = slice_numbers(found, item)
    assert set(np.round(numbers.x)) == {0.0, 1.0, 2.0}
    assert numbers.chosen == 0.0


def test_slice_of_whole_numbers_is_scattered_a_little(view):
    found = search_of(view, np.arange(60.0), max_open_trades=pl.Series([1, 2, 3] * 20))
    numbers = slice_numbers(found, found.searched[0])
    assert np.unique(numbers.x).size == 60
    assert (np.abs(numbers.x - np.round(numbers.x)) < 0.2).all()


def test_all_pictures_are_drawn(view, rng):
    text = load_text()
    found = search_of(
        view, rng.normal(size=N), x=np.exp(rng.normal(size=N)), c=rng.choice(["a", "b"], N).tolist()
    )
    assert draw_history(history_numbers(found), text, 400).areas
    assert draw_importance(importance_numbers(found), text, 400).areas
    log = dataclasses.replace(found.searched[0], log=True)
    for item in (log, *found.searched):
        assert draw_slice(slice_numbers(found, item), text, 290).areas
