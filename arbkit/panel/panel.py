"""`Panel`: one instrument on two venues, on one clock, in one currency, as contiguous arrays.

This is the only border between frames and arrays. Length, dtype, order and contiguity are checked here
once; no kernel checks them again.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray, PathLike
from arbkit.errors import DataError
from arbkit.kernels.index import Index
from arbkit.kernels.market import Market
from arbkit.kernels.reach import SIDES, ladder_reach
from arbkit.kernels.runs import Rises
from arbkit.kernels.skip import grid_rows
from arbkit.kernels.spread import signals, spreads, tradable_rows
from arbkit.panel._time import to_ns
from arbkit.panel.arrays import (
    Ladders,
    check_fair,
    check_levels,
    checked_ladders,
    frozen_array,
    frozen_column,
    frozen_times,
    ladder_addresses,
    optional_column,
)
from arbkit.panel.excursions import ExcursionTables
from arbkit.panel.funding import Funding, checked_funding, funding_arrays, payments_on
from arbkit.panel.pyramid import Pyramid
from arbkit.panel.rises import NO_RISES, sorted_rises
from arbkit.panel.shown import Shown
from arbkit.panel.store_index import INDEX_FILE, built_index, stored_index

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Ladders", "Panel", "PanelMeta"]

_PRICES: Final = ("bid_a", "ask_a", "bid_b", "ask_b")


@dataclass(frozen=True)
class PanelMeta:
    """What a reader must know about a panel besides its numbers.

    `clock` is the stamp the rows stand on, `fidelity` is "book" or "candle" (made from closes with an assumed
    half spread), `spot_a`/`spot_b` tell that a venue is spot and cannot be sold short without inventory,
    `max_age_ns` is the longest a quote may be carried forward (-1 for no limit), `flags` are warnings.
    `files` names the dataset's files that the rows come from, each with the hash of its values: a dataset may
    have grown since.
    """

    name: str = ""
    leg_a: str = "a"
    leg_b: str = "b"
    currency: str = "USD"
    clock: str = "ts"
    fidelity: str = "book"
    source: str = ""
    source_fingerprint: str = ""
    reference: str = "none"
    fx: str = ""
    spot_a: bool = True
    spot_b: bool = True
    max_age_ns: int = -1
    flags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class Panel(Shown):
    """One instrument on two venues, row by row, in the account currency.

    All arrays are contiguous and read-only, of length n: `ts` int64 nanoseconds UTC, non-decreasing;
    `bid_a, ask_a, bid_b, ask_b` float64, NaN where a quote is void, stale or cannot be converted; `fair`
    float64 or None for 1; `entry_ok` bool or None for true; `tradable` bool, made here; `fx_a`/`fx_b` float64
    account currency per unit of the venue's, or None; `ladders` or None; `funding` or None; `columns`:
    further named float64.

    Raises:
        DataError: when lengths differ, a column is not numeric, time runs backwards, or a fair ratio is
            neither above 0 nor NaN, or the funding times are out of order, double or all outside the rows.
    """

    def __init__(
        self,
        ts: Any,
        bid_a: Any,
        ask_a: Any,
        bid_b: Any,
        ask_b: Any,
        *,
        fair: Any = None,
        entry_ok: Any = None,
        ladders: Ladders | None = None,
        fx_a: Any = None,
        fx_b: Any = None,
        scale: Any = None,
        columns: dict[str, Any] | None = None,
        funding: Funding | None = None,
        meta: PanelMeta | None = None,
    ) -> None:
        self.ts: IntArray = frozen_times(ts)
        n = self.ts.size
        self.bid_a: FloatArray = frozen_column(bid_a, np.float64, "bid_a", n)
        self.ask_a: FloatArray = frozen_column(ask_a, np.float64, "ask_a", n)
        self.bid_b: FloatArray = frozen_column(bid_b, np.float64, "bid_b", n)
        self.ask_b: FloatArray = frozen_column(ask_b, np.float64, "ask_b", n)
        self.fair: FloatArray | None = optional_column(fair, np.float64, "fair", n)
        self.entry_ok: BoolArray | None = optional_column(entry_ok, np.bool_, "entry_ok", n)
        self.fx_a: FloatArray | None = optional_column(fx_a, np.float64, "fx_a", n)
        self.fx_b: FloatArray | None = optional_column(fx_b, np.float64, "fx_b", n)
        self.scale: FloatArray | None = optional_column(scale, np.float64, "scale", n)
        self.ladders = None if ladders is None else checked_ladders(ladders, n)
        self.columns: dict[str, FloatArray] = {
            name: frozen_column(values, np.float64, name, n) for name, values in (columns or {}).items()
        }
        self.meta = meta or PanelMeta()
        self.funding, missed = checked_funding(funding, self.ts)
        if missed:
            self.meta = dataclasses.replace(self.meta, flags=(*self.meta.flags, missed))
        self._grids: dict[int, tuple[IntArray, int]] = {}
        self._grid_prices: dict[int, FloatArray] = {}
        self._rises = NO_RISES
        self._reaches: tuple[Any, ...] = ()
        self._ladders_checked = False
        self._home: tuple[Path, str] | None = None
        _check_order(self.ts)
        check_fair(self.fair)

    @classmethod
    def from_frame(cls, frame: Any, **meta: Any) -> Panel:
        """Make a panel of a polars, pandas or pyarrow frame.

        Args:
            frame: `ts` (a datetime, naive ones read as UTC, or int64 nanoseconds), `bid_a, ask_a, bid_b,
                ask_b`, and optionally `fair`, `entry_ok`, `fx_a`, `fx_b`, `scale`, sizes
                (`bid_size_a` or `bid_sz_a`, ...), deeper levels (`bid_px_a_01`,
                `bid_sz_a_01`, ...). Further numeric columns are kept for `with_reference("column:NAME")`.
            meta: fields of `PanelMeta`, such as name, leg_a, leg_b, currency.

        Raises:
            DataError: naming the missing or bad column.
        """
        from arbkit.panel.frames import panel_from_frame

        return panel_from_frame(frame, PanelMeta(**meta))

    @classmethod
    def from_candles(
        cls,
        a: Any,
        b: Any,
        fx: Any = None,
        half_spread_a_bps: float | None = None,
        half_spread_b_bps: float | None = None,
        *,
        max_age: str | float | None = None,
        fx_max_age: str | float | None = None,
        **meta: Any,
    ) -> Panel:
        """Make a panel of candle closes, with an assumed half spread around each close.

        Args:
            a, b: frames with `ts` (bar end) and `close`.
            fx: frame with `ts` and `close`, units of A's currency per unit of B's (A in KRW, B in USDT, FX in
                KRW per USDT); None when both closes are in one currency.
            half_spread_a_bps, half_spread_b_bps: needed, above 0; bid and ask are close * (1 -+ half
                spread).
            max_age, fx_max_age: how long a close stays valid; by default one bar, for FX its longest gap.
            meta: fields of `PanelMeta`.

        Returns:
            A panel whose `meta.fidelity` is "candle": real books were not seen.

        Raises:
            ConfigError: when a half spread is missing or not above 0.
            DataError: naming the missing, bad or unsorted column.
            CoverageError: when the candles never overlap in time, or FX does not cover them.
        """
        from arbkit.panel.candles import panel_from_candles

        return panel_from_candles(
            a,
            b,
            fx,
            half_spreads_bps=(half_spread_a_bps, half_spread_b_bps),
            max_age=max_age,
            fx_max_age=fx_max_age,
            meta=PanelMeta(**{"fidelity": "candle", **meta}),
        )

    @classmethod
    def of_checked(
        cls,
        parts: dict[str, Any],
        *,
        tradable: BoolArray | None = None,
        home: tuple[Path, str] | None = None,
        fingerprint: str = "",
    ) -> Panel:
        """Make a panel of what was checked when it was first made: nothing is read, nothing is copied.

        Args:
            parts: every argument of `Panel` by name, the arrays as an existing panel has them.
            tradable: the rows' mark, where it is known.
            home: the folder of its store and the identity of its numbers.
            fingerprint: where it is known.
        """
        panel = cls.__new__(cls)
        vars(panel).update(
            parts,
            _grids={},
            _grid_prices={},
            _rises=NO_RISES,
            _reaches=(),
            _ladders_checked=False,
            _home=home,
        )
        if tradable is not None:
            vars(panel)["tradable"] = tradable
        if fingerprint:
            vars(panel)["fingerprint"] = fingerprint
        return panel

    @classmethod
    def open(cls, path: PathLike, *, verify: bool = False) -> Panel:
        """Open a panel store: its arrays and its index are mapped, so that processes share them.

        Args:
            path: the folder written by `store`.
            verify: also hold every column against its checksum, which reads all of it.

        Raises:
            DataError: when the folder is no store, or a file is missing, cut off or damaged.
        """
        from arbkit.panel.store import open_store

        return open_store(path, verify=verify)

    def store(self, path: PathLike, *, replace: bool = False) -> Panel:
        """Write the panel and its index as a store, which appears whole or not at all, and return it opened.

        Args:
            path: the store's folder.
            replace: put the new store in the place of an old one.

        Raises:
            DataError: when the folder exists already or cannot be written.
        """
        from arbkit.panel.store import write_store

        return write_store(self, path, replace=replace)

    @classmethod
    def read(cls, path: PathLike) -> Panel:
        """Read a panel written by `write`."""
        from arbkit.panel.files import read_panel

        return read_panel(path)

    def write(self, path: PathLike) -> None:
        """Write the panel and its meta data as one Parquet file, which appears whole or not at all."""
        from arbkit.panel.files import write_panel

        write_panel(self, path)

    def with_reference(self, reference: str, *, step_s: float = 60.0) -> Panel:
        """Return the panel with its fair ratio filled from the past.

        Args:
            reference: "none" (fair = 1), "fixed:BPS", "ewma:HALF_LIFE", "median:WINDOW" (such as "ewma:6h")
                or "column:NAME". A scale may stand behind it: "ewma:6h; scale=ewma:30m,target=20".
            step_s: grid of ewma and median in seconds.

        Raises:
            ConfigError: for a reference that does not exist.
        """
        from arbkit.panel.reference import with_reference

        return with_reference(self, reference, step_s=step_s)

    def with_scale(self, scale: str) -> Panel:
        """Return the panel with the share of the position that each row would take, made of the past.

        Args:
            scale: "none" (the whole), a volatility model with its target, such as "ewma:30m,target=20" (bps
                per square root of an hour; `arbkit.risk.parse_scale` knows the rest), or "column:NAME".

        Raises:
            ConfigError: for a scale that does not exist.
            MissingDependencyError: when its model needs a package that is not installed.
        """
        from arbkit.panel.scale import with_scale

        return with_scale(self, scale)

    def with_funding(self, source: Any) -> Panel:
        """Return the panel with the funding rates of its perpetual legs.

        Args:
            source: a frame, or a Parquet or CSV file, with `ts`, `rate` (a fraction: what a long pays, 0.0001
                for one basis point) and which leg it is: `venue` and `symbol`, or `leg` ("a" or "b"). Rows of
                other instruments are passed over.

        Raises:
            DataError: naming the missing or bad column, times out of order or double, no row for either leg,
                or when all times lie outside the panel. Single times outside are dropped and flagged.
        """
        from arbkit.panel.funding_source import funding_of

        return self.replace(funding=funding_of(source, self.meta.leg_a, self.meta.leg_b))

    @cached_property
    def tradable(self) -> BoolArray:
        """bool (n,): both books two-sided, positive, finite, not crossed and fresh."""
        return frozen_array(  # type: ignore[no-any-return]
            tradable_rows(self.bid_a, self.ask_a, self.bid_b, self.ask_b), np.bool_, "tradable"
        )

    @cached_property
    def market(self) -> Market:
        """The arrays as the kernels take them; absent ones have length 0."""
        return Market(
            self.ts,
            self.bid_a,
            self.ask_a,
            self.bid_b,
            self.ask_b,
            _NO_FLOATS if self.fair is None else self.fair,
            _NO_BOOLS if self.entry_ok is None else self.entry_ok,
            self.tradable,
            _NO_FLOATS if self.scale is None else self.scale,
            _NO_FLOATS if self.fx_a is None else self.fx_a,
            _NO_FLOATS if self.fx_b is None else self.fx_b,
            payments_on(
                self.funding, self.ts, (self.bid_a, self.ask_a, self.bid_b, self.ask_b), self.tradable
            ),
            ladder_addresses(self.ladders),
        )

    @cached_property
    def measured_market(self) -> Market:
        """The arrays with bounds of how far the ladders reach, which marks of trades on ladders ask for.

        Made when first asked for; it takes about as long as the check that levels are in order.
        """
        if self.levels == 0 or self.index.last < self.index.first:
            return self.market
        reach = np.empty((SIDES, self.index.bounds.shape[1]), np.float32)
        ladder_reach(self.market, self.index.offsets, reach)
        # Kernels have its address alone; two threads may come here at once, and each uses its own.
        self._reaches = (*self._reaches, reach)
        books = self.market.books._replace(reach=reach.ctypes.data, reach_bytes=reach.strides[0])
        return self.market._replace(books=books)

    @property
    def levels(self) -> int:
        """How many levels of the books the panel holds; 0 without sizes."""
        return 0 if self.ladders is None else int(self.ladders[0].shape[1])

    def check_ladders(self) -> None:
        """Check, once, that on tradable rows the prices of every ladder get worse from level to level.

        Raises:
            DataError: naming the first row and level out of order.
        """
        if not self._ladders_checked:
            tops = {name: getattr(self, name) for name in ("bid_a", "ask_a", "bid_b", "ask_b")}
            check_levels(self.ladders, tops, self.tradable)
            self._ladders_checked = True

    @cached_property
    def index(self) -> Index:
        """Block maxima and minima: mapped where the panel is stored, else built (about 2 ns per row)."""
        if self._home is None:
            return built_index(self.market)
        folder, identity = self._home
        return stored_index(self.market, folder / INDEX_FILE, identity)

    @cached_property
    def pyramid(self) -> Pyramid:
        """The signals' extremes by blocks, for pictures (about 5 ns per row when first asked for)."""
        return Pyramid(self.market)

    @property
    def has_index(self) -> bool:
        """Whether the index is made, or stored beside the panel."""
        return "index" in vars(self) or self._home is not None

    @property
    def folder(self) -> Path | None:
        """The folder of the store that the panel was opened from, if it was."""
        return None if self._home is None else self._home[0]

    @cached_property
    def excursions(self) -> ExcursionTables:
        """The tables of record highs, by exit level."""
        return ExcursionTables(self.market)

    def grid_rows(self, step_ns: int) -> tuple[IntArray, int]:
        """Return for each multiple of `step_ns` the last tradable row at or before it, and the first time."""
        if step_ns not in self._grids:
            rows, begin = grid_rows(self.market, self.index.first, self.index.last, step_ns)
            self._grids[step_ns] = (rows, int(begin))
        return self._grids[step_ns]

    def grid_prices(self, step_ns: int) -> FloatArray:
        """Return bids and asks of A and of B on the rows of a grid, side by side.

        Returns:
            float64 (points, 4), or (0, 4) where points lie so dense that this would be as large as a column.
        """
        if step_ns not in self._grid_prices:
            rows = self.grid_rows(step_ns)[0]
            rows = rows if 4 * rows.size <= len(self) else rows[:0]
            columns = (self.bid_a, self.ask_a, self.bid_b, self.ask_b)
            self._grid_prices[step_ns] = np.column_stack([column[rows] for column in columns])
        return self._grid_prices[step_ns]

    def rises(self, floor_bps: float = np.inf) -> Rises:
        """Return the sorted table that counts excursions beyond any level by two searches.

        Making it costs about as much as counting them once, at the floor, on the rows.

        Args:
            floor_bps: lowest signal at which they will be counted. A table that does not reach down so far is
                made anew; below 0, where nearly every row counts, none is.
        """
        if 0 <= floor_bps < self._rises.floor:
            self._rises = sorted_rises(self.market, self.index, floor_bps)
        return self._rises

    @cached_property
    def fingerprint(self) -> str:
        """Hash of all numbers in the panel: equal content, equal fingerprint."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(str(len(self)).encode())
        for name, array in self._arrays().items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    @property
    def flags(self) -> tuple[str, ...]:
        """Warnings a reader must see beside any result on this panel."""
        candle = ("prices are candle closes with an assumed half spread",)
        return (candle if self.meta.fidelity == "candle" else ()) + self.meta.flags

    @property
    def start_ns(self) -> int:
        """Time of the first row; 0 when there is none."""
        return int(self.ts[0]) if self.ts.size else 0

    @property
    def end_ns(self) -> int:
        """Time of the last row; 0 when there is none."""
        return int(self.ts[-1]) if self.ts.size else 0

    def spreads(self) -> pl.DataFrame:
        """Return the spreads of both directions.

        Returns:
            `ts`, `s_ab_bps`, `s_ba_bps` (executable, before costs), `x_ab_bps`, `x_ba_bps` (from the fair
            ratio), `premium_bps` (mid of A over mid of B, minus one); null where not tradable.
        """
        import polars as pl

        s_ab, s_ba = spreads(self.bid_a, self.ask_a, self.bid_b, self.ask_b, self.tradable)
        x_ab, x_ba = signals(self.bid_a, self.ask_a, self.bid_b, self.ask_b, self.market.fair, self.tradable)
        with np.errstate(all="ignore"):
            premium = ((self.bid_a + self.ask_a) / (self.bid_b + self.ask_b) - 1) * 1e4
        premium[~self.tradable] = np.nan
        frame = pl.DataFrame(
            {"s_ab_bps": s_ab, "s_ba_bps": s_ba, "x_ab_bps": x_ab, "x_ba_bps": x_ba, "premium_bps": premium}
        )
        return frame.select(pl.Series("ts", self.ts).cast(pl.Datetime("ns", "UTC")), pl.all().fill_nan(None))

    def slice(self, start: Any = None, end: Any = None) -> Panel:
        """Return the rows with start <= ts < end, without copying.

        Args:
            start, end: ISO text, a date or datetime (naive ones read as UTC), int nanoseconds, or None.
        """
        lo = 0 if start is None else int(np.searchsorted(self.ts, to_ns(start), side="left"))
        hi = len(self) if end is None else int(np.searchsorted(self.ts, to_ns(end), side="left"))
        return self.rows(lo, hi)

    def rows(self, lo: int, hi: int) -> Panel:
        """Return the rows with numbers lo <= i < hi, without copying."""
        part = slice(lo, max(lo, hi))
        known = vars(self).get("tradable")
        return Panel.of_checked(
            self._mapped(lambda array: array[part]), tradable=None if known is None else known[part]
        )

    def replace(self, **changes: Any) -> Panel:
        """Return a panel with some arrays (`fair`, `entry_ok`, `bid_a`, ...) or `meta` fields exchanged."""
        names = {item.name for item in dataclasses.fields(PanelMeta)}
        meta = dataclasses.replace(self.meta, **{k: v for k, v in changes.items() if k in names})
        arrays = {k: v for k, v in changes.items() if k not in names}
        return Panel(**{**self._parts(), "meta": meta, **arrays})

    def to_frame(self) -> pl.DataFrame:
        """Return the panel as a polars frame that `from_frame` reads back."""
        from arbkit.panel.frames import frame_of

        return frame_of(self)

    def _parts(self) -> dict[str, Any]:
        return {
            "ts": self.ts,
            **{name: getattr(self, name) for name in _PRICES},
            **{name: getattr(self, name) for name in ("fair", "entry_ok", "fx_a", "fx_b", "scale")},
            "ladders": self.ladders,
            "funding": self.funding,
            "columns": self.columns,
            "meta": self.meta,
        }

    def _arrays(self) -> dict[str, Any]:
        arrays = {"ts": self.ts, **{name: getattr(self, name) for name in _PRICES}}
        for name in ("fair", "entry_ok", "fx_a", "fx_b", "scale"):
            if getattr(self, name) is not None:
                arrays[name] = getattr(self, name)
        if self.ladders is not None:
            arrays.update(self.ladders._asdict())
        arrays.update(funding_arrays(self.funding))
        return {**arrays, **dict(sorted(self.columns.items()))}

    def _mapped(self, change: Any) -> dict[str, Any]:
        parts = self._parts()
        for name, value in parts.items():
            if isinstance(value, np.ndarray):
                parts[name] = change(value)
        if self.ladders is not None:
            parts["ladders"] = Ladders(*(change(array) for array in self.ladders))
        parts["columns"] = {name: change(array) for name, array in self.columns.items()}
        parts["funding"] = None if self.funding is None else self.funding.within(parts["ts"])
        return parts

    def __reduce__(self) -> Any:
        """Send a stored panel to another process as the name of its store, any other one with its arrays."""
        if self._home is None:
            return super().__reduce__()
        return _opened_again, self._home

    def __len__(self) -> int:
        return int(self.ts.size)

    def __repr__(self) -> str:
        if not len(self):
            return f"Panel({self.meta.leg_a} x {self.meta.leg_b}: no rows)"
        first, last = (str(np.datetime64(t, "s")) for t in (self.start_ns // 10**9, self.end_ns // 10**9))
        share = self.tradable.mean() * 100
        return (
            f"Panel({self.meta.leg_a} x {self.meta.leg_b} in {self.meta.currency}: {len(self):,} rows, "
            f"{first} to {last} UTC, {share:.1f} % tradable, reference {self.meta.reference}, "
            f"fidelity {self.meta.fidelity})"
        )


_NO_FLOATS: Final[FloatArray] = frozen_array(np.empty(0), np.float64, "empty")
_NO_BOOLS: Final[BoolArray] = frozen_array(np.empty(0, np.bool_), np.bool_, "empty")


def _opened_again(folder: Path, identity: str) -> Panel:
    panel = Panel.open(folder)
    if panel._home != (folder, identity):
        raise DataError(f"{folder}: the panel store was replaced by another one; open it again")
    return panel


def _check_order(ts: IntArray) -> None:
    back = np.flatnonzero(ts[1:] < ts[:-1])
    if back.size:
        i = int(back[0]) + 1
        raise DataError(
            "rows must be in non-decreasing time, "
            f"row {i} ({np.datetime64(int(ts[i]), 'ns')}) was before row {i - 1} "
            f"({np.datetime64(int(ts[i - 1]), 'ns')}); sort by ts first ({back.size} such rows)"
        )
