"""One pass over one instrument: row checks, gaps, clocks, and the samples that cross-venue checks need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray
from arbkit.data._parts import ColumnDigest
from arbkit.data.dataset import Dataset
from arbkit.data.manifest import FileInfo, InstrumentInfo
from arbkit.data.validate.findings import Limits
from arbkit.data.validate.rows import RowCheck, row_checks

__all__ = ["Grid", "LegScan", "Spans", "scan_leg"]

_SAMPLES: Final = 300_000


class Grid(NamedTuple):
    """Equal buckets of time: bucket `i` holds stamps from `origin_ns + i * step_ns`."""

    origin_ns: int
    step_ns: int
    size: int

    def bucket(self, stamps: IntArray) -> IntArray:
        """Return the bucket of each stamp, int64, clipped to the grid."""
        return np.clip((stamps - self.origin_ns) // self.step_ns, 0, self.size - 1)


class Spans(NamedTuple):
    """Stretches of time: first and last stamp of each (ns), and how many rows lie in it."""

    start_ns: IntArray
    end_ns: IntArray
    rows: IntArray

    def longer_than(self, limit_ns: int) -> Spans:
        """Return the stretches that are longer than the limit."""
        keep = self.end_ns - self.start_ns > limit_ns
        return Spans(self.start_ns[keep], self.end_ns[keep], self.rows[keep])

    @property
    def total_ns(self) -> int:
        """The length of all stretches together."""
        return int((self.end_ns - self.start_ns).sum())


class LegScan(NamedTuple):
    """What one pass over an instrument found.

    `mids` holds the last usable mid of each bucket of the grid (NaN where there is none), `step_ns` the usual
    (median) time between rows; `spreads_bps`, `offsets_ns` (`ts_recv - ts_event`) and `prices` are even
    samples.
    """

    info: InstrumentInfo
    checks: list[RowCheck]
    counts: dict[str, int]
    examples: dict[str, list[dict[str, Any]]]
    step_ns: int
    gaps: Spans
    still: Spans
    received_early: int
    spreads_bps: FloatArray
    offsets_ns: IntArray
    prices: FloatArray
    mids: FloatArray
    damaged: list[FileInfo]


def scan_leg(
    dataset: Dataset,
    info: InstrumentInfo,
    limits: Limits,
    grid: Grid,
    told: Callable[[InstrumentInfo, int], None],
) -> LegScan:
    """Read an instrument once, a row group at a time, and return what was found."""
    scan = _Pass(info, limits, grid, _told_gaps(dataset, info))
    content = _ContentCheck()
    for item, frame in dataset.file_batches(info.leg):
        if limits.verify_content:
            content.take(item, frame)
        scan.take(frame)
        told(info, frame.height)
    return scan.result(content.finish())


def _told_gaps(dataset: Dataset, info: InstrumentInfo) -> pl.Series:
    mine = (pl.col("venue") == info.venue) & (pl.col("symbol") == info.symbol)
    return dataset.table("gaps").filter(mine)["ts"]


class _ContentCheck:
    """Hashes the rows again and holds them against the manifest."""

    def __init__(self) -> None:
        self._file: FileInfo | None = None
        self._digest = ColumnDigest()
        self._damaged: list[FileInfo] = []

    def take(self, item: FileInfo, frame: pl.DataFrame) -> None:
        if self._file is not item:
            self.finish()
            self._file, self._digest = item, ColumnDigest()
        self._digest.update(frame)

    def finish(self) -> list[FileInfo]:
        if self._file is not None and self._digest.hexdigest() != self._file.content:
            self._damaged.append(self._file)
        return self._damaged


class _Pass:
    def __init__(self, info: InstrumentInfo, limits: Limits, grid: Grid, told: pl.Series) -> None:
        self._info = info
        self._limits = limits
        self._grid = grid
        self._checks = row_checks(info, limits, told)
        self._marks = [check.marks.fill_null(value=False).alias(check.code) for check in self._checks]
        self._counts = dict.fromkeys((check.code for check in self._checks), 0)
        self._worst: dict[str, list[tuple[float, dict[str, Any]]]] = {}
        self._stride = max(1, info.rows // _SAMPLES)
        self._last: pl.DataFrame | None = None
        self._quote_since = 0
        self._quote_rows = 0
        self._received_early = 0
        self._steps: list[IntArray] = []
        self._gaps: list[IntArray] = []
        self._still: list[IntArray] = []
        self._spreads: list[FloatArray] = []
        self._offsets: list[IntArray] = []
        self._prices: list[FloatArray] = []
        self._mids = np.full(grid.size, np.nan)
        self._top = (
            ("close", "volume") if info.is_candle else ("bid_px_00", "bid_sz_00", "ask_px_00", "ask_sz_00")
        )

    def take(self, frame: pl.DataFrame) -> None:
        """Check one batch."""
        seen = 0 if self._last is None else 1
        rows = frame if self._last is None else pl.concat([self._last, frame])
        marks = rows.select(self._marks)
        for check in self._checks:
            mask = marks[check.code]
            count = int(mask.slice(seen).sum())
            if count:
                self._counts[check.code] += count
                self._keep_worst(check, rows, mask, seen)
        stamps = rows[self._info.clock].to_physical().to_numpy()
        self._keep_gaps(stamps)
        self._keep_still(rows, stamps, seen)
        self._keep_samples(frame, stamps[seen:])
        self._last = frame.tail(1)

    def result(self, damaged: list[FileInfo]) -> LegScan:
        """Return what all batches together say."""
        self._keep_last_still()
        steps = _joined(self._steps, np.int64)
        return LegScan(
            info=self._info,
            checks=self._checks,
            counts=self._counts,
            examples={code: [row for _, row in worst] for code, worst in self._worst.items()},
            step_ns=int(np.median(steps)) if steps.size else 0,
            gaps=_spans(self._gaps),
            still=_spans(self._still),
            received_early=self._received_early,
            spreads_bps=_joined(self._spreads, np.float64),
            offsets_ns=_joined(self._offsets, np.int64),
            prices=_joined(self._prices, np.float64),
            mids=self._mids,
            damaged=damaged,
        )

    def _keep_worst(self, check: RowCheck, rows: pl.DataFrame, mask: pl.Series, seen: int) -> None:
        columns = dict.fromkeys((self._info.clock, *check.columns))
        marked = rows.select(*columns, check.badness.cast(pl.Float64).alias("badness")).slice(seen)
        worst = marked.filter(mask.slice(seen)).sort("badness", descending=True, nulls_last=True)
        known = self._worst.setdefault(check.code, [])
        for row in worst.head(self._limits.examples).to_dicts():
            badness = row.pop("badness")
            known.append((float("-inf") if badness is None else badness, row))
        known.sort(key=lambda item: -item[0])
        del known[self._limits.examples :]

    def _keep_gaps(self, stamps: IntArray) -> None:
        steps = np.diff(stamps)
        if not steps.size:
            return
        forward = steps[:: self._stride]
        self._steps.append(forward[forward > 0])
        shortest = self._limits.gap_ns(0)
        at = np.flatnonzero(steps > shortest)
        self._gaps.append(np.stack([stamps[at], stamps[at + 1], np.ones_like(at)]))

    def _keep_still(self, rows: pl.DataFrame, stamps: IntArray, seen: int) -> None:
        if seen == 0:
            self._quote_since, self._quote_rows = int(stamps[0]), 1
        changed = rows.select(
            pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in self._top)
        ).to_series()
        at = np.flatnonzero(changed.to_numpy())
        at = at[at > 0]
        if not at.size:
            self._quote_rows += len(stamps) - 1
            return
        begins = np.concatenate(([self._quote_since], stamps[at[:-1]]))
        counts = np.diff(np.concatenate(([0], at)))
        counts[0] += self._quote_rows - 1
        ends = stamps[at - 1]
        keep = (ends - begins > self._limits.frozen_ns(0)) & (counts > 1)
        self._still.append(np.stack([begins[keep], ends[keep], counts[keep]]))
        self._quote_since, self._quote_rows = int(stamps[at[-1]]), len(stamps) - int(at[-1])

    def _keep_last_still(self) -> None:
        if self._last is None or self._quote_rows < 2:
            return
        end = int(self._last[self._info.clock].to_physical()[0])
        self._still.append(np.array([[self._quote_since], [end], [self._quote_rows]], dtype=np.int64))

    def _keep_samples(self, frame: pl.DataFrame, stamps: IntArray) -> None:
        if self._info.is_candle:
            mids = frame["close"].to_numpy()
            self._prices.append(mids[:: self._stride])
        else:
            bid, ask = frame["bid_px_00"].to_numpy(), frame["ask_px_00"].to_numpy()
            with np.errstate(invalid="ignore"):
                mids = np.where((bid > 0) & (bid <= ask), 0.5 * (bid + ask), np.nan)
                spread = (ask - bid)[:: self._stride] / mids[:: self._stride] * 1e4
            self._spreads.append(spread[np.isfinite(spread)])
            self._prices.extend((bid[:: self._stride], ask[:: self._stride]))
        if self._info.has_ts_recv:
            late = frame["ts_recv"].to_physical() - frame["ts_event"].to_physical()
            self._received_early += int((late < 0).sum())
            self._offsets.append(late.gather_every(self._stride).drop_nulls().to_numpy())
        buckets = self._grid.bucket(stamps)
        last = np.flatnonzero(np.diff(buckets, append=buckets[-1] + 1))
        self._mids[buckets[last]] = mids[last]


def _joined(parts: list[Any], dtype: Any) -> Any:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def _spans(parts: list[IntArray]) -> Spans:
    joined = np.concatenate(parts, axis=1) if parts else np.empty((3, 0), dtype=np.int64)
    return Spans(*joined)
