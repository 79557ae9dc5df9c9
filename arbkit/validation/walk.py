"""The walk-forward: anchored folds, each with the set found on everything before it.

A position is carried across folds under the rule that opened it, and while it is open the next rule opens
nothing, so that no more is ever open than the limit of one set. What is still open where the walk-forward
ends is closed there, and that loss is part of it.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from arbkit._typing import FloatArray
from arbkit.engine import backtest
from arbkit.panel import Panel
from arbkit.records import ExitReason
from arbkit.study.batches import Progress
from arbkit.study.block import TrialBlock
from arbkit.study.market import Market
from arbkit.study.spec import StudySpec
from arbkit.validation.bins import Bins, binned
from arbkit.validation.measured import Trades, trades_of
from arbkit.validation.plateau import Choice, choose
from arbkit.validation.result import Fold
from arbkit.validation.tuning import evaluator_before, purge_ns, tune

__all__ = ["Walk", "fold_edges", "walk"]

#: Told the number of the fold and how far its search is, from 0 to 1.
Report = Callable[[int, float], None]


@dataclass(frozen=True, eq=False)
class Walk:
    """A walk-forward.

    Attributes:
        pnl: float64 (bins,), what was earned in each bin.
        trades: of all folds.
        folds: fold by fold.
        blocks: the trials of each fold's search.
        choices: what each fold's set was chosen from.
    """

    pnl: FloatArray
    trades: Trades
    folds: tuple[Fold, ...]
    blocks: tuple[TrialBlock, ...]
    choices: tuple[Choice | None, ...]


def fold_edges(market: Market, folds: int) -> list[int]:
    """Return where the folds begin and the last one ends, in nanoseconds: equal shares of the time."""
    start, end = market.cuts
    return [start + (end - start) * k // folds for k in range(folds + 1)]


def walk(
    spec: StudySpec,
    market: Market,
    block: TrialBlock,
    choice: Choice | None,
    bins: Bins,
    report: Report,
    threads: int | None = None,
) -> Walk:
    """Walk forward from the end of the training part to the lockbox.

    Args:
        spec: the study's spec.
        market: its market.
        block: the study's trials; they are the search of the first fold where nothing is purged.
        choice: the study's own choice.
        bins: of the walk-forward part.
        report: told of progress.
        threads: how many sets run at once.
    """
    edges, purge = fold_edges(market, spec.validation.folds), purge_ns(spec)
    pnl, trades, free_from = np.zeros(len(bins)), Trades(0, 0, 0.0), edges[0]
    folds, blocks, choices = [], [], []
    for k, (start, end) in enumerate(itertools.pairwise(edges)):
        found, chosen = (block, choice) if k == 0 and purge == 0 else (None, None)
        if found is None:
            evaluator = evaluator_before(market, start - purge, spec, threads)
            found = tune(spec, evaluator, len(block), functools.partial(_told, report, k))
            chosen = choose(spec, found, evaluator)
        blocks.append(found)
        choices.append(chosen)
        earned, done, carried = np.zeros(len(bins)), Trades(0, 0, 0.0), 0
        if chosen is not None and free_from < end:
            panel = _entering(market, spec, chosen, (max(start, free_from), end))
            earned, done, carried, free_from = _traded(panel, spec, chosen, end, bins, free_from)
        pnl += earned
        trades += done
        params = None if chosen is None else chosen.params
        folds.append(
            Fold(
                k + 1,
                start,
                end,
                start - purge,
                len(found),
                params,
                float(earned.sum()),
                done.closed,
                carried,
            )
        )
        report(k, 1.0)
    return Walk(pnl, trades, tuple(folds), tuple(blocks), tuple(choices))


def _told(report: Report, k: int, step: Progress) -> None:
    report(k, step.done / step.total)


def _entering(market: Market, spec: StudySpec, choice: Choice, window: tuple[int, int]) -> Panel:
    """Return the panel from a fold's start to the lockbox, with entries inside the fold only."""
    panel = market.stretch(spec.params_of(choice.params)[1], window[0], market.cuts[1])
    inside = panel.ts < window[1]
    allowed = inside if panel.entry_ok is None else panel.entry_ok & inside
    return panel.replace(entry_ok=allowed)


def _traded(
    panel: Panel, spec: StudySpec, choice: Choice, end: int, bins: Bins, free_from: int
) -> tuple[FloatArray, Trades, int, int]:
    """Trade one fold's set; return its bins, its trades, how many were carried, and when all are closed."""
    if not panel.tradable.any():
        return np.zeros(len(bins)), Trades(0, 0, 0.0), 0, free_from
    params, _ = spec.params_of(choice.params)
    records = backtest(panel, params).records
    leaves = np.where(records["exit_index"] < 0, np.iinfo(np.int64).max, records["exit_ts"])
    leaves = np.where(records["reason"] == ExitReason.END_OF_DATA, np.iinfo(np.int64).max, leaves)
    carried = (leaves >= end) & (end < panel.end_ns)
    latest = int(leaves.max(initial=free_from))
    earned = binned(panel, [params], bins, str(spec.validation.bin))[:, 0]
    return earned, trades_of(records), int(carried.sum()), max(free_from, latest)
