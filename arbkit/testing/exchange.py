"""`PracticeExchange`: Upbit, Binance USD-M, Binance spot and Bithumb's books on ports of this machine."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, TypeVar

from arbkit.errors import ConfigError, MissingDependencyError, nearest_names

try:
    import aiohttp as _needed
except ModuleNotFoundError as error:
    raise MissingDependencyError("the practice exchange needs aiohttp: pip install 'arbkit[live]'") from error
from arbkit.testing.admin import Admin
from arbkit.testing.clock import ServerClock
from arbkit.testing.core import Core
from arbkit.testing.faults import Faults
from arbkit.testing.listings import Listing, default_listing
from arbkit.testing.signing import Keys
from arbkit.testing.spot import Spot
from arbkit.testing.upbit import Bithumb
from arbkit.testing.upbit_orders import Upbit
from arbkit.testing.usdm import Usdm
from arbkit.testing.venue import Venue
from arbkit.testing.world import Frame
from arbkit.units import SECOND_NS

__all__ = ["PracticeExchange", "practice_exchange"]

del _needed

#: What is listed when nothing is said.
DEFAULT_MARKETS: Final[Mapping[str, Sequence[str]]] = {
    "upbit": ("KRW-BTC", "KRW-USDT"),
    "binance_usdm": ("BTCUSDT",),
    "binance_spot": ("BTCUSDT",),
    "bithumb": ("KRW-BTC",),
}
_V = TypeVar("_V", bound=Venue)
#: What each account holds at the start when nothing is said.
DEFAULT_BALANCES: Final[Mapping[str, Mapping[str, Any]]] = {
    "upbit": {"KRW": 100_000_000},
    "binance_usdm": {"USDT": 100_000},
    "binance_spot": {"USDT": 100_000},
}
Source = Callable[[], Iterable[Frame]] | Sequence[Frame]


class PracticeExchange:
    """An exchange on 127.0.0.1 that speaks the venues' real protocols, for practice and for tests.

    Use it as an asynchronous context manager; in code without a loop use `practice_exchange`.

    Args:
        markets: venue -> symbols or `Listing` objects; a venue that is left out is not served.
        balances: venue -> asset -> amount (number or text); venues that are left out start with 100 million
            KRW or 100,000 USDT.
        clock: the exchange's clock; None takes one that runs as ours does.
        limits: whether rate limits are enforced.
        conflate: gather the changes of Binance's books per 100, 250, ... ms, as the real venue does; without
            it every book is an event of its own.
        ports: venue -> port; 0 or missing takes a free one.
        admin_port: where faults are switched from outside (`Admin`); 0 takes a free port, None serves none.

    Example:
        >>> async def practise():
        ...     async with PracticeExchange({"upbit": ["KRW-BTC"]}) as exchange:
        ...         exchange.upbit.push_book("KRW-BTC", [(137_001_000, 0.5)], [(137_002_000, 0.5)])
        ...         return exchange.upbit.rest_url, exchange.upbit.ws_url
    """

    def __init__(
        self,
        markets: Mapping[str, Iterable[str | Listing]] | None = None,
        *,
        balances: Mapping[str, Mapping[str, Any]] | None = None,
        clock: ServerClock | None = None,
        limits: bool = True,
        conflate: bool = False,
        ports: Mapping[str, int] | None = None,
        admin_port: int | None = None,
    ) -> None:
        self.clock = clock or ServerClock()
        self.core = Core(self.clock, limits=limits)
        self.admin = None if admin_port is None else Admin(self)
        self._ports = {"admin": admin_port or 0, **(ports or {})}
        self.books_pushed = 0
        self.venues: dict[str, Venue] = {}
        self._players: set[asyncio.Task[None]] = set()
        for name, symbols in (DEFAULT_MARKETS if markets is None else markets).items():
            listings = [
                item if isinstance(item, Listing) else default_listing(name, item) for item in symbols
            ]
            given = {**DEFAULT_BALANCES, **(balances or {})}.get(name, {})
            money = {asset: Decimal(str(amount)) for asset, amount in given.items()}
            self.venues[name] = _venue(name, self.core, listings, money, conflate)

    def __repr__(self) -> str:
        served = ", ".join(f"{name}:{venue.port}" for name, venue in self.venues.items())
        return f"PracticeExchange({served})"

    @property
    def faults(self) -> Faults:
        """The switches of what may go wrong."""
        return self.core.faults

    @property
    def upbit(self) -> Upbit:
        """Upbit."""
        return self._served("upbit", Upbit)

    @property
    def binance_usdm(self) -> Usdm:
        """Binance USD-M futures."""
        return self._served("binance_usdm", Usdm)

    @property
    def binance_spot(self) -> Spot:
        """Binance spot."""
        return self._served("binance_spot", Spot)

    @property
    def bithumb(self) -> Bithumb:
        """Bithumb (books only)."""
        return self._served("bithumb", Bithumb)

    def ledger(self) -> dict[str, Any]:
        """Return the exchange's own truth, from any thread: per venue `balances`, `positions` and `fills`.

        Balances are totals (a futures wallet as it is booked), positions signed base units; both `Decimal`.
        `fills` are `Trade` objects in the order of booking, `open` the working orders.
        """
        return self.core.call(self._ledger)

    def addresses(self) -> dict[str, dict[str, str]]:
        """Return `rest_url`, `ws_url`, `key` and `secret` by venue, for who practises."""
        found = {}
        for name, venue in self.venues.items():
            found[name] = {"rest_url": venue.rest_url, "ws_url": venue.ws_url}
            if isinstance(venue, (Upbit, Usdm, Spot)):
                found[name] |= {"key": venue.keys.key, "secret": venue.keys.secret}
        return found

    def push_book(self, venue: str, symbol: str, bids: Iterable[Any], asks: Iterable[Any]) -> None:
        """Make this a symbol's book, from any thread.

        Raises:
            ConfigError: when venue or symbol is not served, or a level is not two numbers.
        """
        if venue not in self.venues:
            raise ConfigError(f"this exchange does not serve `{venue}`; {nearest_names(venue, self.venues)}")
        self.books_pushed += 1
        self.venues[venue].push_book(symbol, bids, asks)

    def push(self, frame: Frame) -> None:
        """Make a frame the book of its symbol, from any thread."""
        self.push_book(frame.venue, frame.symbol, frame.bids, frame.asks)

    async def __aenter__(self) -> PracticeExchange:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen on every venue's port.

        Raises:
            ConfigError: when a port is taken.
        """
        self.core.loop = asyncio.get_running_loop()
        self.core.thread = threading.get_ident()
        try:
            for name, venue in self.venues.items():
                await venue.start(self._ports.get(name, 0))
            if self.admin is not None:
                await self.admin.start(self._ports["admin"])
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Cut every connection and free the ports."""
        for player in tuple(self._players):
            player.cancel()
        await asyncio.gather(*self._players, return_exceptions=True)
        for venue in self.venues.values():
            await venue.stop()
        if self.admin is not None:
            await self.admin.stop()
        self.core.loop = None

    def play(self, source: Source, *, speed: float = 1.0, loop: bool = False) -> asyncio.Task[None]:
        """Replay books in the background; the task ends with the source. Call it on the exchange's loop.

        Args:
            source: frames, or a function that returns them anew for every lap.
            speed: seconds of the source per second of ours; `math.inf` goes as fast as clients read.
            loop: begin again at the end.
        """
        if not speed > 0:
            raise ConfigError(f"`speed` of a replay must be above 0, was {speed!r}")
        task = asyncio.get_running_loop().create_task(self._play(source, speed, loop))
        self._players.add(task)
        task.add_done_callback(self._players.discard)
        return task

    async def _play(self, source: Source, speed: float, loop: bool) -> None:
        while True:
            begun, first, count = time.monotonic(), None, 0
            for frame in source() if callable(source) else source:
                first = frame.ts_ns if first is None else first
                wait = 0.0 if math.isinf(speed) else (frame.ts_ns - first) / SECOND_NS / speed
                if (wait := begun + wait - time.monotonic()) > 0:
                    await asyncio.sleep(wait)
                elif count % 50 == 0:
                    await self._drained()
                if frame.venue in self.venues and frame.symbol in self.venues[frame.venue].books:
                    self.push(frame)
                count += 1
            if not loop or not count:
                return
            await asyncio.sleep(0)

    async def _drained(self) -> None:
        await asyncio.sleep(0)
        for venue in self.venues.values():
            for socket in tuple(venue.sockets):
                await socket.flush()

    def _ledger(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, venue in self.venues.items():
            if isinstance(venue, (Upbit, Spot)):
                balances, positions = venue.account.balances(), {}
            elif isinstance(venue, Usdm):
                balances = dict(venue.account.wallet)
                held = venue.account.positions.items()
                positions = {symbol: item.amount for symbol, item in held if item.amount}
            else:
                continue
            found[name] = {
                "balances": balances,
                "positions": positions,
                "fills": list(venue.desk.trades),
                "open": venue.desk.working(),
            }
        return found

    def _served(self, name: str, kind: type[_V]) -> _V:
        venue = self.venues.get(name)
        if not isinstance(venue, kind):
            raise ConfigError(
                f"this exchange does not serve `{name}`; it serves {', '.join(self.venues) or 'nothing'}"
            )
        return venue


def _venue(
    name: str, core: Core, listings: list[Listing], balances: Mapping[str, Decimal], conflate: bool
) -> Venue:
    keys = Keys(f"practice-{name}-key", f"practice-{name}-secret")
    if name == "upbit":
        return Upbit(core, listings, keys, balances)
    if name == "bithumb":
        return Bithumb(core, listings)
    if name == "binance_usdm":
        return Usdm(core, listings, keys, balances, conflate=conflate)
    if name == "binance_spot":
        return Spot(core, listings, keys, balances, conflate=conflate)
    raise ConfigError(f"no venue `{name}`; {nearest_names(name, DEFAULT_MARKETS)}")


@contextmanager
def practice_exchange(
    markets: Mapping[str, Iterable[str | Listing]] | None = None, **options: Any
) -> Iterator[PracticeExchange]:
    """Run a `PracticeExchange` in a thread of its own, for code without a loop.

    Args:
        markets: as for `PracticeExchange`.
        **options: the others.
    """
    exchange = PracticeExchange(markets, **options)
    ready, failed = threading.Event(), []
    ending: list[Callable[[], object]] = []

    async def serve() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        ending.append(lambda: loop.call_soon_threadsafe(ended.set))
        try:
            async with exchange:
                ready.set()
                await ended.wait()
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            ready.set()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if error not in failed:
                failed.append(error)

    thread = threading.Thread(target=run, name="practice-exchange", daemon=True)
    thread.start()
    ready.wait()
    if failed:
        thread.join()
        raise failed[0]
    try:
        yield exchange
    finally:
        ending[0]()
        thread.join()
