"""Scenarios by name."""

from __future__ import annotations

import pytest

from arbkit import ConfigError
from arbkit.errors import MissingDependencyError
from arbkit.stress import (
    SCENARIOS,
    Chain,
    FeeSurge,
    Halt,
    PremiumStep,
    Slippage,
    parse_scenario,
    parse_scenarios,
    standard_scenarios,
)


@pytest.mark.parametrize(
    "given",
    [
        "halt",
        {"halt": {"lasts": "2h", "seed": 4}},
        {"name": "halt", "lasts": "2h", "seed": 4},
        {"halt": None},
    ],
    ids=str,
)
def test_scenario_is_a_name_or_a_mapping(given: object) -> None:
    found = parse_scenario(given, seed=4)
    assert found == (Halt(seed=4) if given == "halt" or given == {"halt": None} else Halt(lasts="2h", seed=4))


def test_several_at_once_are_a_sum_or_a_list() -> None:
    both = Chain(scenarios=(Halt(seed=1), FeeSurge()))
    assert parse_scenario("halt + fee_surge", seed=1) == both
    assert parse_scenario(["halt", {"fee_surge": {}}], seed=1) == both
    assert parse_scenario(both) is both


def test_standard_list_has_every_scenario_the_grid_and_both_steps() -> None:
    found = parse_scenarios("standard", seed=2)
    assert {item.name for item in found} == set(SCENARIOS)
    assert [item.slippage_bps for item in found if isinstance(item, Slippage)] == [0, 10, 20, 40, 80]
    assert [item.step_bps for item in found if isinstance(item, PremiumStep)] == [1000, -1000]
    assert found == standard_scenarios(2)
    assert all(item.to_dict().get("seed", 2) == 2 for item in found)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hlat", "did you mean `halt`"),
        ({"halt": {"last": "2h"}}, "did you mean `lasts`"),
        ({"halt": {"lasts": "2x"}}, "halt.lasts"),
        ({"halt": 3}, "a scenario must be a name"),
        ([], "a scenario must be a name"),
        (7, "a scenario must be a name"),
        ("arbkit.stress:Hlat", "no `Hlat`"),
        ("arbkit.units:duration_ns", "break a rule"),
        ("arbkit.config:GuardLimits", "must be an arbkit.stress.Scenario"),
    ],
    ids=str,
)
def test_bad_scenario_is_named(given: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_scenario(given)


def test_missing_module_is_named() -> None:
    with pytest.raises(MissingDependencyError, match="no_such_module"):
        parse_scenario("no_such_module:Shock")


def test_list_holds_each_scenario_once() -> None:
    with pytest.raises(ConfigError, match="is there twice"):
        parse_scenarios(["halt", "halt"])
    with pytest.raises(ConfigError, match="must be a list"):
        parse_scenarios(5)
