"""The trading state of a run: what speaks against trading, for the desk or for one pair, and since when.

The limits themselves are the guard of the compiled rules, the same as in a simulation. Here is what only a
live run knows: a kill switch, a venue that does not answer, parameters whose time has passed, a market unlike
the one they were found in. The worst reason decides: `REDUCING` leaves trades and enters none, `HALTED` does
nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from typing import Any, Final

from arbkit.decision.envelope import Envelope
from arbkit.kernels.live import ACTIVE, HALTED, REDUCING
from arbkit.units import DAY_NS, MINUTE_NS, SECOND_NS

__all__ = ["REASONS", "REFUSALS", "EnvelopeWatch", "HeldBack", "TradingGuard", "TradingState"]


class TradingState(IntEnum):
    """What a run may do; the numbers are those of the rows."""

    ACTIVE = ACTIVE
    REDUCING = REDUCING
    HALTED = HALTED


#: Every reason, and the state that it asks for.
REASONS: Final[Mapping[str, TradingState]] = {
    "kill_switch": TradingState.HALTED,
    "drawdown_stop": TradingState.HALTED,
    "reconciling": TradingState.REDUCING,
    "key_refused": TradingState.REDUCING,
    "foreign_fills": TradingState.REDUCING,
    "stale_params": TradingState.REDUCING,
    "outside_envelope": TradingState.REDUCING,
    "venue_down": TradingState.REDUCING,
    "fx_missing": TradingState.REDUCING,
    "order_in_doubt": TradingState.REDUCING,
    "unhedged": TradingState.REDUCING,
    "rejected_orders": TradingState.REDUCING,
    "slippage": TradingState.REDUCING,
    "fill_rate": TradingState.REDUCING,
    "risk_limit": TradingState.REDUCING,
    "loss_breaker": TradingState.REDUCING,
    "stopping": TradingState.REDUCING,
}

#: Names of the refusals that the rules count, by their place in `state.rejected`.
REFUSALS: Final[Mapping[int, str]] = {
    1: "no_inventory",
    2: "lot",
    3: "no_depth",
    4: "thin",
    5: "abandoned",
    8: "guard_breaker",
    9: "guard_daily_loss",
    10: "guard_total_loss",
    11: "guard_hour_trades",
    12: "guard_day_trades",
    13: "guard_positions",
    14: "guard_position_size",
    15: "guard_spread",
    16: "guard_slippage",
    17: "guard_fill_rate",
    18: "total_trades",
    19: "total_notional",
}


class TradingGuard:
    """Reasons against trading, of the whole desk (`""`) and of single pairs.

    Args:
        told: called with the scope and the reasons that hold now, whenever they change.
    """

    def __init__(self, told: Callable[[str, TradingState, tuple[str, ...]], None]) -> None:
        self._told = told
        self._reasons: dict[str, dict[str, str]] = {"": {}}
        self._states: dict[str, int] = {}
        self._desk = int(TradingState.ACTIVE)
        self.counts: Counter[str] = Counter()

    def set(self, reason: str, holds: bool, *, scope: str = "", detail: str = "") -> bool:
        """Say whether a reason holds; returns whether that is new.

        Args:
            reason: one of `REASONS`.
            holds: whether it does.
            scope: the pair, or empty for the whole desk.
            detail: what it is about, in words.
        """
        wanted = REASONS[reason]
        mine = self._reasons.setdefault(scope, {})
        if holds == (reason in mine):
            return False
        if holds:
            mine[reason] = detail
            self.counts[reason] += 1
        else:
            del mine[reason]
        assert wanted is not None
        state = self._worst(scope)
        if scope:
            self._states[scope] = int(state)
        else:
            self._desk = int(state)
        self._told(scope, state, tuple(self.reasons(scope)))
        return True

    def _worst(self, scope: str) -> TradingState:
        return max((REASONS[name] for name in self._reasons.get(scope, ())), default=TradingState.ACTIVE)

    def state_of(self, pair: str) -> int:
        """Return the state of a pair: the worse of its own and of the desk's."""
        return max(self._desk, self._states.get(pair, 0))

    @property
    def desk(self) -> TradingState:
        """The state of the whole desk."""
        return TradingState(self._desk)

    def reasons(self, scope: str = "") -> Iterator[str]:
        """Yield what holds, with its detail where there is one: `outside_envelope: fair_bps`."""
        for name, detail in self._reasons.get(scope, {}).items():
            yield f"{name}: {detail}" if detail else name

    def holds(self, reason: str, scope: str = "") -> bool:
        """Tell whether a reason holds."""
        return reason in self._reasons.get(scope, {})

    def to_dict(self) -> dict[str, Any]:
        """Return the state of the desk, and of the pairs that are not active, with their reasons."""
        pairs = {
            pair: {"state": TradingState(state).name.lower(), "reasons": list(self.reasons(pair))}
            for pair, state in self._states.items()
            if state
        }
        return {"state": self.desk.name.lower(), "reasons": list(self.reasons()), "pairs": pairs}


class HeldBack:
    """Counts the entries that the trading state alone has kept from being made.

    The rules do not look for entries while a run is reducing, and at nothing while it is halted. An excursion
    on which an entry would have paid, with room for a trade, counts once per pair, side and reason.
    """

    def __init__(self) -> None:
        self._noted: dict[tuple[int, int], set[str]] = {}

    def see(
        self, p: int, row: tuple[Any, ...], rule: Any, has_room: bool, reasons: Iterator[str]
    ) -> list[str]:
        """Take note of a tradable row on which nothing may be entered; return the codes that count anew.

        Args:
            p: the pair.
            row: fields of `LIVE_ROW_DTYPE`.
            rule: its record of `RULES_DTYPE`.
            has_room: whether another trade could be open.
            reasons: what holds, as `TradingGuard.reasons` gives it.
        """
        _, bid_a, ask_a, bid_b, ask_b, fair = row[:6]
        signals = (bid_b * fair - ask_a) / ask_a * 1e4, (bid_a - ask_b * fair) / (ask_b * fair) * 1e4
        level = float(rule["min_spread_bps"]) + float(rule["cost_bps"])
        codes = [reason.partition(":")[0] for reason in reasons]
        found: list[str] = []
        for side, allowed in enumerate((rule["allow_ab"], rule["allow_ba"])):
            if not (allowed and has_room and signals[side] >= level):
                self._noted.pop((p, side), None)
                continue
            noted = self._noted.setdefault((p, side), set())
            found += [code for code in codes if code not in noted]
            noted.update(codes)
        return found

    def forget(self, p: int) -> None:
        """Begin anew: the pair may enter."""
        if self._noted:
            for side in (0, 1):
                self._noted.pop((p, side), None)


class EnvelopeWatch:
    """Tells whether a pair's market lies outside of what its parameters were found in.

    One row in fifty lies outside by definition, and entries are made where the spread is exceptional, so
    that not single rows are held against the envelope but their exponentially weighted mean, sampled once a
    second. An age of the exchange rate has no lower bound here: newer is better.

    Args:
        envelope: what training showed.
        half_life_ns: of the mean.
    """

    def __init__(self, envelope: Envelope, half_life_ns: int = 10 * MINUTE_NS) -> None:
        self._bounds = {name: bounds for name, bounds in envelope if bounds is not None}
        self._half_life_ns = half_life_ns
        self._means: dict[str, float] = {}
        self._began = self._last = 0
        self._fairs: list[tuple[int, float]] = []

    def see(self, row: tuple[Any, ...]) -> tuple[str, ...] | None:
        """Take note of a tradable row; return what lies outside, or None when it was too soon to look."""
        ts = row[0]
        if self._last and ts - self._last < SECOND_NS:
            return None
        weight = 1.0 if not self._last else 1 - 2.0 ** (-(ts - self._last) / self._half_life_ns)
        self._began = self._began or ts
        self._last = ts
        for name, value in self._values(row):
            if math.isfinite(value):
                mean = self._means.get(name)
                self._means[name] = value if mean is None else mean + weight * (value - mean)
        if ts - self._began < self._half_life_ns:
            return ()
        return tuple(name for name, mean in self._means.items() if self._is_outside(name, mean))

    def _is_outside(self, name: str, mean: float) -> bool:
        bounds = self._bounds.get(name)
        if bounds is None:
            return False
        low, high = bounds
        return mean > high or (mean < low and name != "fx_age_s")

    def _values(self, row: tuple[Any, ...]) -> Iterator[tuple[str, float]]:
        ts, bid_a, ask_a, bid_b, ask_b, fair = row[:6]
        yield "x_ab_bps", (bid_b * fair - ask_a) / ask_a * 1e4
        yield "x_ba_bps", (bid_a - ask_b * fair) / (ask_b * fair) * 1e4
        yield "fair_bps", (fair - 1) * 1e4
        yield "width_a_bps", (ask_a - bid_a) / ((ask_a + bid_a) / 2) * 1e4
        yield "width_b_bps", (ask_b - bid_b) / ((ask_b + bid_b) / 2) * 1e4
        if row[11]:
            yield "fx_age_s", (ts - row[11]) / 1e9
        yield "fair_daily_change_bps", self._daily_change(ts, fair)

    def _daily_change(self, ts: int, fair: float) -> float:
        """Return the change of the fair ratio since a day ago, from one sample per minute; NaN before."""
        if math.isfinite(fair) and (not self._fairs or ts - self._fairs[-1][0] >= MINUTE_NS):
            self._fairs.append((ts, fair))
        while len(self._fairs) > 1 and self._fairs[1][0] <= ts - DAY_NS:
            del self._fairs[0]
        if not self._fairs or self._fairs[0][0] > ts - DAY_NS:
            return math.nan
        return (fair / self._fairs[0][1] - 1) * 1e4
