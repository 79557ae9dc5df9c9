"""Random numbers as a function of (key, index, slot)."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from arbkit.kernels.counter_rng import mix, normal_from_uniform, normals, uniforms


def drawn(slot: int = 0, first: int = 0, count: int = 200_000, key: int = 12_345) -> np.ndarray:
    out = np.empty(count)
    normals(np.uint64(key), slot, first, out)
    return out


def test_the_mixer_gives_the_published_numbers_of_splitmix64():
    golden = 0x9E3779B97F4A7C15
    states = [(1_234_567 + golden * i) % 2**64 for i in (1, 2, 3)]
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [int(mix(np.uint64(state))) for state in states] == published


def test_a_draw_is_the_same_wherever_the_walk_began():
    assert np.array_equal(drawn()[500:600], drawn(first=500, count=100))


def test_normal_draws_are_normal():
    values = drawn()
    error = 1 / math.sqrt(len(values))
    assert abs(values.mean()) < 4 * error
    assert abs(values.std() - 1) < 4 * error
    assert abs((values**4).mean() - 3) < 40 * error
    share = (np.abs(values) > 2.5).mean()
    assert share == pytest.approx(2 * NormalDist().cdf(-2.5), rel=0.1)


def test_neighbors_slots_and_keys_are_unrelated():
    values = drawn()
    error = 1 / math.sqrt(len(values))
    for other in (np.roll(values, 1), drawn(slot=1), drawn(key=12_346), drawn(first=10**9)):
        assert abs(np.corrcoef(values, other)[0, 1]) < 4.5 * error


def test_uniform_draws_lie_strictly_inside_the_unit_interval():
    values = np.empty(100_000)
    uniforms(np.uint64(1), 0, 0, values)
    assert 0 < values.min() < 1e-4
    assert 1 - 1e-4 < values.max() < 1


@pytest.mark.parametrize("u", [1e-12, 1e-4, 0.02, 0.03, 0.3, 0.5, 0.7, 0.97, 0.98, 1 - 1e-9])
def test_quantiles_match_the_normal_distribution(u):
    assert normal_from_uniform(u) == pytest.approx(NormalDist().inv_cdf(u), rel=2e-8, abs=1e-9)
