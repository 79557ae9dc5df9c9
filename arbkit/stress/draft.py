"""A panel while a shock is written into it: columns are copied when they are first touched."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np

from arbkit._typing import BoolArray, FloatArray
from arbkit.panel import Panel
from arbkit.panel.arrays import Ladders

__all__ = ["LEGS", "Draft", "Leg", "changed_rows", "mid"]

Leg = Literal["a", "b"]
LEGS: Final[tuple[Leg, Leg]] = ("a", "b")
_SIDES: Final = ("bid", "ask")


class Draft:
    """What a shock writes to; `panel()` gives the result, with an index of its own to come.

    Args:
        panel: the market before; it is left as it is, stored ones included.
    """

    def __init__(self, panel: Panel) -> None:
        self.before = panel
        self._new: dict[str, Any] = {}

    def column(self, name: str) -> Any:
        """Return a column to write to: `bid_a`, ..., `fx_a`, `entry_ok`."""
        if name not in self._new:
            there = getattr(self.before, name)
            if there is None:
                there = np.ones(len(self.before), np.bool_ if name == "entry_ok" else np.float64)
            self._new[name] = np.array(there)
        return self._new[name]

    def ladder(self, name: str) -> FloatArray:
        """Return one side of the ladders to write to: `bid_px_a`, ...; the panel has them."""
        if name not in self._new:
            self._new[name] = np.array(getattr(self.before.ladders, name))
        ladder: FloatArray = self._new[name]
        return ladder

    def scale(self, leg: Leg, rows: slice, factor: Any) -> None:
        """Multiply all prices of a leg on some rows.

        Args:
            leg: which.
            rows: where.
            factor: one number above 0 for all of them, or float64 of their number.
        """
        for side in _SIDES:
            self.column(f"{side}_{leg}")[rows] *= factor
            if self.before.ladders is not None:
                self.ladder(f"{side}_px_{leg}")[rows] *= factor if np.ndim(factor) == 0 else factor[:, None]

    def void(self, leg: Leg, rows: slice) -> None:
        """Leave a leg without quotes on some rows: they are not tradable."""
        for side in _SIDES:
            self.column(f"{side}_{leg}")[rows] = np.nan

    def repeat(self, leg: Leg, row: int, rows: slice) -> None:
        """Show the book of one row on others, converted at their own rate where the leg is converted."""
        fx = getattr(self.before, f"fx_{leg}")
        rate: Any = 1.0 if fx is None else np.nan_to_num(fx[rows] / fx[row], nan=1.0)
        for side in _SIDES:
            column = self.column(f"{side}_{leg}")
            column[rows] = column[row] * rate
            if self.before.ladders is not None:
                prices, sizes = self.ladder(f"{side}_px_{leg}"), self.ladder(f"{side}_sz_{leg}")
                prices[rows] = prices[row] * (rate if np.ndim(rate) == 0 else rate[:, None])
                sizes[rows] = sizes[row]

    def bar_entries(self, rows: slice) -> None:
        """Let nothing be entered on some rows."""
        self.column("entry_ok")[rows] = False

    def panel(self, flag: str = "") -> Panel:
        """Return the changed panel, or the one before where nothing was touched.

        Args:
            flag: what its results have to say of it.
        """
        if not self._new:
            return self.before
        changes = {name: values for name, values in self._new.items() if name not in Ladders._fields}
        ladders = {name: values for name, values in self._new.items() if name in Ladders._fields}
        if ladders and self.before.ladders is not None:
            changes["ladders"] = self.before.ladders._replace(**ladders)
        if flag:
            changes["flags"] = (*self.before.meta.flags, flag)
        return self.before.replace(**changes)


def mid(panel: Panel, leg: Leg, rows: slice = slice(None)) -> FloatArray:
    """Return the mid prices of a leg, NaN where it has no quote."""
    bid, ask = getattr(panel, f"bid_{leg}")[rows], getattr(panel, f"ask_{leg}")[rows]
    middle: FloatArray = (bid + ask) / 2
    return middle


def changed_rows(before: Panel, after: Panel) -> BoolArray:
    """Tell on which rows books, rates, the fair ratio or the leave to enter differ, bool (n,)."""
    changed = np.zeros(len(before), np.bool_)
    if before is after:
        return changed
    for name in ("bid_a", "ask_a", "bid_b", "ask_b", "fx_a", "fx_b", "fair", "entry_ok"):
        one, other = getattr(before, name), getattr(after, name)
        if one is other:
            continue
        neutral: Any = np.ones(len(before), np.bool_ if name == "entry_ok" else np.float64)
        one, other = (neutral if column is None else column for column in (one, other))
        if np.may_share_memory(one, other) and one.ctypes.data == other.ctypes.data:
            continue
        differs = one != other
        if name != "entry_ok":
            differs &= ~(np.isnan(one) & np.isnan(other))
        changed |= differs
    return changed
