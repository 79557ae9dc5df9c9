"""Other ways to backtest the plain reversal rule, as a user would write them, held to arbkit's trades.

All take a panel whose fair ratio is 1 and follow: enter on x - cost >= min_spread, leave on x < exit_spread,
one trade at a time, executable prices. What depends on the data alone (frames, spreads, lists) is
made once in `prepare`; a trial may use it for every threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numba
import numpy as np
import polars as pl

import arbkit
from arbkit._typing import FloatArray, IntArray
from arbkit.kernels.spread import spreads

__all__ = ["BASELINES", "Baseline", "Found", "differences", "found_by_arbkit"]


class Found(NamedTuple):
    """Trades in entry order: side (0 long A, 1 long B), entry and exit row (-1 open); PnL of the closed."""

    side: IntArray
    entry: IntArray
    exit: IntArray
    pnl_usd: float


class Baseline(NamedTuple):
    """A way to run a trial: `prepare(panel, params)` once, then `run(prepared, min_spread_bps, params)`.

    `most_rows` is the largest panel on which it is worth waiting for.
    """

    prepare: Callable[[arbkit.Panel, arbkit.Params], Any]
    run: Callable[[Any, float, arbkit.Params], Found]
    most_rows: float = math.inf


def found_by_arbkit(panel: arbkit.Panel, params: arbkit.Params, engine: str = "auto") -> Found:
    """Return what arbkit finds."""
    result = arbkit.backtest(panel, params, engine=engine)
    trades = result.records
    pnl = result.metrics.realized_pnl_usd
    return Found(trades["side"], trades["entry_index"], trades["exit_index"], pnl)


def differences(ours: Found, theirs: Found) -> str:
    """Say in which respect two results differ, or "" when sides, rows and PnL (to 1e-9) are the same."""
    if ours.side.size != theirs.side.size:
        return f"{theirs.side.size} trades, not {ours.side.size}"
    for name in ("side", "entry", "exit"):
        at = np.flatnonzero(getattr(ours, name) != getattr(theirs, name))
        if at.size:
            return f"{name} of trade {at[0]}"
    if not math.isclose(ours.pnl_usd, theirs.pnl_usd, rel_tol=1e-9, abs_tol=1e-9):
        return f"PnL {theirs.pnl_usd!r}, not {ours.pnl_usd!r}"
    return ""


# --- a loop in Python, one object per row -----------------------------------------------------------------


class _Snapshot(NamedTuple):
    bid_a: float
    ask_a: float
    bid_b: float
    ask_b: float


def _snapshots(panel: arbkit.Panel, params: arbkit.Params) -> list[_Snapshot]:
    columns = (panel.bid_a, panel.ask_a, panel.bid_b, panel.ask_b)
    return [_Snapshot(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


def _is_valid(q: _Snapshot) -> bool:
    return all(math.isfinite(price) and price > 0 for price in q) and q.bid_a < q.ask_a and q.bid_b < q.ask_b


def _python_loop(rows: Sequence[_Snapshot], min_spread_bps: float, params: arbkit.Params) -> Found:
    trades: list[list[int]] = []
    open_side, total = -1, 0.0
    for i, q in enumerate(rows):
        if not _is_valid(q):
            continue
        s_ab = (q.bid_b - q.ask_a) / q.ask_a * 1e4
        s_ba = (q.bid_a - q.ask_b) / q.ask_b * 1e4
        if open_side >= 0 and (s_ab, s_ba)[open_side] < params.exit_spread_bps:
            trades[-1][2] = i
            total += _pnl(open_side, rows[trades[-1][1]], q, params)
            open_side = -1
        side = 0 if s_ab >= s_ba else 1
        if open_side < 0 and (s_ab, s_ba)[side] - params.cost_bps >= min_spread_bps:
            trades.append([side, i, -1])
            open_side = side
    table = np.array(trades, np.int64).reshape(-1, 3)
    return Found(table[:, 0], table[:, 1], table[:, 2], total)


def _pnl(side: int, entry: _Snapshot, leave: _Snapshot, params: arbkit.Params) -> float:
    long0, short0, long1, short1 = (
        (entry.ask_a, entry.bid_b, leave.bid_a, leave.ask_b)
        if side == 0
        else (entry.ask_b, entry.bid_a, leave.bid_b, leave.ask_a)
    )
    fees = (params.taker_fee_a_bps / 1e4, params.taker_fee_b_bps / 1e4)
    return float(_money(long0, short0, long1, short1, fees[side], fees[1 - side], params))


def _money(
    long0: Any, short0: Any, long1: Any, short1: Any, fee_long: Any, fee_short: Any, p: arbkit.Params
) -> Any:
    """Return the PnL of round trips from raw prices: numbers or arrays."""
    half = p.slippage_bps / 2 / 1e4
    buy, sell, leave, back = long0 * (1 + half), short0 * (1 - half), long1 * (1 - half), short1 * (1 + half)
    q = p.max_position_usd / buy
    return q * (leave - buy + sell - back) - q * (fee_long * (buy + leave) + fee_short * (sell + back))


def _pnl_of(panel: arbkit.Panel, side: IntArray, entry: IntArray, leave: IntArray, p: arbkit.Params) -> float:
    """Return the PnL of all closed trades, array-wise."""
    closed = leave >= 0
    side, i, j = side[closed], entry[closed], leave[closed]
    long_a = side == 0
    fee_a, fee_b = p.taker_fee_a_bps / 1e4, p.taker_fee_b_bps / 1e4
    pnl = _money(
        np.where(long_a, panel.ask_a[i], panel.ask_b[i]),
        np.where(long_a, panel.bid_b[i], panel.bid_a[i]),
        np.where(long_a, panel.bid_a[j], panel.bid_b[j]),
        np.where(long_a, panel.ask_b[j], panel.ask_a[j]),
        np.where(long_a, fee_a, fee_b),
        np.where(long_a, fee_b, fee_a),
        p,
    )
    return float(pnl.sum())


# --- polars expressions with a forward fill ---------------------------------------------------------------


def _polars_frame(panel: arbkit.Panel, params: arbkit.Params) -> tuple[arbkit.Panel, pl.DataFrame]:
    frame = pl.DataFrame({name: getattr(panel, name) for name in ("bid_a", "ask_a", "bid_b", "ask_b")})
    return panel, frame.with_row_index("row")


def _polars(
    prepared: tuple[arbkit.Panel, pl.DataFrame], min_spread_bps: float, params: arbkit.Params
) -> Found:
    panel, frame = prepared
    s_ab = (pl.col("bid_b") - pl.col("ask_a")) / pl.col("ask_a") * 1e4
    s_ba = (pl.col("bid_a") - pl.col("ask_b")) / pl.col("ask_b") * 1e4
    valid = pl.all_horizontal(
        pl.col("bid_a", "ask_a", "bid_b", "ask_b").is_between(0, math.inf, closed="none")
    )
    # Only one direction can be at or above 0, so a trade ends where the regime does.
    regime = pl.when(pl.col("s_ab") >= 0).then(1).when(pl.col("s_ba") >= 0).then(2).otherwise(0)
    entered = pl.max_horizontal("s_ab", "s_ba") - params.cost_bps >= min_spread_bps
    state = (
        pl.when(entered).then(pl.col("regime"))
        .when(pl.col("regime") != pl.col("regime").shift(fill_value=0)).then(0)
    )  # fmt: skip
    moves = (
        frame.lazy()
        .filter(valid & (pl.col("bid_a") < pl.col("ask_a")) & (pl.col("bid_b") < pl.col("ask_b")))
        .select("row", s_ab=s_ab, s_ba=s_ba)
        .with_columns(regime=regime)
        .select("row", state=state.forward_fill().fill_null(0))
        .with_columns(before=pl.col("state").shift(fill_value=0))
        .filter(pl.col("state") != pl.col("before"))
        .collect()
    )
    entries = moves.filter(pl.col("state") > 0)
    entry = entries["row"].to_numpy().astype(np.int64)
    leave = moves.filter(pl.col("before") > 0)["row"].to_numpy().astype(np.int64)
    leave = np.append(leave, np.full(entry.size - leave.size, -1))
    side = entries["state"].to_numpy().astype(np.int64) - 1
    return Found(side, entry, leave, _pnl_of(panel, side, entry, leave, params))


# --- numpy, carefully: spreads and ends of regimes made once, hits looked up ------------------------------


class _Spreads(NamedTuple):
    panel: arbkit.Panel
    s_ab: FloatArray
    s_ba: FloatArray
    net: tuple[FloatArray, FloatArray]
    ends: tuple[IntArray, IntArray]
    best: FloatArray


def _spreads(panel: arbkit.Panel, params: arbkit.Params) -> _Spreads:
    s_ab, s_ba = spreads(panel.bid_a, panel.ask_a, panel.bid_b, panel.ask_b, panel.tradable)
    net = (s_ab - params.cost_bps, s_ba - params.cost_bps)
    ends = (np.flatnonzero(s_ab < params.exit_spread_bps), np.flatnonzero(s_ba < params.exit_spread_bps))
    best = np.fmax(*net)
    best[np.isnan(best)] = -np.inf
    return _Spreads(panel, s_ab, s_ba, net, ends, best)


def _numpy(made: _Spreads, min_spread_bps: float, params: arbkit.Params) -> Found:
    parts = []
    for side in (0, 1):
        hits = np.flatnonzero(made.net[side] >= min_spread_bps)
        at = np.searchsorted(made.ends[side], hits)
        first = np.append(True, at[1:] != at[:-1])[: hits.size]
        entry, at = hits[first], at[first]
        leave = np.append(made.ends[side], -1)[at] if at.size else at
        parts.append((np.full(entry.size, side), entry, leave))
    side_, entry, leave = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(entry)
    side_, entry, leave = side_[order], entry[order], leave[order]
    return Found(side_, entry, leave, _pnl_of(made.panel, side_, entry, leave, params))


# --- numba: a plain scan of prices, and a filter over precomputed spreads ---------------------------------


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _scan_prices(
    bid_a: FloatArray,
    ask_a: FloatArray,
    bid_b: FloatArray,
    ask_b: FloatArray,
    cost: float,
    min_spread: float,
    exit_spread: float,
) -> IntArray:
    """Return side, entry and exit of each trade, reading the prices of every row."""
    trades = np.empty((64, 3), np.int64)
    n, side = 0, -1
    for i in range(bid_a.size):
        ba, aa, bb, ab = bid_a[i], ask_a[i], bid_b[i], ask_b[i]
        if not (0 < ba < aa < np.inf and 0 < bb < ab < np.inf):
            continue
        s_ab, s_ba = (bb - aa) / aa * 1e4, (ba - ab) / ab * 1e4
        if side >= 0 and (s_ab if side == 0 else s_ba) < exit_spread:
            trades[n - 1, 2] = i
            side = -1
        if side < 0 and max(s_ab, s_ba) - cost >= min_spread:
            if n == trades.shape[0]:
                trades = np.concatenate((trades, np.empty_like(trades)))
            side = 0 if s_ab >= s_ba else 1
            trades[n, 0], trades[n, 1], trades[n, 2] = side, i, -1
            n += 1
    return trades[:n]


def _prices(panel: arbkit.Panel, params: arbkit.Params) -> arbkit.Panel:
    return panel


def _numba_scan(panel: arbkit.Panel, min_spread_bps: float, params: arbkit.Params) -> Found:
    trades = _scan_prices(
        panel.bid_a, panel.ask_a, panel.bid_b, panel.ask_b,
        params.cost_bps, min_spread_bps, params.exit_spread_bps,
    )  # fmt: skip
    side, entry, leave = trades.T
    return Found(side, entry, leave, _pnl_of(panel, side, entry, leave, params))


@numba.njit(cache=True, error_model="numpy", nogil=True)
def _filter_spreads(
    best: FloatArray, s_ab: FloatArray, s_ba: FloatArray, min_spread: float, exit_spread: float
) -> IntArray:
    """Return side, entry and exit of each trade: hits are counted over 64 rows of the better net spread."""
    trades = np.empty((64, 3), np.int64)
    n, i, rows = 0, 0, best.size
    while i < rows:
        while i + 64 <= rows:
            part = best[i : i + 64]
            hits = 0
            for j in range(64):
                hits += part[j] >= min_spread
            if hits:
                break
            i += 64
        while i < rows and not best[i] >= min_spread:
            i += 1
        if i == rows:
            break
        if n == trades.shape[0]:
            trades = np.concatenate((trades, np.empty_like(trades)))
        side = 0 if s_ab[i] >= s_ba[i] else 1
        spread = s_ab if side == 0 else s_ba
        trades[n, 0], trades[n, 1], trades[n, 2] = side, i, -1
        i += 1
        while i < rows and not spread[i] < exit_spread:
            i += 1
        if i < rows:
            trades[n, 2] = i
        n += 1
    return trades[:n]


def _numba_filter(made: _Spreads, min_spread_bps: float, params: arbkit.Params) -> Found:
    trades = _filter_spreads(made.best, made.s_ab, made.s_ba, min_spread_bps, params.exit_spread_bps)
    side, entry, leave = trades.T
    return Found(side, entry, leave, _pnl_of(made.panel, side, entry, leave, params))


#: By name, slowest first.
BASELINES: Final = {
    "python loop": Baseline(_snapshots, _python_loop, most_rows=1e5),
    "polars": Baseline(_polars_frame, _polars, most_rows=1e7),
    "numba scan of prices": Baseline(_prices, _numba_scan),
    "careful numpy": Baseline(_spreads, _numpy, most_rows=1e7),
    "filter of spreads": Baseline(_spreads, _numba_filter),
}
