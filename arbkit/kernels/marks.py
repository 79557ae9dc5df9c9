"""How far the market moved while a trade of the table of excursions was held, for every record of a run.

A trade that is entered at a record is held from there to the end of the run, whatever set enters it. What its
value depends on, the unwinding spread and the ask that is bought back at, has extremes over these rows that
all sets share: one pass backwards over a run gives them for all of its records.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from arbkit._typing import RecordArray
from arbkit.kernels._jit import jit
from arbkit.kernels.excursions import Excursions, next_run
from arbkit.kernels.filter import address
from arbkit.kernels.market import Market
from arbkit.records import Side

__all__ = ["MARK_DTYPE", "write_marks"]

#: Over the tradable rows from a record to the last one before the run ends: the lowest and highest unwinding
#: spread (a fraction: bid over ask, less one), how far it falls at most from one row to a later one, and the
#: lowest and highest ask of the venue that is short.
MARK_DTYPE: Final = np.dtype([
    ("low", np.float64), ("high", np.float64), ("fall", np.float64),
    ("ask_low", np.float64), ("ask_high", np.float64),
])  # fmt: skip

_AB: Final = int(Side.LONG_A_SHORT_B)


@jit
def write_marks(market: Market, table: Excursions, floor: float, marks: RecordArray) -> None:
    """Write the marks of all records at or above a signal.

    Args:
        market: arrays of the panel.
        table: its runs at one exit level.
        floor: bps; records below it are passed over.
        marks: `MARK_DTYPE` (records,).
    """
    tops, run = address(table.tops), 0
    while True:
        run = next_run(tops, table.offsets, run, floor)
        if run < 0:
            return
        end = table.exits[run]
        first, record = end.first, table.exits[run + 1].first - 1
        while table.signals[first] < floor:
            first += 1
        bids, asks = (market.bid_a, market.ask_b) if end.side == _AB else (market.bid_b, market.ask_a)
        low, high, fall, ask_low, ask_high = np.inf, -np.inf, 0.0, np.inf, -np.inf
        row = end.row - 1 if end.row >= 0 else table.last
        entry = table.entries[record].row
        while record >= first:
            here = np.uint64(row)
            if market.tradable[here]:
                ask = asks[here]
                w = bids[here] / ask - 1.0
                low = w if w < low else low
                high = w if w > high else high
                fall = w - low if w - low > fall else fall
                ask_low = ask if ask < ask_low else ask_low
                ask_high = ask if ask > ask_high else ask_high
            if row == entry:
                marks[record].low, marks[record].high, marks[record].fall = low, high, fall
                marks[record].ask_low, marks[record].ask_high = ask_low, ask_high
                record -= 1
                entry = table.entries[max(0, record)].row
            row -= 1
        run += 1
