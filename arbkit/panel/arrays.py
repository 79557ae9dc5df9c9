"""Arrays as a panel holds them: one dtype, one length, read-only; and the ladders of its books."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray
from arbkit.errors import DataError
from arbkit.kernels.ladder import Books, first_unordered

__all__ = [
    "Ladders",
    "check_fair",
    "check_levels",
    "checked_ladders",
    "frozen_array",
    "frozen_column",
    "frozen_times",
    "ladder_addresses",
    "optional_column",
]


class Ladders(NamedTuple):
    """Book levels of both venues, float64 (n, levels); level 0 is the top, NaN where a level is missing.

    Prices are in the account currency, sizes in base units.
    """

    bid_px_a: FloatArray
    bid_sz_a: FloatArray
    ask_px_a: FloatArray
    ask_sz_a: FloatArray
    bid_px_b: FloatArray
    bid_sz_b: FloatArray
    ask_px_b: FloatArray
    ask_sz_b: FloatArray

    @property
    def levels(self) -> int:
        """How many levels each side has."""
        return int(self.bid_px_a.shape[1])


def frozen_array(values: Any, dtype: Any, name: str, length: int | None = None) -> Any:
    """Return a contiguous read-only array of one dtype and length, without copying where possible."""
    given = np.asarray(values)
    if given.dtype.kind not in "fiub":
        raise DataError(f"column `{name}` must hold numbers, was {given.dtype}")
    array = np.ascontiguousarray(given, dtype=dtype)
    if length is not None and array.shape[0] != length:
        raise DataError(
            f"all columns of a panel must have one length, `{name}` had {array.shape[0]} rows, `ts` {length}"
        )
    view = array.view()
    view.flags.writeable = False
    return view


def checked_ladders(ladders: Ladders, n: int) -> Ladders:
    """Return contiguous read-only ladders of n rows and one depth, or raise `DataError`."""
    checked = Ladders(
        *(frozen_array(a, np.float64, f, n) for f, a in zip(Ladders._fields, ladders, strict=True))
    )
    shapes = {array.shape for array in checked}
    if len(shapes) != 1 or checked.bid_px_a.ndim != 2:
        raise DataError(f"all ladders must have one shape (rows, levels), had {sorted(shapes)}")
    return checked


def ladder_addresses(ladders: Ladders | None) -> Books:
    """Return where the ladders lie, for kernels; they must outlive the use of it."""
    if ladders is None or ladders[0].size == 0:
        return Books(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    named = {name: array.ctypes.data for name, array in ladders._asdict().items()}
    return Books(**named, levels=ladders[0].shape[1], reach=0, reach_bytes=0)


def check_fair(fair: FloatArray | None) -> None:
    """Refuse a fair ratio that is neither above 0 nor NaN."""
    if fair is None:
        return
    bad = np.flatnonzero((fair <= 0) | np.isinf(fair))
    if bad.size:
        raise DataError(
            "`fair` must be a ratio above 0, or NaN where it is not known, "
            f"row {bad[0]} held {fair[bad[0]]} ({bad.size} such rows)"
        )


def frozen_column(values: Any, dtype: Any, name: str, length: int) -> Any:
    """Return a `frozen_array` of one number per row."""
    array = frozen_array(values, dtype, name, length)
    if array.ndim != 1:
        raise DataError(f"column `{name}` must hold one number per row, had shape {array.shape}")
    return array


def optional_column(values: Any, dtype: Any, name: str, length: int) -> Any:
    """Return a `frozen_column`, or None for None."""
    return None if values is None else frozen_column(values, dtype, name, length)


def frozen_times(ts: Any) -> IntArray:
    """Return times as a column of int64 nanoseconds; datetimes of any unit are taken too."""
    times = np.asarray(ts)
    if times.dtype.kind == "M":
        if np.isnat(times).any():
            raise DataError(f"column `ts` must hold a time in every row, {np.isnat(times).sum()} had none")
        times = times.astype("datetime64[ns]").astype(np.int64)
    if times.dtype.kind not in "iu" and times.size:
        raise DataError(f"column `ts` must hold int64 nanoseconds or datetime64, was {times.dtype}")
    return frozen_column(times, np.int64, "ts", times.size)  # type: ignore[no-any-return]


def check_levels(ladders: Ladders | None, tops: Mapping[str, FloatArray], tradable: BoolArray) -> None:
    """Check that on tradable rows the prices of every ladder get worse from level to level.

    Args:
        ladders: of n rows.
        tops: best price of each side, float64 (n,): bid_a, ask_a, bid_b, ask_b.
        tradable: bool (n,).

    Raises:
        DataError: naming the first row and level out of order.
    """
    if ladders is None:
        return
    for side in ("bid", "ask"):
        for venue in ("a", "b"):
            name = f"{side}_px_{venue}"
            prices, sizes = getattr(ladders, name), getattr(ladders, f"{side}_sz_{venue}")
            top = tops[f"{side}_{venue}"]
            row, level = first_unordered(prices, sizes, top, tradable, side == "bid")
            if row >= 0:
                better = "fall" if side == "bid" else "rise"
                before = top[row] if level == 0 else prices[row, level - 1]
                raise DataError(
                    f"prices of `{name}` must {better} from the best one down the ladder, row {row} has "
                    f"{prices[row, level]:g} at level {level + 1} after {before:g}; "
                    "sort the levels of the books"
                )
