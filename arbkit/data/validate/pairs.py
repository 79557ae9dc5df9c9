"""Checks that hold two instruments against each other: stamps, standstill, ticks beside spreads."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray
from arbkit.data.validate.findings import Finding, Limits, Severity
from arbkit.data.validate.lag import LagPeak, fill_forward, lag_peak
from arbkit.data.validate.leg import Grid, LegScan, Spans
from arbkit.data.writer import stamp_text
from arbkit.units import DAY_NS, MINUTE_NS, SECOND_NS, format_duration

__all__ = ["pair_findings"]

_FIAT: Final = ("USD", "EUR", "KRW", "JPY", "GBP", "CHF", "AUD", "CAD", "SGD", "HKD", "TRY", "BRL", "INR")
_STABLE: Final = ("USDT", "USDC", "FDUSD", "TUSD", "DAI", "BUSD")
_MONEY: Final = frozenset(_FIAT + _STABLE)
_FILL_BARS: Final = 10
#: A shorter lead is what markets do: one venue follows another within a second.
_LEAD_S: Final = 1.0
_SMALLEST_PART: Final = 0.1
_GRAVE_PART: Final = 0.2


def pair_findings(scans: list[LegScan], grid: Grid, limits: Limits) -> list[Finding]:
    """Return what the instruments say about each other."""
    markets = [scan for scan in scans if not _is_fx(scan)]
    found: list[Finding] = []
    for a, b in combinations(markets, 2):
        if _same_base(a, b):
            found += _overlap(a, b) or _lag(a, b, grid, limits)
    for scan in markets:
        others = [other for other in markets if other is not scan and _same_base(scan, other)]
        found += _frozen(scan, others, grid, limits)
    return found + _fx_ticks([scan for scan in scans if _is_fx(scan)], markets)


def tick_size(scan: LegScan) -> float | None:
    """Return the instrument's tick: as the manifest says, else the smallest step between sampled prices."""
    if scan.info.tick_size:
        return scan.info.tick_size
    prices = np.unique(scan.prices[np.isfinite(scan.prices) & (scan.prices > 0)])
    if prices.size < 2:
        return None
    steps = np.diff(prices)
    steps = steps[steps > 1e-9 * prices[-1]]
    return float(f"{steps.min():.6g}") if steps.size else None


def _is_fx(scan: LegScan) -> bool:
    return scan.info.kind == "fx" or {scan.info.base, scan.info.quote} <= _MONEY


def _same_base(a: LegScan, b: LegScan) -> bool:
    return a.info.base.upper() == b.info.base.upper()


def _name(a: LegScan, b: LegScan) -> str:
    return f"{a.info.leg} ~ {b.info.leg}"


def _overlap(a: LegScan, b: LegScan) -> list[Finding]:
    start, end = max(a.info.start_ns, b.info.start_ns), min(a.info.end_ns, b.info.end_ns)
    if start <= end:
        return []
    text = f"{stamp_text(a.info.start_ns)} to {stamp_text(a.info.end_ns)} against "
    text += f"{stamp_text(b.info.start_ns)} to {stamp_text(b.info.end_ns)}: no common time"
    return [Finding("no_overlap", "warning", _name(a, b), text)]


def _lag(a: LegScan, b: LegScan, grid: Grid, limits: Limits) -> list[Finding]:
    bar = max(1, round(max(a.step_ns, b.step_ns) / grid.step_ns))
    lo, hi = _common_buckets(a, b, grid)
    prices = _bars(a, b, lo, hi, bar)
    step_ns = bar * grid.step_ns
    peak = lag_peak(prices[0], prices[1], max(limits.lag_bars, DAY_NS // step_ns))
    if peak is None:
        return []
    figures: dict[str, float | None] = {
        "bar_s": step_ns / SECOND_NS,
        "bars": float(peak.bars),
        "lag_bars": float(peak.lag),
        "correlation": round(peak.correlation, 4),
        "correlation_at_0": round(peak.at_zero, 4),
    }
    if not peak.is_correlated:
        text = f"returns over {format_duration(step_ns)} hardly correlate: {peak.correlation:.2f} at best"
        return [Finding("uncorrelated", "warning", _name(a, b), text, figures=figures)]
    return [_lag_finding(a, b, peak, step_ns, limits, figures)]


def _lag_finding(
    a: LegScan, b: LegScan, peak: LagPeak, step_ns: int, limits: Limits, figures: dict[str, float | None]
) -> Finding:
    whole = peak.lag if peak.is_shifted else 0
    part = peak.part if abs(peak.part) >= _SMALLEST_PART else 0.0
    shift_s = (whole or part) * step_ns / SECOND_NS
    if not whole and abs(shift_s) < limits.lag_error_s:
        shift_s = 0.0
    figures = figures | {"shift_s": shift_s}
    bar = format_duration(step_ns)
    if shift_s == 0:
        text = f"returns over {bar} correlate most at lag 0 ({peak.at_zero:.2f})"
        return Finding("lag", "info", _name(a, b), text, figures=figures)
    late, early = (b, a) if shift_s > 0 else (a, b)
    away = _readable_shift(abs(shift_s), whole=whole != 0)
    text = f"{late.info.leg} repeats {away} later what {early.info.leg} does (returns over {bar}"
    text += (
        f" correlate {peak.correlation:.2f} there, {peak.at_zero:.2f} at lag 0)"
        if whole
        else ", part of a bar)"
    )
    grave = abs(shift_s) >= limits.lag_error_s and (whole != 0 or abs(part) >= _GRAVE_PART)
    text += ": a time zone or stamp error?" if grave else ": one venue leads, or its clock is off"
    severity: Severity = "error" if grave else "warning" if abs(shift_s) >= _LEAD_S else "info"
    return Finding("lag", severity, _name(a, b), text, figures=figures)


def _readable_shift(shift_s: float, *, whole: bool) -> str:
    if not whole:
        return "about " + format_duration(round(shift_s / 60) * MINUTE_NS)
    return format_duration(round(shift_s) * SECOND_NS) if shift_s >= 1 else f"{shift_s * 1e3:.0f}ms"


def _common_buckets(a: LegScan, b: LegScan, grid: Grid) -> tuple[int, int]:
    first = np.array([max(a.info.start_ns, b.info.start_ns), min(a.info.end_ns, b.info.end_ns)])
    lo, hi = grid.bucket(first)
    return int(lo), int(hi) + 1


def _bars(a: LegScan, b: LegScan, lo: int, hi: int, bar: int) -> tuple[FloatArray, FloatArray]:
    """Return both price series in bars of `bar` buckets.

    Books hold until they are updated. Candles of a closed market (a weekend) are left out of both, so that
    the next return follows the last: what one venue did on Friday evening the other shows on Monday.
    """
    if not (a.info.is_candle and b.info.is_candle):
        filled = [fill_forward(scan.mids[lo:hi], _FILL_BARS * bar)[bar - 1 :: bar] for scan in (a, b)]
        return filled[0], filled[1]
    held = [fill_forward(scan.mids[lo:hi], bar - 1)[bar - 1 :: bar] for scan in (a, b)]
    both = np.isfinite(held[0]) & np.isfinite(held[1])
    return held[0][both], held[1][both]


def _frozen(scan: LegScan, others: list[LegScan], grid: Grid, limits: Limits) -> list[Finding]:
    spans = scan.still.longer_than(limits.frozen_ns(scan.step_ns))
    moved = np.zeros(spans.start_ns.size)
    for other in others:
        moved = np.fmax(moved, _moves_bps(other.mids, spans, grid))
    keep = moved >= limits.frozen_move_bps
    spans = Spans(spans.start_ns[keep], spans.end_ns[keep], spans.rows[keep])
    if not spans.rows.size:
        return []
    worst = np.argsort(spans.start_ns - spans.end_ns, kind="stable")[: limits.examples]
    examples = tuple(_still_example(spans, moved[keep], int(at)) for at in worst)
    share = spans.total_ns / max(1, scan.info.end_ns - scan.info.start_ns)
    longest = format_duration(int((spans.end_ns - spans.start_ns).max()))
    text = f"{spans.rows.size} times the quote stood still while another venue moved, at most {longest}"
    return [
        Finding("frozen", "warning", scan.info.leg, text, int(spans.rows.sum()), share, examples=examples)
    ]


def _still_example(spans: Spans, moved: FloatArray, at: int) -> dict[str, Any]:
    return {
        "from": stamp_text(int(spans.start_ns[at])),
        "to": stamp_text(int(spans.end_ns[at])),
        "rows": int(spans.rows[at]),
        "other_moved_bps": round(float(moved[at]), 2),
    }


def _moves_bps(mids: FloatArray, spans: Spans, grid: Grid) -> FloatArray:
    """Return the range of the other venue's mid within each span, in bps; 0 where it has none."""
    if not spans.start_ns.size:
        return np.zeros(0)
    edges = np.empty(2 * spans.start_ns.size, dtype=np.int64)
    edges[::2], edges[1::2] = grid.bucket(spans.start_ns), grid.bucket(spans.end_ns) + 1
    padded = np.append(mids, np.nan)
    highest, lowest = np.fmax.reduceat(padded, edges)[::2], np.fmin.reduceat(padded, edges)[::2]
    return np.asarray(np.nan_to_num((highest / lowest - 1.0) * 1e4))


def _fx_ticks(series: list[LegScan], markets: list[LegScan]) -> list[Finding]:
    spreads = {scan.info.leg: float(np.median(scan.spreads_bps)) for scan in markets if scan.spreads_bps.size}
    found = []
    for scan in series:
        tick, prices = tick_size(scan), scan.prices[scan.prices > 0]
        if tick is None or not prices.size:
            continue
        tick_bps = tick / float(np.median(prices)) * 1e4
        coarse = bool(spreads) and tick_bps >= 1.0 and tick_bps > min(spreads.values())
        beside = ", ".join(f"{leg} {value:.2f}" for leg, value in spreads.items()) or "none"
        text = f"a tick of {tick:g} is {tick_bps:.2f} bps; median spreads beside it, in bps: {beside}"
        figures: dict[str, float | None] = {"tick_size": tick, "tick_bps": tick_bps}
        found.append(
            Finding("fx_tick", "warning" if coarse else "info", scan.info.leg, text, figures=figures)
        )
    return found
