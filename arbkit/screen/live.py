"""`screen_live`: the same page on the books of this minute, recorded while they come."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from arbkit._typing import PathLike
from arbkit.errors import ConfigError, DataError, nearest_names
from arbkit.realism import _words as words
from arbkit.screen.listed import listed_assets
from arbkit.screen.ranking import Costs, How, Progress, check_positive, ranked
from arbkit.screen.result import Screen
from arbkit.units import DAY_NS, SECOND_NS

if TYPE_CHECKING:
    import polars as pl

    from arbkit.record import RecordSummary, VenueSpec
    from arbkit.venues.feeds import FeedOptions

__all__ = ["LiveScreen", "screen_live"]

_T = TypeVar("_T")
#: Called with the seconds that have passed, those there are, and how many books have come.
Watching = Callable[[float, float, str], None]

_TABLE: Final = (
    "asset", "net_bps", "crossings", "net_bps_per_day", "net_bps_per_crossing", "premium_bps", "net_bps_now",
    "direction_now", "open_pct", "filled_pct", "tradable_pct",
)  # fmt: skip
#: What a coin is compared in, per venue.
_QUOTES: Final = {"upbit": "KRW", "bithumb": "KRW", "binance_usdm": "USDT", "binance_spot": "USDT"}
#: And at the venues that come through ccxt.
_OTHER_QUOTE: Final = "USDT"
_TICK_S: Final = 0.2
_FLUSH_NS: Final = 2 * SECOND_NS


@dataclass(frozen=True, kw_only=True)
class LiveScreen(Screen):
    """A screen of books that were watched for a short time.

    `frame` is that of `Screen`; `net_bps` and `crossings` are what the time seen really offered, and the
    figures per day are these, multiplied up to a day. The loops of `matrix` are looked at every second.

    Attributes:
        seconds: from the first book to the last.
        dataset: where the books were kept, or None.
    """

    seconds: float
    dataset: Path | None

    _drawn: ClassVar = ("net_bps", "crossings", "net bps seen", "bps", "")

    @property
    def table(self) -> pl.DataFrame:
        """The columns that are worth printing: first what was seen, then what it makes a day."""
        return self.frame.select(_TABLE)


def screen_live(
    *,
    size: float,
    costs: Costs,
    seconds: float = 60.0,
    venue_a: str = "upbit",
    venue_b: str = "binance_usdm",
    assets: Iterable[str] = (),
    reference: str = "none",
    level_bps: float = 0.0,
    rest_urls: Mapping[str, str] | None = None,
    ws_urls: Mapping[str, str] | None = None,
    keep: PathLike | None = None,
    options: FeedOptions | None = None,
    say: Callable[[str], None] = lambda text: None,
    watching: Watching | None = None,
    progress: Progress | None = None,
    follow: Callable[[LiveScreen], None] | None = None,
) -> LiveScreen:
    """Watch the books of every asset that two venues list, then rank them as `screen` does.

    The assets are those that both venues trade now, in KRW at Upbit and Bithumb and in USDT at Binance; the
    books of both and KRW-USDT are recorded, 15 levels a side. An interrupt (Ctrl-C) ends the watching early
    and ranks what has come. May be called from a notebook.

    Args:
        size: notional of one crossing, in the quote currency of B.
        costs: of one crossing.
        seconds: how long to watch.
        venue_a, venue_b: `upbit`, `bithumb`, `binance_usdm`, `binance_spot`, or one that comes through ccxt,
            whose books in USDT are taken.
        assets: only these; by default all.
        reference, level_bps: as `screen` takes them.
        rest_urls, ws_urls: other addresses than the venues' own, by venue.
        keep: folder of a dataset to keep the books in; it must not exist.
        options: patience of the feeds.
        say: told, in words, of connections and refusals.
        watching: told several times a second how far the watching is.
        progress: told after each asset that was measured.
        follow: shown what has been seen since the beginning every `seconds`, until an interrupt; the time
            between two is at least what ranking took.

    Raises:
        ConfigError: for a venue, an asset or a number that breaks its rule.
        VenueError: when a venue does not tell what it lists.
        DataError: when the venues share no asset, or no books have come.
    """
    from arbkit.record import VenueSpec
    from arbkit.venues.feeds.ccxt_client import plain_name

    check_positive(size=size, seconds=seconds)
    venue_a, venue_b = plain_name(venue_a), plain_name(venue_b)
    rest, sockets = dict(rest_urls or {}), dict(ws_urls or {})
    _check_venues(venue_a, venue_b, {*rest, *sockets})
    if keep is not None and Path(keep).exists():
        raise ConfigError(f"`keep` must name a folder that does not exist yet, was {keep}")
    wanted = (assets,) if isinstance(assets, str) else tuple(assets)
    pairs = _run_beside(lambda: _pairs(venue_a, venue_b, rest, wanted))
    say(f"{venue_a} x {venue_b}: {words.count(len(pairs), 'asset', 'assets')} on both")
    specs = tuple(
        VenueSpec(
            venue=venue,
            symbols=tuple(pair[at] for pair in pairs.values()),
            rest_url=rest.get(venue),
            ws_url=sockets.get(venue),
            mode="partial",  # books rebuilt from differences would need a snapshot of each symbol first
        )
        for at, venue in enumerate((venue_a, venue_b))
    )
    how = How(size, costs, reference=reference, level_bps=level_bps, step_ns=SECOND_NS, cache=False)
    with tempfile.TemporaryDirectory(prefix="arbkit-screen-") as scratch:
        folder = Path(scratch) / "live" if keep is None else Path(keep)

        def rank(quiet: set[str]) -> LiveScreen:
            found = _ranked(folder, (venue_a, venue_b), quiet, how, progress)
            return replace(found, dataset=None if keep is None else folder)

        def shown(quiet: set[str]) -> None:
            if follow is not None:
                follow(rank(quiet))

        quiet = _watch(
            specs, pairs, folder, seconds, options, say, watching, None if follow is None else shown
        )
        return rank(quiet)


def _ranked(
    folder: Path, venues: tuple[str, str], quiet: Collection[str], how: How, progress: Progress | None
) -> LiveScreen:
    """Rank what a folder holds so far."""
    from arbkit.data import open_dataset

    source = open_dataset(folder)
    span_ns = max(it.end_ns for it in source.instruments) - min(it.start_ns for it in source.instruments)
    listed = [
        item
        for item in listed_assets(source, venue_a=venues[0], venue_b=venues[1])
        if item.asset not in quiet
    ]
    found = ranked(source, listed, how._replace(span_days=span_ns / DAY_NS), progress)
    given = {field.name: getattr(found, field.name) for field in fields(found)}
    if quiet:
        given["notes"] = (*found.notes, f"no book came of {', '.join(sorted(quiet))}")
    return LiveScreen(**given, seconds=span_ns / 1e9, dataset=None)


def _check_venues(venue_a: str, venue_b: str, addressed: Collection[str]) -> None:
    from arbkit.venues.feeds.ccxt_client import is_ccxt_venue, venue_hint

    for venue in (venue_a, venue_b):
        if venue not in _QUOTES and not is_ccxt_venue(venue):
            raise ConfigError(f"no venue {venue!r} to watch; {venue_hint(venue, _QUOTES)}")
    if venue_a == venue_b:
        raise ConfigError(f"a screen needs two different venues, was {venue_a!r} twice")
    for venue in addressed:
        if venue not in (venue_a, venue_b):
            near = nearest_names(venue, (venue_a, venue_b))
            raise ConfigError(f"an address is given for {venue}, which is not watched; {near}")


async def _pairs(
    venue_a: str, venue_b: str, rest: Mapping[str, str], assets: tuple[str, ...]
) -> dict[str, tuple[str, str]]:
    """Return the two symbols of each asset that both venues trade now, by name."""
    one, other = await asyncio.gather(*(_traded(venue, rest.get(venue)) for venue in (venue_a, venue_b)))
    shared = {asset: (one[asset], other[asset]) for asset in sorted(one.keys() & other.keys())}
    if not shared:
        raise DataError(
            f"a screen needs an asset that both venues trade, {venue_a} in {_quote_of(venue_a)} and "
            f"{venue_b} in {_quote_of(venue_b)} share none of {len(one)} and {len(other)}"
        )
    for asset in assets:
        if asset not in shared:
            raise ConfigError(
                f"`{asset}` is not traded on both {venue_a} and {venue_b}; {nearest_names(asset, shared)}"
            )
    return {asset: pair for asset, pair in shared.items() if not assets or asset in assets}


async def _traded(venue: str, rest_url: str | None) -> dict[str, str]:
    from arbkit.venues.feeds import open_market_data

    data = open_market_data(venue, rest_url)
    try:
        listed = await data.instruments()
    finally:
        await data.close()
    quote = _quote_of(venue)
    traded = [item for item in listed.values() if item.quote == quote and item.trading]
    if venue not in _QUOTES:  # Others may list a coin itself and its perpetual.
        traded = [item for item in traded if item.kind == "spot"]
    return {item.base: item.symbol for item in traded if item.base not in _QUOTES.values()}


def _quote_of(venue: str) -> str:
    return _QUOTES.get(venue, _OTHER_QUOTE)


def _watch(
    specs: tuple[VenueSpec, ...],
    pairs: Mapping[str, tuple[str, str]],
    folder: Path,
    seconds: float,
    options: FeedOptions | None,
    say: Callable[[str], None],
    watching: Watching | None,
    shown: Callable[[set[str]], None] | None,
) -> set[str]:
    """Record into the folder, and return the assets of which a leg brought no book.

    With `shown` that goes on until an interrupt, and it is called every `seconds` with those so far.
    """
    from arbkit.record import Recorder, RecordSpec

    recorder = Recorder(RecordSpec(venues=specs, to=folder, flush_ns=_FLUSH_NS), options=options, say=say)
    began = time.monotonic()
    due = began + seconds

    def tick() -> None:
        nonlocal due
        now = time.monotonic()
        if watching is not None:
            passed = min(now - began, seconds)
            watching(passed, seconds, f"{sum(_books(recorder.summary(), 0).values()):,} books")
        if shown is not None and now >= due:
            try:
                shown(_quiet(recorder.summary(), specs, pairs))
            except DataError as error:
                say(f"{error} (still watching)")
            due = time.monotonic() + max(seconds, time.monotonic() - now)

    def interrupted() -> None:
        recorder.stop()
        say("interrupted: ranking what has come")

    span = seconds if shown is None else None
    summary = _run_beside(lambda: recorder.run(span), tick, interrupted)
    return _quiet(summary, specs, pairs)


def _books(summary: RecordSummary, least: int) -> dict[tuple[str, str], int]:
    return {
        (venue, symbol): item["books"]
        for venue, stats in summary.venues.items()
        for symbol, item in stats["symbols"].items()
        if item["books"] >= least
    }


def _quiet(
    summary: RecordSummary, specs: tuple[VenueSpec, ...], pairs: Mapping[str, tuple[str, str]]
) -> set[str]:
    came = _books(summary, 1)
    for spec in specs:
        if not any((spec.venue, symbol) in came for symbol in spec.symbols):
            raise DataError(
                f"a screen needs books of both venues, {spec.venue} sent none in {summary.seconds:.1f} s"
                + (f" from {spec.ws_url}" if spec.ws_url else "")
                + "; watch longer, or see `arbkit record` with its symbols"
            )
    venues = [spec.venue for spec in specs]
    quiet = {
        asset
        for asset, pair in pairs.items()
        if not all(leg in came for leg in zip(venues, pair, strict=True))
    }
    if len(quiet) == len(pairs):
        raise DataError(f"no asset had books of both venues in {summary.seconds:.1f} s; watch longer")
    return quiet


def _run_beside(
    make: Callable[[], Coroutine[Any, Any, _T]],
    tick: Callable[[], None] = lambda: None,
    interrupted: Callable[[], None] | None = None,
) -> _T:
    """Run a coroutine on a loop of another thread: a notebook has one of its own in this one.

    An interrupt calls `interrupted` on that loop and waits for the coroutine's end; without it, and where
    `tick` fails, the coroutine is cancelled.
    """
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def whole() -> _T:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        return await make()

    with ThreadPoolExecutor(1, thread_name_prefix="arbkit-screen") as pool:
        future = pool.submit(lambda: asyncio.run(whole()))
        try:
            while not wait([future], timeout=_TICK_S).done:
                tick()
        except BaseException as error:
            calmly = interrupted if isinstance(error, KeyboardInterrupt) and running else None
            if running and not future.done():
                loop, task = running[0]
                loop.call_soon_threadsafe(calmly or task.cancel)
            if calmly is None:
                raise
        return future.result()
