"""`Desk`: the pairs of a run on one balance, stepped row by row by the compiled rules."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.config import Params
from arbkit.engine.rules import FOREVER_NS, rules_of
from arbkit.kernels.live import (
    LIVE_ROW_DTYPE,
    NO_ROOM,
    live_drop,
    live_entry,
    live_exit,
    live_mark,
    live_new,
    live_row,
)
from arbkit.kernels.live_reference import averaged, fair_between, log_ratio
from arbkit.records import ORDER_DTYPE, STATE_DTYPE, TAKEN_DTYPE, TRADE_DTYPE

__all__ = ["Desk", "DeskLimits", "PairRules", "compile_rules"]

_ROWS: Final = 4096
_SIDES: Final = 8


@dataclass(frozen=True)
class PairRules:
    """One pair of a desk: its name and parameters; `by_venue` when real venues fill its orders."""

    name: str
    params: Params
    by_venue: bool = False


@dataclass(frozen=True)
class DeskLimits:
    """What the pairs share, as in `arbkit.Portfolio`; money in the account currency."""

    initial_balance_usd: float = 10_000.0
    max_total_notional_usd: float | None = None
    max_open_trades_total: int | None = None
    stop_on_drawdown_pct: float | None = None
    stop_on_drawdown_mtm_pct: float | None = None


class _Lane:
    """The rows of one pair that the rules may still look at, and its orders on their way."""

    def __init__(self, levels: int) -> None:
        self.rows = np.zeros(_ROWS, LIVE_ROW_DTYPE)
        self.levels = levels
        self.ladders: FloatArray = np.full((_SIDES, _ROWS if levels else 0, levels), np.nan)
        self.n = 0
        self.base = 0
        self.orders = np.zeros(8, ORDER_DTYPE)
        self.taken = np.zeros(64, TAKEN_DTYPE)
        self.addresses: IntArray = np.zeros(9, np.int64)
        self._point()

    def _point(self) -> None:
        if self.levels:
            shift = self.base * self.levels * 8
            for side in range(_SIDES):
                self.addresses[side] = self.ladders[side].ctypes.data - shift
            self.addresses[8] = self.levels

    def push(self, row: tuple[Any, ...], ladder: FloatArray | None, n_orders: int) -> int:
        """Put a row into the buffer and return its position."""
        if self.n == len(self.rows):
            self._move_on(n_orders)
        i = self.n
        self.rows[i] = row
        if ladder is not None:
            self.ladders[:, i] = ladder
        self.n = i + 1
        return i

    def oldest_needed(self, n_orders: int) -> int:
        """Return the position of the oldest row that an order on its way was filled on, or of the last."""
        waiting = self.orders[:n_orders]
        known = [int(r) for name in ("row_a", "row_b") for r in waiting[name] if r >= 0]
        return max(0, min([*known, self.base + self.n - 1]) - self.base)

    def _move_on(self, n_orders: int) -> None:
        first = self.oldest_needed(n_orders)
        kept = self.n - first
        if first < self.n // 2:  # orders wait for very long: make room instead
            self.rows = np.concatenate((self.rows, np.zeros_like(self.rows)))
            if self.levels:
                self.ladders = np.concatenate((self.ladders, np.full_like(self.ladders, np.nan)), axis=1)
        else:
            self.rows[:kept] = self.rows[first : self.n].copy()
            if self.levels:
                self.ladders[:, :kept] = self.ladders[:, first : self.n].copy()
            self.base, self.n = self.base + first, kept
        self._point()

    def restore(self, base: int, rows: RecordArray, ladders: FloatArray) -> None:
        """Start over with some rows, the first of which has the number `base`."""
        self.rows = np.zeros(max(_ROWS, 2 * rows.size), LIVE_ROW_DTYPE)
        self.rows[: rows.size] = rows
        self.ladders = np.full((_SIDES, len(self.rows) if self.levels else 0, self.levels), np.nan)
        if self.levels:
            self.ladders[:, : rows.size] = ladders
        self.n, self.base = rows.size, base
        self._point()


class Desk:
    """Pairs on one balance; every row goes through the compiled rules of the backtest.

    Args:
        pairs: in the order in which rows of one moment are processed.
        limits: what they share.

    Parameters that only a backtest has are off: `close_at_end` (a live run has no end) and `funding` (what is
    paid is booked with `pay` once it is known).
    """

    def __init__(self, pairs: Sequence[PairRules], limits: DeskLimits) -> None:
        self.pairs = tuple(pairs)
        self.limits = limits
        self.rules = _rules(pairs, limits)
        n = len(pairs)
        self.states = np.zeros(n, STATE_DTYPE)
        self.account = np.zeros(1, STATE_DTYPE)
        self.shared: FloatArray = np.zeros((n, 3))
        self.runs: IntArray = np.full((n, 4), -1, np.int64)
        self.runs[:, 2:] = 0
        self.trades = np.zeros(64, TRADE_DTYPE)
        self.pair_of: list[int] = []
        self.every_open: IntArray = np.zeros((n, 8), np.int64)
        self.lanes = [_Lane(pair.params.depth_levels) for pair in pairs]
        live_new(self.rules, self.states, self.account)

    def step(self, p: int, row: tuple[Any, ...], ladder: FloatArray | None = None) -> int:
        """Put the next row of a pair through the rules and return the bits of `live_row`.

        Args:
            p: the pair.
            row: the fields of `LIVE_ROW_DTYPE`.
            ladder: float64 (8, levels) in the order of `Ladders`, where the pair uses depth.
        """
        self.push(p, row, ladder)
        return self.decide(p)

    def push(self, p: int, row: tuple[Any, ...], ladder: FloatArray | None = None) -> int:
        """Take a row in, without deciding, and return its number."""
        lane = self.lanes[p]
        n_orders = int(self.states[p]["n_orders"]) if lane.n == len(lane.rows) else 0
        return lane.base + lane.push(row, ladder, n_orders)

    def decide(self, p: int) -> int:
        """Put the row taken in last through the rules."""
        while True:
            lane = self.lanes[p]
            happened = live_row(
                lane.rows, lane.n - 1, lane.base, lane.addresses, p, self.rules, self.states, self.account,
                self.shared, self.runs, self.trades, self.every_open, lane.orders, lane.taken,
            )  # fmt: skip
            if happened != NO_ROOM:
                break
            self._make_room(p)
        if happened > 1:
            while len(self.pair_of) < int(self.account[0]["n_trades"]):
                self.pair_of.append(p)
        return int(happened)

    def _make_room(self, p: int) -> None:
        lane = self.lanes[p]
        self.trades = np.concatenate((self.trades, np.zeros_like(self.trades)))
        self.every_open = np.concatenate((self.every_open, np.zeros_like(self.every_open)), axis=1)
        lane.orders = np.concatenate((lane.orders, np.zeros_like(lane.orders)))
        lane.taken = np.concatenate((lane.taken, np.zeros_like(lane.taken)))

    def row_number(self, p: int) -> int:
        """Return the number of the pair's last row, -1 before the first."""
        lane = self.lanes[p]
        return lane.base + lane.n - 1

    def last_row(self, p: int) -> Any:
        """Return the pair's last row, a record of `LIVE_ROW_DTYPE`."""
        return self.lanes[p].rows[self.lanes[p].n - 1]

    def open_ids(self, p: int) -> list[int]:
        """Return the numbers of the pair's open trades, oldest first."""
        ids: list[int] = self.every_open[p, : int(self.states[p]["n_open"])].tolist()
        return ids

    def orders(self, p: int) -> RecordArray:
        """Return the pair's orders on their way, `ORDER_DTYPE`."""
        return self.lanes[p].orders[: int(self.states[p]["n_orders"])]

    @property
    def n_trades(self) -> int:
        """How many trades were opened."""
        return int(self.account[0]["n_trades"])

    def order_at(self, p: int, row: int, trade: int) -> int:
        """Return the position of an order on its way, by the row of its decision and its trade, or -1."""
        orders = self.orders(p)
        found = np.flatnonzero((orders["row"] == row) & (orders["trade"] == trade))
        return int(found[0]) if found.size else -1

    def filled(self, p: int, k: int, fill: Sequence[float]) -> int:
        """Book the k-th order on its way as filled on the row taken in last; returns the trade's number.

        Args:
            fill: of an entry: price of the long and of the short leg in the account currency before
                slippage, base size, notional. Of an exit: the two prices, fees above those of the rules, and
                a further loss.
        """
        lane = self.lanes[p]
        trade = int(lane.orders[k]["trade"])
        while self.n_trades + 2 >= self.trades.size or self.every_open.shape[1] <= len(self.open_ids(p)) + 2:
            self._make_room(p)
            lane = self.lanes[p]
        book = live_entry if trade < 0 else live_exit
        book(
            lane.rows, lane.n - 1, lane.base, lane.addresses, p, k, np.asarray(fill, np.float64), self.rules,
            self.states, self.account, self.shared, self.trades, self.every_open, lane.orders,
        )  # fmt: skip
        if trade < 0:
            self.pair_of.append(p)
            return self.n_trades - 1
        return trade

    def dropped(self, p: int, k: int) -> None:
        """Forget the k-th order on its way: nothing came of it."""
        live_drop(p, k, self.states, self.shared, self.trades, self.lanes[p].orders)

    def pay(self, p: int, position: int, usd: float) -> None:
        """Book a funding payment on an open trade: what it receives, or pays where that is below 0."""
        self.trades[position]["funding_usd"] += usd
        self.states[p]["funding"] += usd

    def charge(self, usd: float) -> None:
        """Take money off the balance that belongs to no trade: what failed orders cost."""
        self.account[0]["realized_pnl"] -= usd

    def split(self, p: int, position: int, size: float) -> int:
        """Leave `size` of an open trade to the exit on its way, and open the rest as a trade of its own.

        Returns:
            The number of the new trade, entered when and as the old one was.
        """
        while self.n_trades + 2 >= self.trades.size or self.every_open.shape[1] <= len(self.open_ids(p)) + 2:
            self._make_room(p)
        old, new = self.trades[position], self.n_trades
        share = size / float(old["size"])
        rest = old.copy()
        for name in ("size", "notional_usd", "fees_usd", "turnover_usd", "funding_usd"):
            rest[name] = float(old[name]) * (1 - share)
            old[name] = float(old[name]) * share
        rest["leaving"] = 0
        self.trades[new] = rest
        n_open = int(self.states[p]["n_open"])
        self.every_open[p, n_open] = new
        self.states[p]["n_open"] = n_open + 1
        self.account[0]["n_trades"] = new + 1
        self.states[p]["n_trades"] = new + 1
        self.pair_of.append(p)
        return new

    def force_exit(self, p: int, position: int, reason: int) -> None:
        """Put an exit on its way that no rule asked for, on the row taken in last; for venues that fill."""
        lane, state = self.lanes[p], self.states[p]
        while state["n_orders"] + 2 >= lane.orders.size:
            self._make_room(p)
        k, row = int(state["n_orders"]), lane.rows[lane.n - 1]
        order = np.zeros(1, ORDER_DTYPE)
        order["trade"], order["side"], order["reason"] = position, self.trades[position]["side"], reason
        order["row"], order["ts"] = self.row_number(p), row["ts"]
        order["due_a"] = order["due_b"] = int(row["ts"]) + FOREVER_NS
        order["row_a"] = order["row_b"] = order["next_row"] = -1
        lane.orders[k] = order[0]
        state["n_orders"] = k + 1
        self.trades[position]["leaving"] = 1

    def marked(self) -> float:
        """Mark the open trades at the last rows and return their value."""
        total = 0.0
        for p, lane in enumerate(self.lanes):
            if lane.n and self.states[p]["n_open"]:
                i = lane.n - 1
                while i > 0 and not _is_good(lane.rows[i]):
                    i -= 1
                if _is_good(lane.rows[i]):
                    total += live_mark(
                        lane.rows, i, lane.base, lane.addresses, p, self.rules, self.states, self.trades,
                        self.every_open,
                    )  # fmt: skip
        return total

    def snapshot(self, p: int) -> dict[str, Any]:
        """Return what has to be kept of a pair (and of the account) to go on later, ready for JSON."""
        lane, state = self.lanes[p], self.states[p]
        n_orders = int(state["n_orders"])
        first = lane.oldest_needed(n_orders) if lane.n else 0
        return {
            "pair": self.pairs[p].name,
            "next_row": lane.base + lane.n,
            "n_trades": self.n_trades,
            "account": _text(self.account),
            "state": _text(self.states[p : p + 1]),
            "shared": _text(self.shared[p]),
            "runs": _text(self.runs[p]),
            "open": self.open_ids(p),
            "trades": _text(self.trades[self.open_ids(p)]),
            "orders": _text(lane.orders[:n_orders]),
            "taken": _text(lane.taken[: int(state["n_taken"])]),
            "base": lane.base + first,
            "rows": _text(lane.rows[first : lane.n]),
            "ladders": _text(lane.ladders[:, first : lane.n]) if lane.levels else "",
        }

    def restore(self, p: int, kept: Mapping[str, Any]) -> None:
        """Go on from what `snapshot` gave; the account is that of the snapshot restored last."""
        lane = self.lanes[p]
        self.account[:] = _array(kept["account"], STATE_DTYPE)
        self.states[p : p + 1] = _array(kept["state"], STATE_DTYPE)
        self.shared[p] = _array(kept["shared"], np.dtype(np.float64))
        self.runs[p] = _array(kept["runs"], np.dtype(np.int64))
        ids, trades = list(kept["open"]), _array(kept["trades"], TRADE_DTYPE)
        orders, taken = _array(kept["orders"], ORDER_DTYPE), _array(kept["taken"], TAKEN_DTYPE)
        self._fit(int(kept["n_trades"]), len(ids), p, orders.size, taken.size)
        self.every_open[p, : len(ids)] = ids
        self.trades[ids] = trades
        lane.orders[: orders.size], lane.taken[: taken.size] = orders, taken
        rows = _array(kept["rows"], LIVE_ROW_DTYPE)
        ladders = _array(kept["ladders"], np.dtype(np.float64)).reshape(_SIDES, -1, lane.levels or 1)
        lane.restore(int(kept["base"]), rows, ladders)

    def _fit(self, trades: int, opened: int, p: int, orders: int, taken: int) -> None:
        lane = self.lanes[p]
        while (
            trades + 2 >= self.trades.size
            or opened + 2 >= self.every_open.shape[1]
            or orders + 2 >= lane.orders.size
            or taken + 2 >= lane.taken.size
        ):
            self._make_room(p)


def _rules(pairs: Sequence[PairRules], limits: DeskLimits) -> RecordArray:
    """Return `RULES_DTYPE` (pairs,) with what the pairs share in each, as `Portfolio` does."""
    rules = rules_of([pair.params.replace(close_at_end=False, funding=False) for pair in pairs])
    rules["initial_balance_usd"] = limits.initial_balance_usd
    for name in ("stop_on_drawdown_pct", "stop_on_drawdown_mtm_pct"):
        value = getattr(limits, name)
        rules["has_" + name.removesuffix("_pct").replace("_on", "")] = value is not None
        rules[name] = 0.0 if value is None else value
    notional, count = limits.max_total_notional_usd, limits.max_open_trades_total
    rules["has_total_limits"] = notional is not None or count is not None
    rules["max_total_notional"] = np.inf if notional is None else notional
    rules["max_total_trades"] = np.iinfo(np.int64).max if count is None else count
    for p, pair in enumerate(pairs):
        if pair.by_venue:
            rules[p]["latency_a_ns"] = rules[p]["latency_b_ns"] = FOREVER_NS
            rules[p]["ordered"] = 1
    return rules


def _is_good(row: Any) -> bool:
    return bool(0 < row["bid_a"] < row["ask_a"] < np.inf and 0 < row["bid_b"] < row["ask_b"] < np.inf)


def _text(array: Any) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _array(text: str, dtype: np.dtype[Any]) -> Any:
    return np.frombuffer(base64.b64decode(text), dtype).copy()


def compile_rules(pairs: Sequence[PairRules], limits: DeskLimits) -> None:
    """Compile or load the kernels before the first book comes: it takes seconds where they are not kept."""
    desk = Desk(pairs, limits)
    prices = (1.0, 1.1, 1.0, 1.1)
    for ts in (1, 2):
        desk.step(0, (ts, *prices, 1.0, 1.0, 1.0, 1.0, 0, 0, 0, 1, 0))
    desk.marked()
    log_ratio(*prices)
    averaged(0.0, 0.0, 1, 1)
    fair_between(0.0, 0.0)
