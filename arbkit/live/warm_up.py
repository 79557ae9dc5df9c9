"""Warming up: what references and volatilities remember is read from books recorded before the start.

The rows are those of `load_panel`, and each model sees of them what it would have sampled: a panel over the
recording and the run has the same fair ratio and the same scale, to the last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.errors import ConfigError, DataError
from arbkit.live.config import LiveConfig
from arbkit.live.recorded import PairSource
from arbkit.live.rows import PairRows
from arbkit.live.session import Session
from arbkit.panel import split_view
from arbkit.panel.reference import settled_ns, warm_up_ns
from arbkit.risk import parse_scale
from arbkit.units import HOUR_NS, MINUTE_NS, format_duration

__all__ = ["Samples", "remembered", "samples_of_recording", "segments", "warm_up"]

#: A recording is read in pieces of so long, so that days of it need no more memory than hours.
_PIECE_NS: Final = 6 * HOUR_NS
#: Read beside what a model needs, as `load_panel` does.
_MARGIN_NS: Final = 2 * MINUTE_NS


class Samples(NamedTuple):
    """Tradable rows before a run, those that models sample: int64 (n,) and float64 (n,) each."""

    ts: IntArray
    bid_a: FloatArray
    ask_a: FloatArray
    bid_b: FloatArray
    ask_b: FloatArray

    def rows(self) -> Iterator[tuple[int, float, float, float, float]]:
        """Yield the rows as plain numbers."""
        return zip(*(column.tolist() for column in self), strict=True)


def samples_of_recording(dataset: Path, source: PairSource, view: str, start_ns: int, end_ns: int) -> Samples:
    """Return the rows of a period that a reference and a scale look at.

    Args:
        dataset: folder of the recording.
        source: the pair in it.
        view: the reference, and a scale behind it.
        start_ns, end_ns: the period; its end is not in it.

    Raises:
        DataError: when the dataset cannot be read or lacks an instrument.
    """
    from arbkit.data import open_dataset

    scale = split_view(view)[1]
    steps = {MINUTE_NS} | ({parse_scale(scale).step_ns} if scale != "none" else set())
    opened, parts = open_dataset(dataset), []
    for begin in range(start_ns, end_ns, _PIECE_NS):
        panel = source.load(opened, begin, min(begin + _PIECE_NS, end_ns))
        if panel is None:
            continue
        usable = np.flatnonzero(panel.tradable)
        at = usable[_sampled(panel.ts[usable], steps)]
        prices = (panel.bid_a, panel.ask_a, panel.bid_b, panel.ask_b)
        parts.append(Samples(panel.ts[at], *(column[at] for column in prices)))
    if not parts:
        return Samples(np.zeros(0, np.int64), *(np.zeros(0) for _ in range(4)))
    return Samples(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _sampled(ts: IntArray, steps: set[int]) -> IntArray:
    """Return the positions of the rows that some grid of these steps samples, and of the first and last."""
    if not ts.size:
        return np.zeros(0, np.int64)
    kept = np.zeros(ts.size, np.bool_)
    kept[[0, -1]] = True
    for step in steps:
        cell = -(-ts // step)
        kept[:-1] |= cell[:-1] != cell[1:]
    return np.flatnonzero(kept)


def warm_up(session: Session, config: LiveConfig, now_ns: int, since_ns: int = 0) -> None:
    """Let every pair's models see what was recorded before now, write that down and say what is missing.

    Args:
        session: before its first book.
        config: of the run.
        now_ns: rows before it are read.
        since_ns: the models know what came before this.

    Raises:
        ConfigError: when `warm_up` names what is no dataset, or one without the pairs' instruments.
    """
    for p, lane in enumerate(session.lanes):
        pair, view = lane.config, lane.config.reference
        needed = settled_ns(view)
        if not needed:
            continue
        start = max(now_ns - needed - _MARGIN_NS, since_ns)
        samples = _read(config, p, start, now_ns)
        if samples is not None and samples.ts.size:
            _see(lane.rows, samples)
            session.journal.append(
                "warm_up", pair=pair.name, dataset=str(config.warm_up), start=start, end=now_ns,
                rows=int(samples.ts.size),
            )  # fmt: skip
        lane.rows.reference.fair(now_ns)
        seen = 0 if samples is None or not samples.ts.size else now_ns - int(samples.ts[0])
        before = _before(seen, config, since_ns > 0)
        session.say(f"{pair.name}: {_told(view, lane.rows, now_ns)}{before}")


def _read(config: LiveConfig, p: int, start: int, end: int) -> Samples | None:
    if config.warm_up is None or start >= end:
        return None
    source, view = PairSource.of_config(config, p), config.pairs[p].reference
    try:
        return samples_of_recording(config.warm_up, source, view, start, end)
    except DataError as error:
        if config.record is not None and config.record.to == config.warm_up:
            return None  # nothing was recorded yet
        raise ConfigError(f"`warm_up` must hold books of {source.a} and {source.b}: {error}") from error


def _see(rows: PairRows, samples: Samples) -> None:
    for row in samples.rows():
        rows.reference.fair(row[0])
        rows.reference.see(*row)
        if rows.scaler is not None:
            rows.scaler.at(row[0])
            rows.scaler.see(row[0], (row[1] + row[2]) / 2, (row[3] + row[4]) / 2)


def _before(seen_ns: int, config: LiveConfig, goes_on: bool) -> str:
    """Say in brackets what was read."""
    if seen_ns >= MINUTE_NS:
        away = ", while it was away" if goes_on else ""
        return f" ({format_duration(seen_ns // MINUTE_NS * MINUTE_NS)} of {config.warm_up}{away})"
    if goes_on:
        return ""
    return " (no `warm_up`)" if config.warm_up is None else f" ({config.warm_up} holds nothing before it)"


def _told(view: str, rows: PairRows, now_ns: int) -> str:
    """Say what is warm, and what is missing."""
    reference, scale = split_view(view)
    needed, missing = warm_up_ns(reference), rows.reference.missing_ns(now_ns)
    texts = []
    if needed:
        state = (
            "is warm"
            if missing == 0
            else f"needs {_minutes(needed)}, nothing is entered for {_minutes(missing)}"
        )
        texts.append(f"{reference} {state}")
    if scale != "none":
        rows.scaler.at(now_ns)  # type: ignore[union-attr]
        known = rows.scaler.volatility_bps == rows.scaler.volatility_bps  # type: ignore[union-attr]
        texts.append(f"scale {scale} {'has' if known else 'has no'} forecast")
    return "; ".join(texts)


def _minutes(ns: int) -> str:
    return format_duration(-(-ns // MINUTE_NS) * MINUTE_NS)


def segments(lines: Iterator[Mapping[str, Any]], pair: str) -> list[tuple[Path, int, int]]:
    """Return what a run was warmed up with: dataset, start and end of each time."""
    return [(Path(line["dataset"]), line["start"], line["end"]) for line in lines if line["pair"] == pair]


def remembered(
    config: LiveConfig, p: int, lines: Iterator[Mapping[str, Any]], say: Callable[[str], None]
) -> list[tuple[int, float, float, float, float]]:
    """Return once more the rows that a pair was warmed up with, in the order of time."""
    pair, found = config.pairs[p], []
    for dataset, start, end in segments(lines, pair.name):
        try:
            samples = samples_of_recording(
                dataset, PairSource.of_config(config, p), pair.reference, start, end
            )
        except DataError as error:
            say(f"{pair.name}: what it was warmed up with is gone, {error}")
            continue
        found += list(samples.rows())
    return sorted(found)
