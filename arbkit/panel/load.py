"""`load_panel`: from a dataset on disk to a panel in one currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import IntArray, PathLike
from arbkit.errors import ConfigError, CoverageError, DataError, nearest_names
from arbkit.panel._time import to_ns
from arbkit.panel.align import LegQuotes, asof, joined_times, ladders_of
from arbkit.panel.candles import bar_ns, check_half_spread
from arbkit.panel.fx import FxRates, FxSeries, converted, fx_rates, longest_gap_ns
from arbkit.panel.panel import Panel, PanelMeta
from arbkit.panel.reference import warm_up_ns
from arbkit.units import MINUTE_NS, duration_ns

if TYPE_CHECKING:
    import polars as pl

    from arbkit.data import Dataset, InstrumentInfo

__all__ = ["load_panel"]

_FX_KEYS: Final = ("dataset", "file", "symbol", "price", "max_age", "currency", "base", "quote")
_CLOCKS: Final = ("ts_recv", "ts_event")


@dataclass(frozen=True)
class _Request:
    """The arguments of `load_panel`, read and checked."""

    legs: tuple[str, str]
    currency: str | None
    same: frozenset[str]
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
    cache: bool = True,
) -> Panel:
    """Join two instruments of a dataset into a panel.

    Rows stand at the distinct update times of both venues while both are there (or on a grid); each shows
    the last quote of either venue at or before it. Nothing looks ahead, and a void quote (zero, one-sided,
    crossed) is never bridged by the last good one.

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
        reference: fills `fair` as `Panel.with_reference` does, reading its warm-up before `start`.
        grid: put the rows on a regular grid such as "1s" instead.
        levels: how many book levels to keep; 0 for the top of the book without sizes.
        clock: "ts_recv" or "ts_event"; by default the recorder's where both legs have it, else the venue's.
        half_spread_a_bps, half_spread_b_bps: needed for legs that are candles.
        cache: keep the joined panel on disk, keyed by the dataset's fingerprint and these arguments.

    Raises:
        ConfigError: when an argument breaks its rule, or a conversion is needed and not given.
        DataError: when the dataset or an instrument does not exist or cannot be read.
        CoverageError: when the venues do not overlap in time, or FX does not cover the books.
    """
    from arbkit.data import open_dataset

    source = open_dataset(dataset)
    begin = None if start is None else to_ns(start)
    warm = warm_up_ns(reference)
    read_from = begin - warm - 2 * MINUTE_NS if begin is not None and warm else begin
    request = _Request(
        legs=_pair(pair),
        currency=currency or (fx or {}).get("currency"),
        same=frozenset(same),
        max_age_ns=_ages(max_age),
        start_ns=read_from,
        end_ns=None if end is None else to_ns(end),
        grid_ns=None if grid is None else _positive(grid, "grid"),
        clock=_clock(clock),
        levels=_levels(levels),
        half_spreads_bps=(half_spread_a_bps, half_spread_b_bps),
    )
    panel = _cached(source, request, fx) if cache else _joined(source, request, fx)
    if reference != "none":
        panel = panel.with_reference(reference).slice(begin, None)
    return panel


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


def _cached(source: Dataset, request: _Request, fx: Mapping[str, Any] | None) -> Panel:
    from arbkit import __version__
    from arbkit.data.cache import cache_key, cached_path

    fingerprints = [source.fingerprint, *_fx_fingerprint(fx)]
    path = cached_path(
        "panels", cache_key(fingerprints, repr(request), repr(sorted((fx or {}).items())), __version__)
    )
    if path.is_file():
        try:
            return Panel.read(path)
        except DataError:
            path.unlink(missing_ok=True)
    panel = _joined(source, request, fx)
    panel.write(path)
    return panel


def _fx_fingerprint(fx: Mapping[str, Any] | None) -> list[str]:
    from arbkit.data import open_dataset

    if not fx:
        return []
    if fx.get("dataset"):
        return [open_dataset(fx["dataset"]).fingerprint]
    if fx.get("file"):
        path = Path(fx["file"])
        if not path.is_file():
            raise DataError(f"the FX file must exist, {path} does not")
        return [f"{path.stat().st_size}-{path.stat().st_mtime_ns}"]
    return []


def _joined(source: Dataset, request: _Request, fx: Mapping[str, Any] | None) -> Panel:
    infos = tuple(source.instrument(leg) for leg in request.legs)
    clock = _common_clock(infos, request.clock)
    quotes = [
        _leg_quotes(source, info, clock, request, half)
        for info, half in zip(infos, request.half_spreads_bps, strict=True)
    ]
    ts = joined_times(quotes[0].ts, quotes[1].ts, request.grid_ns, request.legs)
    ages = [_age_of(info, q, age) for info, q, age in zip(infos, quotes, request.max_age_ns, strict=True)]
    currency = _account_currency(infos, request)
    rates = [_rates(ts, source, info, currency, clock, request, fx) for info in infos]
    a, b = (converted(asof(ts, q, age), r) for q, age, r in zip(quotes, ages, rates, strict=True))
    return Panel(
        ts,
        a.bid,
        a.ask,
        b.bid,
        b.ask,
        ladders=ladders_of(a, b) if request.levels else None,
        fx_a=None if rates[0] is None else rates[0].mid,
        fx_b=None if rates[1] is None else rates[1].mid,
        meta=_meta(source, infos, clock, currency, fx, rates, ages),
    )


def _meta(
    source: Dataset,
    infos: tuple[InstrumentInfo, ...],
    clock: str,
    currency: str,
    fx: Mapping[str, Any] | None,
    rates: list[FxRates | None],
    ages: list[int],
) -> PanelMeta:
    flags = [f"{info.leg}: {flag}" for info in infos for flag in info.flags]
    if clock == "ts_event" and not any(info.is_candle for info in infos):
        flags.append("rows stand on the venues' own clocks (ts_event), not on one recorder's")
    for info, rate in zip(infos, rates, strict=True):
        if rate is not None:
            stale = f", missing or stale on {rate.stale.mean():.2%} of the rows" if rate.stale.any() else ""
            flags.append(f"{info.quote} at {info.venue} is assumed convertible into {currency}{stale}")
    fx_name = "" if all(rate is None for rate in rates) else _fx_name(fx)
    return PanelMeta(
        name=source.name,
        leg_a=infos[0].leg,
        leg_b=infos[1].leg,
        currency=currency,
        clock=clock,
        fidelity="candle" if any(info.is_candle for info in infos) else "book",
        source=source.name,
        source_fingerprint=source.fingerprint,
        fx=fx_name,
        spot_a=infos[0].kind != "perpetual",
        spot_b=infos[1].kind != "perpetual",
        max_age_ns=max(ages) if min(ages) >= 0 else -1,
        flags=tuple(flags),
    )


def _fx_name(fx: Mapping[str, Any] | None) -> str:
    given = dict(fx or {})
    return f"{given.get('symbol') or given.get('file')} ({given.get('price', 'mid')})"


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


def _leg_quotes(
    source: Dataset, info: InstrumentInfo, clock: str, request: _Request, half_spread_bps: float | None
) -> LegQuotes:
    rows = source.scan(info.leg, start_ns=request.start_ns, end_ns=request.end_ns)
    if info.is_candle:
        name = (
            "half_spread_a_bps" if info.leg == source.instrument(request.legs[0]).leg else "half_spread_b_bps"
        )
        return _candle_quotes(rows, check_half_spread(half_spread_bps, name))
    if request.levels > info.levels:
        raise ConfigError(
            f"`levels` must be at most what is stored, {info.leg} has {info.levels}, was {request.levels}"
        )
    return _book_quotes(rows, info, clock, request.levels)


def _candle_quotes(rows: pl.LazyFrame, half_spread_bps: float) -> LegQuotes:
    import polars as pl

    frame = rows.select(pl.col("ts_event").to_physical(), pl.col("close").fill_null(float("nan"))).collect()
    close, half = frame["close"].to_numpy(), half_spread_bps / 1e4
    return LegQuotes(frame["ts_event"].to_numpy(), close * (1 - half), close * (1 + half))


def _book_quotes(rows: pl.LazyFrame, info: InstrumentInfo, clock: str, levels: int) -> LegQuotes:
    import polars as pl

    names = [
        f"{side}_{level:02d}" for side in ("bid_px", "bid_sz", "ask_px", "ask_sz") for level in range(levels)
    ]
    wanted = list(dict.fromkeys(["bid_px_00", "ask_px_00", *names]))
    frame = rows.select(
        pl.col(clock).to_physical().alias("ts"), *(pl.col(name).fill_null(float("nan")) for name in wanted)
    ).collect()
    if frame["ts"].null_count():
        raise DataError(
            f"{info.leg}: `{clock}` must be given on every row, {frame['ts'].null_count()} had none"
        )
    if clock != info.clock:
        frame = frame.sort("ts", maintain_order=True)
    sides: Any = None
    if levels:
        sides = tuple(
            np.column_stack([frame[f"{side}_{level:02d}"].to_numpy() for level in range(levels)])
            for side in ("bid_px", "bid_sz", "ask_px", "ask_sz")
        )
        sides = _in_base_units(sides, info)
    return LegQuotes(
        frame["ts"].to_numpy(), frame["bid_px_00"].to_numpy(), frame["ask_px_00"].to_numpy(), sides
    )


def _in_base_units(sides: Any, info: InstrumentInfo) -> Any:
    """Turn sizes in contracts into base units; an inverse contract is worth a fixed quote amount."""
    if info.contract_size is None:
        return sides
    bid_px, bid_sz, ask_px, ask_sz = sides
    if info.inverse:
        return bid_px, bid_sz * info.contract_size / bid_px, ask_px, ask_sz * info.contract_size / ask_px
    return bid_px, bid_sz * info.contract_size, ask_px, ask_sz * info.contract_size


def _age_of(info: InstrumentInfo, quotes: LegQuotes, given: int | None) -> int:
    if given is not None:
        return given
    if info.max_age_s is not None:
        return duration_ns(info.max_age_s)
    return bar_ns(quotes.ts) if info.is_candle else -1


def _account_currency(infos: tuple[InstrumentInfo, ...], request: _Request) -> str:
    quotes = [info.quote for info in infos]
    if request.currency is not None:
        return request.currency
    if quotes[0] == quotes[1] or set(quotes) <= request.same:
        return quotes[1]
    raise ConfigError(
        f"the legs are quoted in {quotes[0]} and {quotes[1]}: name the account `currency` and give `fx`, "
        "or list both in `same` if they are to count as one"
    )


def _rates(
    ts: IntArray,
    source: Dataset,
    info: InstrumentInfo,
    currency: str,
    clock: str,
    request: _Request,
    fx: Mapping[str, Any] | None,
) -> FxRates | None:
    """Return the rates of one leg, or None when it is already in the account currency."""
    if info.quote == currency or {info.quote, currency} <= request.same:
        return None
    if not fx:
        raise ConfigError(
            f"{info.leg} is quoted in {info.quote}, the account in {currency}: `fx` must be given"
        )
    for key in fx:
        if key not in _FX_KEYS:
            raise ConfigError(f"`fx` has no key {key!r}; {nearest_names(str(key), _FX_KEYS)}")
    series, age = _fx_series(source, fx, clock, request)
    same = request.same
    if series.base in same and currency in same:
        series = series._replace(base=currency)
    if series.quote in same and currency in same:
        series = series._replace(quote=currency)
    limit = age if fx.get("max_age") is None else _positive(fx["max_age"], "fx.max_age")
    return fx_rates(
        ts, series, leg=info.quote, currency=currency, price=str(fx.get("price", "mid")), max_age_ns=limit
    )


def _fx_series(source: Dataset, fx: Mapping[str, Any], clock: str, request: _Request) -> tuple[FxSeries, int]:
    """Read the FX quotes and their default age limit: the manifest's, or the longest gap."""
    from arbkit.data import open_dataset

    if fx.get("file"):
        series = _fx_file(fx)
        return series, longest_gap_ns(series.ts)
    if not fx.get("symbol"):
        raise ConfigError(
            f"`fx` must name a `symbol` (of this or another `dataset`) or a `file`, was {dict(fx)!r}"
        )
    home = open_dataset(fx["dataset"]) if fx.get("dataset") else source
    info = home.instrument(str(fx["symbol"]))
    column = clock if clock == "ts_event" or info.has_ts_recv else "ts_event"
    rows = home.scan(info.leg)
    quotes = _candle_quotes(rows, 0.0) if info.is_candle else _book_quotes(rows, info, column, 0)
    if quotes.ts.size == 0:
        raise CoverageError(f"FX needs quotes, {info.leg} had none")
    series = FxSeries(info.leg, info.base, info.quote, quotes.ts, quotes.bid, quotes.ask)
    age = longest_gap_ns(quotes.ts) if info.max_age_s is None else duration_ns(info.max_age_s)
    return series, age


def _fx_file(fx: Mapping[str, Any]) -> FxSeries:
    import polars as pl

    from arbkit.panel.frames import floats_of, require_columns, ts_of

    path = Path(str(fx["file"]))
    if not path.is_file():
        raise DataError(f"the FX file must exist, {path} does not")
    if not fx.get("base") or not fx.get("quote"):
        raise ConfigError(
            "an FX `file` needs `base` and `quote`: quote units per one base, such as USDT and KRW"
        )
    try:
        frame = (
            pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, try_parse_dates=True)
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"the FX file {path} cannot be read: {str(error).splitlines()[0]}") from error
    if "close" in frame.columns and "bid" not in frame.columns:
        frame = frame.with_columns(bid=pl.col("close"), ask=pl.col("close"))
    require_columns(frame, ("ts", "bid", "ask"))
    ts = ts_of(frame)
    if (np.diff(ts) < 0).any():
        raise DataError(f"the FX file {path} must be sorted by ts, and is not")
    return FxSeries(
        path.name, str(fx["base"]), str(fx["quote"]), ts, floats_of(frame, "bid"), floats_of(frame, "ask")
    )
