"""The envelope: the range of market conditions that training showed; outside it parameters know nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.errors import ConfigError, nearest_names
from arbkit.panel import Panel
from arbkit.units import DAY_NS

__all__ = ["NAMES", "Envelope", "envelope_of"]

#: What is bounded, in the order of the file.
NAMES: Final = (
    "x_ab_bps",
    "x_ba_bps",
    "fair_bps",
    "fair_daily_change_bps",
    "width_a_bps",
    "width_b_bps",
    "fx_age_s",
)
_PERCENTILES: Final = (1, 99)
_LOOKED_AT: Final = 200_000


@dataclass(frozen=True)
class Envelope:
    """The 1st and 99th percentile in training of what parameters depend on; None where it is absent.

    Attributes:
        x_ab_bps: executable spread from the fair ratio, buying A and selling B, before costs.
        x_ba_bps: the same, buying B and selling A.
        fair_bps: the fair ratio, less 1.
        fair_daily_change_bps: what it changed by in 24 hours.
        width_a_bps: ask over bid of A, less 1, of the mid.
        width_b_bps: the same of B.
        fx_age_s: time since the exchange rate last changed, in seconds.
    """

    x_ab_bps: tuple[float, float] | None
    x_ba_bps: tuple[float, float] | None
    fair_bps: tuple[float, float] | None
    fair_daily_change_bps: tuple[float, float] | None
    width_a_bps: tuple[float, float] | None
    width_b_bps: tuple[float, float] | None
    fx_age_s: tuple[float, float] | None

    def __iter__(self) -> Iterator[tuple[str, tuple[float, float] | None]]:
        return ((name, getattr(self, name)) for name in NAMES)

    def outside(self, values: Mapping[str, float]) -> tuple[str, ...]:
        """Return the names of the values that lie outside; one that is not finite does too.

        Raises:
            ConfigError: for a name that is not in the envelope.
        """
        found = []
        for name, value in values.items():
            if name not in NAMES:
                raise ConfigError(f"`{name}` is not in the envelope; {nearest_names(str(name), NAMES)}")
            bounds = getattr(self, name)
            if bounds is not None and not bounds[0] <= value <= bounds[1]:
                found.append(name)
        return tuple(found)

    def to_dict(self) -> dict[str, list[float] | None]:
        """Return the bounds by name."""
        return {name: None if bounds is None else list(bounds) for name, bounds in self}

    @classmethod
    def from_dict(cls, values: Any) -> Envelope:
        """Read back what `to_dict` gave.

        Raises:
            ConfigError: for a name that is missing or unknown, or bounds that are none.
        """
        if not isinstance(values, Mapping) or set(values) != set(NAMES):
            raise ConfigError(f"`envelope` must hold {', '.join(NAMES)}, was {values!r:.120}")
        return cls(**{name: _bounds(name, item) for name, item in values.items()})


def _bounds(name: str, value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    numbers = isinstance(value, (list, tuple)) and len(value) == 2
    if not numbers or not all(isinstance(x, (int, float)) and math.isfinite(x) for x in value):
        raise ConfigError(f"`envelope.{name}` must hold two numbers, was {value!r}")
    low, high = float(value[0]), float(value[1])
    if low > high:
        raise ConfigError(f"`envelope.{name}` must rise, was {low:g} to {high:g}")
    return low, high


def envelope_of(panel: Panel) -> Envelope:
    """Measure the envelope on the tradable rows of the training part, with the set's reference.

    At most 200,000 rows, evenly spread over all of them, are looked at. The panel does not keep the stamps of
    the exchange rate's own quotes, so that its age counts from its last change, which is never younger.
    """
    rows = np.flatnonzero(panel.tradable)
    rows = rows[:: max(1, -(-rows.size // _LOOKED_AT))]
    part = panel.spreads()[rows] if rows.size else panel.spreads()[:0]
    fair = np.ones(len(panel)) if panel.fair is None else panel.fair
    return Envelope(
        x_ab_bps=_range(part["x_ab_bps"].to_numpy()),
        x_ba_bps=_range(part["x_ba_bps"].to_numpy()),
        fair_bps=_range((fair[rows] - 1) * 1e4),
        fair_daily_change_bps=_range(_daily_change(panel.ts, fair, rows)),
        width_a_bps=_range(_width(panel.bid_a[rows], panel.ask_a[rows])),
        width_b_bps=_range(_width(panel.bid_b[rows], panel.ask_b[rows])),
        fx_age_s=_range(_fx_age(panel, rows)),
    )


def _range(values: Any) -> tuple[float, float] | None:
    known = np.asarray(values, np.float64)
    known = known[np.isfinite(known)]
    if not known.size:
        return None
    low, high = np.percentile(known, _PERCENTILES)
    return float(f"{low:.6g}"), float(f"{high:.6g}")


def _width(bid: FloatArray, ask: FloatArray) -> FloatArray:
    width: FloatArray = (ask - bid) / ((ask + bid) / 2) * 1e4
    return width


def _daily_change(ts: IntArray, fair: FloatArray, rows: IntArray) -> FloatArray:
    late = rows[ts[rows] - DAY_NS >= ts[0]] if rows.size else rows
    before = np.searchsorted(ts, ts[late] - DAY_NS, side="right") - 1
    change: FloatArray = (fair[late] / fair[before] - 1) * 1e4
    return change


def _fx_age(panel: Panel, rows: IntArray) -> FloatArray:
    """Return the time since the rate of the converted leg last changed, in seconds; empty where none is."""
    for rates in (panel.fx_a, panel.fx_b):
        if rates is None or not rates.size:
            continue
        changed = np.flatnonzero(np.diff(rates, prepend=np.nan) != 0)
        if changed.size > 1:
            last = changed[np.searchsorted(changed, rows, side="right") - 1]
            age: FloatArray = (panel.ts[rows] - panel.ts[last]) / 1e9
            return age
    return np.zeros(0)
