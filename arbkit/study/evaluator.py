"""Where parameter sets become metrics: one small interface, so that other machines can stand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from arbkit._typing import IntArray, RecordArray
from arbkit.config import Params
from arbkit.engine import ParamSets, run_sets
from arbkit.engine.sets import check_all
from arbkit.panel import Panel
from arbkit.records import METRICS_DTYPE
from arbkit.study.detail import Detail

__all__ = ["Evaluator", "PanelEvaluator", "Point", "Points", "TrainingPanels"]


class Point(NamedTuple):
    """What one simulation is a function of, next to the market."""

    params: Params
    reference: str


@dataclass(frozen=True, eq=False)
class Points:
    """Many points as columns.

    Attributes:
        base: what all of them share.
        columns: per searched parameter an array (n,), as `ParamSets` takes it; at least one.
        references: the reference of each, text (n,).
    """

    base: Params
    columns: Mapping[str, NDArray[Any]]
    references: NDArray[np.str_]

    def __len__(self) -> int:
        return self.references.size

    def __getitem__(self, k: int) -> Point:
        """Return one point as an object."""
        return Point(self.sets[k], str(self.references[k]))

    @property
    def sets(self) -> ParamSets:
        """The parameters, as the engine takes them."""
        return ParamSets(self.base, self.columns)

    def take(self, places: IntArray | slice) -> Points:
        """Return some of the points."""
        columns = {name: column[places] for name, column in self.columns.items()}
        return Points(self.base, columns, self.references[places])


class Evaluator(Protocol):
    """Turns points into metrics.

    Guarantees asked of an implementation: one record per point, in the order of the points; the same
    bits for the same point, whoever computes it and in whatever company; training data only; no state
    that a result depends on. It may be called from one thread at a time.
    """

    def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
        """Return `METRICS_DTYPE` (n,): the metrics on the training part of the market, or on one fold of it.

        Args:
            points: what to simulate.
            fold: which fold of the training part, counted from 0 in time; default: all of it.
        """
        ...


class TrainingPanels(Protocol):
    """Where training panels come from: a `Market`, or what a worker opened."""

    def panel_for(self, reference: str) -> Panel:
        """Return the training panel, measured from a reference."""
        ...

    def fold(self, reference: str, k: int) -> Panel:
        """Return one fold of it."""
        ...


class PanelEvaluator:
    """Evaluates in this process: one call of the engine per reference.

    Args:
        market: the training panels.
        detail: which metrics are measured; the others are 0.
        threads: how many points run at once; default: one per core.
    """

    def __init__(self, market: TrainingPanels, detail: Detail = "all", threads: int | None = None) -> None:
        self._market = market
        self._measure = detail == "all"
        self._threads = threads

    def setup(self, references: Sequence[str]) -> Mapping[str, Any]:
        """Return what a worker needs besides the training panels to evaluate alike, as fields of `Setup`."""
        return {}

    def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
        """Return the metrics of each point on the training part of the market, or on one fold of it."""
        found = np.zeros(len(points), METRICS_DTYPE)
        references = np.unique(points.references)
        if references.size == 1:
            return self._run(points, str(references[0]), fold)
        for reference in references:
            places = np.flatnonzero(points.references == reference)
            found[places] = self._run(points.take(places), str(reference), fold)
        return found

    def _run(self, points: Points, reference: str, fold: int | None) -> RecordArray:
        panel = self._market.panel_for(reference)
        if fold is not None:
            panel = self._market.fold(reference, fold)
        sets = points.sets
        check_all(panel, sets)
        return run_sets(panel, sets.rules(), threads=self._threads, measure=self._measure)
