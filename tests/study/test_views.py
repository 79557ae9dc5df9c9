"""Trials that differ in what the panel is measured from, and in how the position is scaled."""

from __future__ import annotations

from typing import Any

import pytest

import arbkit
from arbkit import ConfigError
from arbkit.study import StudySpec, run_study
from arbkit.study.market import Market

SCALE = "ewma:10m,target=60"


def test_the_scale_is_searched_beside_the_reference(values: dict[str, Any]) -> None:
    values["space"]["scale"] = {"type": "categorical", "choices": ["none", SCALE]}
    spec = StudySpec.from_dict(values)
    assert spec.views == ("none", f"none; scale={SCALE}", "ewma:10m", f"ewma:10m; scale={SCALE}")
    study = run_study(spec)
    done = study.trials().filter(study.trials()["state"] == "COMPLETE")
    assert done["scale"].n_unique() == done["reference"].n_unique() == 2
    for trial in done.head(8).iter_rows(named=True):
        params, view = study.params_of(trial)
        assert arbkit.backtest(study.panel_for(view), params).metrics.mtm_pnl_usd == trial["value"]


def test_a_fixed_scale_and_reference_are_those_of_every_trial(values: dict[str, Any]) -> None:
    values["space"].pop("reference")
    values["fixed"] |= {"scale": SCALE, "reference": "ewma:10m"}
    spec = StudySpec.from_dict({**values, "n_trials": 4})
    assert spec.views == (f"ewma:10m; scale={SCALE}",)
    study = run_study(spec)
    trial = study.trials().filter(study.trials()["state"] == "COMPLETE").row(0, named=True)
    params, view = study.params_of(trial)
    assert view == f"ewma:10m; scale={SCALE}"
    assert arbkit.backtest(study.panel_for(view), params).metrics.mtm_pnl_usd == trial["value"]


def test_both_parts_of_a_market_have_the_scale_of_the_whole(values: dict[str, Any]) -> None:
    market = Market.load(StudySpec.from_dict(values))
    view = f"none; scale={SCALE}"
    whole = market.stretch(view, None, market.cuts[1])
    parts = [market.panel_for(view, segment).scale for segment in ("train", "test")]
    assert [len(part) for part in parts if part is not None] == [
        len(market.panel_for("none", segment)) for segment in ("train", "test")
    ]
    assert whole.scale is not None
    assert parts[1] is not None
    assert whole.scale[len(whole) - len(parts[1]) :].tolist() == parts[1].tolist()


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("fixed", "ewma:10m", "`fixed.scale`: a scale needs `target`"),
        ("fixed", "column:none of these", "no further columns"),
        ("space", {"type": "categorical", "choices": ["none", "emwa:1m,target=3"]}, "did you mean `ewma`"),
        ("space", {"type": "float", "low": 0, "high": 1}, "`space.scale` must be categorical"),
    ],
)
def test_a_scale_that_is_none_is_found_before_the_first_trial(
    values: dict[str, Any], where: str, value: Any, said: str
) -> None:
    values[where]["scale"] = value
    with pytest.raises(ConfigError, match=said):
        run_study(StudySpec.from_dict(values))
