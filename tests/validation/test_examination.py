"""From a market to a validation: parts that fit together, carried positions, a choice that survives."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.engine import backtest
from arbkit.panel import Panel
from arbkit.study import Market, StudySpec
from arbkit.synthetic import PanelShape, noise_panel
from arbkit.units import DAY_NS
from arbkit.validation import Choice, Validation, choose, tune
from arbkit.validation.bins import Bins
from arbkit.validation.tuning import purge_ns
from arbkit.validation.walk import fold_edges, walk


@pytest.fixture(scope="module")
def found(examined: Any, spec: StudySpec, reverting: Panel) -> Validation:
    return examined(spec, reverting)


def test_an_edge_that_is_there_is_supported(found: Validation) -> None:
    assert found.status == "supported"
    assert found.sentence.startswith("the chosen set is supported by this data")
    assert found.tests.dsr is not None
    assert found.tests.dsr > 0.99
    assert found.tests.distinct_sets > 16


def test_a_walk_without_memory_is_not_supported(examined: Any, spec: StudySpec) -> None:
    shape = PanelShape(rows=20 * 144, step_s=600)
    found = examined(spec, Panel.from_frame(noise_panel(shape, seed=3)))
    assert not found.supported
    assert "no parameter set is supported by this data" in found.sentence


def test_the_parts_are_shares_of_the_time_and_their_bins_add_up(found: Validation) -> None:
    assert [round(part.days, 1) for part in found.parts] == [24.0, 10.0, 6.0, 16.0]
    assert [part.bins for part in found.parts] == [144, 60, 36, 96]
    bins = found.bins()
    assert bins.height == 240
    sums = dict(bins.group_by("part").agg(pl.col("pnl_usd").sum()).iter_rows())
    for name in ("training", "walk_forward", "lockbox"):
        assert sums[name] == pytest.approx(found.part(name).pnl_usd)


def test_the_lockbox_is_the_chosen_set_on_its_own(
    found: Validation, spec: StudySpec, reverting: Panel
) -> None:
    assert found.params is not None
    params, reference = spec.params_of(found.params)
    market = Market(reverting, spec.split)
    box = backtest(market.lockbox(reference), params)
    assert found.part("lockbox").pnl_usd == pytest.approx(box.metrics.mtm_pnl_usd)
    assert found.part("lockbox").closed_trades == box.metrics.closed_trades - box.metrics.exits_end_of_data


@pytest.mark.parametrize("sealed", [True, False], ids=["lockbox", "all out of sample"])
def test_other_prices_later_on_change_nothing_that_was_decided_before(
    found: Validation, examined: Any, spec: StudySpec, reverting: Panel, sealed: bool
) -> None:
    since = Market(reverting, spec.split).cuts[sealed]
    shocks = 0.002 * np.random.default_rng(1).standard_normal(len(reverting))
    factor = np.where(reverting.ts >= since, np.exp(shocks), 1.0)
    changed = reverting.replace(bid_a=reverting.bid_a * factor, ask_a=reverting.ask_a * factor)
    other = examined(spec, changed)
    assert (other.params, other.finalists) == (found.params, found.finalists)
    assert other.part("training") == found.part("training")
    assert other.part("lockbox") != found.part("lockbox")
    assert (other.part("walk_forward") == found.part("walk_forward")) is sealed
    assert ((other.tests, other.folds) == (found.tests, found.folds)) is sealed


def test_the_folds_earn_what_the_walk_forward_made(found: Validation) -> None:
    assert sum(fold.pnl_usd for fold in found.folds) == pytest.approx(found.part("walk_forward").pnl_usd)
    assert [fold.train_end_ns for fold in found.folds] == [fold.start_ns for fold in found.folds]
    assert found.folds_frame().columns[:2] == ["number", "trials"]


def test_it_is_read_back_from_json_as_it_was(found: Validation) -> None:
    again = Validation.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert again.frame().equals(found.frame())


def test_a_position_is_carried_under_its_rule_and_nothing_enters_beside_it(
    trained: Any, spec: StudySpec
) -> None:
    # The premium opens wide in the first fold and closes in the second; it opens again at once.
    rows, step = 1_000, 360
    x = np.zeros(rows)
    x[640:760], x[780:] = 30.0, 30.0
    mid = 100 * (1 + x * 1e-4)
    quotes = {"bid_a": mid - 0.001, "ask_a": mid + 0.001}
    other = {"bid_b": np.full(rows, 99.999), "ask_b": np.full(rows, 100.001)}
    ts = np.arange(rows, dtype=np.int64) * step * 1_000_000_000
    panel = Panel.from_frame(pl.DataFrame({"ts": ts, **quotes, **other}))
    market = Market(panel, spec.split)
    row = np.array([5.0, 0.0, 0.0])
    choice = Choice(row, {"min_spread_bps": 5.0, "exit_spread_bps": 0.0, "stop_loss_bps": None}, (), row[:0])
    block = tune(spec, trained(spec, market), 4)
    one = spec.replace(validation={"folds": 5, "neighbours": 0})
    bins = Bins(market.stretch("none", *market.cuts), one.validation.bin_ns)
    found = walk(one, market, block, choice, bins, lambda k, share: None, 1)
    edges = fold_edges(market, 5)
    assert found.folds[0].carried == 1
    assert found.folds[0].closed_trades == 1
    # It was carried through the whole second and third fold, whose sets could not enter.
    closed = int(ts[760])
    blocked = [fold for fold in found.folds[1:] if fold.end_ns <= closed]
    assert blocked
    assert all(fold.pnl_usd == 0 and fold.closed_trades == 0 for fold in blocked)
    assert edges[-1] == market.cuts[1]
    assert found.trades.closed == 1


def test_the_plateau_is_taken_and_not_the_peak(trained: Any, spec: StudySpec, reverting: Panel) -> None:
    market = Market(reverting, spec.split)
    evaluator = trained(spec, market)
    block = tune(spec, evaluator, 16)
    choice = choose(spec, block, evaluator)
    assert choice is not None
    scores = [item.score for item in choice.finalists]
    assert scores == sorted(scores, reverse=True)
    assert len(choice.simulated) == 3 * 4
    alone = choose(spec.replace(validation={"neighbours": 0}), block, evaluator)
    assert alone is not None
    assert alone.finalists[0].value == np.nanmax(block.values)


PURGES = {
    "no limit": ({}, 0),
    "one limit": ({"fixed": {"max_hold_s": 3_600}}, DAY_NS // 24),
    "given": ({"validation": {"purge": "1d"}}, DAY_NS),
}


@pytest.mark.parametrize("case", PURGES)
def test_a_bounded_holding_time_is_purged(case: str, spec: StudySpec) -> None:
    changed, wanted = PURGES[case]
    fixed = {**spec.fixed, **changed.get("fixed", {})}  # type: ignore[dict-item]
    assert purge_ns(spec.replace(**{**changed, "fixed": fixed})) == wanted
