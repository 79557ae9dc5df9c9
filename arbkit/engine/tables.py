"""Batches of the plain reversal rule, answered from a table of excursions instead of one search per set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from arbkit._typing import BoolArray, IntArray, RecordArray
from arbkit.engine._threads import at_once
from arbkit.engine.choice import lowest_signal
from arbkit.kernels.excursions import Excursions, entry_levels
from arbkit.kernels.lanes import table_sets
from arbkit.kernels.measure_table import measure_sets
from arbkit.kernels.skip import GridRows
from arbkit.panel import Panel
from arbkit.records import PnlModel

__all__ = ["grid_rows_of", "note_trades", "run_by_tables", "run_table_sets", "table_applies", "table_groups"]

#: Sets that go over a table together: what they keep then stays in the cache of one core.
_PART: Final = 1024
#: So many at least are measured one after the other: the trades of the first are gathered for all of them.
_MEASURED_APART: Final = 64
#: From this many sets on a few are run to see how many trades the others will have.
_PROBED_FROM: Final = 16
#: With more exit levels in one batch no table is used often.
_MOST_LEVELS: Final = 64
_PROBES: Final = (0.1, 0.5, 0.9)
#: What sets of one pass over a table must have in common.
_SHARED: Final = ("exit_spread_bps", "allow_ab", "allow_ba", "close_at_end")
_OFF: Final = ("has_take_profit", "has_stop_loss", "has_max_hold", "min_hold_ns", "has_stop_drawdown")


def table_applies(rules: RecordArray) -> BoolArray:
    """Tell which sets a table of excursions answers: a fixed exit level E >= 0 and no other way out.

    It covers the executable model. Entries must lie above the exit level: then each run of rows with x >= E
    holds one trade at most. That a set uses nothing of section 6 is the caller's to know.

    Args:
        rules: `RULES_DTYPE` (m,).

    Returns:
        bool (m,).
    """
    level = rules["exit_spread_bps"]
    plain: BoolArray = (rules["has_reversal"] == 1) & (level >= 0)
    plain &= rules["pnl_model"] == int(PnlModel.EXECUTABLE)
    for name in _OFF:
        plain &= rules[name] == 0
    # The highest signal below the exit level must not enter; the exact rule, as a row would meet it.
    plain &= ~(np.nextafter(level, -np.inf) - rules["cost_bps"] >= rules["min_spread_bps"])
    return plain


def table_groups(rules: RecordArray) -> list[IntArray]:
    """Split sets into those that one pass over a table can run together, each as positions in `rules`."""
    if rules.size == 0:
        return []
    shared = np.column_stack([rules[name] for name in _SHARED])
    if (shared == shared[0]).all():
        return [np.arange(rules.size)]
    group = np.unique(shared, axis=0, return_inverse=True)[1].ravel()
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def run_by_tables(
    panel: Panel,
    rules: RecordArray,
    candidates: BoolArray,
    trades_of: Callable[[RecordArray], IntArray],
    step_ns: int,
    threads: int,
    measure: bool,
    metrics: RecordArray,
) -> BoolArray:
    """Run those sets for which a table of the panel is there already, or is worth building.

    Args:
        panel: the market.
        rules: `RULES_DTYPE` (m,).
        candidates: bool (m,), the sets that use nothing of section 6.
        trades_of: runs sets in another way and returns how many trades each has, to estimate the others.
        step_ns: grid of the ratios.
        threads: passes that run at once.
        measure: whether what lies between the trades is wanted; else marked drawdown and ratios are NaN.
        metrics: `METRICS_DTYPE` (m,), those of the sets that were run are overwritten.

    Returns:
        bool (m,), the sets that were run.
    """
    chosen = np.flatnonzero(candidates & table_applies(rules))
    done = np.zeros(rules.size, np.bool_)
    for part in table_groups(_taken(rules, chosen)):
        group = chosen[part]
        level = float(rules["exit_spread_bps"][group[0]])
        alike = _taken(rules, group)
        if not _is_worth_it(panel, level, alike, trades_of):
            continue
        table = panel.excursions.at(level)
        if table is None:
            continue
        found = metrics if group.size == metrics.size else np.empty(group.size, metrics.dtype)
        run_table_sets(panel, table, alike, step_ns, threads, measure, found)
        if found is not metrics:
            metrics[group] = found
        done[group] = True
    return done


def _taken(rules: RecordArray, positions: IntArray) -> RecordArray:
    """Return `rules[positions]` (ascending): no copy where that is all, and else not one per field."""
    if positions.size == rules.size:
        return rules
    whole = np.dtype((np.void, rules.itemsize))
    taken: RecordArray = np.ascontiguousarray(rules).view(whole)[positions].view(rules.dtype)
    return taken


def _is_worth_it(
    panel: Panel,
    level: float,
    rules: RecordArray,
    trades_of: Callable[[RecordArray], IntArray],
) -> bool:
    if level in panel.excursions:
        return True
    if rules.size < _PROBED_FROM:
        return panel.excursions.pays(level, 0.0)
    order = np.argsort(entry_levels(rules))
    probes = order[[int(share * (order.size - 1)) for share in _PROBES]]
    return panel.excursions.pays(level, float(trades_of(rules[probes]).mean()) * rules.size)


def note_trades(panel: Panel, rules: RecordArray, trades: IntArray) -> None:
    """Remember how many trades sets had that no table answered: those of small batches add up.

    Args:
        panel: the market.
        rules: `RULES_DTYPE` (m,), sets that use nothing of section 6.
        trades: of each, (m,).
    """
    alike = table_applies(rules)
    levels, place = np.unique(rules["exit_spread_bps"][alike], return_inverse=True)
    if levels.size > _MOST_LEVELS:
        return
    for level, total in zip(levels, np.bincount(place, trades[alike], levels.size), strict=True):
        panel.excursions.pays(float(level), float(total))


def run_table_sets(
    panel: Panel,
    table: Excursions,
    rules: RecordArray,
    step_ns: int,
    threads: int,
    measure: bool,
    metrics: RecordArray,
) -> None:
    """Run sets of one group of `table_groups` and write their metrics.

    Args:
        panel: the market.
        table: its excursions at the exit level of the group.
        rules: `RULES_DTYPE` (m,), to which `table_applies`.
        step_ns: grid of the ratios.
        threads: passes that run at once.
        measure: whether what lies between the trades is wanted; else marked drawdown and ratios are NaN.
        metrics: `METRICS_DTYPE` (m,), overwritten.
    """
    levels = entry_levels(rules)
    order = np.argsort(levels, kind="stable")
    count = -(-order.size // _PART)
    level, floor = float(rules["exit_spread_bps"][0]), float(levels[order[0]])
    table = panel.excursions.above(level, table, floor)
    if measure:
        marks = panel.excursions.marks(level, table, floor)
        rises, index = panel.rises(lowest_signal(rules)), panel.index
        prices = panel.grid_prices(step_ns)
        if threads > 1:
            count = max(count, min(4 * threads, order.size // _MEASURED_APART))
    parts = np.array_split(order, count)

    def work(part: IntArray) -> None:
        own = np.append(levels[part], np.nan)
        table_sets(panel.market, table, rules, part, own, step_ns, metrics)
        if measure:
            grid = grid_rows_of(panel, step_ns)
            measure_sets(panel.market, index, rises, table, marks, rules, part, own, grid, prices, metrics)

    work(parts[0])
    at_once(work, parts[1:], min(threads, len(parts) - 1))


def grid_rows_of(panel: Panel, step_ns: int) -> GridRows:
    """Return the rows of a grid, with places of its own for what is read off there."""
    rows, begin_ns = panel.grid_rows(step_ns)
    return GridRows(rows, np.empty(rows.size), np.empty((2, 0)), begin_ns, step_ns)
