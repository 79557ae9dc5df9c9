"""Tables of record highs of one panel: kept by exit level, and built once they pay."""

from __future__ import annotations

from typing import Final

import numpy as np

from arbkit._typing import RecordArray
from arbkit.kernels.excursions import Excursions, excursions_above, excursions_of
from arbkit.kernels.market import Market, ends
from arbkit.kernels.marks import MARK_DTYPE, write_marks

__all__ = ["ExcursionTables"]

#: Tables that one panel holds: so many, and more while they take no more than these bytes; each takes some 7
#: bytes per row.
_KEPT: Final = 4
_BYTES: Final = 256 << 20
#: What a trade costs more by searching its rows than by the table, and a row to build it, in nanoseconds.
#: Both were measured on one machine; a wrong ratio costs time and changes no figure.
_TRADE_NS: Final = 300
_ROW_NS: Final = 12
#: Runs are put together where they are fewer than one in so many, of a table that no cache holds anyway.
_APART: Final = 4
_APART_FROM: Final = 4096


class ExcursionTables:
    """The excursions of one panel by exit level (bps, >= 0).

    Args:
        market: arrays of the panel.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._tables: dict[float, Excursions | None] = {}
        self._above: dict[float, tuple[float, Excursions, Excursions]] = {}
        self._marks: dict[float, tuple[float, Excursions, RecordArray]] = {}
        self._trades: dict[float, float] = {}

    def __contains__(self, level: float) -> bool:
        """Tell whether the table of an exit level is there already."""
        return level in self._tables

    def at(self, level: float) -> Excursions | None:
        """Return the table of an exit level, built when first asked for; the last few are kept.

        None where prices overflow, so that directions do not exclude each other and no table can stand for
        the rows.
        """
        if level not in self._tables:
            while len(self._tables) >= _KEPT and self._bytes() > _BYTES:
                oldest = next(iter(self._tables))
                self._tables.pop(oldest, None)
                self._above.pop(oldest, None)
                self._marks.pop(oldest, None)
                # It has to pay anew: with more levels than fit, a table would be built for each batch.
                self._trades.pop(oldest, None)
            self._tables[level] = excursions_of(self._market, level, *ends(self._market))
        return self._tables[level]

    def above(self, level: float, table: Excursions, floor: float) -> Excursions:
        """Return a table with the runs that reach a signal close together, or the whole where that is most.

        Args:
            level: its exit level.
            table: what `at` returned for it.
            floor: lowest signal at which a set enters. What does not reach down so far is made anew.
        """
        reach, whole, few = self._above.get(level, (np.inf, None, table))
        if whole is table and reach <= floor:
            return few
        runs = table.exits.size - 1
        if runs < _APART_FROM or (table.tops[:runs] >= floor).sum() * _APART > runs:
            return table
        few = excursions_above(table, floor)
        self._above[level] = (floor, table, few)
        return few

    def marks(self, level: float, table: Excursions, floor: float) -> RecordArray:
        """Return the marks of a table's records, at and above a signal at least.

        Args:
            level: its exit level.
            table: what `at` or `above` returned for it.
            floor: lowest signal at which a set enters. Marks that do not reach down so far are made anew.
        """
        reach, of, marks = self._marks.get(level, (np.inf, None, None))
        if marks is None or of is not table or not reach <= floor:
            # Pages that are never written cost nothing: records below the floor have no marks.
            marks = np.empty(table.signals.size, MARK_DTYPE)
            write_marks(self._market, table, floor, marks)
            self._marks[level] = (floor, table, marks)
        return marks

    def _bytes(self) -> int:
        tables = [table for table in self._tables.values() if table is not None]
        tables += [few for _, _, few in self._above.values()]
        marks = sum(array.nbytes for _, _, array in self._marks.values())
        return marks + sum(part.nbytes for table in tables for part in table if isinstance(part, np.ndarray))

    def pays(self, level: float, trades: float) -> bool:
        """Tell whether a table of this level is worth its time, for trades that are still to be simulated.

        Trades of earlier calls count too: who comes back will come back again.
        """
        if level not in self._trades and len(self._trades) >= 64 * _KEPT:
            self._trades.clear()
        self._trades[level] = self._trades.get(level, 0.0) + trades
        return self._trades[level] * _TRADE_NS > self._market.ts.size * _ROW_NS
