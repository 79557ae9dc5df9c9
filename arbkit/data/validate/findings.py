"""What a validation says: limits going in, findings and a report coming out."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from arbkit.errors import ConfigError
from arbkit.units import SECOND_NS

__all__ = ["CHECKS", "Finding", "Limits", "Severity", "ValidationReport", "severity_rank"]

Severity = Literal["error", "warning", "info"]
_ORDER: Final = ("error", "warning", "info")

#: Every check by its code, with the rule it holds the data against.
CHECKS: Final[dict[str, str]] = {
    "unsorted": "rows stand in the order of the instrument's clock",
    "duplicate_stamps": "no two rows share a stamp (of those that do, the last one counts)",
    "duplicate_rows": "no row repeats the one before it, stamp and all",
    "event_unsorted": "`ts_event` does not run backwards while `ts_recv` runs forwards",
    "arrived_unsorted": "rows arrived in order (late ones were sorted in)",
    "crossed": "the best bid is below the best ask",
    "locked": "the best bid is not equal to the best ask",
    "zero_price": "prices are above zero and finite",
    "missing_price": "both sides are quoted",
    "gap_rows": "(count) rows that tell of a gap, as its recorder noted it",
    "zero_size": "sizes at the best prices are above zero",
    "disordered_levels": "each level is worse than the one before it, and none is skipped",
    "disordered_bar": "low <= open, close <= high",
    "gaps": "no time without rows is longer than the limit",
    "frozen": "a quote does not stand still while the other venue moves",
    "receive_before_event": "`ts_recv` is not before `ts_event`",
    "clock_offset": "`ts_recv` is within minutes of `ts_event`",
    "stamp_units": "stamps lie after 1990",
    "future_stamps": "stamps do not lie in the future",
    "lag": "returns of two venues correlate most at lag 0",
    "uncorrelated": "returns of two venues with one base correlate",
    "no_overlap": "instruments with one base share some of their time",
    "spread": "(figures) median spread and tick size in bps",
    "fx_tick": "the tick of an FX series is finer than the spreads it is set against",
    "quarantined": "every input row could be parsed",
    "content": "files hold what was written to them",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the checks draw their lines.

    A None is worked out per instrument: `max_gap_s` is the longer of 60 s and ten times the usual step
    between books, or one and a half bars of a candle; `frozen_s` is the longer of 60 s and ten usual steps.
    `bad_share` is the share of rows from which unusable quotes (crossed, zero, missing, disordered) are an
    error and no longer a warning.
    """

    max_gap_s: float | None = None
    frozen_s: float | None = None
    frozen_move_bps: float = 5.0
    bad_share: float = 0.01
    lag_bars: int = 24
    lag_error_s: float = 60.0
    clock_offset_s: float = 300.0
    examples: int = 3
    now_ns: int = field(default_factory=lambda: time.time_ns())
    verify_content: bool = True

    def __post_init__(self) -> None:
        for name in ("max_gap_s", "frozen_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"`{name}` must be above 0 seconds, was {value}")
        if not 0 < self.bad_share <= 1:
            raise ConfigError(f"`bad_share` must be above 0 and at most 1, was {self.bad_share}")

    def gap_ns(self, step_ns: int, *, is_candle: bool = False) -> int:
        """Return the longest time without rows that is no gap, for rows that usually come `step_ns` apart."""
        return _limit_ns(self.max_gap_s, step_ns, 1.5 if is_candle else 10.0)

    def frozen_ns(self, step_ns: int) -> int:
        """Return how long a quote may stand still, for rows that usually come `step_ns` apart."""
        return _limit_ns(self.frozen_s, step_ns, 10.0)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check that has something to say about one instrument (or pair of them).

    `rows` is how many rows (gaps: how many gaps) are meant and `share` their share of the rows (gaps, frozen:
    of the time); both are None where a finding is not about rows. `examples` are the worst rows. A finding
    about a pair names it "first ~ second"; its `shift_s` is positive where the second is late.
    """

    check: str
    severity: Severity
    leg: str
    message: str
    rows: int | None = None
    share: float | None = None
    figures: dict[str, float | None] = field(default_factory=dict)
    examples: tuple[dict[str, Any], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """All findings about one dataset, the gravest first."""

    dataset: str
    fingerprint: str
    rows: int
    findings: tuple[Finding, ...]
    seconds: float

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(item.severity == "error" for item in self.findings)

    @property
    def warnings(self) -> int:
        """How many findings are warnings."""
        return sum(item.severity == "warning" for item in self.findings)

    @property
    def ok(self) -> bool:
        """Whether no finding is an error."""
        return self.errors == 0

    def of(self, check: str, leg: str | None = None) -> list[Finding]:
        """Return the findings of one check, of one leg where it is named."""
        return [item for item in self.findings if item.check == check and leg in (None, item.leg)]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "status": "ok" if self.ok else "error",
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "rows": self.rows,
            "errors": self.errors,
            "warnings": self.warnings,
            "seconds": round(self.seconds, 3),
            "findings": [item.to_dict() for item in self.findings],
        }


def severity_rank(finding: Finding) -> tuple[int, str, str]:
    """Return the place of a finding: errors first, then by instrument and check."""
    return _ORDER.index(finding.severity), finding.leg, finding.check


def _limit_ns(seconds: float | None, step_ns: int, steps: float) -> int:
    if seconds is not None:
        return round(seconds * SECOND_NS)
    return max(60 * SECOND_NS, round(steps * step_ns))
