"""Weights over the pairs of a run, kept while it goes on.

Beside each pair a second desk of its own trades the same rows at the whole position and without the limits of
the account, on paper: what it earned in a period is what the weights are made of. So they depend on the rows
and the parameters only, neither on themselves nor on what venues filled; `arbkit.engine.sharing.shared_out`
gives the same numbers for the panels of the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from arbkit._typing import FloatArray
from arbkit.engine.sharing import whole_position
from arbkit.kernels.live import ACTIVE
from arbkit.live.config import PairConfig
from arbkit.live.decide import Desk, DeskLimits, PairRules
from arbkit.risk.sharing import PairScales, WeightRule

__all__ = ["PairShares"]

_SCALE = 6
_STATE = 13


class PairShares:
    """The share that each pair takes of its position.

    Args:
        pairs: the pairs of the run.
        rule: how the account is shared out.
        told: called with the stamp and the new state of affairs whenever weights change.
    """

    def __init__(
        self,
        pairs: Sequence[PairConfig],
        rule: WeightRule,
        told: Callable[[int, dict[str, Any]], None] = lambda ts, now: None,
    ) -> None:
        self._names = [pair.name for pair in pairs]
        self._rule = rule
        self._told = told
        self._scales = PairScales([pair.params.max_position_usd for pair in pairs], rule)
        self._desks = [_desk(pair) for pair in pairs]
        self._opening = [desk.limits.initial_balance_usd for desk in self._desks]
        self._period: int | None = None
        self._ends = 0
        self._shares: list[float] = self._scales.scales.tolist()

    def share(self, p: int, ts: int) -> float:
        """Return what multiplies the position of a pair on a row at `ts`; rows before it tell it."""
        if self._period is not None and ts >= self._ends:
            self._close(ts)
        return self._shares[p]

    def see(self, p: int, row: tuple[Any, ...], ladder: FloatArray | None, scale: float) -> None:
        """Take note of a row, fields of `LIVE_ROW_DTYPE`, and of its scale without the share."""
        self._desks[p].push(0, (*row[:_SCALE], scale, *row[_SCALE + 1 : _STATE], ACTIVE), ladder)
        if self._desks[p].decide(0) and self._period is None:
            self._begin(row[0] // self._rule.period_ns)

    def _begin(self, period: int) -> None:
        self._period, self._ends = period, (period + 1) * self._rule.period_ns

    def _close(self, ts: int) -> None:
        """End every period that ended before a row at `ts`."""
        assert self._period is not None
        period, changed = ts // self._rule.period_ns, False
        for ended in range(self._period, period):
            now = [_equity(desk) for desk in self._desks]
            earned = [after - before for after, before in zip(now, self._opening, strict=True)]
            self._opening = now
            changed |= self._scales.close(ended, earned)
        self._begin(period)
        if changed:
            self._shares = self._scales.scales.tolist()
            self._told(ts, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return weight and share of each pair, ready for JSON."""
        weights = dict(zip(self._names, self._scales.weights.tolist(), strict=True))
        return {
            "method": self._rule.method,
            "weights": weights,
            "shares": dict(zip(self._names, self._shares, strict=True)),
        }

    # Going on after a crash.

    def state(self) -> dict[str, Any]:
        """Return what has to be kept to go on later, ready for JSON."""
        return {
            "period": self._period,
            "opening": self._opening,
            "desks": [desk.snapshot(0) for desk in self._desks],
            "scales": self._scales.state(),
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        if kept["period"] is not None:
            self._begin(int(kept["period"]))
        self._opening = [float(value) for value in kept["opening"]]
        for desk, snapshot in zip(self._desks, kept["desks"], strict=True):
            desk.restore(0, snapshot)
        self._scales.restore(kept["scales"])
        self._shares = self._scales.scales.tolist()

    def again(self, p: int, row: tuple[Any, ...], ladder: FloatArray | None, scale: float) -> None:
        """Take note of a row of the tape, as `share` and `see` did when it came; nobody is told."""
        told, self._told = self._told, lambda ts, now: None
        self.share(p, row[0])
        self.see(p, row, ladder, scale)
        self._told = told


def _desk(pair: PairConfig) -> Desk:
    params = whole_position(pair.params)
    return Desk([PairRules(pair.name, params)], DeskLimits(initial_balance_usd=params.initial_balance_usd))


def _equity(desk: Desk) -> float:
    balance = desk.limits.initial_balance_usd + float(desk.account[0]["realized_pnl"])
    return balance + float(desk.shared[0, 0])
