"""`Market`: a spec and a seed, turned into books piece by piece."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray
from arbkit.data.schema import TIMESTAMP, book_columns, book_schema
from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.counter_rng import mix
from arbkit.kernels.synthetic_book import BookRules, tick_at
from arbkit.kernels.synthetic_market import (
    N_LATENT,
    STREAMS,
    BookState,
    Clock,
    MarketRules,
    Outlet,
    QuoteRules,
    latent_path,
    make_books,
    start,
    walk,
)
from arbkit.synthetic.spec import MarketSpec, StreamSpec
from arbkit.synthetic.ticks import tick_table, whole_inverse
from arbkit.units import DAY_NS, MS_NS, SECOND_NS

__all__ = ["CHUNK_ROWS", "Market", "stream_key"]

#: Rows made at a time: 5 levels take 90 MB.
CHUNK_ROWS: Final = 500_000
_MASK: Final = (1 << 64) - 1
_NO_LIMIT: Final = 2**62


def stream_key(seed: int, purpose: int) -> np.uint64:
    """Return the key of one purpose's random numbers; near seeds give unrelated keys."""
    inner = int(mix(np.uint64((seed * 0x9E3779B97F4A7C15 + 1) & _MASK)))
    return np.uint64(mix(np.uint64((inner + purpose * 0xBF58476D1CE4E5B9) & _MASK)))


@dataclass(frozen=True)
class Market:
    """A synthetic market: what its spec says, for one seed, up to a time or a number of rows.

    The same spec and seed give the same rows whatever `chunk_rows`, `levels`, `days`, `rows`: a shorter
    market is the beginning of a longer one, a shallower book the top of a deeper one.

    Attributes:
        spec: what the market is like.
        seed: which of its histories; None takes the spec's.
        levels: depth of every book; None takes the spec's.
        days: length; None takes the spec's, or no limit when `rows` is given.
        rows: end after this many updates of A and B together; None for no limit.
    """

    spec: MarketSpec
    seed: int | None = None
    levels: int | None = None
    days: float | None = None
    rows: int | None = None

    def __post_init__(self) -> None:
        rules = {
            "seed": (self.seed, 0, 2**63),
            "levels": (self.levels, 1, 30),
            "days": (self.days, 1e-9, 36_500),
            "rows": (self.rows, 1, 10**12),
        }
        for name, (value, low, high) in rules.items():
            if value is not None and not low <= value <= high:
                raise ConfigError(f"`{name}` must be within {low:g} and {high:g}, was {value!r}")

    @property
    def depth(self) -> int:
        """Levels per side."""
        return self.levels or self.spec.levels

    @property
    def used_seed(self) -> int:
        """The seed that is used."""
        return self.spec.seed if self.seed is None else self.seed

    @property
    def start_ns(self) -> int:
        """Where the market starts, ns UTC."""
        return (self.spec.start - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND * 1000

    @property
    def end_ns(self) -> int:
        """Where the market ends, exclusive; far away when only `rows` ends it."""
        if self.days is None and self.rows is not None:
            return _NO_LIMIT
        return self.start_ns + round((self.days or self.spec.days) * DAY_NS)

    def expected_rows(self, *, fx: bool = False) -> int:
        """Return about how many rows A and B will have together, or with `fx` all books of all coins."""
        rate_ab, rate_fx = _rate(self.spec.a) + _rate(self.spec.b), _rate(self.spec.fx)
        rows = (self.end_ns - self.start_ns) / MS_NS * rate_ab
        if self.rows is not None:
            rows = min(rows, self.rows)
        if not fx:
            return int(rows)
        return int(rows * (max(1, len(self.spec.coins)) + rate_fx / rate_ab))

    def tick_size(self, stream: StreamSpec) -> float:
        """Return an instrument's tick at the opening price."""
        price = self.spec.start_price * (self.spec.start_fx if stream is self.spec.a else 1.0)
        table = tick_table(stream.tick)
        return float(
            table.tick[tick_at(table.floor, self.spec.start_fx if stream is self.spec.fx else price)]
        )

    def pieces(
        self, *, legs: Sequence[str] | None = None, chunk_rows: int = CHUNK_ROWS
    ) -> Iterator[tuple[str, pl.DataFrame]]:
        """Yield the books of several instruments in turn, each in time order.

        Args:
            legs: "venue/symbol" of A, B or FX; None for all three.
            chunk_rows: updates made at a time; it does not change the rows.

        Yields:
            The instrument's name and a frame of the canonical book schema (`arbkit.data`), a missing price or
            size null.

        Raises:
            ConfigError: when the spec has no such instrument (with the nearest names).
        """
        wanted = [self._number(leg) for leg in legs] if legs is not None else list(range(STREAMS))
        outlets = self.outlets()
        states = {number: BookState(np.zeros(3, np.int64), np.zeros(2)) for number in wanted}
        for stream, ts, mid, factor in self.updates(chunk_rows):
            for number in wanted:
                own = np.flatnonzero(stream == number)
                if len(own):
                    frame = _books(
                        outlets[number], states[number], ts[own], mid[own], factor[own], self.depth
                    )
                    yield self.spec.streams[number].leg, frame

    def frames(self, leg: str, *, chunk_rows: int = CHUNK_ROWS) -> Iterator[pl.DataFrame]:
        """Yield one instrument's book in pieces; see `pieces`."""
        return (frame for _, frame in self.pieces(legs=[leg], chunk_rows=chunk_rows))

    def outlets(self) -> list[Outlet]:
        """Return what makes the books of A, B and FX."""
        return [_outlet(item, number, self.used_seed) for number, item in enumerate(self.spec.streams)]

    def updates(self, chunk_rows: int) -> Iterator[tuple[Any, IntArray, FloatArray, FloatArray]]:
        """Yield all updates of A, B and FX (0, 1, 2) in order of time, in pieces.

        Yields:
            Stream int8[n], ts int64[n] in ns, latent mid float64[n], factor on spreads float64[n]; a piece of
            fewer than `chunk_rows` is the last one.
        """
        rules, regimes, latent, clock = self._opening()
        limit = self.rows or _NO_LIMIT
        count = chunk_rows
        while count == chunk_rows:
            stream, ts = np.empty(chunk_rows, np.int8), np.empty(chunk_rows, np.int64)
            mid, factor = np.empty(chunk_rows), np.empty(chunk_rows)
            count = walk(rules, regimes, latent, clock, self.end_ns, limit, stream, ts, mid, factor)
            yield stream[:count], ts[:count], mid[:count], factor[:count]

    def frame(self, leg: str) -> pl.DataFrame:
        """Return one instrument's whole book; see `pieces`."""
        empty = book_schema(self.depth).to_frame()
        return pl.concat([empty, *self.frames(leg)])

    def latent(self, *, step_s: float, steps: int) -> pl.DataFrame:
        """Return the market's hidden state on an even grid, as a history of its own.

        Returns:
            Columns `ts`, `price` (at B), `fx`, `premium_bps`, its parts `level_bps`, `slow_bps`, `fast_bps`,
            `jump_bps`, and `regime` (its number).
        """
        rules, regimes, latent, _ = self._opening()
        out = np.empty((N_LATENT, steps))
        latent_path(rules, regimes, latent, step_s, out)
        ts = self.start_ns + np.round(np.arange(1, steps + 1) * (step_s * SECOND_NS)).astype(np.int64)
        parts = dict(zip(("level_bps", "slow_bps", "fast_bps", "jump_bps"), out[2:6], strict=True))
        return pl.DataFrame(
            {
                "ts": pl.Series(ts).cast(TIMESTAMP),
                "price": np.exp(out[0]),
                "fx": np.exp(out[1]),
                "premium_bps": out[2:6].sum(axis=0),
                **parts,
                "regime": out[6].astype(np.int64),
            }
        )

    def _number(self, leg: str) -> int:
        legs = [stream.leg for stream in self.spec.streams]
        if leg not in legs:
            raise ConfigError(f"`{leg}` is no instrument of `{self.spec.name}`; {nearest_names(leg, legs)}")
        return legs.index(leg)

    def _opening(self) -> tuple[MarketRules, FloatArray, FloatArray, Clock]:
        rules, regimes = _market_rules(self.spec, stream_key(self.used_seed, 0)), _regime_table(self.spec)
        latent = np.zeros(N_LATENT)
        latent[0], latent[1] = math.log(self.spec.start_price), math.log(self.spec.start_fx)
        clock = _clock(self.spec, self.used_seed, self.start_ns)
        start(rules, regimes, latent, clock)
        return rules, regimes, latent, clock


_MICROSECOND: Final = datetime.resolution


def _rate(stream: StreamSpec) -> float:
    return 1.0 / stream.mean_interval_ms


def _speed(half_life_s: float) -> float:
    return math.log(2.0) / half_life_s


def _market_rules(spec: MarketSpec, key: np.uint64) -> MarketRules:
    premium = spec.premium
    return MarketRules(
        level_mean=premium.level_mean_bps,
        level_sd=premium.level_sd_bps,
        level_speed=_speed(premium.level_half_life_days * 86_400),
        slow_speed=_speed(premium.slow_half_life_days * 86_400),
        fast_speed=_speed(premium.fast_half_life_min * 60),
        jump_speed=_speed(premium.jump_half_life_h * 3_600),
        key=key,
    )


def _regime_table(spec: MarketSpec) -> FloatArray:
    day, alone = 86_400.0, len(spec.regimes) == 1
    rows = [
        (
            0.0 if alone else 1.0 / (item.mean_days * day),
            item.price_vol_annual / math.sqrt(365 * day),
            item.fx_vol_bps_day * 1e-4 / math.sqrt(day),
            item.slow_sd_bps,
            item.fast_sd_bps,
            item.jumps_per_day / day,
            item.jump_sd_bps,
            item.activity,
            item.spread_factor,
        )
        for item in spec.regimes
    ]
    return np.array(rows, dtype=np.float64)


def _outlet(spec: StreamSpec, number: int, seed: int) -> Outlet:
    return Outlet(
        quote=QuoteRules(
            key=stream_key(seed, 10 + number),
            latency_ns=spec.latency_ms * MS_NS,
            latency_log_sd=spec.latency_log_sd,
            log_spread=math.log(spec.spread_bps),
            spread_log_sd=spec.spread_log_sd,
            max_spread_bps=spec.max_spread_bps,
            spread_speed=_speed(spec.spread_half_life_s),
            stick_ticks=spec.stick_ticks,
            bad_row_share=spec.bad_row_share,
        ),
        book=BookRules(
            key=stream_key(seed, 20 + number),
            density=max(1, round(32 * spec.level_density)),
            top_log_sd=spec.top_log_sd,
            deep_log_sd=spec.deep_log_sd,
            lot=spec.lot,
            lots_per_unit=whole_inverse(spec.lot),
            hold_ns=spec.hold_s * SECOND_NS,
        ),
        ticks=tick_table(spec.tick),
        sizes=np.array(spec.sizes, dtype=np.float64),
    )


def _clock(spec: MarketSpec, seed: int, start_ns: int) -> Clock:
    streams = spec.streams
    most = max(1, *(len(item.outages) for item in streams))
    rate, length = np.zeros((STREAMS, most)), np.zeros((STREAMS, most))
    for s, item in enumerate(streams):
        for i, outage in enumerate(item.outages):
            rate[s, i], length[s, i] = outage.per_day / DAY_NS, outage.mean_s * SECOND_NS
    at = np.zeros(3, np.int64)
    at[0] = start_ns
    return Clock(
        min_ns=np.array([item.min_interval_ms * MS_NS for item in streams]),
        mean_ns=np.array([item.mean_interval_ms * MS_NS for item in streams]),
        stamp_ns=np.array([round(item.stamp_ms * MS_NS) for item in streams], dtype=np.int64),
        outage_rate=rate,
        outage_ns=length,
        keys=np.array([stream_key(seed, 1 + s) for s in range(STREAMS)], dtype=np.uint64),
        next_ts=np.zeros(STREAMS, np.int64),
        updates=np.zeros(STREAMS, np.int64),
        at=at,
    )


def _books(
    outlet: Outlet, state: BookState, ts: IntArray, mid: FloatArray, factor: FloatArray, levels: int
) -> pl.DataFrame:
    ts_recv, columns = np.empty(len(ts), np.int64), np.empty((4 * levels, len(ts)))
    make_books(outlet, state, ts, mid, factor, ts_recv, columns)
    names = book_columns(levels)[2:]
    series: dict[str, Any] = {
        "ts_event": pl.Series(ts).cast(TIMESTAMP),
        "ts_recv": pl.Series(ts_recv).cast(TIMESTAMP),
        **dict(zip(names, columns, strict=True)),
    }
    frame = pl.DataFrame(series)
    may_miss = outlet.quote.bad_row_share > 0 or bool(np.isnan(columns[-4:]).any())
    return frame.with_columns(pl.col(names).fill_nan(None)) if may_miss else frame
