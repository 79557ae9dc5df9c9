"""Which kernel runs a parameter set: the trades are the same, the cost is not."""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from arbkit._typing import BoolArray, RecordArray
from arbkit.kernels.index import N_PLAIN, Index
from arbkit.kernels.market import Market, ends
from arbkit.kernels.search import SEARCH_FROM, searchable
from arbkit.panel import Panel

__all__ = ["ENGINES", "goes_by_trips", "index_to_search", "lowest_signal", "market_to_skip"]

#: `step` is the reference: every row through the rules, whatever they are.
ENGINES: Final = ("auto", "scan", "skip", "step")
#: From so many searches on the index is built: measured 8.6 against 3.1 ns per row of one search without it.
_INDEX_PAYS: Final = 3
#: How many searches a panel has had without an index; what is chosen by it changes no result.
_without_index: Final[WeakKeyDictionary[Panel, int]] = WeakKeyDictionary()

#: Read-only as those of a built index are: of another type, and every kernel would be compiled once more.
_NO_BOUNDS: Final = np.empty((N_PLAIN, 0), np.float32)
_NO_BOUNDS.flags.writeable = False


def goes_by_trips(panel: Panel, rules: RecordArray) -> BoolArray:
    """Tell which sets can be searched for their rows first and settled afterwards.

    That is so where one trade is open at most and nothing but spreads and time decides on entries and exits.

    Args:
        panel: the market.
        rules: `RULES_DTYPE` (m,).

    Returns:
        bool (m,).
    """
    chosen = np.zeros(rules.size, np.bool_)
    if panel.scale is None and len(panel) >= SEARCH_FROM:
        searchable(rules, chosen)
    return chosen


def index_to_search(panel: Panel, engine: str, searches: int, measure: bool) -> tuple[Index, bool]:
    """Return the index with which sets that go by trips are searched, and whether to climb it.

    Where it is there, climbing it is never the slower way, whatever the density of trades: a search looks at
    the rows next to it first. Only building it costs more than a few scans.

    Args:
        panel: the market.
        engine: one of `ENGINES`.
        searches: how many sets.
        measure: whether what lies between the trades is wanted too, which needs the index.
    """
    if measure or engine == "skip":
        return panel.index, engine != "scan"
    if engine == "auto" and (panel.has_index or _pays(panel, searches)):
        return panel.index, True
    first, last = ends(panel.market)
    return Index(_NO_BOUNDS, np.zeros(2, np.int64), first, last, 0), False


def market_to_skip(panel: Panel, rules: RecordArray, measure: bool) -> Market:
    """Return the market as `skip` takes it: with bounds of the ladders where marks on them are followed."""
    follows = measure or rules["has_stop_drawdown_mtm"].any() or rules["guard_follows"].any()
    return panel.measured_market if follows and rules["depth_levels"].any() else panel.market


def _pays(panel: Panel, searches: int) -> bool:
    """Tell whether to build the index for so many searches more, those before counted with them."""
    _without_index[panel] = _without_index.get(panel, 0) + searches
    return _without_index[panel] >= _INDEX_PAYS


def lowest_signal(rules: RecordArray) -> float:
    """Return a signal in bps just below the lowest at which one of these sets would enter."""
    level, cost = rules["min_spread_bps"], rules["cost_bps"]
    return float((level + cost - 1e-9 * (1 + np.abs(level) + np.abs(cost))).min())
