"""All checks over one dataset, and what they found as one report."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import numpy as np

from arbkit._typing import PathLike
from arbkit.data.dataset import Dataset, open_dataset
from arbkit.data.manifest import InstrumentInfo
from arbkit.data.validate.findings import Finding, Limits, ValidationReport, severity_rank
from arbkit.data.validate.leg import Grid, LegScan, scan_leg
from arbkit.data.validate.pairs import pair_findings, tick_size
from arbkit.data.validate.rows import RowCheck
from arbkit.data.writer import stamp_text
from arbkit.units import DAY_NS, HOUR_NS, MINUTE_NS, MS_NS, SECOND_NS, format_duration

__all__ = ["validate"]

_MOST_BUCKETS: Final = 300_000
_STEPS_NS: Final = (
    *(MS_NS, 10 * MS_NS, 100 * MS_NS, SECOND_NS, 5 * SECOND_NS, 15 * SECOND_NS),
    *(MINUTE_NS, 5 * MINUTE_NS, 15 * MINUTE_NS, HOUR_NS, 4 * HOUR_NS, DAY_NS, 10 * DAY_NS),
)


def validate(
    dataset: PathLike | Dataset,
    limits: Limits | None = None,
    *,
    progress: Callable[[int, int, str], None] | None = None,
) -> ValidationReport:
    """Hold a dataset against every check; each instrument is read once, a row group at a time.

    Args:
        dataset: an open dataset or its folder.
        limits: where to draw the lines; the defaults suit order books and candles alike.
        progress: called with the rows read, all of them, and the instrument that is being read.

    Returns:
        The report; `report.ok` is False where a finding is an error.

    Raises:
        DataError: when the dataset cannot be opened or one of its files cannot be read.
    """
    began = time.perf_counter()
    source, limits = open_dataset(dataset), limits or Limits()
    grid = _grid(source.instruments)
    read = 0

    def told(info: InstrumentInfo, rows: int) -> None:
        nonlocal read
        read += rows
        if progress is not None:
            progress(read, source.manifest.rows, info.leg)

    scans = [scan_leg(source, info, limits, grid, told) for info in source.instruments]
    found = [finding for scan in scans for finding in _leg_findings(scan, limits)]
    found += pair_findings(scans, grid, limits)
    found += _quarantine_findings(source, limits)
    return ValidationReport(
        dataset=str(source.path),
        fingerprint=source.fingerprint,
        rows=source.manifest.rows,
        findings=tuple(sorted(found, key=severity_rank)),
        seconds=time.perf_counter() - began,
    )


def _grid(infos: tuple[InstrumentInfo, ...]) -> Grid:
    start, end = min(info.start_ns for info in infos), max(info.end_ns for info in infos)
    usual = min((info.end_ns - info.start_ns) / max(1, info.rows - 1) for info in infos)
    fits = [step for step in _STEPS_NS if (end - start) / step <= _MOST_BUCKETS] or [
        (end - start) // _MOST_BUCKETS + 1
    ]
    step = max([fits[0], *(step for step in fits if step <= usual)])
    origin = start // step * step
    return Grid(origin, step, (end - origin) // step + 1)


def _leg_findings(scan: LegScan, limits: Limits) -> list[Finding]:
    found = [_row_finding(check, scan) for check in scan.checks if scan.counts[check.code]]
    found += _gap_findings(scan, limits) + _clock_findings(scan, limits) + _arrival_findings(scan)
    return [*found, *_spread_findings(scan)]


def _row_finding(check: RowCheck, scan: LegScan) -> Finding:
    count = scan.counts[check.code]
    share = count / scan.info.rows
    grave = check.grave_share is not None and share >= check.grave_share
    return Finding(
        check=check.code,
        severity="error" if grave else check.severity,
        leg=scan.info.leg,
        message=f"{count:,} of {scan.info.rows:,} rows {check.message}",
        rows=count,
        share=share,
        examples=tuple(_readable(row) for row in scan.examples[check.code]),
    )


def _gap_findings(scan: LegScan, limits: Limits) -> list[Finding]:
    limit = limits.gap_ns(scan.step_ns, is_candle=scan.info.is_candle)
    gaps = scan.gaps.longer_than(limit)
    if not gaps.rows.size:
        return []
    lengths = gaps.end_ns - gaps.start_ns
    worst = np.argsort(-lengths, kind="stable")[: limits.examples]
    examples = tuple(
        {
            "from": stamp_text(int(gaps.start_ns[at])),
            "to": stamp_text(int(gaps.end_ns[at])),
            "length": format_duration(int(lengths[at]) // MS_NS * MS_NS),
        }
        for at in worst
    )
    text = f"{lengths.size:,} gaps longer than {format_duration(limit // MS_NS * MS_NS)}, together "
    text += f"{format_duration(int(lengths.sum()) // SECOND_NS * SECOND_NS)}"
    share = gaps.total_ns / max(1, scan.info.end_ns - scan.info.start_ns)
    return [Finding("gaps", "warning", scan.info.leg, text, int(lengths.size), share, examples=examples)]


def _clock_findings(scan: LegScan, limits: Limits) -> list[Finding]:
    if not scan.offsets_ns.size:
        return []
    offsets = scan.offsets_ns
    median = float(np.median(offsets))
    figures: dict[str, float | None] = {"median_offset_ms": median / MS_NS}
    early = offsets[offsets < 0]
    found = []
    if scan.received_early:
        median_early = float(np.median(early)) / MS_NS if early.size else None
        share = scan.received_early / scan.info.rows
        text = f"{scan.received_early:,} rows were received before their event, by "
        text += f"{-(median_early or 0.0):.3f} ms in the median"
        text += (
            f"; `ts_recv - ts_event` is {median / MS_NS:.3f} ms in the median of all rows: the recorder's "
        )
        text += "clock runs behind the venue's"
        figures = figures | {"median_early_ms": median_early}
        found.append(
            Finding(
                "receive_before_event", "warning", scan.info.leg, text, scan.received_early, share, figures
            )
        )
    if abs(median) > limits.clock_offset_s * SECOND_NS:
        away = format_duration(round(median / SECOND_NS) * SECOND_NS)
        text = f"`ts_recv - ts_event` is {away} in the median: a time zone or unit error in one of them?"
        found.append(Finding("clock_offset", "error", scan.info.leg, text, figures=figures))
    return found


def _arrival_findings(scan: LegScan) -> list[Finding]:
    info, found = scan.info, []
    if info.unsorted_rows:
        text = f"{info.unsorted_rows:,} rows arrived after a row with a later stamp; they were sorted in"
        share = info.unsorted_rows / info.rows
        found.append(Finding("arrived_unsorted", "warning", info.leg, text, info.unsorted_rows, share))
    if scan.damaged:
        rows = sum(item.rows for item in scan.damaged)
        text = f"{len(scan.damaged)} files no longer hold what was written to them; ingest the data again"
        examples = tuple({"file": item.path} for item in scan.damaged[:3])
        found.append(Finding("content", "error", info.leg, text, rows, rows / info.rows, examples=examples))
    return found


def _spread_findings(scan: LegScan) -> list[Finding]:
    prices = scan.prices[scan.prices > 0]
    tick = tick_size(scan)
    if not prices.size:
        return []
    tick_bps = tick / float(np.median(prices)) * 1e4 if tick else None
    spread = float(np.median(scan.spreads_bps)) if scan.spreads_bps.size else None
    parts = [f"median spread {spread:.2f} bps"] if spread is not None else []
    parts += [f"tick {tick:g} = {tick_bps:.3g} bps"] if tick and tick_bps else []
    parts += (
        [f"a row every {format_duration(scan.step_ns // MS_NS * MS_NS)}"] if scan.step_ns >= MS_NS else []
    )
    figures = {"median_spread_bps": spread, "tick_size": tick, "tick_bps": tick_bps}
    figures |= {"median_step_s": scan.step_ns / SECOND_NS}
    return [Finding("spread", "info", scan.info.leg, ", ".join(parts), figures=figures)] if parts else []


def _quarantine_findings(dataset: Dataset, limits: Limits) -> list[Finding]:
    manifest = dataset.manifest
    if not manifest.quarantined:
        return []
    rows = dataset.quarantine()
    reasons = rows["reason"].value_counts(sort=True).rows()
    text = f"{manifest.quarantined:,} input rows could not be parsed: "
    text += ", ".join(f"{reason} ({count})" for reason, count in reasons[:3])
    share = manifest.quarantined / (manifest.rows + manifest.quarantined)
    examples = tuple(rows.head(limits.examples).to_dicts())
    return [
        Finding("quarantined", "warning", dataset.name, text, manifest.quarantined, share, examples=examples)
    ]


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
