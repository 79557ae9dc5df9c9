"""The funding rates of a panel's perpetual legs, checked once."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray, RecordArray
from arbkit.errors import DataError
from arbkit.kernels.funding import payments_of
from arbkit.records import PAYMENT_DTYPE

__all__ = ["LEGS", "Funding", "checked_funding", "funding_arrays", "payments_on"]

LEGS: Final = ("a", "b")
_Books = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


class Funding(NamedTuple):
    """Funding of both legs: int64 nanoseconds, leg (0 for A, 1 for B), and what a long pays as a fraction."""

    ts: IntArray
    leg: IntArray
    rate: FloatArray

    @property
    def legs_paid(self) -> tuple[str, ...]:
        """The legs that have a rate: "a", "b" or both."""
        return tuple(name for number, name in enumerate(LEGS) if (self.leg == number).any())

    def within(self, ts: IntArray) -> Funding:
        """Return the part from the first to the last of these times."""
        if not ts.size:
            return Funding(self.ts[:0], self.leg[:0], self.rate[:0])
        inside = (self.ts >= ts[0]) & (self.ts <= ts[-1])
        return self if inside.all() else Funding(*(array[inside] for array in self))


def checked_funding(funding: Funding | None, ts: IntArray) -> tuple[Funding | None, str]:
    """Return a funding table in order of time, without what lies outside the rows, and a flag on that, or "".

    Raises:
        DataError: when lengths differ, a rate is not finite, a leg is neither 0 nor 1, the times of a leg are
            out of order or double, or all lie outside the rows.
    """
    if funding is None:
        return None, ""
    given = Funding(
        np.asarray(funding.ts, np.int64),
        np.asarray(funding.leg, np.int64),
        np.asarray(funding.rate, np.float64),
    )
    _check_table(given)
    order = np.argsort(given.ts, kind="stable")
    table = Funding(*(_frozen(array[order]) for array in given))
    if not (ts.size and table.ts.size):
        return table, ""
    inside = table.within(ts)
    missed = table.ts.size - inside.ts.size
    if missed and not inside.ts.size:
        raise DataError(
            "funding times must lie within the panel, all "
            f"{missed} lie outside: {_span(table.ts)} against rows from {_span(ts)}"
        )
    flag = f"{missed} of {table.ts.size} funding times lie outside the panel and are not paid"
    return Funding(*(_frozen(array) for array in inside)), flag if missed else ""


def _check_table(table: Funding) -> None:
    if len({array.shape for array in table}) != 1 or table.ts.ndim != 1:
        raise DataError(
            "a funding table must hold one time, leg and rate per row, "
            f"had shapes {', '.join(str(array.shape) for array in table)}"
        )
    bad = np.flatnonzero(~np.isfinite(table.rate))
    if bad.size:
        raise DataError(
            f"a funding rate must be finite, row {bad[0]} held {table.rate[bad[0]]} ({bad.size} such rows)"
        )
    if np.any((table.leg != 0) & (table.leg != 1)):
        raise DataError("the leg of a funding rate must be 0 (A) or 1 (B)")
    for number, name in enumerate(LEGS):
        times = table.ts[table.leg == number]
        steps = np.diff(times)
        if (steps < 0).any():
            raise DataError(f"funding times of leg {name} must be in order; sort the table by ts first")
        if (steps == 0).any():
            twice = np.datetime64(int(times[1:][steps == 0][0]), "ns")
            raise DataError(f"leg {name} must have one funding rate at a time, had two at {twice}")


def _frozen(array: Any) -> Any:
    copy = np.ascontiguousarray(array)
    copy.flags.writeable = False
    return copy


def _span(ts: IntArray) -> str:
    first, last = (np.datetime64(int(moment), "s") for moment in (ts[0] // 10**9, ts[-1] // 10**9))
    return f"{first} to {last}"


def funding_arrays(funding: Funding | None) -> dict[str, Any]:
    """Return the arrays of a table by name, for the panel's fingerprint."""
    if funding is None:
        return {}
    return {f"funding_{name}": array for name, array in funding._asdict().items()}


def payments_on(funding: Funding | None, ts: IntArray, books: _Books, tradable: BoolArray) -> RecordArray:
    """Return the payments on the rows of a panel as the kernels take them, read-only.

    Args:
        funding: the table, or None for no payments.
        ts, tradable: of the panel.
        books: its bid_a, ask_a, bid_b, ask_b.
    """
    payments = np.empty(0, PAYMENT_DTYPE)
    if funding is not None and funding.ts.size:
        payments = payments_of(ts, *books, tradable, funding.ts, funding.leg, funding.rate)
    payments.flags.writeable = False
    return payments
