"""Panels with a known truth: markets in which there is nothing to find, and one in which there is.

They are returned as frames with `ts, bid_a, ask_a, bid_b, ask_b`, ready for `Panel.from_frame`. Prices are
multiples of a tick, so exact ties with a threshold are as common as in real books.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from arbkit._typing import FloatArray
from arbkit.data.schema import TIMESTAMP
from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.counter_rng import normals, uniforms
from arbkit.kernels.synthetic_market import ou_path
from arbkit.synthetic.market import stream_key
from arbkit.units import SECOND_NS

__all__ = ["EDGE_SD_BPS", "NOISE_KINDS", "PanelShape", "edge_panel", "noise_panel", "ou_panel"]

#: `random_walk`: the premium is a martingale: before costs every rule earns nothing on average, after them it
#: loses. `spells`: the same with fat tails, its moves large for hours and small for hours. `bounce`: the fair
#: premium is a random walk, and each book leans to one side of its fair price, anew at every row: the mids
#: jump by the width of a book and come back, and yet no bid is above its fair price and no ask below it.
#: `white`: the premium is drawn anew at every row; what stands there now says nothing about the next row, and
#: at the default size it never pays for a crossing of 5 bps. It would pay where crossings are free.
NOISE_KINDS: Final = ("random_walk", "spells", "bounce", "white")
#: Size of a premium of half-life 30 min, by the mean t (Newey-West, lags of a day, bins of 4 h) that its
#: oracle set has in the lockbox of 60 days at 5 bps a crossing (`python -m benchmarks.truth --calibrate`).
EDGE_SD_BPS: Final = {2: 3.32, 3: 3.80, 4: 4.24, 5: 4.71}
EDGE_HALF_LIFE_S: Final = 1_800.0
_START_NS: Final = 1_767_225_600 * SECOND_NS
_PRICE, _PREMIUM, _WIDTH_A, _WIDTH_B, _BAD, _BAD_KIND, _SPELL, _LEAN_A, _LEAN_B = range(100, 109)
#: Half-life of a spell, and the deviation of the logarithm of the size of the moves (kurtosis of a move: 39).
_SPELL_HALF_LIFE_S: Final = 6 * 3_600.0
_SPELL_SD: Final = 0.8


@dataclass(frozen=True, kw_only=True)
class PanelShape:
    """What all truth panels have in common.

    Attributes:
        rows: number of rows.
        step_s: time from row to row, seconds.
        price: first price of the asset.
        annual_vol: volatility of the common price per square root of a year.
        spread_bps: median bid-ask spread of each venue, before rounding to ticks.
        tick: price step of both venues.
        bad_row_share: share of rows that are crossed, one-sided or zero; they are not tradable.
    """

    rows: int
    step_s: float = 1.0
    price: float = 100_000.0
    annual_vol: float = 0.6
    spread_bps: float = 1.0
    tick: float = 0.1
    bad_row_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("rows", "step_s", "price", "tick"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"`{name}` must be above 0, was {getattr(self, name)!r}")
        for name in ("annual_vol", "spread_bps"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"`{name}` must be at least 0, was {getattr(self, name)!r}")
        if not 0 <= self.bad_row_share <= 1:
            raise ConfigError(f"`bad_row_share` must be within 0 and 1, was {self.bad_row_share!r}")


def noise_panel(
    shape: PanelShape | int, *, seed: int, kind: str = "random_walk", sd_bps: float | None = None
) -> pl.DataFrame:
    """Return a market without an edge: whatever the parameters, no rule earns anything but luck.

    Args:
        shape: the panel's shape, or just its number of rows.
        seed: which of its histories.
        kind: one of `NOISE_KINDS`.
        sd_bps: how much the premium moves: around 0 for `white` (2 by default), else in a day (60 by default,
            the real daily change).

    Raises:
        ConfigError: for an unknown kind (with the nearest names) or a bad size.
    """
    shape = PanelShape(rows=shape) if isinstance(shape, int) else shape
    if kind not in NOISE_KINDS:
        raise ConfigError(f"`{kind}` is no kind of noise; {nearest_names(kind, NOISE_KINDS)}")
    sd = _checked_sd(sd_bps if sd_bps is not None else (2.0 if kind == "white" else 60.0))
    moves = _normals(shape.rows, seed, _PREMIUM)
    if kind == "white":
        return _books(shape, seed, moves * sd)
    if kind == "spells":
        moves *= _spells(shape, seed)
    premium = np.cumsum(moves * (sd * math.sqrt(shape.step_s / 86_400)))
    return _books(shape, seed, premium, leaning=kind == "bounce")


def _spells(shape: PanelShape, seed: int) -> FloatArray:
    """Return how large the moves of each row are; the mean of their squares is 1."""
    level = _normals(shape.rows, seed, _SPELL)
    ou_path(level, 2.0 ** (-shape.step_s / _SPELL_HALF_LIFE_S), _SPELL_SD)
    size: FloatArray = np.exp(level - _SPELL_SD**2)
    return size


def ou_panel(shape: PanelShape | int, *, seed: int, half_life_s: float, sd_bps: float) -> pl.DataFrame:
    """Return a market whose premium reverts to 0 with a known half-life (an Ornstein-Uhlenbeck process).

    Args:
        shape: the panel's shape, or just its number of rows.
        seed: which of its histories.
        half_life_s: time in which half of a deviation is gone, seconds.
        sd_bps: standard deviation of the premium at rest.

    Raises:
        ConfigError: for a half-life or size that is not above 0.
    """
    shape = PanelShape(rows=shape) if isinstance(shape, int) else shape
    if not half_life_s > 0:
        raise ConfigError(f"`half_life_s` must be above 0, was {half_life_s!r}")
    decay = 2.0 ** (-shape.step_s / half_life_s)
    premium = _normals(shape.rows, seed, _PREMIUM)
    ou_path(premium, decay, _checked_sd(sd_bps))
    return _books(shape, seed, premium)


def edge_panel(shape: PanelShape | int, *, seed: int, lockbox_t: int = 5) -> pl.DataFrame:
    """Return a market with an edge of known size: a premium of half-life 30 min.

    Args:
        shape: the panel's shape, or just its number of rows.
        seed: which of its histories.
        lockbox_t: mean t of the oracle set in the lockbox of 60 days, one of `EDGE_SD_BPS`.

    Raises:
        ConfigError: for a t that was not calibrated.
    """
    if lockbox_t not in EDGE_SD_BPS:
        known = ", ".join(map(str, EDGE_SD_BPS))
        raise ConfigError(f"`lockbox_t` must be one of {known}, was {lockbox_t!r}")
    return ou_panel(shape, seed=seed, half_life_s=EDGE_HALF_LIFE_S, sd_bps=EDGE_SD_BPS[lockbox_t])


def _checked_sd(sd_bps: float) -> float:
    if not sd_bps > 0:
        raise ConfigError(f"`sd_bps` must be above 0, was {sd_bps!r}")
    return sd_bps


def _normals(rows: int, seed: int, purpose: int) -> FloatArray:
    out = np.empty(rows)
    normals(stream_key(seed, purpose), 0, 0, out)
    return out


def _uniforms(rows: int, seed: int, purpose: int) -> FloatArray:
    out = np.empty(rows)
    uniforms(stream_key(seed, purpose), 0, 0, out)
    return out


def _books(shape: PanelShape, seed: int, premium_bps: FloatArray, *, leaning: bool = False) -> pl.DataFrame:
    """Put books around the common price; A stands the premium above B, half of it on each side."""
    vol = shape.annual_vol * math.sqrt(shape.step_s / (365 * 86_400))
    price = shape.price * np.exp(np.cumsum(vol * _normals(shape.rows, seed, _PRICE)))
    tilt = np.exp(premium_bps * 0.5e-4)
    lean_a, lean_b = (_leans(shape, seed, k) if leaning else None for k in (_LEAN_A, _LEAN_B))
    bid_a, ask_a = _quotes(price * tilt, shape, seed, _WIDTH_A, lean_a)
    bid_b, ask_b = _quotes(price / tilt, shape, seed, _WIDTH_B, lean_b)
    if shape.bad_row_share > 0:
        _spoil(shape, seed, bid_a, ask_a)
    steps = np.round(np.arange(shape.rows) * (shape.step_s * SECOND_NS)).astype(np.int64)
    ts = pl.Series(_START_NS + steps).cast(TIMESTAMP)
    return pl.DataFrame({"ts": ts, "bid_a": bid_a, "ask_a": ask_a, "bid_b": bid_b, "ask_b": ask_b})


def _leans(shape: PanelShape, seed: int, purpose: int) -> FloatArray:
    """Return which side of each book stands at the fair price: 1 for the bid, -1 for the ask."""
    lean: FloatArray = np.where(_uniforms(shape.rows, seed, purpose) < 0.5, -1.0, 1.0)
    return lean


def _quotes(
    fair: FloatArray, shape: PanelShape, seed: int, purpose: int, lean: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    half = 0.5e-4 * shape.spread_bps * np.exp(0.5 * _normals(shape.rows, seed, purpose)) * fair
    mid = fair if lean is None else fair + lean * half
    bid = np.floor((mid - half) / shape.tick)
    ask = np.maximum(np.ceil((mid + half) / shape.tick), bid + 1)
    inverse = round(1.0 / shape.tick)
    if shape.tick < 1 and abs(inverse * shape.tick - 1.0) < 1e-9:
        return bid / inverse, ask / inverse
    return bid * shape.tick, ask * shape.tick


def _spoil(shape: PanelShape, seed: int, bid: FloatArray, ask: FloatArray) -> None:
    """Cross half of the chosen rows, take one side of a quarter, put a zero bid in a quarter; in place."""
    bad = _uniforms(shape.rows, seed, _BAD) < shape.bad_row_share
    kind = _uniforms(shape.rows, seed, _BAD_KIND)
    crossed = bad & (kind < 0.5)
    bid[crossed], ask[crossed] = ask[crossed], bid[crossed]
    ask[bad & (kind >= 0.5) & (kind < 0.75)] = np.nan
    bid[bad & (kind >= 0.75)] = 0.0
