"""`load_panel`: from a dataset on disk to a panel in one currency."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import IntArray, PathLike
from arbkit.errors import ConfigError, CoverageError, DataError
from arbkit.panel._time import to_ns
from arbkit.panel.align import LegQuotes, asof, joined_times, ladders_of
from arbkit.panel.candles import bar_ns, check_half_spread
from arbkit.panel.fx import FxRates, FxSeries, converted, fx_rates
from arbkit.panel.fx_source import check_fx, fx_fingerprint, fx_name, fx_series
from arbkit.panel.panel import Panel, PanelMeta
from arbkit.panel.quotes import book_quotes, candle_quotes
from arbkit.panel.recorded import entry_flags, file_marks, recorded_funding
from arbkit.panel.reference import settled_ns
from arbkit.panel.store import is_store, open_store, write_store
from arbkit.units import DAY_NS, MINUTE_NS, duration_ns, format_duration

if TYPE_CHECKING:
    from arbkit.data import Dataset, InstrumentInfo

__all__ = ["load_panel", "share_text"]

_CLOCKS: Final = ("ts_recv", "ts_event")
#: A quote without an age limit is looked for this long before `start`.
_LOOK_BACK_NS: Final = DAY_NS
#: How far the two clocks of one row may lie apart when rows are read by one and wanted by the other.
_CLOCK_MARGIN_NS: Final = MINUTE_NS


@dataclass(frozen=True)
class _Request:
    """The arguments of `load_panel`, read and checked."""

    legs: tuple[str, str]
    currency: str | None
    same: tuple[str, ...]
    max_age_ns: tuple[int | None, int | None]
    start_ns: int | None
    end_ns: int | None
    grid_ns: int | None
    clock: str | None
    levels: int
    half_spreads_bps: tuple[float | None, float | None]


def load_panel(
    dataset: PathLike | Dataset,
    pair: Mapping[str, str],
    fx: Mapping[str, Any] | None = None,
    *,
    max_age: str | float | Mapping[str, Any] | None = None,
    start: Any = None,
    end: Any = None,
    currency: str | None = None,
    same: Iterable[str] = (),
    reference: str = "none",
    grid: str | float | None = None,
    levels: int = 0,
    clock: str | None = None,
    half_spread_a_bps: float | None = None,
    half_spread_b_bps: float | None = None,
    funding: Any = None,
    cache: bool = True,
) -> Panel:
    """Join two instruments of a dataset into a panel.

    Rows stand at the distinct update times of both venues while both are there (or on a grid); each shows
    the last quote of either venue at or before it. Nothing looks ahead, and a void quote (zero, one-sided,
    crossed) is never bridged by the last good one. Where the dataset was recorded with its venues' states,
    they fill `entry_ok`. A dataset that is being written may be loaded: the panel names the files it is of.

    Args:
        dataset: folder of the dataset, or an open one.
        pair: {"a": "venue/symbol", "b": "venue/symbol"}.
        fx: how a leg in another currency is converted: `symbol` in the same dataset, or `dataset` and
            `symbol`, or `file` (Parquet or CSV with `ts` and `bid, ask` or `close`, then also `base` and
            `quote`); `price` mid (default) or executable; `max_age`; `currency`, as below.
        max_age: how long a quote may be carried forward, one for both or {"a": ..., "b": ...}; by default
            what the dataset's manifest says, for candles one bar, else no limit.
        start, end: first time wanted and time to stop before: ISO text, datetime or int nanoseconds.
        currency: account currency; the legs' common quote where there is one, else it must be named.
        same: currencies to treat as one, such as ("USDT", "USD").
        reference: fills `fair` as `Panel.with_reference` does, reading what it needs before `start`.
        grid: put the rows on a regular grid such as "1s" instead.
        levels: how many book levels to keep; 0 for the top of the book without sizes.
        clock: "ts_recv" or "ts_event"; by default the recorder's where both legs have it, else the venue's.
        half_spread_a_bps, half_spread_b_bps: needed for legs that are candles.
        funding: rates of the perpetual legs, as in `Panel.with_funding`, or "recorded" for the payments that
            the dataset itself holds.
        cache: keep the panel and its index on disk as a panel store, named by the dataset's fingerprint and
            these arguments: the next call maps both. Where the cache cannot be written, memory holds them.

    Raises:
        ConfigError: when an argument breaks its rule, or a conversion is needed and not given.
        DataError: when the dataset or an instrument does not exist or cannot be read.
        CoverageError: when the venues do not overlap in time, or FX does not cover the books.
    """
    from arbkit.data import open_dataset

    source = open_dataset(dataset)
    given_fx = check_fx(fx)
    begin = None if start is None else to_ns(start)
    stop = None if end is None else to_ns(end)
    if begin is not None and stop is not None and begin >= stop:
        raise ConfigError(f"`start` must be before `end`, was start={start!s}, end={end!s}")
    warm = settled_ns(reference)
    request = _Request(
        legs=_pair(pair),
        currency=currency or given_fx.get("currency"),
        same=(same,) if isinstance(same, str) else tuple(sorted(set(same))),
        max_age_ns=_ages(max_age),
        start_ns=begin - warm - 2 * MINUTE_NS if begin is not None and warm else begin,
        end_ns=stop,
        grid_ns=None if grid is None else _positive(grid, "grid"),
        clock=_clock(clock),
        levels=_levels(levels),
        half_spreads_bps=(half_spread_a_bps, half_spread_b_bps),
    )
    make = functools.partial(_referred, source, request, given_fx, reference, begin)
    panel = _cached(source, (asdict(request), given_fx, reference, begin), make) if cache else make()
    if len(panel) == 0:
        raise CoverageError(
            f"both venues must overlap in the period asked for, {request.legs[0]} and {request.legs[1]} "
            f"have no row together from {start or 'there'} to {end or 'there'}"
        )
    if isinstance(funding, str) and funding == "recorded":
        funding = recorded_funding(source, (panel.meta.leg_a, panel.meta.leg_b), panel.ts)
    return panel if funding is None else panel.with_funding(funding)


def _pair(pair: Mapping[str, str]) -> tuple[str, str]:
    if not isinstance(pair, Mapping) or set(pair) != {"a", "b"}:
        raise ConfigError(f'`pair` must be {{"a": "venue/symbol", "b": "venue/symbol"}}, was {pair!r}')
    if pair["a"] == pair["b"]:
        raise ConfigError(f"`pair` needs two different instruments, was {pair['a']!r} twice")
    return str(pair["a"]), str(pair["b"])


def _ages(max_age: Any) -> tuple[int | None, int | None]:
    if isinstance(max_age, Mapping):
        unknown = set(max_age) - {"a", "b"}
        if unknown:
            raise ConfigError(f"`max_age` takes one duration, or a and b, had {sorted(unknown)}")
        return tuple(  # type: ignore[return-value]
            None if max_age.get(leg) is None else _positive(max_age[leg], f"max_age.{leg}")
            for leg in ("a", "b")
        )
    age = None if max_age is None else _positive(max_age, "max_age")
    return age, age


def _positive(value: Any, name: str) -> int:
    ns = duration_ns(value, name=name)
    if ns <= 0:
        raise ConfigError(f"`{name}` must be longer than 0, was {value!r}")
    return ns


def _clock(clock: str | None) -> str | None:
    if clock is not None and clock not in _CLOCKS:
        raise ConfigError(f"`clock` must be ts_recv or ts_event, was {clock!r}")
    return clock


def _levels(levels: int) -> int:
    if isinstance(levels, bool) or not isinstance(levels, int) or levels < 0:
        raise ConfigError(f"`levels` must be a whole number of at least 0, was {levels!r}")
    return levels


def _cached(source: Dataset, arguments: tuple[Any, ...], make: Callable[[], Panel]) -> Panel:
    """Open the store of this panel in the cache, or make the panel and store it there."""
    from arbkit import __version__
    from arbkit.data.cache import cache_key, cached_path

    key = cache_key(source.name, source.fingerprint, fx_fingerprint(arguments[1]), *arguments, __version__)
    try:
        path = cached_path("panels", key)
    except DataError:
        return make()
    if is_store(path):
        with contextlib.suppress(DataError):
            return open_store(path)
    panel = make()
    if len(panel):
        with contextlib.suppress(DataError):
            return write_store(panel, path, replace=True)
    return panel


def _referred(
    source: Dataset, request: _Request, fx: Mapping[str, Any], reference: str, begin_ns: int | None
) -> Panel:
    """Join the panel; a reference is filled before the rows that only warm it up are cut off."""
    panel = _joined(source, request, fx)
    return panel if reference == "none" else panel.with_reference(reference).slice(begin_ns, None)


def _joined(source: Dataset, request: _Request, fx: Mapping[str, Any]) -> Panel:
    infos = tuple(source.instrument(leg) for leg in request.legs)
    if infos[0].leg == infos[1].leg:
        raise ConfigError(f"`pair` needs two different instruments, was {infos[0].leg} twice")
    clock = _common_clock(infos, request.clock)
    quotes = [
        _leg_quotes(source, info, clock, request, leg) for info, leg in zip(infos, ("a", "b"), strict=True)
    ]
    ts = _row_times(infos, quotes, clock, request)
    ages = [_age_of(info, q, age) for info, q, age in zip(infos, quotes, request.max_age_ns, strict=True)]
    currency = _account_currency(infos, request)
    foreign = [_is_foreign(info, currency, request.same) for info in infos]
    series = _fx_series(source, infos, foreign, currency, clock, fx) if any(foreign) else None
    rates = [
        _rates(ts, series, info.quote, currency, request.same, fx) if series and away else None
        for info, away in zip(infos, foreign, strict=True)
    ]
    files = _files(source, infos, fx, request)
    a, b = (converted(asof(ts, q, age), r) for q, age, r in zip(quotes, ages, rates, strict=True))
    return Panel(
        ts,
        a.bid,
        a.ask,
        b.bid,
        b.ask,
        entry_ok=entry_flags(source, (infos[0].leg, infos[1].leg), ts),
        ladders=ladders_of(a, b) if request.levels else None,
        fx_a=None if rates[0] is None else rates[0].mid,
        fx_b=None if rates[1] is None else rates[1].mid,
        meta=_meta(source, infos, clock, currency, fx, rates, ages, series, files),
    )


def _files(
    source: Dataset, infos: tuple[InstrumentInfo, ...], fx: Mapping[str, Any], request: _Request
) -> tuple[str, ...]:
    own = file_marks(source, tuple(info.leg for info in infos), request.start_ns, request.end_ns)
    if not fx.get("symbol") or fx.get("dataset") or fx.get("file"):
        return own
    return own + file_marks(source, (source.instrument(str(fx["symbol"])).leg,), None, None)


def _meta(
    source: Dataset,
    infos: tuple[InstrumentInfo, ...],
    clock: str,
    currency: str,
    fx: Mapping[str, Any],
    rates: list[FxRates | None],
    ages: list[int],
    series: FxSeries | None,
    files: tuple[str, ...],
) -> PanelMeta:
    flags = [f"{info.leg}: {flag}" for info in infos for flag in info.flags]
    if clock == "ts_event" and not any(info.is_candle for info in infos):
        flags.append("rows stand on the venues' own clocks (ts_event), not on one recorder's")
    for info, rate in zip(infos, rates, strict=True):
        if rate is not None:
            share = float(rate.stale.mean())
            stale = f", missing or stale on {share_text(share)} of the rows" if share else ""
            flags.append(f"{info.quote} at {info.venue} is assumed convertible into {currency}{stale}")
    if series and series.clock != clock:
        flags.append(f"FX stands on {series.clock}, the books on {clock}")
    if series and series.assumed and fx.get("max_age") is None:
        flags.append(
            f"FX quotes count for up to {format_duration(series.max_age_ns)}, their own longest gap: "
            "no fx max_age was given"
        )
    return PanelMeta(
        name=source.name,
        leg_a=infos[0].leg,
        leg_b=infos[1].leg,
        currency=currency,
        clock=clock,
        fidelity="candle" if any(info.is_candle for info in infos) else "book",
        source=source.name,
        source_fingerprint=source.fingerprint,
        fx=fx_name(fx) if series else "",
        spot_a=infos[0].kind != "perpetual",
        spot_b=infos[1].kind != "perpetual",
        max_age_ns=max(ages) if min(ages) >= 0 else -1,
        flags=tuple(flags),
        files=files,
    )


def share_text(value: float) -> str:
    """Write a share that is above zero; one that rounds to nothing is "under 0.01 %"."""
    return f"{100 * value:.2f} %" if value >= 5e-5 else "under 0.01 %"


def _common_clock(infos: tuple[InstrumentInfo, ...], wanted: str | None) -> str:
    """Return the clock both legs are joined on; one leg on each clock is an error."""
    have = [info.has_ts_recv for info in infos]
    if wanted == "ts_recv" and not all(have):
        missing = ", ".join(info.leg for info in infos if not info.has_ts_recv)
        raise ConfigError(f"`clock` ts_recv needs receive times on both legs, missing for {missing}")
    if wanted is not None:
        return wanted
    if any(have) and not all(have):
        raise ConfigError(
            "both legs must be joined on one clock, "
            + ", ".join(f"{info.leg} has {info.clock}" for info in infos)
            + "; pass clock=ts_event to use the venues' clocks for both"
        )
    return "ts_recv" if all(have) else "ts_event"


def _leg_quotes(source: Dataset, info: InstrumentInfo, clock: str, request: _Request, leg: str) -> LegQuotes:
    """Read what may be in force in the period: also the last quote before it, and a margin between clocks."""
    at = 0 if leg == "a" else 1
    margin = 0 if clock == info.clock else _CLOCK_MARGIN_NS
    known = _known_age(info, request.max_age_ns[at])
    start, end = request.start_ns, request.end_ns
    if start is not None and start - margin > info.end_ns:
        source.scan(info.leg, start_ns=start)  # raises, saying what there is
    rows = source.scan(
        info.leg,
        start_ns=None if start is None else start - (_LOOK_BACK_NS if known is None else known) - margin,
        end_ns=None if end is None else end + margin,
    )
    if info.is_candle:
        return candle_quotes(rows, check_half_spread(request.half_spreads_bps[at], f"half_spread_{leg}_bps"))
    if request.levels > info.levels:
        raise ConfigError(
            "`levels` (or `depth_levels`, which needs as many) must be at most what is stored, "
            f"{info.leg} has {info.levels}, was {request.levels}"
        )
    return book_quotes(rows, info, clock, request.levels)


def _row_times(
    infos: tuple[InstrumentInfo, ...], quotes: list[LegQuotes], clock: str, request: _Request
) -> IntArray:
    """Return the row times inside the period; a venue that goes on after it is there to its end."""
    until = [
        None if request.end_ns is None or clock != info.clock else min(info.end_ns, request.end_ns - 1)
        for info in infos
    ]
    ts = joined_times(quotes[0].ts, quotes[1].ts, request.grid_ns, request.legs, (until[0], until[1]))
    lo = 0 if request.start_ns is None else int(np.searchsorted(ts, request.start_ns))
    hi = ts.size if request.end_ns is None else int(np.searchsorted(ts, request.end_ns))
    return ts[lo:hi]


def _known_age(info: InstrumentInfo, given: int | None) -> int | None:
    if given is not None:
        return given
    if info.max_age_s is not None:
        return duration_ns(info.max_age_s)
    return duration_ns(info.bar_s) if info.is_candle and info.bar_s is not None else None


def _age_of(info: InstrumentInfo, quotes: LegQuotes, given: int | None) -> int:
    known = _known_age(info, given)
    if known is not None:
        return known
    return bar_ns(quotes.ts) if info.is_candle else -1


def _account_currency(infos: tuple[InstrumentInfo, ...], request: _Request) -> str:
    quotes = [info.quote for info in infos]
    if request.currency is not None:
        return request.currency
    if quotes[0] == quotes[1] or set(quotes) <= set(request.same):
        return quotes[1]
    raise ConfigError(
        f"the legs are quoted in {quotes[0]} and {quotes[1]}: name the account `currency` and give `fx`, "
        "or list both in `same` if they are to count as one"
    )


def _is_foreign(info: InstrumentInfo, currency: str, same: tuple[str, ...]) -> bool:
    return info.quote != currency and not {info.quote, currency} <= set(same)


def _fx_series(
    source: Dataset,
    infos: tuple[InstrumentInfo, ...],
    foreign: list[bool],
    currency: str,
    clock: str,
    fx: Mapping[str, Any],
) -> FxSeries:
    if not fx:
        info = infos[foreign.index(True)]
        raise ConfigError(
            f"{info.leg} is quoted in {info.quote}, the account in {currency}: `fx` must be given"
        )
    return fx_series(source, fx, clock)


def _rates(
    ts: IntArray, series: FxSeries, leg: str, currency: str, same: tuple[str, ...], fx: Mapping[str, Any]
) -> FxRates:
    """Return the rates of a leg that is not in the account currency."""
    series = _renamed(series, (leg, currency), same)
    limit = series.max_age_ns if fx.get("max_age") is None else _positive(fx["max_age"], "fx.max_age")
    price = str(fx.get("price", "mid"))
    return fx_rates(ts, series, leg=leg, currency=currency, price=price, max_age_ns=limit)


def _renamed(series: FxSeries, wanted: tuple[str, str], same: tuple[str, ...]) -> FxSeries:
    """Call the currencies of a series as the leg and the account do, where they count as one."""

    def name(currency: str) -> str:
        return next((to for to in wanted if {to, currency} <= set(same)), currency)

    return series._replace(base=name(series.base), quote=name(series.quote))
