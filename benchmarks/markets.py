"""The market all engines run on, and thresholds that give the number of trades asked for."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.signal import lfilter

import arbkit
from arbkit._typing import FloatArray, RecordArray
from arbkit.engine import rules_of, run_sets

__all__ = ["PARAMS", "calibrated", "make_panel", "rules_at", "trades_at"]

#: Cost of one crossing 10 bps; the plain reversal rule, which every baseline can follow.
PARAMS: Final = arbkit.Params(
    min_spread_bps=20, taker_fee_a_bps=4, taker_fee_b_bps=4, slippage_bps=2, max_position_usd=1000
)
_CHUNK: Final = 500_000
_TICK: Final = 0.5
_BAD_SHARE: Final = 0.0005
#: The premium in bps: pulled back by this share of itself per row (a second), pushed by this deviation; a
#: jump every 10,000 rows; a mean that swings slowly.
_PULL: Final = 1 / 250
_PUSH_BPS: Final = 1.02
_JUMP_SHARE: Final = 1e-4
_JUMP_BPS: Final = 25.0
_SWING_BPS: Final = 4.0
_SWING_ROWS: Final = 700_000


def make_panel(rows: int, seed: int = 1) -> arbkit.Panel:
    """Return a panel: a premium that reverts to a drifting mean and jumps, prices in ticks, 0.05 % bad rows.

    A longer market begins with the shorter one of the same seed, whole pieces of 500,000 rows at a time.
    """
    out = np.empty((4, rows))
    state, walk = np.zeros(1), 0.0
    for number, start in enumerate(range(0, rows, _CHUNK)):
        random = np.random.default_rng([seed, number])
        size = min(_CHUNK, rows - start)
        push = random.normal(0, _PUSH_BPS, size)
        jumps = random.random(size) < _JUMP_SHARE
        push[jumps] += random.exponential(_JUMP_BPS, jumps.sum()) * random.choice([-1, 1], jumps.sum())
        premium, state = lfilter([1.0], [1.0, _PULL - 1], push, zi=state)
        premium += _SWING_BPS * np.sin(np.arange(start, start + size) * (2 * np.pi / _SWING_ROWS))
        steps = walk + np.cumsum(random.normal(0, 1e-5, size))
        walk = steps[-1]
        _books(out[:, start : start + size], 40_000 * np.exp(steps), premium, random)
    ts = 1_700_000_000_000_000_000 + np.arange(rows) * 1_000_000_000
    return arbkit.Panel(ts, *out)


def _books(out: FloatArray, mid_b: FloatArray, premium_bps: FloatArray, random: np.random.Generator) -> None:
    """Write bid and ask of both venues around their mids, and spoil some rows."""
    for side, mid in enumerate((mid_b * (1 + premium_bps / 1e4), mid_b)):
        bid = np.floor(mid / _TICK) * _TICK
        out[2 * side] = bid - _TICK * random.integers(0, 3, mid.size)
        out[2 * side + 1] = bid + _TICK * random.integers(1, 4, mid.size)
    bad = np.flatnonzero(random.random(mid_b.size) < _BAD_SHARE)
    for kind, value in enumerate((np.nan, 0.0, np.inf)):
        out[kind, bad[kind::4]] = value
    crossed = bad[3::4]
    out[0, crossed] = out[1, crossed]


def rules_at(min_spreads_bps: FloatArray, params: arbkit.Params = PARAMS) -> RecordArray:
    """Return one set of rules per threshold."""
    rules = np.repeat(rules_of([params]), len(min_spreads_bps))
    rules["min_spread_bps"] = min_spreads_bps
    return rules


def trades_at(panel: arbkit.Panel, min_spread_bps: float) -> int:
    """Return how many trades a threshold gives."""
    rules = rules_at(np.array([min_spread_bps]))
    return int(run_sets(panel, rules, engine="skip", measure=False)["total_trades"][0])


def calibrated(panel: arbkit.Panel, trades: int, sets: int) -> FloatArray | None:
    """Return thresholds, in mixed order, around the one that gives a number of trades.

    Args:
        panel: the market.
        trades: how many each set shall have, within 15 %.
        sets: how many thresholds; different ones, so that no run profits from the one before.

    Returns:
        float64 (sets,), or None when this market has not so many trades at any threshold that can pay.
    """
    low, high = (_threshold(panel, trades * factor) for factor in (1.1, 0.9))
    if abs(trades_at(panel, (low + high) / 2) / trades - 1) > 0.25:
        return None
    found = np.linspace(low, high, sets)
    np.random.default_rng(0).shuffle(found)
    return found


def _threshold(panel: arbkit.Panel, trades: float) -> float:
    low, high = 0.5 - PARAMS.cost_bps, 500.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if trades_at(panel, middle) >= trades else (low, middle)
    return (low + high) / 2
