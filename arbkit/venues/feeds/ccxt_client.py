"""One venue through ccxt: names, and answers over REST whose failures are told by status, never by class.

ccxt knows how more than a hundred venues spell their requests and their answers, and nothing else is used of
it. Its limiter only tells what a request costs; the waiting is ours. Its classes of errors are not looked at:
what happened is told by the HTTP status that was heard. Its websockets (`ccxt.pro`) are not used: under load
they lost updates, one gap reset all books, one malformed frame ended them without a word, and a stream that
had stopped was never noticed.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import time
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from arbkit.errors import ConfigError, DataError, MissingDependencyError, nearest_names
from arbkit.venues.feeds.http import BusyError
from arbkit.venues.feeds.line import is_loopback
from arbkit.venues.protocol import VenueError
from arbkit.wire.symbols import PERPETUAL, split_binance

__all__ = [
    "CcxtClient",
    "Heard",
    "base_and_quote",
    "ccxt_name",
    "ccxt_symbol",
    "is_ccxt_venue",
    "plain_name",
    "venue_hint",
]

_PREFIX: Final = "ccxt:"
#: Venues that have a feed of their own, by the names that ccxt gives them.
_OWN: Final = ("upbit", "bithumb", "binance", "binanceusdm")
#: Kinds of markets whose sizes are no coins.
_UNUSED: Final = ("inverse", "option")
_WAIT_S: Final = {418: 120.0, 429: 10.0}
_LONGEST_WAIT_S: Final = 3_600.0


@cache
def _known() -> frozenset[str]:
    """Return the venues of the installed ccxt, without importing it (which takes more than a second)."""
    found = importlib.util.find_spec("ccxt")
    places = found.submodule_search_locations if found is not None else None
    files = [path for place in places or () for path in (Path(place) / "async_support").glob("*.py")]
    return frozenset(path.stem for path in files if not path.stem.startswith("_"))


def is_ccxt_venue(venue: str) -> bool:
    """Whether a name, `ccxt:kraken` or `kraken`, is to be asked through ccxt."""
    return venue.startswith(_PREFIX) or (venue in _known() and venue not in _OWN)


def plain_name(venue: str) -> str:
    """Return what a venue is called everywhere: `kraken` for `ccxt:kraken`.

    The prefix stays where a feed of arbkit has the plain name, or nearly: `ccxt:upbit`, `ccxt:binance`.
    """
    name = venue.removeprefix(_PREFIX)
    return venue if name in _OWN else name


def venue_hint(venue: str, own: Collection[str]) -> str:
    """Return the names that an unknown one may mean, or the package through which other venues come."""
    near = get_close_matches(venue, [*own, *sorted(_known())], n=3)
    hint = nearest_names(venue, near or own)
    return hint if _known() else f"{hint}; other venues come through ccxt: install arbkit[ccxt]"


def ccxt_name(venue: str) -> str:
    """Return the name by which ccxt knows a venue.

    Raises:
        ConfigError: when ccxt knows no such venue.
        MissingDependencyError: when ccxt is not installed.
    """
    name = venue.removeprefix(_PREFIX)
    if not _known():
        raise MissingDependencyError(f"books of {name} come through the package ccxt; install arbkit[ccxt]")
    if name not in _known():
        raise ConfigError(f"ccxt knows no venue {name!r}; {nearest_names(name, _known())}")
    return name


def ccxt_symbol(market: Mapping[str, Any]) -> str | None:
    """Return our name of a ccxt market: `BTCUSD`, for a linear perpetual `BTCUSD_PERP`; else None."""
    joined = f"{market.get('base')}{market.get('quote')}"
    if market.get("spot"):
        return joined
    return f"{joined}{PERPETUAL}" if market.get("swap") and market.get("linear") else None


@dataclass
class Heard:
    """What came over the wire for one request: when, with which status, from where."""

    ts: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    body: bytes = b""


_hearing: ContextVar[Heard | None] = ContextVar("_hearing", default=None)


class _Gate:
    """Requests leave one after the other, each as long after the last as that one has cost."""

    def __init__(self) -> None:
        self.opens = 0.0

    async def pass_for(self, seconds: float) -> None:
        """Wait for the next place."""
        now = asyncio.get_running_loop().time()
        start = max(now, self.opens)
        self.opens = start + seconds
        if start > now:
            await asyncio.sleep(start - now)

    def close_for(self, seconds: float) -> None:
        """Let nothing pass for so long."""
        now = asyncio.get_running_loop().time()
        self.opens = max(self.opens, now + min(seconds, _LONGEST_WAIT_S))


class CcxtClient:
    """Markets and books of one venue; one attempt per call.

    Args:
        venue: `ccxt:kraken` or `kraken`.
        rest_url: another host than the venue's own; the paths stay as they are.
        timeout_s: for one answer.
        clock: stamps answers when they have been read.

    Raises:
        ConfigError: when ccxt knows no such venue.
        MissingDependencyError: when ccxt is not installed.
    """

    def __init__(
        self, venue: str, rest_url: str | None = None, timeout_s: float = 10.0, clock: Any = time.time_ns
    ) -> None:
        self.name = ccxt_name(venue)
        self.gate = _Gate()
        self._rest_url = rest_url
        self._timeout_s = timeout_s
        self._clock = clock
        self._exchange: Any = None
        self._markets: dict[str, Any] = {}

    async def markets(self, *, anew: bool = False) -> dict[str, Any]:
        """Return ccxt's descriptions of spot markets and linear perpetuals, by our names of them.

        They are asked for once, or `anew`.

        Raises:
            VenueError: when the venue cannot be reached, or what it says cannot be read. So do all of these.
        """
        if anew or not self._markets:
            await self._load()
            named = {ccxt_symbol(market): market for market in self._opened().markets.values()}
            self._markets = {name: market for name, market in named.items() if name is not None}
        return self._markets

    async def _load(self) -> None:
        """Let ccxt read the markets, kind by kind where it can: one kind that is not there costs no other."""
        chosen = self._opened().options.get("fetchMarkets")
        kinds = chosen.get("types") if isinstance(chosen, dict) else None
        if kinds is None:
            await self._asked("load_markets", True)
            self._check_any(self._opened().markets)
            return
        found: list[Any] = []
        failed: VenueError | DataError | None = None
        for kind in (kind for kind in kinds if kind not in _UNUSED):
            chosen["types"] = [kind]
            try:
                found += (await self._asked("fetch_markets"))[0]
            except (VenueError, DataError) as error:
                failed = failed or error
        chosen["types"] = kinds
        if failed is not None and not found:
            raise failed
        self._check_any(found)
        self._opened().set_markets(found)

    def _check_any(self, markets: Collection[Any]) -> None:
        """Of a page in HTML ccxt makes a venue without markets."""
        if not markets:
            raise DataError(f"{self.name} must list its markets, it has listed none")

    async def book(self, symbol: str) -> tuple[dict[str, Any], Heard]:
        """Return a book as ccxt shows it, and what was heard; at the depth that the venue sends unasked.

        Raises:
            ConfigError: when the venue has no such market, naming near ones.
        """
        markets = await self.markets()
        if symbol not in markets:
            near = nearest_names(symbol, markets)
            near = near if len(near) < 200 else f"it has {len(markets)} others"
            raise ConfigError(f"{self.name} lists no {symbol}; {near}")
        return await self._asked("fetch_order_book", markets[symbol]["symbol"])

    def contract_size(self, symbol: str) -> float:
        """Return how many coins of the market's base one unit of size stands for."""
        return float(self._markets.get(symbol, {}).get("contractSize") or 1.0)

    async def reconnect(self) -> None:
        """Close the connections; the next request opens others."""
        if self._exchange is not None:
            await self._exchange.close()

    async def close(self) -> None:
        """Close the connections; idempotent."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.close()

    async def _asked(self, method: str, *given: Any) -> tuple[Any, Heard]:
        heard = Heard()
        token = _hearing.set(heard)
        try:
            return await getattr(self._opened(), method)(*given), heard
        except Exception as error:  # Whatever a library of a hundred venues may raise.
            raise self._said(error, heard) from error
        finally:
            _hearing.reset(token)

    def _said(self, error: Exception, heard: Heard) -> Exception:
        """Return what a failed request means, by its status."""
        what = f"{type(error).__name__}: {error}"[:200]
        status = heard.status
        if status is None:
            return VenueError(f"{self.name} must answer within {self._timeout_s:g} s: {what}", "no_answer")
        if status in _WAIT_S:
            wait_s = _retry_after(heard.headers, _WAIT_S[status])
            self.gate.close_for(wait_s)
            return BusyError(f"{self.name} answered HTTP {status}, nothing is sent for {wait_s:g} s", wait_s)
        if status == 200:
            return DataError(f"{self.name} must answer in a shape that ccxt knows: {what}")
        return VenueError(f"{self.name} must answer with HTTP 200, was {status}: {what}", str(status))

    def _opened(self) -> Any:
        if self._exchange is None:
            self._exchange = self._made()
        return self._exchange

    def _made(self) -> Any:
        kind: Any = getattr(importlib.import_module(f"ccxt.async_support.{self.name}"), self.name)
        gate, clock = self.gate, self._clock

        class Listened(kind):  # type: ignore[misc]
            """The venue's class, whose waiting is ours and which tells what it hears."""

            timeout_on_exit = 0

            async def throttle(self, cost: float | None = None) -> None:
                await gate.pass_for((1.0 if cost is None else cost) * self.rateLimit / 1_000)

            def on_rest_response(
                self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *others: Any
            ) -> Any:
                heard = _hearing.get()
                if heard is not None:
                    heard.ts, heard.status, heard.headers = clock(), code, headers
                    heard.url, heard.body = url, body.encode()
                return super().on_rest_response(code, reason, url, method, headers, body, *others)

        exchange = Listened(
            {
                "timeout": int(self._timeout_s * 1_000),
                "enableRateLimit": True,
                "aiohttp_trust_env": self._rest_url is None or not is_loopback(self._rest_url),
                "options": {"maxRetriesOnFailure": 0, "fetchCurrencies": False},
            }
        )
        exchange.has["fetchCurrencies"] = False
        if self._rest_url is not None:
            exchange.urls["api"] = _elsewhere(exchange.urls["api"], self._rest_url.rstrip("/"))
        return exchange


def _elsewhere(urls: Any, rest_url: str) -> Any:
    """Return addresses with their host replaced."""
    if isinstance(urls, Mapping):
        return {name: _elsewhere(value, rest_url) for name, value in urls.items()}
    return rest_url + urlsplit(urls).path if isinstance(urls, str) else urls


def _retry_after(headers: Mapping[str, str], otherwise: float) -> float:
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        return max(0.0, float(text))
    except ValueError:
        return otherwise


def base_and_quote(symbol: str) -> tuple[str, str]:
    """Return base and quote of our name of a market; raises `ConfigError` where it is none."""
    if symbol != symbol.upper() or "/" in symbol or "-" in symbol:
        spelt = symbol.upper().replace("/", "").replace("-", "").partition(":")[0]
        raise ConfigError(
            f"a market read through ccxt must be named BASEQUOTE, such as {spelt}, and a perpetual "
            f"{spelt}{PERPETUAL}, was {symbol!r}"
        )
    return split_binance(symbol)
