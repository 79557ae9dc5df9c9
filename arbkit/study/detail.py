"""Which metrics of a trial are measured."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from arbkit.metrics import METRIC_NAMES

__all__ = ["MEASURED", "Detail", "metric_names", "still_names"]

#: "all", or "realized": without what needs equity between the events of a run.
Detail = Literal["all", "realized"]
#: The metrics that "realized" leaves out.
MEASURED: Final = ("max_drawdown_mtm_pct", "sharpe", "sortino", "excursions")


def metric_names(detail: Detail) -> tuple[str, ...]:
    """Return the names of the metrics that are measured, in order."""
    return tuple(name for name in METRIC_NAMES if detail == "all" or name not in MEASURED)


#: Metrics that stay 0 while none of these parameters is set, by how their names begin.
_MOVED_BY: Final[dict[str, tuple[str, ...]]] = {
    "funding_usd": ("funding",),
    "exits_liquidation": ("leverage_b",),
    "rejected_no_inventory": ("inventory_a_usd", "inventory_b_usd"),
    "rejected_lot": ("lot_a", "lot_b", "min_notional_usd"),
    "rejected_no_depth": ("depth_levels",),
    "rejected_thin": ("depth_levels",),
    "beyond_book": ("depth_levels",),
    "abandoned_entries": ("max_slip_bps",),
    "rejected_guard_": ("guard",),
    "rejected_total_": (),  # of a portfolio
}


def still_names(params: Collection[str]) -> frozenset[str]:
    """Return the names of the metrics that are 0 whatever happens, by the rules that a study leaves out.

    Args:
        params: names of the parameters that the study sets, fixed ones and those it searches.
    """
    still = tuple(name for name, needs in _MOVED_BY.items() if not any(need in params for need in needs))
    return frozenset(name for name in METRIC_NAMES if name.startswith(still))
