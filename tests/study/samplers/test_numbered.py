"""The samplers that draw from (seed, trial number)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from arbkit.errors import ConfigError
from arbkit.study.samplers import BatchSampler, History, external, internal, make_batch_sampler, make_sampler
from arbkit.study.samplers.numbered import GridSampler, QmcSampler, RandomSampler
from arbkit.study.samplers.units import counted_units, from_units
from arbkit.study.space import Categorical, FloatRange, IntRange, distributions

RANGES = {
    "min_spread_bps": FloatRange(type="float", low=0, high=10, step=2.5),
    "min_hold_s": IntRange(type="int", low=0, high=3),
    "stop_loss_bps": Categorical(type="categorical", choices=(None, 20)),
}
SPACE = {
    "a": FloatDistribution(0.0, 1.0),
    "b": IntDistribution(1, 100, log=True),
    "c": CategoricalDistribution((None, True, "x")),
    "d": FloatDistribution(1e-3, 1e3, log=True),
    "e": FloatDistribution(-1.0, 1.0, step=0.25),
    "f": IntDistribution(0, 9, step=3),
}


@pytest.mark.parametrize("item", SPACE.values(), ids=SPACE)
def test_the_unit_interval_maps_into_the_distribution(item: Any) -> None:
    values = from_units(item, np.array([0.0, 0.25, 0.5, 0.999999999]))

    assert all(item._contains(value) for value in values.tolist())


def test_choices_and_steps_are_equally_likely() -> None:
    draws = from_units(SPACE["f"], np.linspace(0, 1, 400, endpoint=False)).tolist()

    assert {value: draws.count(value) for value in set(draws)} == {0: 100, 3: 100, 6: 100, 9: 100}


@pytest.mark.parametrize("kind", [RandomSampler, QmcSampler])
def test_a_proposal_depends_on_seed_and_number_only(kind: Any) -> None:
    forwards = [kind(SPACE, 5).point(number) for number in range(5)]
    one = kind(SPACE, 5)
    backwards = [one.point(number) for number in reversed(range(5))]

    assert forwards == backwards[::-1]
    assert forwards != [kind(SPACE, 6).point(number) for number in range(5)]


def test_a_low_discrepancy_sequence_covers_every_cell() -> None:
    sampler = QmcSampler({"a": SPACE["a"], "d": FloatDistribution(0.0, 1.0)}, 3)
    points = [sampler.point(number) for number in range(64)]

    cells = {(int(point["a"] * 8), int(point["d"] * 8)) for point in points}

    assert len(cells) == 64


def test_qmc_goes_on_past_its_first_block() -> None:
    sampler = QmcSampler({"a": SPACE["a"]}, 3, sequence="halton")

    assert 0 <= sampler.point(3000)["a"] <= 1


def test_a_grid_gives_every_combination_once_in_an_order_set_by_the_seed() -> None:
    sampler = make_sampler("grid", {}, seed=1, done=0, ranges=RANGES)
    assert isinstance(sampler, GridSampler)

    points = [tuple(sampler.point(number).values()) for number in range(sampler.size)]

    assert sorted(points, key=str) == sorted(
        itertools.product([0, 2.5, 5, 7.5, 10], range(4), [None, 20]), key=str
    )
    other = make_sampler("grid", {}, seed=2, done=0, ranges=RANGES)
    assert isinstance(other, GridSampler)
    assert points != [tuple(other.point(number).values()) for number in range(other.size)]


def test_an_unshuffled_grid_varies_the_last_parameter_first() -> None:
    sampler = make_sampler("grid", {"shuffle": False}, seed=1, done=0, ranges=RANGES)
    assert isinstance(sampler, GridSampler)

    assert [sampler.point(number)["stop_loss_bps"] for number in range(4)] == [None, 20, None, 20]


def test_a_grid_too_large_to_list_is_refused() -> None:
    ranges = {name: IntRange(type="int", low=1, high=10_000) for name in ("min_hold_s", "cooldown_s")}

    with pytest.raises(ConfigError, match="at most 20,000,000 points, was 100,000,000"):
        make_sampler("grid", {}, seed=1, done=0, ranges=ranges)


@pytest.mark.parametrize("name", ["random", "qmc", "grid"])
def test_a_block_holds_what_the_trials_would_be_one_by_one(name: str) -> None:
    sampler = make_batch_sampler(name, {}, seed=3, ranges=RANGES)
    assert isinstance(sampler, BatchSampler)
    history = History(distributions(RANGES), ["maximize"])

    block = sampler.propose(history, 7, 20)

    singles = [make_sampler(name, {}, seed=3, done=0, ranges=RANGES) for _ in range(20)]
    points = [single.point(7 + row) for row, single in enumerate(singles)]  # type: ignore[attr-defined]
    assert [external(history.space, row) for row in block] == points
    assert [internal(history.space, point) for point in points] == block.tolist()


def test_uniform_numbers_are_uniform_and_independent_over_columns_and_trials() -> None:
    units = counted_units(1, 0, 20_000, np.arange(4, dtype=np.uint64))

    counts = np.histogramdd(units[:, :3], bins=5, range=[(0, 1)] * 3)[0]
    assert ((counts - 160) ** 2 / 160).sum() < 190  # chi square, 124 degrees of freedom: p = 1e-4
    assert abs(np.corrcoef(units.T)[np.triu_indices(4, 1)]).max() < 0.03
    assert abs(np.corrcoef(units[:-1, 0], units[1:, 0])[0, 1]) < 0.03
    assert len(np.unique(counted_units(2, 0, 20_000, np.arange(4, dtype=np.uint64)))) == 80_000


def test_a_fine_step_gives_decimal_values_without_a_table() -> None:
    item = FloatDistribution(0.0, 1.0, step=0.000001)

    assert from_units(item, np.array([0.3000001])).tolist() == [0.3]
