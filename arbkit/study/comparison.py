"""A parameter set in-sample against out-of-sample, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import polars as pl

from arbkit.metrics import METRIC_NAMES, Metrics
from arbkit.study.study import Study
from arbkit.units import DAY_NS

__all__ = ["ADDITIVE", "Comparison", "compare"]

#: Metrics that grow with time, and so must be compared per day.
ADDITIVE: Final = (
    "total_trades",
    "closed_trades",
    "realized_pnl_usd",
    "mtm_pnl_usd",
    "fees_usd",
    "turnover_usd",
)


class Comparison(NamedTuple):
    """Metrics of one parameter set on both segments; days are those each segment spans."""

    in_sample: Metrics
    out_of_sample: Metrics
    in_sample_days: float
    out_of_sample_days: float

    def frame(self) -> pl.DataFrame:
        """Return one row per metric.

        Columns: metric, in_sample, out_of_sample, and in_sample_per_day, out_of_sample_per_day, which
        are null for a metric that does not grow with time.
        """
        inside, outside = self.in_sample.to_dict(), self.out_of_sample.to_dict()
        rows = [
            {
                "metric": name,
                "in_sample": _number(inside[name]),
                "in_sample_per_day": _per_day(name, inside[name], self.in_sample_days),
                "out_of_sample": _number(outside[name]),
                "out_of_sample_per_day": _per_day(name, outside[name], self.out_of_sample_days),
            }
            for name in METRIC_NAMES
        ]
        return pl.DataFrame(rows, schema_overrides=dict.fromkeys(list(rows[0])[1:], pl.Float64))


def compare(study: Study, trial_params: Mapping[str, Any] | None = None) -> Comparison:
    """Simulate a trial's parameters (default: the best) on training data and on the test segment.

    The test segment is the first half of the out-of-sample time; the second half stays sealed.

    Raises:
        StudyError: when no trial is feasible, or the data changed.
    """
    chosen = study.best_params() if trial_params is None else trial_params
    inside, outside = study.run(chosen, "train"), study.run(chosen, "test")
    days = [(run.panel.end_ns - run.panel.start_ns) / DAY_NS for run in (inside, outside)]
    return Comparison(inside.metrics, outside.metrics, days[0], days[1])


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _per_day(name: str, value: Any, days: float) -> float | None:
    return float(value) / days if name in ADDITIVE and value is not None and days > 0 else None
