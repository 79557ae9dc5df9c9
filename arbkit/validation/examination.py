"""The examination itself: from a spec, a market and trials to a `Validation`; nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

import arbkit
from arbkit._typing import FloatArray
from arbkit.engine import backtest
from arbkit.panel import Panel
from arbkit.study.block import TrialBlock
from arbkit.study.market import Market
from arbkit.study.spec import StudySpec
from arbkit.units import DAY_NS
from arbkit.validation.bins import Bins, binned
from arbkit.validation.measured import Trades, measured, trades_of
from arbkit.validation.plateau import Choice, choose
from arbkit.validation.result import Finalist, Opening, Part, Together, Validation
from arbkit.validation.rule import Verdict, decide
from arbkit.validation.together import behaviours, tests_of
from arbkit.validation.tried import Tried
from arbkit.validation.tuning import evaluator_before
from arbkit.validation.walk import Walk, walk

__all__ = ["Progress", "examine"]


class Progress(NamedTuple):
    """How far an examination is: steps of `total`, and what is being done."""

    done: float
    total: int
    note: str


class _Run(NamedTuple):
    """One set on one stretch."""

    pnl: FloatArray
    trades: Trades
    span: tuple[int, int]


def examine(
    spec: StudySpec,
    market: Market,
    block: TrialBlock,
    *,
    tried: Callable[[list[FloatArray]], Tried],
    open_lockbox: Callable[[Mapping[str, Any]], tuple[Opening, ...]],
    progress: Callable[[Progress], None] | None = None,
    threads: int | None = None,
) -> Validation:
    """Examine what a search found.

    Args:
        spec: the study's spec.
        market: its market.
        block: its trials.
        tried: told of all sets tried here, as arrays; counts those of all studies.
        open_lockbox: called with the chosen set before the lockbox is read.
        progress: called after each step.
        threads: how many sets run at once; default: one per core.
    """
    folds = spec.validation.folds

    def report(done: float, note: str) -> None:
        if progress is not None:
            progress(Progress(done, folds + 3, note))

    report(0, "choosing the set")
    trained_to = market.cuts[0]
    choice = choose(spec, block, evaluator_before(market, trained_to, spec, threads))
    whole = market.stretch("none", None, market.cuts[1])
    if choice is None:
        own = [block.params]
        empty = Together(None, 0, None, None, tried(own).distinct, 1, None, None, None, None, None)
        return _made(spec, market, block, None, {}, empty, None, (), 0, _no_bins())
    walk_bins = Bins(market.stretch("none", trained_to, market.cuts[1]), spec.validation.bin_ns)
    walked = walk(
        spec,
        market,
        block,
        choice,
        walk_bins,
        lambda k, share: report(1 + k + share, f"re-tuning for fold {k + 1} of {folds}"),
        threads,
    )
    report(folds + 1, "testing all sets together")
    params = [item.params for item in walked.blocks]
    around = [item.simulated for item in walked.choices if item is not None]
    counted = tried([block.params, choice.simulated, *params, *around])
    every = np.concatenate([block.params, *params])
    pnl = behaviours(spec, market, choice.row, every, Bins(whole, spec.validation.bin_ns), threads)
    tests = tests_of(spec, pnl, counted)
    report(folds + 2, "opening the lockbox")
    openings = open_lockbox(choice.params)
    parts, series = _parts(spec, market, choice, walked, walk_bins)
    report(folds + 3, "done")
    return _made(
        spec, market, block, choice, parts, tests, walked, openings, counted.openings_elsewhere, series
    )


def _parts(
    spec: StudySpec, market: Market, choice: Choice, walked: Walk, walk_bins: Bins
) -> tuple[dict[str, Part], dict[str, FloatArray]]:
    """Measure the stretches of time, the lockbox among them."""
    settings, seed = spec.validation, spec.seed
    reference = spec.params_of(choice.params)[1]
    cut, sealed = market.cuts
    training = _alone(spec, choice, market.stretch(reference, None, cut))
    between = _alone(spec, choice, market.stretch(reference, cut, sealed))
    box = _alone(spec, choice, market.lockbox(reference))
    walk_span = between.span
    out = np.concatenate([walked.pnl, box.pnl])
    parts = {
        "training": measured("training", training.pnl, training.span, training.trades, settings, seed),
        "walk_forward": measured("walk_forward", walked.pnl, walk_span, walked.trades, settings, seed),
        "lockbox": measured("lockbox", box.pnl, box.span, box.trades, settings, seed),
        "out_of_sample": measured(
            "out_of_sample", out, (walk_span[0], box.span[1]), walked.trades + box.trades, settings, seed
        ),
    }
    starts = [
        Bins(market.stretch("none", None, cut), settings.bin_ns).starts,
        walk_bins.starts,
        Bins(market.lockbox("none"), settings.bin_ns).starts,
    ]
    series = {
        "starts": np.concatenate(starts),
        "pnl": np.concatenate([training.pnl, walked.pnl, box.pnl]),
        "chosen": np.concatenate([training.pnl, between.pnl, box.pnl]),
    }
    return parts, series


def _alone(spec: StudySpec, choice: Choice, panel: Panel) -> _Run:
    """Run the chosen set on a stretch by itself, closed at its end."""
    bins = Bins(panel, spec.validation.bin_ns)
    span = (panel.start_ns, panel.end_ns)
    if not len(bins):
        return _Run(np.zeros(0), Trades(0, 0, 0.0), span)
    params, _ = spec.params_of(choice.params)
    pnl = binned(panel, [params], bins, str(spec.validation.bin))[:, 0]
    return _Run(pnl, trades_of(backtest(panel, params).records), span)


def _no_bins() -> dict[str, FloatArray]:
    return {name: np.zeros(0) for name in ("starts", "pnl", "chosen")}


def _made(
    spec: StudySpec,
    market: Market,
    block: TrialBlock,
    choice: Choice | None,
    parts: dict[str, Part],
    tests: Together,
    walked: Walk | None,
    openings: tuple[Opening, ...],
    elsewhere: int,
    series: Mapping[str, FloatArray],
) -> Validation:
    training = market.stretch("none", None, market.cuts[0])
    share = 1 - spec.split.out_of_sample
    days = (market.cuts[0] - training.start_ns) / DAY_NS / share
    verdict: Verdict = decide(parts, tests, spec.validation, days, market.meta.currency)
    peak: Finalist | None = None
    if choice is not None:
        sign = 1.0 if spec.directions[0] == "maximize" else -1.0
        highest = max(choice.finalists, key=lambda item: (sign * item.value, -item.number))
        peak = None if highest is choice.finalists[0] else highest
    return Validation(
        study=spec.name,
        status=verdict.status,
        sentence=verdict.sentence,
        reasons=verdict.reasons,
        params=None if choice is None else choice.params,
        peak=peak,
        parts=tuple(parts.values()),
        tests=tests,
        folds=() if walked is None else walked.folds,
        finalists=() if choice is None else choice.finalists,
        openings=openings,
        openings_elsewhere=elsewhere,
        settings={
            "training": round(share, 12),
            "walk_forward": round(spec.split.out_of_sample - spec.split.sealed, 12),
            "lockbox": spec.split.sealed,
            **spec.validation.model_dump(mode="json"),
        },
        currency=market.meta.currency,
        trials=len(block),
        more_days=verdict.more_days,
        bin_starts=tuple(int(item) for item in series["starts"]),
        bin_pnl=tuple(float(item) for item in series["pnl"]),
        chosen_pnl=tuple(float(item) for item in series["chosen"]),
        arbkit_version=arbkit.__version__,
    )
