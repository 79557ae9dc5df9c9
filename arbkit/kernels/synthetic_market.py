"""The hot loop of the synthetic market: latent prices at every update, and the book each update shows.

Three streams update on their own clocks: 0 is venue A (asset in currency A), 1 is venue B (asset in currency
B), 2 is the FX book (currency A per unit of currency B). All updates of all streams are walked in time order;
the latent state moves by the exact time between two of them. Every random number is a function of (seed,
purpose, event number), so the market can be made in pieces of any size: `walk` makes the updates of all
streams, `make_books` turns the updates of one stream into its books.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.kernels._jit import jit
from arbkit.kernels.counter_rng import normal, uniform
from arbkit.kernels.synthetic_book import BookRules, TickTable, best_prices, fill_book, spoil, tick_at

__all__ = [
    "N_LATENT",
    "REGIME_FIELDS",
    "STREAMS",
    "BookState",
    "Clock",
    "MarketRules",
    "Outlet",
    "QuoteRules",
    "latent_path",
    "make_books",
    "make_tops",
    "ou_path",
    "start",
    "walk",
]

STREAMS = 3
#: Latent state, float64[7]: log price in currency B, log FX, then in bps the premium's four parts: level,
#: slow, fast, jumps; last the regime's number.
N_LATENT = 7
_PRICE, _FX, _LEVEL, _SLOW, _FAST, _JUMP, _REGIME = range(N_LATENT)
#: Columns of the regimes' table, float64[k, 9]: rates per second, price and FX deviations per square root
#: of a second, premium deviations in bps at rest, then factors on update rates and spreads.
REGIME_FIELDS = (
    "leave_rate", "price_sd", "fx_sd", "slow_sd", "fast_sd", "jump_rate", "jump_sd", "activity",
    "spread_factor",
)  # fmt: skip
_LEAVE, _PRICE_SD, _FX_SD, _SLOW_SD, _FAST_SD, _JUMP_RATE, _JUMP_SD, _ACTIVITY, _SPREAD = range(9)
#: Where `Clock.at` keeps what, and where `BookState.stamps` does.
_TS, _STEP, _ROWS = range(3)
_COUNT, _LAST_RECV, _LAST_OWN = range(3)


class MarketRules(NamedTuple):
    """The premium's mean and speeds (1/s; a half-life h is log(2)/h) and the key of the latent draws."""

    level_mean: float
    level_sd: float
    level_speed: float
    slow_speed: float
    fast_speed: float
    jump_speed: float
    key: Any


class QuoteRules(NamedTuple):
    """Scalars of one stream's quotes: delay of the recorder, log-normal spread, play, share of bad rows."""

    key: Any
    latency_ns: float
    latency_log_sd: float
    log_spread: float
    spread_log_sd: float
    max_spread_bps: float
    spread_speed: float
    stick_ticks: float
    bad_row_share: float


class Outlet(NamedTuple):
    """What makes one stream's books: its rules, tick table, and median size per level."""

    quote: QuoteRules
    book: BookRules
    ticks: TickTable
    sizes: FloatArray


class BookState(NamedTuple):
    """What one stream's books remember between calls of `make_books`; zeros at the start.

    Attributes:
        stamps: int64[3]: books so far, last receive stamp, last ts.
        quote: float64[2]: quote centre, standardised log spread.
    """

    stamps: IntArray
    quote: FloatArray


class Clock(NamedTuple):
    """When streams update and where the walk stands; the caller keeps it between calls of `walk`.

    Attributes:
        min_ns, mean_ns: float64[3], shortest and mean time between updates.
        stamp_ns: int64[3], the unit a venue's stamps are written in.
        outage_rate, outage_ns: float64[3, m], outages per ns and their mean length.
        keys: uint64[3], the keys of the update times.
        next_ts: int64[3], next update of each stream.
        updates: int64[3], updates so far of each stream.
        at: int64[3]: last ts, latent steps so far, updates of streams 0 and 1 so far.
    """

    min_ns: FloatArray
    mean_ns: FloatArray
    stamp_ns: IntArray
    outage_rate: FloatArray
    outage_ns: FloatArray
    keys: Any
    next_ts: IntArray
    updates: IntArray
    at: IntArray


@jit
def _revert(value: float, mean: float, sd: float, x: float, z: float) -> float:
    """One exact step of an Ornstein-Uhlenbeck process with sd at rest; x is speed times time.

    Below 1e-4 the series is exact to the last bits and saves the exponential.
    """
    if x < 1e-4:
        decay, spread = 1.0 - x + 0.5 * x * x, 2.0 * x * (1.0 - x)
    else:
        decay = math.exp(-x)
        spread = 1.0 - decay * decay
    return mean + (value - mean) * decay + sd * math.sqrt(spread) * z


@jit
def _evolve(
    rules: MarketRules, regimes: FloatArray, latent: FloatArray, dt: float, step: int, z: FloatArray
) -> None:
    """Move the latent state by dt seconds, with the draws of latent step `step`; z: float64[5], scratch."""
    r = int(latent[_REGIME])
    key, root = rules.key, math.sqrt(dt)
    for slot in range(5):
        z[slot] = normal(key, step, slot)
    latent[_PRICE] += regimes[r, _PRICE_SD] * root * z[0]
    latent[_FX] += regimes[r, _FX_SD] * root * z[1]
    latent[_LEVEL] = _revert(latent[_LEVEL], rules.level_mean, rules.level_sd, rules.level_speed * dt, z[2])
    latent[_SLOW] = _revert(latent[_SLOW], 0.0, regimes[r, _SLOW_SD], rules.slow_speed * dt, z[3])
    latent[_FAST] = _revert(latent[_FAST], 0.0, regimes[r, _FAST_SD], rules.fast_speed * dt, z[4])
    latent[_JUMP] = _revert(latent[_JUMP], 0.0, 0.0, rules.jump_speed * dt, 0.0)
    if uniform(key, step, 5) < regimes[r, _JUMP_RATE] * dt:
        latent[_JUMP] += regimes[r, _JUMP_SD] * normal(key, step, 6)
    if uniform(key, step, 7) < regimes[r, _LEAVE] * dt:
        n = len(regimes)
        latent[_REGIME] = (r + 1 + int(uniform(key, step, 8) * (n - 1))) % n if n > 1 else 0


@jit
def _gap_ns(
    key: Any, n: int, min_ns: float, wait_ns: float, outage_rate: FloatArray, outage_ns: FloatArray
) -> float:
    """Time from update n to the one after it: the shortest gap, an exponential wait, at times an outage."""
    gap = min_ns - math.log(uniform(key, n, 0)) * wait_ns
    u = uniform(key, n, 1)
    for i in range(len(outage_rate)):
        chance = outage_rate[i] * gap
        if u < chance:
            return float(gap - math.log(u / chance) * outage_ns[i])
        u -= chance
    return gap


@jit
def start(rules: MarketRules, regimes: FloatArray, latent: FloatArray, clock: Clock) -> None:
    """Draw the premium's parts from where they come to rest, and each stream's first update.

    `latent` holds the opening log prices and the regime, `clock.at[0]` the start; both are filled in place.
    """
    r = int(latent[_REGIME])
    far = 2**40
    latent[_LEVEL] = rules.level_mean + rules.level_sd * normal(rules.key, far, 0)
    latent[_SLOW] = regimes[r, _SLOW_SD] * normal(rules.key, far, 1)
    latent[_FAST] = regimes[r, _FAST_SD] * normal(rules.key, far, 2)
    latent[_JUMP] = 0.0
    clock.at[1:] = 0
    clock.updates[:] = 0
    for s in range(STREAMS):
        unit, wait_ns = clock.stamp_ns[s], clock.mean_ns[s] / regimes[r, _ACTIVITY]
        first = -math.log(uniform(clock.keys[s], far, 0)) * wait_ns
        clock.next_ts[s] = (clock.at[_TS] // unit + 1 + int(first / unit)) * unit


@jit
def _mid(latent: FloatArray, number: int) -> float:
    """The latent mid of a stream: A carries the premium over price times FX."""
    if number == 1:
        return math.exp(latent[_PRICE])
    if number == 2:
        return math.exp(latent[_FX])
    premium = latent[_LEVEL] + latent[_SLOW] + latent[_FAST] + latent[_JUMP]
    return float(math.exp(latent[_PRICE] + latent[_FX]) * (1.0 + premium * 1e-4))


@jit
def walk(
    rules: MarketRules, regimes: FloatArray, latent: FloatArray, clock: Clock, stop_ts: int, stop_rows: int,
    stream: Any, ts: IntArray, mid: FloatArray, factor: FloatArray,
) -> int:  # fmt: skip
    """Walk on until the buffers are full or the market ends, one row per update of any stream.

    Args:
        rules, regimes: the market and its table of regimes.
        latent, clock: where the walk stands, as left by `start` or the last call; changed in place.
        stop_ts: the market ends before this time, ns.
        stop_rows: the market ends after this many updates of streams 0 and 1 together.
        stream: int8[n], written: whose update it is.
        ts: int64[n], written: the venue's stamp, non-decreasing, rising within a stream.
        mid: float64[n], written: the stream's latent mid.
        factor: float64[n], written: the regime's factor on spreads.

    Returns:
        How many rows were written; fewer than n when the market has ended.
    """
    next_ts, count, at, keys = clock.next_ts, clock.updates, clock.at, clock.keys
    min_ns, mean_ns, stamp_ns = clock.min_ns, clock.mean_ns, clock.stamp_ns
    outage_rate, outage_ns = clock.outage_rate, clock.outage_ns
    row, capacity, z = 0, len(ts), np.empty(5)
    while row < capacity and at[_ROWS] < stop_rows:
        s = 0 if next_ts[0] <= next_ts[1] else 1
        s = s if next_ts[s] <= next_ts[2] else 2
        now = next_ts[s]
        if now >= stop_ts:
            break
        _evolve(rules, regimes, latent, (now - at[_TS]) * 1e-9, at[_STEP], z)
        at[_TS] = now
        at[_STEP] += 1
        at[_ROWS] += 1 if s < 2 else 0
        r = int(latent[_REGIME])
        stream[row], ts[row] = s, now
        mid[row], factor[row] = _mid(latent, s), regimes[r, _SPREAD]
        row += 1
        wait_ns = (mean_ns[s] - min_ns[s]) / regimes[r, _ACTIVITY]
        gap = _gap_ns(keys[s], count[s], min_ns[s], wait_ns, outage_rate[s], outage_ns[s])
        count[s] += 1
        next_ts[s] += max(1, int(gap / stamp_ns[s] + 0.5)) * stamp_ns[s]
    return row


@jit
def _recv(rules: QuoteRules, ts: int, n: int, last: int) -> int:
    """Stamp of the recorder: a log-normal delay, and never before the message that came before."""
    delay = rules.latency_ns * math.exp(rules.latency_log_sd * normal(rules.key, n, 0))
    return max(ts + int(delay), last + 1)


@jit
def _half_spread(
    rules: QuoteRules, mid: float, tick: float, since_s: float, n: int, factor: float, quote: FloatArray
) -> float:
    """Move the quote centre and the spread in `quote`; return half the spread wanted now, in currency.

    The centre follows the mid with a little play: without it a coarse book would flip by a whole tick at
    every small move around its border. The spread wanders log-normally and is `factor` wider under stress.
    """
    if n == 0 or abs(mid - quote[0]) > rules.stick_ticks * tick:
        quote[0] = mid
    x = rules.spread_speed * since_s if n > 0 else 1e3
    quote[1] = _revert(quote[1], 0.0, 1.0, x, normal(rules.key, n, 1))
    bps = math.exp(rules.log_spread + rules.spread_log_sd * quote[1]) * factor
    return float(0.5e-4 * min(bps, rules.max_spread_bps) * quote[0])


@jit
def make_books(
    outlet: Outlet, state: BookState, ts: IntArray, mid: FloatArray, factor: FloatArray,
    ts_recv: IntArray, columns: FloatArray,
) -> None:  # fmt: skip
    """Turn the updates of one stream into its books.

    Args:
        outlet: the stream's rules.
        state: as left by the last call; changed in place.
        ts, mid, factor: int64[n], float64[n], float64[n]: the stream's updates, as `walk` writes them.
        ts_recv: int64[n], written: the recorder's stamp, rising.
        columns: float64[4 * levels, n], written: bid price, bid size, ask price, ask size per level, best
            first; NaN where a side is missing.
    """
    rules, book, ticks, sizes = outlet
    floor, tick, inverse = ticks
    stamps, quote = state
    for row in range(len(ts)):
        now, n = ts[row], stamps[_COUNT]
        since_s = (now - stamps[_LAST_OWN]) * 1e-9
        size = tick[tick_at(floor, mid[row])]
        half = _half_spread(rules, mid[row], size, since_s, n, factor[row], quote)
        fill_book(book, floor, tick, inverse, sizes, quote[0], half, now, row, columns)
        if uniform(rules.key, n, 2) < rules.bad_row_share:
            spoil(columns, row, uniform(rules.key, n, 3))
        ts_recv[row] = _recv(rules, now, n, stamps[_LAST_RECV])
        stamps[_COUNT], stamps[_LAST_RECV], stamps[_LAST_OWN] = n + 1, ts_recv[row], now


@jit
def make_tops(
    outlet: Outlet, state: BookState, number: int, stream: Any, ts: IntArray, mid: FloatArray,
    factor: FloatArray, columns: FloatArray,
) -> None:  # fmt: skip
    """Write the best prices of one stream's updates, those of `make_books`, without sizes and receive stamps.

    Args:
        outlet: the stream's rules.
        state: as left by the last call; changed in place.
        number: the stream.
        stream, ts, mid, factor: int8[n], int64[n], float64[n], float64[n]: the updates of all streams, as
            `walk` writes them.
        columns: float64[4, n], written where the update is this stream's: bid price in row 0, ask price in
            row 2, NaN where a side is missing; row 3 is scratch.
    """
    rules = outlet.quote
    floor, tick, inverse = outlet.ticks
    stamps, quote = state
    for row in range(len(ts)):
        if stream[row] != number:
            continue
        now, n = ts[row], stamps[_COUNT]
        since_s = (now - stamps[_LAST_OWN]) * 1e-9
        size = tick[tick_at(floor, mid[row])]
        half = _half_spread(rules, mid[row], size, since_s, n, factor[row], quote)
        columns[0, row], columns[2, row] = best_prices(floor, tick, inverse, quote[0], half)
        if uniform(rules.key, n, 2) < rules.bad_row_share:
            spoil(columns, row, uniform(rules.key, n, 3))
        stamps[_COUNT], stamps[_LAST_OWN] = n + 1, now


@jit
def latent_path(
    rules: MarketRules, regimes: FloatArray, latent: FloatArray, dt_s: float, out: FloatArray
) -> None:
    """Fill out: float64[7, n] with the latent state at the end of each of n steps of dt_s seconds."""
    z = np.empty(5)
    for i in range(out.shape[1]):
        _evolve(rules, regimes, latent, dt_s, i, z)
        out[:, i] = latent


@jit
def ou_path(values: FloatArray, decay: float, sd: float) -> None:
    """Turn values: float64[n] of standard normal draws into an Ornstein-Uhlenbeck path, in place.

    The path starts at rest; `decay` is what is left of a deviation after one step, `sd` its deviation at
    rest.
    """
    spread = math.sqrt(1.0 - decay * decay)
    x = 0.0
    for i in range(len(values)):
        x = values[i] if i == 0 else decay * x + spread * values[i]
        values[i] = sd * x
