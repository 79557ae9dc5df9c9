"""Which kernel runs a parameter set: the trades are the same, the cost is not."""

from __future__ import annotations

from typing import Final

from arbkit._typing import BoolArray, RecordArray
from arbkit.kernels.search import SEARCH_FROM
from arbkit.panel import Panel

__all__ = ["ENGINES", "goes_by_trips"]

#: `step` is the reference: every row through the rules, whatever they are.
ENGINES: Final = ("auto", "scan", "skip", "step")


def goes_by_trips(panel: Panel, rules: RecordArray) -> BoolArray:
    """Tell which sets can be searched for their rows first and settled afterwards.

    That is so where one trade is open at most and nothing but spreads and time decides on entries and exits.

    Args:
        panel: the market.
        rules: `RULES_DTYPE` (m,).

    Returns:
        bool (m,).
    """
    plain: BoolArray = rules["max_open_trades"] == 1
    if panel.scale is not None or len(panel) < SEARCH_FROM:
        return plain & False
    for name in (
        "ordered",
        "guard_on",
        "has_funding",
        "has_margin",
        "has_inventory_a",
        "has_inventory_b",
        "has_stop_drawdown_mtm",
        "has_total_limits",
        "fx_at_exit",
        "lot",
        "entry_gap_ns",
    ):
        plain = plain & (rules[name] == 0)
    return plain & (rules["min_notional_usd"] <= rules["notional_usd"])
