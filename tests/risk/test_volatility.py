from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit.errors import ConfigError, MissingDependencyError
from arbkit.risk.volatility import EwmaVolatility, make_model
from arbkit.units import MINUTE_NS


def test_ewma_is_the_weighted_mean_of_squared_changes_per_second() -> None:
    changes = np.random.default_rng(1).normal(0, 1e-4, 200)
    model = EwmaVolatility("30m")
    found = [model.update(k * MINUTE_NS, change, 60.0) for k, change in enumerate(changes.tolist())]
    weights = 0.5 ** ((np.arange(200)[::-1]) / 30)
    assert found[-1] == pytest.approx(float((weights * changes**2 / 60).sum() / weights.sum()), rel=1e-12)
    assert [math.isnan(value) for value in found[:60]] == [True] * 59 + [False]


def test_ewma_knows_a_steady_market_from_the_first_forecast_on() -> None:
    model = EwmaVolatility(600)
    found = [model.update(k, 1e-3, 60.0) for k in range(40)]
    assert found[20:] == pytest.approx([1e-6 / 60] * 20)


def test_a_change_over_a_longer_time_says_less_of_a_second() -> None:
    one, other = EwmaVolatility(1.0), EwmaVolatility(1.0)
    assert one.update(0, 0.01, 5.0) == pytest.approx(4 * other.update(0, 0.01, 20.0))


@pytest.mark.parametrize(
    ("name", "argument", "options", "said"),
    [
        ("ewma", "", {}, "half_life"),
        ("ewma", "0s", {}, "longer than 0"),
        ("ewma", "soon", {}, "duration"),
        ("ewma", "5m", {"span": "1h"}, "no option"),
        ("emwa", "5m", {}, "did you mean `ewma`"),
        ("garch", "0s", {}, "longer than 0"),
    ],
)
def test_a_model_that_is_none_is_one_clear_error(
    name: str, argument: str, options: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        make_model(name, argument, options)


class Steady:
    """A model of one's own: always the same."""

    memory_s = 0.0

    def __init__(self, variance: float = 1.0) -> None:
        self.variance = variance

    def update(self, ts: int, change: float, elapsed_s: float) -> float:
        return self.variance


def test_a_model_of_ones_own_is_named_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    import types

    module = types.ModuleType("own_models")
    module.Steady = Steady  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "own_models", module)
    assert make_model("own_models:Steady", "", {"variance": 4.0}).update(0, 0.0, 1.0) == 4.0
    with pytest.raises(MissingDependencyError, match="absent_package"):
        make_model("absent_package.models:Steady", "", {})
