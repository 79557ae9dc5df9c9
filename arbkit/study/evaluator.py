"""Where parameter sets become metrics: one small interface, so that other machines can stand in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from arbkit.config import Params
from arbkit.engine import backtest_many
from arbkit.metrics import METRIC_NAMES
from arbkit.study.market import Market

__all__ = ["Evaluator", "MetricValues", "PanelEvaluator", "Point"]

#: The metrics of one run by name; None where a ratio is undefined.
MetricValues = dict[str, Any]


class Point(NamedTuple):
    """What one simulation is a function of, next to the market."""

    params: Params
    reference: str


class Evaluator(Protocol):
    """Turns points into metrics.

    Guarantees asked of an implementation: one result per point, in the order of the points; the same
    bits for the same point, whoever computes it and in whatever company; training data only; no state
    that a result depends on. It may be called from one thread at a time.
    """

    def evaluate(self, points: Sequence[Point]) -> list[MetricValues]:
        """Return the metrics of each point on the training part of the market."""
        ...


class PanelEvaluator:
    """Evaluates in this process: one `backtest_many` call per reference."""

    def __init__(self, market: Market) -> None:
        self._market = market

    def evaluate(self, points: Sequence[Point]) -> list[MetricValues]:
        """Return the metrics of each point on the training part of the market."""
        results: list[MetricValues] = [{} for _ in points]
        for reference in dict.fromkeys(point.reference for point in points):
            places = [index for index, point in enumerate(points) if point.reference == reference]
            panel = self._market.panel_for(reference, "train")
            frame = backtest_many(panel, [points[index].params for index in places])
            for index, row in zip(places, frame.select(METRIC_NAMES).to_dicts(), strict=True):
                results[index] = row
        return results
