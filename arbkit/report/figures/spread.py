"""The signal of both directions with the trades drawn on it: the whole time, and one trade from near."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels.decimate import envelope, extreme_rows
from arbkit.panel import Panel
from arbkit.report.figures.chart import Area, Chart, Key
from arbkit.report.figures.scale import padded, time_ticks
from arbkit.report.text import Text
from arbkit.report.view import Segment, StudyView

__all__ = [
    "Band",
    "SpreadNumbers",
    "TradeNumbers",
    "draw_spread",
    "draw_trade",
    "spread_numbers",
    "trade_numbers",
]

_BUCKETS = 420
_MOST_TRADES = 400
#: Up to so many trades of a direction have room for large markers.
_FEW_TRADES = 100
_SIDES = {"ab": "LONG_A_SHORT_B", "ba": "LONG_B_SHORT_A"}


class Band(NamedTuple):
    """Lowest and highest signal of one direction per stretch of time, bps; NaN where nothing was tradable."""

    side: str
    ts: IntArray
    low: FloatArray
    high: FloatArray
    entry_ts: IntArray
    entry_bps: FloatArray
    exit_ts: IntArray
    exit_bps: FloatArray


class SpreadNumbers(NamedTuple):
    """One band per allowed direction; `entry_bps` and `exit_bps` are the levels of the parameters."""

    bands: tuple[Band, ...]
    start_ns: int
    cut_ns: int
    end_ns: int
    entry_bps: float
    exit_bps: float | None
    trades_total: int
    trades_drawn: int


class TradeNumbers(NamedTuple):
    """One trade from near: the signal of its direction around it, every extreme kept."""

    segment: str
    side: str
    ts: IntArray
    signal_bps: FloatArray
    entry_ts: int
    exit_ts: int
    entry_bps: float
    exit_bps: float
    entry_level_bps: float
    exit_level_bps: float | None
    pnl_usd: float
    pnl_bps: float
    reason: str


def spread_numbers(view: StudyView) -> SpreadNumbers:
    """Return the bands of the allowed directions over train and test time, with entries and exits."""
    start, end = view.train.panel.start_ns, view.test.panel.end_ns
    width = max(1, -(-(end - start + 1) // _BUCKETS))
    trades = pl.concat([view.train.trades, view.test.trades])
    shown = _thinned(trades, start, width)
    spreads = [_tradable(segment) for segment in (view.train, view.test)]
    bands = tuple(
        _band(side, spreads, shown.filter(pl.col("side") == _SIDES[side]), start, width)
        for side in allowed_sides(view)
    )
    return SpreadNumbers(
        bands=bands,
        start_ns=start,
        cut_ns=view.test.panel.start_ns,
        end_ns=end,
        entry_bps=view.params.min_spread_bps + view.params.cost_bps,
        exit_bps=view.params.exit_spread_bps if view.params.close_on_spread_reversal else None,
        trades_total=len(trades),
        trades_drawn=len(shown),
    )


def allowed_sides(view: StudyView) -> tuple[str, ...]:
    """Return "ab", "ba" or both, as the parameters allow them."""
    return {"long_a_short_b": ("ab",), "long_b_short_a": ("ba",)}.get(view.params.direction, ("ab", "ba"))


def _tradable(segment: Segment) -> pl.DataFrame:
    return segment.signals.select("ts", "x_ab_bps", "x_ba_bps").filter(pl.Series(segment.panel.tradable))


def _signals(panel: Panel) -> pl.DataFrame:
    tradable = pl.Series(panel.tradable)
    return panel.spreads().select("ts", "x_ab_bps", "x_ba_bps").filter(tradable)


def _ns(series: pl.Series) -> IntArray:
    return series.cast(pl.Int64).to_numpy()


def _thinned(trades: pl.DataFrame, start: int, width: int) -> pl.DataFrame:
    """Keep all trades when they are few, else the widest entry of each stretch and direction."""
    if len(trades) <= _MOST_TRADES:
        return trades
    bucket = (pl.col("entry_ts").cast(pl.Int64) - start) // (2 * width)
    return (
        trades.with_columns(bucket=bucket)
        .sort("entry_signal_bps", descending=True)
        .unique(["bucket", "side"], keep="first", maintain_order=True)
        .drop("bucket")
    )


def _band(side: str, spreads: list[pl.DataFrame], trades: pl.DataFrame, start: int, width: int) -> Band:
    parts = [
        envelope(
            np.ascontiguousarray(_ns(frame["ts"])),
            np.ascontiguousarray(frame[f"x_{side}_bps"].to_numpy()),
            start,
            width,
            _BUCKETS,
        )
        for frame in spreads
    ]
    low = np.fmin(parts[0][0], parts[1][0])
    high = np.fmax(parts[0][1], parts[1][1])
    closed = trades.filter(~pl.col("is_open"))
    return Band(
        side=side,
        ts=start + width * np.arange(_BUCKETS, dtype=np.int64) + width // 2,
        low=low,
        high=high,
        entry_ts=_ns(trades["entry_ts"]),
        entry_bps=trades["entry_signal_bps"].to_numpy(),
        exit_ts=_ns(closed["exit_ts"]),
        exit_bps=closed["exit_spread_bps"].to_numpy(),
    )


def trade_numbers(view: StudyView) -> TradeNumbers | None:
    """Return the closed trade whose PnL is the median: out of sample where there is one, else in sample."""
    for name, segment in (("test", view.test), ("train", view.train)):
        closed = segment.closed.sort("pnl_usd", "entry_ts")
        if len(closed):
            return _one_trade(view, name, segment, closed.row(len(closed) // 2, named=True))
    return None


def _one_trade(view: StudyView, name: str, segment: Segment, trade: dict[str, object]) -> TradeNumbers:
    panel = segment.panel
    entry, leave = int(str(trade["entry_index"])), int(str(trade["exit_index"]))
    start, end = int(panel.ts[entry]), int(panel.ts[leave])
    margin = max(end - start, int(panel.ts[-1] - panel.ts[0]) // 2_000)
    around = panel.rows(
        int(np.searchsorted(panel.ts, start - margin, side="left")),
        int(np.searchsorted(panel.ts, end + margin, side="right")),
    )
    side = "ab" if trade["side"] == _SIDES["ab"] else "ba"
    frame = _signals(around)
    ts, signal = _ns(frame["ts"]), np.ascontiguousarray(frame[f"x_{side}_bps"].to_numpy())
    width = max(1, -(-int(ts[-1] - ts[0] + 1) // _BUCKETS))
    kept = extreme_rows(np.ascontiguousarray(ts), signal, int(ts[0]), width, _BUCKETS)
    return TradeNumbers(
        segment=name,
        side=side,
        ts=ts[kept],
        signal_bps=signal[kept],
        entry_ts=start,
        exit_ts=end,
        entry_bps=_float(trade["entry_signal_bps"]),
        exit_bps=_float(trade["exit_spread_bps"]),
        entry_level_bps=view.params.min_spread_bps + view.params.cost_bps,
        exit_level_bps=view.params.exit_spread_bps if view.params.close_on_spread_reversal else None,
        pnl_usd=_float(trade["pnl_usd"]),
        pnl_bps=_float(trade["pnl_bps"]),
        reason=str(trade["exit_reason"]),
    )


def _float(value: object) -> float:
    return float("nan") if value is None else float(str(value))


def draw_spread(numbers: SpreadNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw one plot per direction: its band, the levels of entry and exit, entries and exits as triangles."""
    alone = len(numbers.bands) == 1
    chart = Chart(width, (220,) if alone else (150,) * len(numbers.bands))
    levels = [numbers.entry_bps, *([] if numbers.exit_bps is None else [numbers.exit_bps])]
    for area, band in zip(chart.areas, numbers.bands, strict=True):
        seen = np.concatenate([band.low, band.high, levels])
        seen = seen[np.isfinite(seen)]
        time = (float(numbers.start_ns), float(numbers.end_ns))
        area.scales(time, padded(float(seen.min()), float(seen.max())))
        area.y_numbers()
        area.band(band.ts, band.low, band.high, band.side)
        _levels(area, numbers.entry_bps, numbers.exit_bps)
        area.upright(float(numbers.cut_ns))
        size = 8.0 if len(band.entry_ts) <= _FEW_TRADES else 5.0
        area.entries(band.entry_ts, band.entry_bps, size)
        area.exits(band.exit_ts, band.exit_bps, size)
        area.label(text("figure.spread.axis", side=text(f"side.{band.side}")))
    if not narrow:
        marks = (("up", text("figure.spread.entry")), ("down", text("figure.spread.exit")))
        chart.areas[0].keys(Key(kind, "ink", said) for kind, said in marks)
    chart.areas[-1].x_axis(time_ticks(numbers.start_ns, numbers.end_ns, 4 if narrow else 8))
    return chart


def _levels(area: Area, entry_bps: float, exit_bps: float | None) -> None:
    area.across(entry_bps, "gain", width=1.2)
    if exit_bps is not None:
        area.across(exit_bps, "loss", width=1.2, dash="5 3")


def draw_trade(numbers: TradeNumbers, text: Text, width: int, *, narrow: bool = False) -> Chart:
    """Draw one trade on the signal of its direction."""
    chart = Chart(width, (170 if narrow else 200,))
    (area,) = chart.areas
    start, end = int(numbers.ts[0]), int(numbers.ts[-1])
    levels = [
        numbers.entry_level_bps,
        numbers.entry_level_bps if numbers.exit_level_bps is None else numbers.exit_level_bps,
    ]
    seen = np.concatenate([numbers.signal_bps, levels])
    area.scales((float(start), float(max(end, start + 1))), padded(float(seen.min()), float(seen.max())))
    area.y_numbers()
    area.field(float(numbers.entry_ts), float(numbers.exit_ts), numbers.side, opacity=0.12)
    area.line(numbers.ts, numbers.signal_bps, numbers.side, width=1.1)
    _levels(area, numbers.entry_level_bps, numbers.exit_level_bps)
    area.entries([numbers.entry_ts], [numbers.entry_bps], 10.0)
    area.exits([numbers.exit_ts], [numbers.exit_bps], 10.0)
    area.label(text("figure.spread.axis", side=text(f"side.{numbers.side}")))
    area.x_axis(time_ticks(start, end, 4 if narrow else 8))
    return chart
