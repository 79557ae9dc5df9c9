"""What an ingest run counts and says: nothing that is left out goes unreported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import polars as pl

from arbkit.data.manifest import Manifest
from arbkit.data.schema import QUARANTINE_SCHEMA
from arbkit.units import format_duration

__all__ = ["GapRecord", "IngestLog", "IngestReport", "LegReport", "ProgressCall", "clock_warning"]

_TEXT_LIMIT: Final = 2_000
ProgressCall = Callable[[int, str], None]


@dataclass(frozen=True)
class GapRecord:
    """Missing updates in a raw log: the book is void from here to the next snapshot."""

    leg: str
    source: str
    line: int
    expected_id: int
    received_id: int


@dataclass(frozen=True)
class LegReport:
    """What became of one instrument."""

    leg: str
    rows: int
    start: str
    end: str
    levels: int
    unsorted_rows: int
    median_latency_ms: float | None


@dataclass(frozen=True)
class IngestReport:
    """The outcome of one ingest run."""

    name: str
    path: str
    manifest: Manifest
    legs: tuple[LegReport, ...]
    rows: int
    quarantined: int
    reasons: dict[str, int]
    blank_rows: int
    filtered_rows: int
    other_messages: int
    untrusted_updates: int
    gaps: tuple[GapRecord, ...]
    warnings: tuple[str, ...]
    seconds: float

    @property
    def rows_per_second(self) -> float:
        """Rows written per second of wall clock."""
        return self.rows / self.seconds if self.seconds else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        values = {name: value for name, value in vars(self).items() if name != "manifest"}
        values["legs"] = [asdict(item) for item in self.legs]
        values["gaps"] = [asdict(item) for item in self.gaps]
        values["warnings"] = list(self.warnings)
        values["fingerprint"] = self.manifest.fingerprint
        values["rows_per_second"] = round(self.rows_per_second)
        return values


@dataclass
class IngestLog:
    """Collects what the readers meet, while they read."""

    on_progress: ProgressCall | None = None
    blank_rows: int = 0
    filtered_rows: int = 0
    other_messages: int = 0
    untrusted_updates: int = 0
    gaps: list[GapRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    first_refusal: str = ""
    bytes_read: int = 0
    reading: str = ""
    rows: int = 0
    _refused: list[tuple[str, int, str, str]] = field(default_factory=list)
    _known: set[tuple[str, int, str]] = field(default_factory=set)

    def refuse(self, source: str, line: int, reason: str, text: str) -> None:
        """Put one row into quarantine; `text` is what it said.

        The same row for the same reason counts once, though two instruments of a file be read from it.
        """
        if (source, line, reason) in self._known:
            return
        self._known.add((source, line, reason))
        self.reasons[reason.partition(", was ")[0]] += 1
        if not self.first_refusal:
            self.first_refusal = f"{source} line {line}: {reason}"
        self._refused.append((source, line, reason, text[:_TEXT_LIMIT]))

    def warn(self, message: str) -> None:
        """Keep a warning, once."""
        if message not in self.warnings:
            self.warnings.append(message)

    def advance(self, count: int) -> None:
        """Tell of `count` more bytes read from disk."""
        self.bytes_read += count
        if self.on_progress is not None:
            self.on_progress(self.bytes_read, f"{self.reading}: {self.rows:,} rows")

    @property
    def quarantined(self) -> int:
        """Rows in quarantine so far."""
        return self.reasons.total()

    def take_refused(self) -> pl.DataFrame:
        """Hand over the rows kept since the last call: source, line, reason, text."""
        rows, self._refused = self._refused, []
        self._known.clear()
        return pl.DataFrame(rows, schema=QUARANTINE_SCHEMA, orient="row")


def clock_warning(leg: str, median_ns: int, early: int, rows: int) -> str:
    """Say that a recorder's clock runs behind the venue's."""
    return (
        f"{leg}: {early:,} of {rows:,} rows were received before their event, median offset "
        f"{format_duration(round(median_ns / 1e6) * 1_000_000)}: the recorder's clock runs behind; "
        "stamps are kept as recorded"
    )
