"""The numbers behind the interactive chart and the table of trades, as the page's script reads them."""

from __future__ import annotations

import base64
import math
from typing import Any, Final

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels.decimate import envelope
from arbkit.report.figures.premium import premium_numbers
from arbkit.report.figures.spread import allowed_sides
from arbkit.report.view import Segment, StudyView

__all__ = ["BUCKETS", "MOST_TRADES", "chart_data", "trade_data"]

#: Columns of the chart: each keeps the lowest and the highest value of its time, so no spike is lost.
BUCKETS: Final = 2_000
#: So many trades travel with the page; of more, those with the largest gains and losses.
MOST_TRADES: Final = 3_000


def chart_data(view: StudyView) -> dict[str, Any]:
    """Return the panes of the interactive chart: premium, signal per direction, gain, drawdown.

    Series are float32, base64, NaN where there is nothing; times are seconds.
    """
    start, end = view.train.panel.start_ns, view.test.panel.end_ns
    width = max(1, -(-(end - start + 1) // BUCKETS))
    premium = premium_numbers(view, BUCKETS)
    names = [f"{kind}_{side}" for kind in ("entry", "exit") for side in allowed_sides(view)]
    params = view.params
    return {
        "start": start / 1e9,
        "step": width / 1e9,
        "count": BUCKETS,
        "cut": view.test.panel.start_ns / 1e9,
        "premium": {
            "low": _packed(premium.low),
            "high": _packed(premium.high),
            "reference": _packed(premium.reference),
            "levels": {name: _packed(premium.levels[name]) for name in names if name in premium.levels},
        },
        "signals": [_signal(view, side, start, width) for side in allowed_sides(view)],
        "entry": params.min_spread_bps + params.cost_bps,
        "exit": params.exit_spread_bps if params.close_on_spread_reversal else None,
        "gain": _gains(view, start, width),
        "currency": view.currency,
    }


def _packed(values: FloatArray) -> str:
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode("ascii")


def _envelope(ts: IntArray, values: FloatArray, start: int, width: int) -> FloatArray:
    return envelope(np.ascontiguousarray(ts), np.ascontiguousarray(values), start, width, BUCKETS)


def _signal(view: StudyView, side: str, start: int, width: int) -> dict[str, Any]:
    bands = []
    for part in (view.train, view.test):
        values = part.signals[f"x_{side}_bps"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        bands.append(_envelope(part.panel.ts, values, start, width))
    return {
        "side": side,
        "low": _packed(np.fmin(bands[0][0], bands[1][0])),
        "high": _packed(np.fmax(bands[0][1], bands[1][1])),
    }


def _gains(view: StudyView, start: int, width: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, part in (("train", view.train), ("test", view.test)):
        frame = part.equity
        ts = frame["ts"].cast(pl.Int64).to_numpy()
        gain = frame["equity_usd"].to_numpy() - part.result.params.initial_balance_usd
        band = _envelope(ts, gain, start, width)
        down = _envelope(ts, -frame["drawdown_pct"].to_numpy(), start, width)
        found[name] = {"low": _packed(band[0]), "high": _packed(band[1]), "drawdown": _packed(down[0])}
    return found


def trade_data(view: StudyView) -> dict[str, Any]:
    """Return the trades of both stretches as columns, in order of entry.

    Columns: `number` (within the stretch, from 1), `part`, `side`, `reason` (null while open), `entry` and
    `exit` in seconds, `held` in seconds, the signals at entry and exit, `pnl`, `bps`, `worst` and `best`
    (marks on the way, bps), `fees`, and the premium at entry and exit, where the chart draws its marks.
    """
    frames = [_frame(view.train, "train"), _frame(view.test, "test")]
    both = pl.concat(frames)
    total = both.height
    if total > MOST_TRADES:
        both = both.sort(pl.col("pnl").abs(), descending=True).head(MOST_TRADES).sort("entry")
    columns = {name: [_plain(value) for value in both[name].to_list()] for name in both.columns}
    return {"total": total, "columns": columns}


def _frame(part: Segment, name: str) -> pl.DataFrame:
    panel, frame = part.panel, part.trades
    into = frame["entry_index"].to_numpy().astype(np.int64)
    out = frame["exit_index"].fill_null(0).to_numpy().astype(np.int64)
    return frame.select(
        number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        part=pl.lit(name),
        side=pl.when(pl.col("side") == "LONG_A_SHORT_B").then(pl.lit("ab")).otherwise(pl.lit("ba")),
        reason=pl.col("exit_reason"),
        entry=pl.col("entry_ts").cast(pl.Int64) / 1e9,
        exit=pl.col("exit_ts").cast(pl.Int64) / 1e9,
        held=pl.col("hold_s"),
        signal_in=pl.col("entry_signal_bps").round(2),
        signal_out=pl.col("exit_spread_bps").round(2),
        pnl=pl.col("pnl_usd").round(4),
        bps=pl.col("pnl_bps").round(2),
        worst=pl.col("mae_bps").round(2),
        best=pl.col("mfe_bps").round(2),
        fees=pl.col("fees_usd").round(4),
        premium_in=pl.Series(_premium_at(panel, into)).round(2),
        premium_out=pl.when(pl.col("exit_ts").is_not_null()).then(
            pl.Series(_premium_at(panel, out)).round(2)
        ),
    )


def _premium_at(panel: Any, rows: IntArray) -> FloatArray:
    with np.errstate(all="ignore"):
        premium: FloatArray = (
            (panel.bid_a[rows] + panel.ask_a[rows]) / (panel.bid_b[rows] + panel.ask_b[rows]) - 1
        ) * 1e4
    return premium


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if not math.isfinite(value) else round(value, 3) if abs(value) > 1e6 else value
    return value
