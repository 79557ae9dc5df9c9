"""What a run was worth through time: what its trades brought, and open ones as if closed then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.config import Params
from arbkit.live.story import Story
from arbkit.records import Side

__all__ = ["Worth", "marks_at", "worth_of"]


class Worth(NamedTuple):
    """Gains of the pairs of a run in the account currency, at times in order.

    Attributes:
        ts: int64 (n,), nanoseconds.
        realized: float64 (pairs, n): of closed trades, and what entries and exits that failed cost.
        marked: float64 (pairs, n): of open trades at the last tradable prices, less slippage and fees.
    """

    ts: IntArray
    realized: FloatArray
    marked: FloatArray

    @property
    def gain(self) -> FloatArray:
        """Of all pairs, open trades marked, float64 (n,)."""
        total: FloatArray = (self.realized + self.marked).sum(axis=0)
        return total

    @property
    def balance(self) -> FloatArray:
        """Of all pairs, realised, float64 (n,)."""
        total: FloatArray = self.realized.sum(axis=0)
        return total


def worth_of(
    story: Story,
    trades: Mapping[str, RecordArray],
    params: Mapping[str, Params],
    tape: Callable[[str], RecordArray],
    points: int = 800,
) -> Worth:
    """Return what a run was worth at moments of equal distance, the ends of its trades among them.

    Args:
        story: what it went through.
        trades: its trades by pair, `TRADE_DTYPE`.
        params: its parameters by pair.
        tape: gives the rows of a pair.
        points: how many moments; ends of trades are added where there are no more of them than that.
    """
    grid = np.linspace(story.start_ns, story.end_ns, points).astype(np.int64)
    ends = np.concatenate([grid[:0], *(own["exit_ts"][own["exit_index"] >= 0] for own in trades.values())])
    if ends.size <= points:
        grid = np.union1d(grid, ends)
    realized, marked = np.zeros((2, len(trades), grid.size))
    for p, (pair, own) in enumerate(trades.items()):
        lost = [(item.at_ns, item.usd) for item in story.failures if item.pair == pair]
        realized[p] = _realized(own, lost, grid)
        marked[p] = _marked(tape(pair), own, params[pair], grid)
    return Worth(grid, realized, marked)


def marks_at(rows: RecordArray, trades: RecordArray, params: Params, at_ns: int) -> list[float]:
    """Return what closing each of some open trades would bring at a moment, all fees included."""
    moment = np.array([at_ns], np.int64)
    return [float(_marked(rows, trades[n : n + 1], params, moment)[0]) for n in range(trades.size)]


def _realized(trades: RecordArray, lost: list[tuple[int, float]], grid: IntArray) -> FloatArray:
    closed = trades[trades["exit_index"] >= 0]
    stamps = np.concatenate([closed["exit_ts"], np.array([at for at, _ in lost], np.int64)])
    sums = np.concatenate([closed["pnl_usd"], np.array([usd for _, usd in lost], np.float64)])
    order = np.argsort(stamps, kind="stable")
    total = np.concatenate([[0.0], np.cumsum(sums[order])])
    found: FloatArray = total[np.searchsorted(stamps[order], grid, side="right")]
    return found


def _marked(rows: RecordArray, trades: RecordArray, params: Params, grid: IntArray) -> FloatArray:
    """Return the PnL of the open trades on the grid, all fees included."""
    found = np.zeros(grid.size)
    names, half = ("bid_a", "ask_a", "bid_b", "ask_b"), params.slippage_bps / 2 / 1e4
    tradable = np.flatnonzero(np.logical_and.reduce([rows[name] > 0 for name in names]))
    if not tradable.size or not trades.size:
        return found
    ts = np.ascontiguousarray(rows["ts"])
    at = tradable[np.maximum(np.searchsorted(ts[tradable], grid, side="right") - 1, 0)]
    bid_a, ask_a, bid_b, ask_b = (rows[name][at] for name in names)
    fee_a, fee_b = params.taker_fee_a_bps / 1e4, params.taker_fee_b_bps / 1e4
    left = np.where(trades["exit_index"] >= 0, trades["exit_ts"], np.iinfo(np.int64).max)
    spans = np.searchsorted(grid, np.stack([trades["entry_ts"], left]), side="left")
    for trade, first, last in zip(trades, *spans, strict=True):
        seen = slice(int(first), int(last))
        if first >= last:
            continue
        on_ab = trade["side"] == Side.LONG_A_SHORT_B
        bid, ask = (bid_a, ask_b) if on_ab else (bid_b, ask_a)
        bid, ask = bid[seen] * (1 - half), ask[seen] * (1 + half)
        found[seen] += _mark(trade, bid, ask, (fee_a, fee_b) if on_ab else (fee_b, fee_a))
    return found


def _mark(trade: Any, bid: FloatArray, ask: FloatArray, fees: tuple[float, float]) -> FloatArray:
    long_in, short_in, size = trade["entry_long_px"], trade["entry_short_px"], trade["size"]
    paid = fees[0] * (long_in + bid) + fees[1] * (short_in + ask)
    value: FloatArray = size * (bid - long_in + short_in - ask - paid) + np.nan_to_num(trade["funding_usd"])
    return value
