"""Checks of single rows and of neighbouring rows, as polars expressions over one batch.

Each check marks rows; its badness says which of them are the worst (the earliest, where all are alike). A
batch starts with the row before it, so that `shift` sees the neighbour; that row is not counted again.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl

from arbkit.data.manifest import InstrumentInfo
from arbkit.data.schema import TIMESTAMP
from arbkit.data.validate.findings import Limits, Severity
from arbkit.units import DAY_NS

__all__ = ["RowCheck", "row_checks"]

#: 1990-01-01. Today's time in s, ms or us, read as ns, lies in January 1970; FX goes back to before 2009.
_FIRST_SANE_NS: Final = 631_152_000 * 10**9


class RowCheck(NamedTuple):
    """One check of rows: which are marked, how bad each is, what to show of them.

    `grave_share` is the share of rows from which the finding is an error.
    """

    code: str
    severity: Severity
    message: str
    marks: pl.Expr
    badness: pl.Expr
    columns: tuple[str, ...]
    grave_share: float | None = None


def row_checks(info: InstrumentInfo, limits: Limits, told: pl.Series | None = None) -> list[RowCheck]:
    """Return the checks that fit an instrument; `told` holds the stamps of its rows in the table of gaps."""
    checks = _time_checks(info, limits)
    if info.is_candle:
        return checks + _candle_checks(info, limits)
    deeper = _level_checks(info.levels, limits) if info.levels > 1 else []
    books = _book_checks(info, limits)
    if told is not None and len(told):
        books = _without_gap_rows(books, info, told)
    return checks + books + deeper


def _without_gap_rows(checks: list[RowCheck], info: InstrumentInfo, told: pl.Series) -> list[RowCheck]:
    """Tell the rows by which a recorder says that it lost the book from quotes that lack a price."""
    is_gap = (
        pl.col("bid_px_00").is_null()
        & pl.col("ask_px_00").is_null()
        & pl.col(info.clock).is_in(told.implode())
    )
    age = -pl.col(info.clock).to_physical()
    text = "have no prices because the recorder did not know the book: they stand in its table of gaps"
    kept = [
        item._replace(marks=item.marks & ~is_gap) if item.code == "missing_price" else item for item in checks
    ]
    return [*kept, RowCheck("gap_rows", "info", text, is_gap, age, ())]


def _time_checks(info: InstrumentInfo, limits: Limits) -> list[RowCheck]:
    clock = pl.col(info.clock)
    step = clock.to_physical().diff()
    columns = tuple(name for name in ("ts_event", "ts_recv") if name in info.columns)
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in info.columns)
    found = [
        RowCheck("unsorted", "error", "stamped before the row above", step < 0, -step, columns),
        RowCheck("duplicate_stamps", "warning", "share the stamp of the row above", step == 0, step, columns),
        RowCheck("duplicate_rows", "warning", "repeat the row above, stamp and all", same, step, columns),
        RowCheck(
            "stamp_units",
            "error",
            "stamped before 1990: seconds, ms or us taken for ns?",
            clock < _moment(_FIRST_SANE_NS),
            -clock.to_physical(),
            columns,
        ),
        RowCheck(
            "future_stamps",
            "error",
            "stamped in the future",
            clock > _moment(limits.now_ns + DAY_NS),
            clock.to_physical(),
            columns,
        ),
    ]
    if info.has_ts_recv:
        back = pl.col("ts_event").to_physical().diff()
        found.append(
            RowCheck(
                "event_unsorted",
                "warning",
                "have a `ts_event` before the row above",
                back < 0,
                -back,
                columns,
            )
        )
    return found


def _book_checks(info: InstrumentInfo, limits: Limits) -> list[RowCheck]:
    bid, ask = pl.col("bid_px_00"), pl.col("ask_px_00")
    bid_size, ask_size = pl.col("bid_sz_00"), pl.col("ask_sz_00")
    width = (bid / ask - 1.0) * 1e4
    real = (bid > 0) & (ask > 0)
    impossible = ~(bid > 0) | ~(ask > 0) | bid.is_infinite() | ask.is_infinite()
    age = -pl.col(info.clock).to_physical()
    show = ("bid_px_00", "bid_sz_00", "ask_px_00", "ask_sz_00")
    share = limits.bad_share
    return [
        RowCheck("crossed", "warning", "have a bid above the ask", real & (bid > ask), width, show, share),
        RowCheck(
            "locked",
            "info" if info.kind == "fx" else "warning",
            "have a bid equal to the ask",
            real & (bid == ask),
            age,
            show,
        ),
        RowCheck(
            "zero_price", "warning", "have a price that is not above zero", impossible, age, show, share
        ),
        RowCheck(
            "missing_price",
            "warning",
            "lack a best bid or a best ask",
            bid.is_null() | ask.is_null(),
            age,
            show,
            share,
        ),
        RowCheck(
            "zero_size",
            "warning",
            "have a size at the best price that is not above zero",
            (real & (bid_size <= 0)) | (real & (ask_size <= 0)),
            age,
            show,
            share,
        ),
    ]


def _level_checks(levels: int, limits: Limits) -> list[RowCheck]:
    wrong: list[pl.Expr] = []
    for level in range(1, levels):
        for side, sign in (("bid", -1), ("ask", 1)):
            better, worse = pl.col(f"{side}_px_{level - 1:02d}"), pl.col(f"{side}_px_{level:02d}")
            wrong.append((sign * (worse - better) <= 0).fill_null(value=False))
            wrong.append(better.is_null() & worse.is_not_null())
    shown = min(levels, 3)
    columns = tuple(f"{side}_px_{level:02d}" for side in ("bid", "ask") for level in range(shown))
    return [
        RowCheck(
            "disordered_levels",
            "warning",
            "have a level that is not worse than the one before it, or skip one",
            pl.any_horizontal(wrong),
            pl.sum_horizontal(wrong),
            columns,
            limits.bad_share,
        )
    ]


def _candle_checks(info: InstrumentInfo, limits: Limits) -> list[RowCheck]:
    opening, high, low, close = (pl.col(name) for name in ("open", "high", "low", "close"))
    wrong = (low > pl.min_horizontal(opening, close)) | (high < pl.max_horizontal(opening, close))
    age = -pl.col(info.clock).to_physical()
    show = ("open", "high", "low", "close")
    impossible = ~(close > 0) | close.is_infinite()
    share = limits.bad_share
    return [
        RowCheck(
            "zero_price", "warning", "have a close that is not above zero", impossible, age, show, share
        ),
        RowCheck("missing_price", "warning", "lack a close", close.is_null(), age, show, share),
        RowCheck(
            "disordered_bar",
            "warning",
            "have a low above, or a high below, their open or close",
            wrong.fill_null(value=False),
            (low / high - 1.0) * 1e4,
            show,
            share,
        ),
    ]


def _moment(ns: int) -> pl.Expr:
    return pl.lit(ns, dtype=pl.Int64).cast(TIMESTAMP)
