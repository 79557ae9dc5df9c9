"""The three conditions, the minimum of data, and the sentence."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from arbkit.study.validation_spec import ValidationSpec
from arbkit.validation.result import Part, Together
from arbkit.validation.rule import decide

RULE = ValidationSpec()
GOOD = Part(
    name="", start_ns=0, end_ns=0, days=24.0, bins=144, pnl_usd=48.0, per_day_usd=2.0, low_usd=1.0,
    high_usd=3.0, t=4.0, critical=1.66, sharpe=3.0, psr=0.99, track_record_days=9.0, closed_trades=80,
    open_at_end=1, open_at_end_usd=-0.5,
)  # fmt: skip
SURE = Together(0.001, 200, 3.0, 2.5, 500, 1, 0.3, 0.99, 0.0, 0.1, 0.1)


def said(tests: Together = SURE, **changed: dict[str, Any]) -> Any:
    parts = dict.fromkeys(("walk_forward", "lockbox", "out_of_sample"), GOOD)
    parts |= {name: dataclasses.replace(GOOD, **values) for name, values in changed.items()}
    return decide(parts, tests, RULE, 60.0, "USD")


def test_all_three_conditions_support_the_chosen_set() -> None:
    verdict = said()
    assert verdict.status == "supported"
    assert verdict.sentence == (
        "the chosen set is supported by this data: 2.00 USD a day out of sample (1.00 to 3.00), SPA p 0.001, "
        "walk-forward t 4.00, lockbox t 4.00"
    )


FAILING = {
    "SPA": ({"tests": dataclasses.replace(SURE, spa_p=0.05)}, "SPA p is 0.050, not below 0.05"),
    "walk-forward": (
        {"walk_forward": {"t": -1.2}},
        "walk-forward t is \N{MINUS SIGN}1.20, not above 1.66",
    ),
    "lockbox": ({"lockbox": {"t": 1.66}}, "lockbox t is 1.66, not above 1.66"),
    "silent lockbox": ({"lockbox": {"t": None}}, "nothing was traded in the lockbox"),
}


@pytest.mark.parametrize("case", FAILING)
def test_one_condition_that_fails_is_enough(case: str) -> None:
    changed, reason = FAILING[case]
    verdict = said(**changed)  # type: ignore[arg-type]
    assert verdict.status == "not supported"
    assert verdict.reasons == (reason,)
    assert verdict.sentence == f"no parameter set is supported by this data: {reason}"


SHORT = {
    "trades": ({"closed_trades": 10}, "10 closed trades out of sample where 30 are needed", 120.0),
    "bins": ({"bins": 30}, "30 bins out of sample where 60 are needed", 60.0),
    "record": ({"track_record_days": 36.0}, "24 days out of sample where such a record needs 36", 30.0),
}


@pytest.mark.parametrize("case", SHORT)
def test_below_the_minimum_the_data_are_too_short_whatever_the_figures(case: str) -> None:
    changed, reason, more = SHORT[case]
    verdict = said(out_of_sample=changed)
    assert verdict.status == "too short"
    assert verdict.reasons == (reason,)
    assert verdict.more_days == pytest.approx(more)
    assert verdict.sentence == (
        f"no parameter set is supported by this data, which is too short to tell: {reason}; "
        f"about {more:.0f} more days would be enough"
    )


def test_without_a_trade_no_length_would_be_enough() -> None:
    verdict = said(out_of_sample={"closed_trades": 0})
    assert verdict.more_days is None
    assert verdict.sentence.endswith("; no length would be enough at this rate")


def test_a_loss_is_no_question_of_length() -> None:
    lost = {"pnl_usd": -5.0, "track_record_days": None}
    assert said(out_of_sample=lost, lockbox={"t": -0.1}).status == "not supported"


def test_without_a_feasible_trial_nothing_is_supported() -> None:
    verdict = decide({}, SURE, RULE, 60.0, "USD")
    assert verdict.sentence == "no parameter set is supported by this data: no trial keeps the constraints"


def test_the_level_and_the_minimum_are_settings() -> None:
    strict = ValidationSpec(level=0.9999, min_trades=100)
    parts = dict.fromkeys(("walk_forward", "lockbox", "out_of_sample"), GOOD)
    assert decide(parts, SURE, strict, 60.0, "USD").status == "too short"
    patient = ValidationSpec(level=0.9999, min_trades=10)
    assert decide(parts, SURE, patient, 60.0, "USD").reasons == ("SPA p is 0.001, not below 0.0001",)
