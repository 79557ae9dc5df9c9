"""What happens to costs and orders: slippage, fees, a second leg that comes late or is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray, RecordArray
from arbkit.config import Params
from arbkit.engine import backtest
from arbkit.panel import Panel
from arbkit.records import Side
from arbkit.stress.draft import Draft
from arbkit.stress.draws import uniforms
from arbkit.stress.scenario import Bookings, Scenario, choice, flag, number, span, whole
from arbkit.units import duration_ns

__all__ = ["FeeSurge", "LateLeg", "RefusedLeg", "Slippage"]

#: Per panel that a strategy saw, the panels that tell what it would have entered.
_PROBES: Final[WeakKeyDictionary[Panel, dict[Scenario, Panel]]] = WeakKeyDictionary()
#: The smallest stop that is left where costs that nobody saw coming fall.
_LEAST_STOP: Final = 1e-9


@dataclass(frozen=True, kw_only=True)
class Slippage(Scenario):
    """Every crossing slips by this much, both legs together.

    The strategy goes on deciding with the slippage that it was set up with, unless it is `known`.
    """

    name: ClassVar[str] = "slippage"
    summary: ClassVar[str] = "every crossing slips by more than the strategy was set up with"

    slippage_bps: float = number(20.0, "bps", "of one crossing, both legs together", low=0, high=5_000)
    known: bool = flag(False, "whether the strategy's thresholds count it")

    @property
    def label(self) -> str:
        """The name with the slippage."""
        return f"slippage {self.slippage_bps:g} bps"

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"a crossing slips by {self.slippage_bps:g} bps, {_expected(self.known)}"

    def change(self, params: Params) -> Params:
        """Set the slippage."""
        more = self.slippage_bps - params.slippage_bps
        if more == 0:
            return params
        return _costlier(params, more, self.known, slippage_bps=self.slippage_bps)


@dataclass(frozen=True, kw_only=True)
class FeeSurge(Scenario):
    """Both venues raise their taker fees, by as much as from one fee to another.

    Fees are announced: the strategy's thresholds count them, unless `known` is false.
    """

    name: ClassVar[str] = "fee_surge"
    summary: ClassVar[str] = "both venues raise their taker fees, as from 4 to 15 bps"

    from_bps: float = number(4.0, "bps", "the fee before")
    to_bps: float = number(15.0, "bps", "the fee after")
    known: bool = flag(True, "whether the strategy's thresholds count it")

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return (
            f"taker fees {self.to_bps - self.from_bps:+g} bps at both venues "
            f"({self.from_bps:g} to {self.to_bps:g}), {_expected(self.known)}"
        )

    def change(self, params: Params) -> Params:
        """Raise both fees."""
        more = self.to_bps - self.from_bps
        if more == 0:
            return params
        fees = {name: getattr(params, name) + more for name in ("taker_fee_a_bps", "taker_fee_b_bps")}
        return _costlier(params, 2 * more, self.known, **fees)


@dataclass(frozen=True, kw_only=True)
class LateLeg(Scenario):
    """The second leg of every order comes late: it is filled at whatever its book shows then.

    The engine's latency per leg: the first leg is filled as before, the second one this much later.
    """

    name: ClassVar[str] = "late_leg"
    summary: ClassVar[str] = "the second leg of every order is filled a second later"

    leg: str = choice("b", "the leg that comes late", ("a", "b"))
    late_ms: float = number(1_000.0, "ms", "how much later", low=0, high=1e9)

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"leg {self.leg.upper()} of every order is filled {self.late_ms:,g} ms after the other"

    def change(self, params: Params) -> Params:
        """Add to the latency of one leg."""
        if self.late_ms == 0:
            return params
        name = f"latency_{self.leg}_ms"
        own = getattr(params, name)
        return params.replace(**{name: (params.latency_ms if own is None else own) + self.late_ms})


@dataclass(frozen=True, kw_only=True)
class RefusedLeg(Scenario):
    """At times one venue refuses orders: the leg filled at the other one is unwound there, at a loss.

    In a share of the time, window by window, an entry finds its second leg refused. No trade comes of it; the
    first leg is closed at its own venue at the first tradable row after `unwind`, across its spread, with
    slippage and fee. The strategy tries again in the next window in which it is flat. Exits are not refused.
    """

    name: ClassVar[str] = "refused_leg"
    summary: ClassVar[str] = "one venue refuses entries in a quarter of the minutes; the other leg is unwound"

    seed: int = whole(0, "another seed draws other windows")
    leg: str = choice("b", "the leg that is refused", ("a", "b"))
    share: float = number(0.25, "", "share of the windows in which entries are refused", low=0, high=1)
    window: str = span("1m", "length of a window")
    unwind: str = span("1s", "how long until the first leg is closed again", zero=True)

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        share = f"{100 * self.share:.3g} %"
        return (
            f"{self.leg.upper()} refuses entries in {share} of all windows of {self.window}, "
            f"the other leg is unwound {self.unwind} later"
        )

    def shock(self, panel: Panel) -> Panel:
        """Bar entries in the windows: no trade comes of them."""
        if self.share == 0:
            return panel
        draft = Draft(panel)
        draft.column("entry_ok")[self._refusing(panel)] = False
        return draft.panel(f"scenario: {self.describe()}")

    def bookings(self, before: Panel, seen: Panel, params: Params, trades: RecordArray) -> Bookings | None:
        """Book what each refused entry costs, where its leg is closed again."""
        if self.share == 0:
            return None
        attempts = self._attempts(before, seen, params, trades)
        tradable = np.flatnonzero(seen.tradable)
        rows = attempts["entry_index"]
        after = np.searchsorted(seen.ts[tradable], seen.ts[rows] + duration_ns(self.unwind))
        after = np.maximum(after, np.searchsorted(tradable, rows, side="right"))
        there = after < tradable.size
        attempts, closed = attempts[there], tradable[after[there]]
        costs = _leg_round_trip(seen, params, attempts, closed, self.leg)
        order = np.argsort(closed, kind="stable")
        return Bookings(closed[order], costs[order], int(closed.size))

    def _refusing(self, panel: Panel) -> BoolArray:
        numbers, of_row = np.unique(panel.ts // duration_ns(self.window), return_inverse=True)
        refusing: BoolArray = (uniforms(self.seed, "refused_leg", numbers) < self.share)[of_row]
        return refusing

    def _attempts(self, before: Panel, seen: Panel, params: Params, trades: RecordArray) -> RecordArray:
        """Return the first entry in each window that refuses, for which the strategy had room.

        They are the engine's: what it would enter there is found by a run that leaves every trade at once.
        """
        probe = params.replace(
            max_open_trades=1, close_on_spread_reversal=False, take_profit_bps=None, stop_loss_bps=None,
            min_hold_s=0.0, max_hold_s=0.0, cooldown_s=0.0, rearm_spread_bps=None, stop_on_drawdown_pct=None,
            stop_on_drawdown_mtm_pct=None, leverage_b=None, guard=None, close_at_end=False,
        )  # fmt: skip
        made = backtest(self._probed(before, seen), probe).records
        rows = made["entry_index"]
        entered = np.sort(trades["entry_index"])
        left = np.sort(trades["exit_index"][trades["exit_index"] >= 0])
        n_open = np.searchsorted(entered, rows, side="left") - np.searchsorted(left, rows, side="right")
        made = made[n_open < params.max_open_trades]
        windows = made["entry_ts"] // duration_ns(self.window)
        first: RecordArray = made[np.append(True, windows[1:] != windows[:-1])[: made.size]]
        return first

    def _probed(self, before: Panel, seen: Panel) -> Panel:
        """Return the panel with entries in the refusing windows only; made once for many sets."""
        known = _PROBES.setdefault(seen, {})
        if self not in known:
            refusing = self._refusing(seen)
            known[self] = seen.replace(
                entry_ok=refusing if before.entry_ok is None else refusing & before.entry_ok
            )
        return known[self]


def _leg_round_trip(
    panel: Panel, params: Params, attempts: RecordArray, closed: IntArray, refused: str
) -> FloatArray:
    """Return what the other leg of some entries earns that is closed on some rows at its own venue."""
    venue = "a" if refused == "b" else "b"
    h, fee = params.slippage_bps / 2 / 1e4, getattr(params, f"taker_fee_{venue}_bps") / 1e4
    bought = (attempts["side"] == int(Side.LONG_A_SHORT_B)) == (venue == "a")
    into = np.where(bought, attempts["entry_long_px"] * (1 + h), attempts["entry_short_px"] * (1 - h))
    bid, ask = getattr(panel, f"bid_{venue}")[closed], getattr(panel, f"ask_{venue}")[closed]
    out = np.where(bought, bid * (1 - h), ask * (1 + h))
    gained = np.where(bought, out - into, into - out)
    earned: FloatArray = attempts["size"] * (gained - fee * (into + out))
    return earned


def _expected(known: bool) -> str:
    return "and the strategy knows" if known else "and the strategy does not know"


def _costlier(params: Params, more: float, known: bool, **costs: Any) -> Params:
    """Return parameters with other costs; those that nobody knows of leave every decision where it was."""
    if known:
        return params.replace(**costs)
    changes: dict[str, Any] = {**costs, "min_spread_bps": params.min_spread_bps - more}
    if params.take_profit_bps is not None:
        changes["take_profit_bps"] = params.take_profit_bps - 2 * more
    if params.stop_loss_bps is not None:
        changes["stop_loss_bps"] = max(params.stop_loss_bps + 2 * more, _LEAST_STOP)
    if params.guard is not None and params.guard.min_spread_bps is not None:
        limits = params.guard.to_dict() | {"min_spread_bps": params.guard.min_spread_bps - more}
        changes["guard"] = limits
    return params.replace(**changes)
