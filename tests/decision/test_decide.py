"""The page: what stands on it, and where each figure comes from."""

from __future__ import annotations

import json

import numpy as np
import pytest

import arbkit
from arbkit.decision import Decision, Minimum, decide
from arbkit.decision.costs import checked_costs, size_of
from arbkit.decision.picture import picture_numbers
from arbkit.decision.result import CheckedCost
from arbkit.engine import backtest
from arbkit.errors import ConfigError
from arbkit.panel import Ladders
from arbkit.realism import break_even_fee
from arbkit.study import Study, StudySpec, run_study
from arbkit.validation import stored_validation
from tests.decision.conftest import VALUES


def test_the_page_begins_with_the_sentence_and_names_every_part(decision: Decision) -> None:
    page = decision.page()
    assert page.splitlines()[0] == decision.sentence[:1].upper() + decision.sentence[1:] + "."
    for title in (
        "WHICH SET",
        "WHAT IT EARNED",
        "IF THE COSTS ARE WRONG",
        "WHAT NEXT",
        "WHAT THE FILE HOLDS",
    ):
        assert title in page
    assert "Smallest canary" in page


def test_a_study_without_a_validation_is_validated_and_opened_once(study: Study, decision: Decision) -> None:
    kept = stored_validation(study)
    assert kept is not None
    assert (kept.sentence, len(kept.openings)) == (decision.sentence, 1)


def test_chosen_set_and_peak_are_run_on_what_no_search_saw_and_not_on_the_lockbox(
    study: Study, decision: Decision
) -> None:
    for rival in decision.rivals:
        params, reference = study.spec.params_of(rival.params)
        alone = backtest(study.market.stretch(reference, *study.market.cuts), params).metrics
        assert rival.walk.pnl_usd == pytest.approx(alone.mtm_pnl_usd)
        assert rival.walk.end_ns < study.market.cuts[1]
        assert rival.worst_usd is not None
        assert rival.worst_usd <= alone.mtm_pnl_usd


def test_the_break_even_fee_is_that_of_the_checks(study: Study, decision: Decision) -> None:
    params, reference = study.spec.params_of(decision.rivals[0].params)
    found = break_even_fee(study.market.stretch(reference, *study.market.cuts), params)
    assert decision.costs[0].numbers["break_even_bps"] == found.break_even_bps


def test_without_sizes_the_capacity_is_skipped_in_plain_words(decision: Decision) -> None:
    capacity = decision.costs[2]
    assert capacity.skipped
    assert "no book sizes" in capacity.finding


def test_json_holds_the_page(decision: Decision) -> None:
    values = json.loads(json.dumps(decision.to_dict(), allow_nan=False))
    assert values["sentence"] == decision.sentence
    assert values["envelope"]["x_ab_bps"][0] < values["envelope"]["x_ab_bps"][1]
    assert values["rivals"][0]["name"] == "chosen"


def test_the_picture_shows_the_same_numbers(decision: Decision) -> None:
    numbers = picture_numbers(decision)
    assert [item.name for item in numbers.means] == ["training", "out_of_sample", "walk_forward", "lockbox"]
    assert numbers.means[0].mean == decision.part("training").per_day_usd
    assert len(numbers.values) == len(decision.rivals)
    assert len(decision.picture().axes) == 3


def test_books_carry_costs_latency_and_size_and_the_study_the_thresholds(study: Study) -> None:
    market = study.market.stretch("none", *study.market.cuts)
    one = np.full((len(market), 1), 0.001)
    tops = (market.bid_a, market.ask_a, market.bid_b, market.ask_b)
    pairs = [array for top in tops for array in (top[:, None], one)]
    found = decide(study, books=market.replace(ladders=Ladders(*pairs)), scenarios=["halt"])
    tiers = {item.what: item.tier for item in found.tiers}
    assert tiers == {
        "reference and thresholds": "study", "costs": "books", "latency": "books", "size": "books"
    }  # fmt: skip
    assert not found.costs[2].skipped
    assert found.config is not None
    assert found.config["max_position_usd"] <= 1000


def test_a_smaller_size_is_written_where_the_books_earn_most_there(study: Study) -> None:
    params = study.spec.params_of(study.best_params())[0]
    costs = [CheckedCost("capacity", "", False, {"best_pnl_usd": 1.0, "best_notional_usd": 200.0})]
    assert size_of(tuple(costs), params) == 200
    costs = [CheckedCost("capacity", "", False, {"best_pnl_usd": -1.0, "best_notional_usd": 200.0})]
    assert size_of(tuple(costs), params) == 1000


def test_a_cost_that_cannot_be_measured_says_why(study: Study) -> None:
    params = study.spec.params_of(study.best_params())[0].replace(funding=True)
    notes: list[str] = []
    found = checked_costs(study.panel_for("none"), params, notes.append)
    assert len(notes) == 3
    assert all(item.skipped and item.finding.startswith("not measured: ") for item in found)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"books": 3}, "`books` must be a Panel, was int"),
        ({"minimums": {"c": Minimum(1)}}, "`minimums` must hold a Minimum"),
        ({"minimums": {"a": Minimum(-1)}}, "at least 0"),
        ({"scenarios": ["holt"]}, "did you mean `halt`"),
    ],
)
def test_bad_input_is_one_clear_error(study: Study, given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        decide(study, **given)  # type: ignore[arg-type]


def test_books_in_another_currency_are_refused(study: Study) -> None:
    other = study.panel_for("none").replace(currency="KRW")
    with pytest.raises(ConfigError, match="in the currency of the study, USD, was KRW"):
        decide(study, books=other)


def test_a_study_without_a_feasible_trial_has_a_page_and_no_parameters(study: Study) -> None:
    spec = StudySpec.from_dict({**VALUES, "panel": study.spec.panel, "constraints": ["total_trades < 0"]})
    found = arbkit.decide(run_study(spec))
    assert found.page().startswith("No parameter set is supported by this data")
    assert found.to_dict()["config"] is None
    with pytest.raises(ConfigError, match="holds a chosen set"):
        found.to_yaml()
