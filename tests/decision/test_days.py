"""How many more days: the formula, in both directions."""

from __future__ import annotations

import dataclasses

import pytest

from arbkit.decision.days import more_days
from arbkit.study import Study
from arbkit.validation import Validation, validate


@pytest.fixture
def found(study: Study) -> Validation:
    """A validation of twenty days that found nothing."""
    kept = validate(study)
    return dataclasses.replace(kept, status="not supported", more_days=None, reasons=("lockbox t",))


def with_t(found: Validation, t: float | None, critical: float = 1.65, days: float = 8.0) -> Validation:
    parts = tuple(
        dataclasses.replace(
            item, critical=critical, t=t if item.name == "out_of_sample" else item.t, days=days
        )
        if item.name != "training"
        else dataclasses.replace(item, days=12.0)
        for item in found.parts
    )
    return dataclasses.replace(found, parts=parts)


def test_the_t_grows_with_the_root_of_time_in_the_smaller_part(found: Validation) -> None:
    # 12 days are 60 % of 20; t of 8 days is 1; the lockbox is 15 %, and must reach 1.65 by itself.
    answer = more_days(with_t(found, 1.0))
    assert answer.state == "for"
    assert answer.even_days == pytest.approx(8 / 0.15 * 1.65**2 - 20)
    assert answer.sure_days == pytest.approx(8 / 0.15 * (1.65 + 0.8416212) ** 2 - 20)
    assert "126 more days" in answer.sentence
    assert answer.last == "lockbox"


def test_the_test_over_all_sets_needs_its_days_as_well(found: Validation) -> None:
    def judged(t: float) -> Validation:
        tests = dataclasses.replace(found.tests, spa_t=t, spa_critical=2.8)
        return dataclasses.replace(with_t(found, 4.0), tests=tests)

    answer = more_days(judged(1.4))
    assert answer.even_days == pytest.approx(20 * (2.8 / 1.4) ** 2 - 20)
    assert answer.sure_days == pytest.approx(20 * ((2.8 + 0.8416212) / 1.4) ** 2 - 20)
    assert "the last to show it is the test over all sets" in answer.sentence
    hopeless = more_days(judged(0.0))
    assert (hopeless.even_days, hopeless.sure_days) == (None, None)
    assert "no set earned anything" in hopeless.sentence


def test_a_loss_is_settled_against_on_all_bins_together(found: Validation) -> None:
    answer = more_days(with_t(found, -1.0))
    assert answer.state == "against"
    assert answer.even_days == pytest.approx(8 / 0.40 * 1.65**2 - 20)


def test_a_loss_beyond_chance_is_settled(found: Validation) -> None:
    answer = more_days(with_t(found, -2.0))
    assert (answer.state, answer.even_days) == ("settled", None)
    assert "beyond chance" in answer.sentence


def test_where_the_t_would_do_what_fails_is_named(found: Validation) -> None:
    answer = more_days(with_t(found, 30.0))
    assert (answer.state, answer.sure_days) == ("for", 0.0)
    assert answer.sentence.endswith("what fails is lockbox t")


def test_too_few_bins_for_a_t_are_named_as_such(found: Validation) -> None:
    assert "bins out of sample are too few for a t" in more_days(with_t(found, None)).sentence


@pytest.mark.parametrize("t", [None, 0.0])
def test_where_nothing_moved_no_number_is_named(found: Validation, t: float | None) -> None:
    assert more_days(with_t(found, t)).state == "unknown"


def test_what_is_supported_needs_nothing(found: Validation) -> None:
    answer = more_days(dataclasses.replace(with_t(found, 5.0), status="supported"))
    assert (answer.state, answer.minimum_days) == ("settled", 0.0)


@pytest.mark.parametrize(("more", "said"), [(40.2, "needs 41 more"), (None, "reached at no length")])
def test_the_minimum_of_the_rule_stands_beside_it(found: Validation, more: float | None, said: str) -> None:
    short = dataclasses.replace(with_t(found, 1.0), status="too short", more_days=more)
    assert more_days(short).sentence.endswith(said)


def test_where_only_the_minimum_is_lacking_it_is_named(found: Validation) -> None:
    short = dataclasses.replace(with_t(found, 30.0), status="too short", more_days=24.0)
    assert more_days(short).sentence.endswith("but the rule's minimum needs about 24 more days")
