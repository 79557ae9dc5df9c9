"""Constraints: what is read, what is refused, what "off" and "undefined" mean."""

from __future__ import annotations

import pytest

from arbkit.errors import ConfigError
from arbkit.study.constraints import parse_constraint

PARAMETERS = ("min_hold_s", "max_hold_s", "min_spread_bps")
METRICS = ("sharpe", "max_drawdown_mtm_pct", "total_trades")


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("min_hold_s <= max_hold_s", {"min_hold_s": 5, "max_hold_s": 5}, True),
        ("min_hold_s < max_hold_s", {"min_hold_s": 5, "max_hold_s": 5}, False),
        ("2 * min_hold_s + 1 <= max_hold_s / 2", {"min_hold_s": 5, "max_hold_s": 22}, True),
        ("2 * min_hold_s + 1 <= max_hold_s / 2", {"min_hold_s": 5, "max_hold_s": 21}, False),
        ("-min_spread_bps >= -3", {"min_spread_bps": 3}, True),
        ("1 <= min_spread_bps < 3", {"min_spread_bps": 3}, False),
        ("1 <= min_spread_bps < 3", {"min_spread_bps": 1}, True),
        ("1 / min_spread_bps > 0", {"min_spread_bps": 0}, False),
    ],
)
def test_a_constraint_holds_when_its_comparison_does(
    text: str, values: dict[str, float], holds: bool
) -> None:
    constraint = parse_constraint(text, PARAMETERS, METRICS)

    assert (constraint.violation(values) <= 0) is holds


def test_a_parameter_that_is_switched_off_breaks_nothing() -> None:
    constraint = parse_constraint("min_hold_s <= max_hold_s", PARAMETERS, METRICS)

    assert constraint.violation({"min_hold_s": 5, "max_hold_s": None}) <= 0


def test_an_undefined_metric_does_not_hold() -> None:
    constraint = parse_constraint("sharpe >= 1", PARAMETERS, METRICS)

    assert constraint.on_metrics
    assert constraint.violation({"sharpe": None}) > 0


@pytest.mark.parametrize(
    "text",
    [
        "min_hold_s",
        "min_hold_s == max_hold_s",
        "min_hold_s <= ",
        "__import__('os') <= 1",
        "min_hold_s ** 2 <= 1",
        "min_hold_s.real <= 1",
        "min_hold_s <= 'a'",
        "min_hold_s <= True",
        "min_hold_s <= 1 and max_hold_s >= 2",
        "[min_hold_s] <= 1",
    ],
)
def test_anything_but_comparisons_and_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="a constraint must be a comparison"):
        parse_constraint(text, PARAMETERS, METRICS)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown name `min_hold`; did you mean `min_hold_s`"):
        parse_constraint("min_hold <= 3", PARAMETERS, METRICS)
