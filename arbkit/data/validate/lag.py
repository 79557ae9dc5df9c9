"""Cross-correlation of two return series: where it peaks says how far one clock is from the other."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray

__all__ = ["LagPeak", "fill_forward", "lag_peak"]

#: A correlation is believed when it is this many standard errors away from what it is held against.
_SIGMAS: Final = 6.0
_CLIP: Final = 5.0
_FEWEST_BARS: Final = 60


class LagPeak(NamedTuple):
    """Where the correlation of two return series is highest.

    `lag` is in bars; positive means that B repeats later what A did. `part` is the share of a bar by which
    B is late (negative: early) when the peak is at 0 and only one neighbour correlates too, as when bars of a
    day are stamped some hours apart; else 0. `noise` is the standard error of a correlation.
    """

    lag: int
    correlation: float
    at_zero: float
    part: float
    bars: int
    noise: float

    @property
    def is_correlated(self) -> bool:
        """Whether the series have anything to do with each other."""
        return self.correlation > _SIGMAS * self.noise

    @property
    def is_shifted(self) -> bool:
        """Whether the peak stands clearly above lag 0."""
        above_zero = self.correlation - self.at_zero > _SIGMAS * self.noise
        return self.is_correlated and self.lag != 0 and above_zero


def lag_peak(mids_a: FloatArray, mids_b: FloatArray, max_lag: int) -> LagPeak | None:
    """Return where the returns of two price series on one grid correlate most.

    Args:
        mids_a: prices, float64, NaN where there is none.
        mids_b: prices at the same times.
        max_lag: the largest lag looked at, in bars; at most a third of the bars.

    Returns:
        The peak, or None where fewer than 60 bars have both returns.
    """
    a, b = _returns(mids_a), _returns(mids_b)
    bars = int(np.count_nonzero(np.isfinite(a) & np.isfinite(b)))
    if bars < _FEWEST_BARS:
        return None
    lags = min(max_lag, a.size // 3)
    values = _correlations(_standard(a), _standard(b), lags)
    at = int(np.argmax(values))
    noise = float(1.0 / np.sqrt(bars))
    zero = float(values[lags])
    peak = LagPeak(at - lags, float(values[at]), zero, 0.0, bars, noise)
    return peak if peak.lag or lags < 1 else peak._replace(part=_part(values[lags - 1 : lags + 2], noise))


def fill_forward(values: FloatArray, limit: int) -> FloatArray:
    """Return the values with NaN replaced by the last one before it, at most `limit` places on."""
    places = np.arange(values.size)
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, places))
    known = (last >= 0) & (places - last <= limit)
    return np.asarray(np.where(known, values[np.maximum(last, 0)], np.nan))


def _returns(mids: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        steps = np.diff(np.log(mids))
    return np.asarray(np.where(np.isfinite(steps), steps, np.nan))


def _standard(returns: FloatArray) -> FloatArray:
    known = returns[np.isfinite(returns)]
    spread = float(known.std()) or 1.0
    return np.asarray(np.nan_to_num(np.clip((returns - known.mean()) / spread, -_CLIP, _CLIP), nan=0.0))


def _correlations(a: FloatArray, b: FloatArray, lags: int) -> FloatArray:
    size = 1 << int(np.ceil(np.log2(a.size + lags + 1)))
    product = np.fft.irfft(np.conj(np.fft.rfft(a, size)) * np.fft.rfft(b, size), size)
    scale = np.sqrt(np.sum(a * a) * np.sum(b * b))
    around = np.concatenate([product[size - lags :], product[: lags + 1]])
    return np.asarray(around / scale if scale > 0 else np.zeros_like(around))


def _part(around: FloatArray, noise: float) -> float:
    before, zero, after = (float(value) for value in around)
    if abs(after - before) < _SIGMAS * noise or max(after, before) <= 0 or zero <= 0:
        return 0.0
    return after / (zero + after) if after > before else -before / (zero + before)
