"""Which metrics of a trial are measured."""

from __future__ import annotations

from typing import Final, Literal

from arbkit.metrics import METRIC_NAMES

__all__ = ["MEASURED", "Detail", "metric_names"]

#: "all", or "realized": without what needs equity between the events of a run.
Detail = Literal["all", "realized"]
#: The metrics that "realized" leaves out.
MEASURED: Final = ("max_drawdown_mtm_pct", "sharpe", "sortino", "excursions")


def metric_names(detail: Detail) -> tuple[str, ...]:
    """Return the names of the metrics that are measured, in order."""
    return tuple(name for name in METRIC_NAMES if detail == "all" or name not in MEASURED)
