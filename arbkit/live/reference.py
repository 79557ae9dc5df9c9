"""The fair ratio of a live pair, row by row: the same bits as `Panel.with_reference` gives the whole tape."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from typing import Any, Final

from arbkit.errors import ConfigError
from arbkit.kernels.live_reference import averaged, fair_between, log_ratio
from arbkit.panel.reference import parse_reference
from arbkit.units import MINUTE_NS, duration_ns

__all__ = ["LiveReference", "live_reference"]

_STEP_NS: Final = MINUTE_NS


class LiveReference:
    """What a row is measured from, known before the row; here a ratio that never changes.

    `fair` is asked for with the time of a row, and `see` is told of the row afterwards if it was tradable.
    """

    def __init__(self, ratio: float = 1.0) -> None:
        self._ratio = ratio

    def fair(self, ts: int) -> float:
        """Return the fair ratio A/B of a row at this time, NaN while it is warming up."""
        return self._ratio

    def see(self, ts: int, bid_a: float, ask_a: float, bid_b: float, ask_b: float) -> None:
        """Take note of a tradable row."""

    def missing_ns(self, ts: int) -> int:
        """Return how long after a moment the reference is still warming up, while there are books."""
        return 0

    def state(self) -> dict[str, Any]:
        """Return what has to be kept to go on later."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""


class _Sampled(LiveReference):
    """A reference made of one sample per minute, that of the last tradable row at or before it."""

    def __init__(self, span_ns: int, max_age_ns: int) -> None:
        super().__init__(math.nan)
        self._span_ns = span_ns
        self._max_age_ns = max_age_ns
        self._next = -1
        self._seen_ts = 0
        self._seen = (math.nan, math.nan, math.nan, math.nan)

    def fair(self, ts: int) -> float:
        while 0 <= self._next < ts:
            if self._max_age_ns >= 0 and self._next - self._seen_ts > self._max_age_ns:
                self._take(math.nan)
            else:
                self._take(log_ratio(*self._seen))
            self._next += _STEP_NS
        return self._now(ts)

    def see(self, ts: int, bid_a: float, ask_a: float, bid_b: float, ask_b: float) -> None:
        if self._next < 0:
            self._next = -(-ts // _STEP_NS) * _STEP_NS
        self._seen_ts, self._seen = ts, (bid_a, ask_a, bid_b, ask_b)

    def _take(self, sample: float) -> None:
        raise NotImplementedError

    def _now(self, ts: int) -> float:
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        return {"next": self._next, "seen_ts": self._seen_ts, "seen": [_plain(x) for x in self._seen]}

    def restore(self, state: dict[str, Any]) -> None:
        self._next, self._seen_ts = int(state["next"]), int(state["seen_ts"])
        a, b, c, d = (_number(x) for x in state["seen"])
        self._seen = (a, b, c, d)


class _Averaged(_Sampled):
    """`ewma:HALF_LIFE`."""

    def __init__(self, span_ns: int, max_age_ns: int) -> None:
        super().__init__(span_ns, max_age_ns)
        self._mean, self._first, self._last = math.nan, 0, 0

    def _take(self, sample: float) -> None:
        if math.isnan(sample):
            return
        if math.isnan(self._mean):
            self._mean, self._first = sample, self._next
        else:
            self._mean = averaged(self._mean, sample, self._next - self._last, self._span_ns)
        self._last = self._next
        self._ratio = fair_between(self._mean, self._mean)

    def _now(self, ts: int) -> float:
        warm = not math.isnan(self._mean) and ts - self._first >= 2 * self._span_ns
        return self._ratio if warm else math.nan

    def missing_ns(self, ts: int) -> int:
        needed = 2 * self._span_ns
        return needed if math.isnan(self._mean) else max(0, self._first + needed - ts)

    def state(self) -> dict[str, Any]:
        return super().state() | {"mean": _plain(self._mean), "first": self._first, "last": self._last}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._mean, self._first, self._last = _number(state["mean"]), int(state["first"]), int(state["last"])
        self._ratio = fair_between(self._mean, self._mean)


class _Median(_Sampled):
    """`median:WINDOW`: the samples of the window in order of time, and in order of size."""

    def __init__(self, span_ns: int, max_age_ns: int) -> None:
        super().__init__(span_ns, max_age_ns)
        self._width = max(1, span_ns // _STEP_NS)
        self._window: deque[float] = deque()
        self._sorted: list[float] = []

    def _take(self, sample: float) -> None:
        if len(self._window) == self._width:
            oldest = self._window.popleft()
            if not math.isnan(oldest):
                del self._sorted[bisect_left(self._sorted, oldest)]
        self._window.append(sample)
        if not math.isnan(sample):
            insort(self._sorted, sample)
        self._ratio = self._middle()

    def _middle(self) -> float:
        n = len(self._sorted)
        if len(self._window) < self._width or n == 0:
            return math.nan
        return fair_between(self._sorted[(n - 1) // 2], self._sorted[n // 2])

    def _now(self, ts: int) -> float:
        return self._ratio

    def missing_ns(self, ts: int) -> int:
        return 0 if not math.isnan(self._ratio) else max(1, self._width - len(self._window)) * _STEP_NS

    def state(self) -> dict[str, Any]:
        return super().state() | {"window": [_plain(x) for x in self._window]}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._window = deque(_number(x) for x in state["window"])
        self._sorted = sorted(x for x in self._window if not math.isnan(x))
        self._ratio = self._middle()


def live_reference(reference: str, max_age_ns: int = -1) -> LiveReference:
    """Return the reference of that name.

    Args:
        reference: `none`, `fixed:BPS`, `ewma:HALF_LIFE` or `median:WINDOW`.
        max_age_ns: age after which a sample is skipped, as `PanelMeta.max_age_ns`; negative for no limit.

    Raises:
        ConfigError: for `column:NAME`, which books that arrive one by one do not have, and unknown kinds.
    """
    kind, argument = parse_reference(reference)
    if kind == "none":
        return LiveReference()
    if kind == "fixed":
        return LiveReference(1 + float(argument) * 1e-4)
    if kind == "column":
        raise ConfigError(
            f"a live `reference` is none, fixed:BPS, ewma:HALF_LIFE or median:WINDOW, was {reference!r}: "
            "live books have no further columns"
        )
    span_ns = duration_ns(argument, name="reference")
    if span_ns < _STEP_NS:
        raise ConfigError(f"the span of a reference must be at least 60 s, was {reference!r}")
    return (_Averaged if kind == "ewma" else _Median)(span_ns, max_age_ns)


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
