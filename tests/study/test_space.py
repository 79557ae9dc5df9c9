"""The search space: values, distributions, grids."""

from __future__ import annotations

import pytest

from arbkit.errors import ConfigError
from arbkit.study.space import (
    Categorical,
    FloatRange,
    IntRange,
    check_values,
    distributions,
    grid_values,
    normalise,
)


def test_none_written_as_text_switches_a_parameter_off_and_is_a_reference() -> None:
    assert normalise("stop_loss_bps", "none") is None
    assert normalise("reference", "none") == "none"
    assert normalise("reference", None) == "none"
    assert normalise("direction", "both") == "both"


def test_a_step_that_does_not_reach_the_high_end_stops_before_it() -> None:
    space = {
        "min_spread_bps": FloatRange(type="float", low=0, high=1, step=0.3),
        "max_open_trades": IntRange(type="int", low=1, high=6, step=2),
    }

    made = distributions(space)

    assert made["min_spread_bps"].high == pytest.approx(0.9)  # type: ignore[attr-defined]
    assert made["max_open_trades"].high == 5  # type: ignore[attr-defined]


def test_grid_values_are_the_steps_the_choices_or_the_points() -> None:
    assert grid_values("x", FloatRange(type="float", low=0, high=1, step=0.5), None) == [0, 0.5, 1]
    assert grid_values("x", IntRange(type="int", low=1, high=4), None) == [1, 2, 3, 4]
    assert grid_values("x", Categorical(type="categorical", choices=(None, 2)), None) == [None, 2]
    assert grid_values("x", FloatRange(type="float", low=1, high=100, log=True), 3) == pytest.approx(
        [1, 10, 100]
    )
    assert grid_values("x", FloatRange(type="float", low=1, high=3), 1) == [1]


def test_a_grid_over_a_float_without_a_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs a `step` for the float `min_spread_bps`"):
        grid_values("min_spread_bps", FloatRange(type="float", low=0, high=1), None)


def test_a_value_that_breaks_its_rule_is_found_before_anything_runs() -> None:
    with pytest.raises(
        ConfigError, match=r"`space.slippage_bps.low`: `slippage_bps` must be at least 0, was -5"
    ):
        check_values("slippage_bps", {"space.slippage_bps.low": -5})
