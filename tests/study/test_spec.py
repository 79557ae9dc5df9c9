"""The spec: what it reads, and the one clear message for everything it refuses."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from arbkit.errors import ConfigError
from arbkit.study import StudySpec

MISSING = object()

BAD = {
    "an unknown key": ({"sampller": "tpe"}, "unknown key `sampller`; did you mean `sampler`"),
    "an unknown key inside": (
        {"space": {"min_spread_bps": {"type": "float", "low": 1, "hi": 2}}},
        "unknown key `space.min_spread_bps.hi`; did you mean `high`",
    ),
    "a missing key": ({"seed": MISSING}, "`seed` must be given"),
    "an unknown sampler": ({"sampler": "tpee"}, "was 'tpee'; did you mean `tpe`"),
    "an unknown option": ({"sampler": {"name": "tpe", "n_startup": 3}}, "did you mean `n_startup_trials`"),
    "an option of the wrong type": (
        {"sampler": {"name": "tpe", "n_startup_trials": "x"}},
        "`n_startup_trials` of the tpe sampler must be int, was 'x'",
    ),
    "an unknown metric": ({"objective": {"metric": "mtm_pnl"}}, "did you mean `mtm_pnl_usd`"),
    "an unknown direction": ({"objective": {"metric": "sharpe", "direction": "up"}}, "was 'up'"),
    "no objective": ({"objective": []}, "`objective` must name at least one metric"),
    "an empty space": ({"space": {}}, "`space` must hold at least one parameter"),
    "a space turned round": (
        {"space": {"min_spread_bps": {"type": "float", "low": 5, "high": 1}}},
        "`space.min_spread_bps`: `low` must not exceed `high`, was low=5, high=1",
    ),
    "an unknown type": (
        {"space": {"min_spread_bps": {"type": "flot", "low": 5, "high": 6}}},
        "was 'flot'; did you mean `float`",
    ),
    "a missing type": ({"space": {"min_spread_bps": {"low": 5, "high": 6}}}, "must say `type: float`"),
    "a log scale from zero": (
        {"space": {"min_spread_bps": {"type": "float", "low": 0, "high": 6, "log": True}}},
        "must be above 0, was 0",
    ),
    "no number": (
        {"space": {"min_spread_bps": {"type": "float", "low": float("nan"), "high": 6}}},
        "`space.min_spread_bps.low` must be a finite number",
    ),
    "no choices": ({"space": {"min_spread_bps": {"type": "categorical", "choices": []}}}, "at least 1 item"),
    "an unknown parameter": (
        {"space": {"min_spred_bps": {"type": "float", "low": 5, "high": 6}}},
        "`min_spred_bps` is no parameter; did you mean `min_spread_bps`",
    ),
    "a parameter twice": ({"fixed": {"min_spread_bps": 3}}, "in `space` or in `fixed`, not in both"),
    "a parameter that is missing": (
        {"fixed": {}},
        "missing: max_position_usd, slippage_bps, taker_fee_a_bps",
    ),
    "a fixed value out of range": ({"fixed": {"slippage_bps": -1}}, "must be at least 0, was -1"),
    "an open end": ({"fixed": {"close_at_end": False}}, "always close at the end, was False"),
    "a numeric reference": (
        {"space": {"reference": {"type": "int", "low": 1, "high": 2}}},
        "`space.reference` must be categorical",
    ),
    "a bad constraint": ({"constraints": ["min_hold <= 3"]}, "did you mean `min_hold_s`"),
    "a constraint over a name": ({"constraints": ["direction <= 3"]}, "unknown name `direction`"),
    "all of the time out of sample": ({"split": {"out_of_sample": 1}}, "less than 1, was 1"),
    "two markets": ({"dataset": "datasets/x"}, "either `dataset` or `panel`"),
    "no market": ({"panel": MISSING}, "either `dataset` or `panel`"),
    "a dataset without its pair": ({"panel": MISSING, "dataset": "datasets/x"}, "`pair` must name both legs"),
    "a dataset's key beside a panel": ({"fx": {"symbol": "x"}}, "`fx` belongs to a `dataset`"),
    "a name that is no file name": ({"name": "a/b"}, "`name` must be letters"),
    "no trials": ({"n_trials": 0}, "`n_trials` must be at least 1"),
    "a grid over a float without a step": ({"sampler": "grid"}, "needs a `step` for the float"),
    "a cmaes over one number": (
        {"sampler": "cmaes", "space": {"min_spread_bps": {"type": "float", "low": 5, "high": 6}}},
        "needs at least two numeric parameters",
    ),
    "a cmaes over two objectives": (
        {"sampler": "cmaes", "objective": [{"metric": "sharpe"}, {"metric": "mtm_pnl_usd"}]},
        "takes one objective, was 2",
    ),
}


@pytest.mark.parametrize("case", BAD, ids=[name.replace(" ", "-") for name in BAD])
def test_bad_input_is_one_message_with_the_key_and_the_value(case: str, values: dict[str, Any]) -> None:
    changes, message = BAD[case]
    given = copy.deepcopy(values) | changes
    given = {key: value for key, value in given.items() if value is not MISSING}

    with pytest.raises(ConfigError) as caught:
        StudySpec.from_dict(given)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_spec_survives_the_way_through_yaml_and_through_a_record(
    values: dict[str, Any], tmp_path: Path
) -> None:
    spec = StudySpec.from_dict(values)
    path = tmp_path / "small.yaml"
    path.write_text(spec.to_yaml())

    assert StudySpec.load(path).to_dict() == spec.to_dict()
    assert StudySpec.from_dict(spec.to_dict()).to_dict() == spec.to_dict()
    assert list(spec.to_dict()["space"]) == list(values["space"])


def test_the_storage_defaults_to_a_file_of_the_study_s_name(spec: StudySpec) -> None:
    assert spec.storage == "sqlite:///studies/small.db"


def test_a_new_name_takes_the_default_storage_along_and_leaves_a_chosen_one(spec: StudySpec) -> None:
    default = spec.replace(storage="")
    assert default.replace(name="mine").storage == "sqlite:///studies/mine.db"
    chosen = spec.replace(storage="sqlite:///elsewhere.db")
    assert chosen.replace(name="mine").storage == "sqlite:///elsewhere.db"


def test_a_sampler_is_named_alone_or_with_options(values: dict[str, Any]) -> None:
    assert StudySpec.from_dict({**values, "sampler": "tpe"}).sampler.options == {}
    options = StudySpec.from_dict(
        {**values, "sampler": {"name": "tpe", "n_startup_trials": 3}}
    ).sampler.options
    assert options == {"n_startup_trials": 3}


def test_british_spelling_of_a_direction_is_read(values: dict[str, Any]) -> None:
    objective = {"metric": "max_drawdown_pct", "direction": "minimise"}

    assert StudySpec.from_dict({**values, "objective": objective}).directions == ["minimize"]


def test_parameters_of_a_trial_close_at_the_end_and_carry_the_reference(spec: StudySpec) -> None:
    trial = {"min_spread_bps": 3.0, "stop_loss_bps": None, "reference": "ewma:10m", "max_hold_s": 60.0}

    params, reference = spec.params_of(trial)

    assert params.close_at_end
    assert params.stop_loss_bps is None
    assert params.taker_fee_a_bps == 2
    assert reference == "ewma:10m"


def test_a_grid_plans_all_of_its_points(values: dict[str, Any]) -> None:
    space = {"min_spread_bps": {"type": "float", "low": 0, "high": 10, "step": 5}}
    grid = StudySpec.from_dict({**values, "space": space, "sampler": "grid", "n_trials": 100})

    assert grid.planned_trials == 3


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)

    with pytest.raises(ConfigError, match="a study spec must be"):
        StudySpec.load(path)


def test_a_file_that_is_no_yaml_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("name: [1, 2\nspace: {")
    with pytest.raises(ConfigError, match="must be a readable YAML file") as caught:
        StudySpec.load(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a study spec must exist"):
        StudySpec.load(tmp_path / "none.yaml")
