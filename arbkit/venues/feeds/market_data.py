"""What a venue tells everyone over REST: its clock, instruments with their filters, warnings, funding rates.

Thin readers of a few addresses each, one attempt per call; what a venue does not have is empty. Wallet states
(deposits, withdrawals) need a key and are a `TradingClient`'s to read.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar, Final, TypeVar

import msgspec

from arbkit.errors import ConfigError
from arbkit.units import MS_NS
from arbkit.venues.feeds.ccxt_client import is_ccxt_venue, venue_hint
from arbkit.venues.feeds.http import PublicRest, WeightBudget
from arbkit.venues.protocol import Instrument, InstrumentState, VenueError
from arbkit.wire.symbols import contract_multiple, split_upbit

__all__ = [
    "MARKET_DATA",
    "BinanceData",
    "FundingRate",
    "MarketData",
    "UpbitData",
    "UpcomingFunding",
    "open_market_data",
]

_T = TypeVar("_T")


class FundingRate(msgspec.Struct, frozen=True, kw_only=True):
    """A funding payment that has happened: at `ts`, `rate` of the position's value at `mark_price`."""

    venue: str
    symbol: str
    ts: int
    rate: float
    mark_price: float | None = None


class UpcomingFunding(msgspec.Struct, frozen=True, kw_only=True):
    """The running estimate of the next funding payment, due at `next_ts`."""

    venue: str
    symbol: str
    ts: int
    rate: float
    next_ts: int
    mark_price: float | None = None
    index_price: float | None = None


class MarketData(ABC):
    """Public REST answers of one venue.

    Args:
        rest_url: another address than the venue's own.
        timeout_s: for one answer.
    """

    venue: str
    default_rest_url: ClassVar[str]
    weight_per_minute: ClassVar[float] = 600.0

    def __init__(self, rest_url: str | None = None, timeout_s: float = 10.0) -> None:
        self._rest = PublicRest(
            rest_url or self.default_rest_url, WeightBudget(self.weight_per_minute), timeout_s
        )

    async def server_time(self) -> int | None:
        """Return the venue's clock in ns, or None where it shows none.

        Raises:
            VenueError: when the venue cannot be reached, or what it says cannot be read. So do all of these.
        """
        return None

    @abstractmethod
    async def instruments(self, symbols: Collection[str] | None = None) -> dict[str, Instrument]:
        """Return the instruments by symbol, all or those of `symbols` that there are."""

    @abstractmethod
    async def states(self, symbols: Collection[str]) -> dict[str, InstrumentState]:
        """Return what is publicly known for and against entries; a symbol that is gone does not trade."""

    async def funding(self, symbol: str, since_ns: int) -> list[FundingRate]:
        """Return the payments of a symbol from `since_ns` on, in order of time."""
        return []

    async def upcoming_funding(self, symbols: Collection[str]) -> dict[str, UpcomingFunding]:
        """Return the next payments by symbol."""
        return {}

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._rest.close()

    async def _read(
        self, kind: type[_T], path: str, params: Mapping[str, object] | None = None, weight: float = 1.0
    ) -> _T:
        body = await self._rest.get(path, params, weight)
        try:
            return msgspec.json.decode(body, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise VenueError(f"{self._rest.base_url}{path} must answer in a known shape: {error}") from error


class _Caution(msgspec.Struct, frozen=True):
    warning: bool = False
    caution: dict[str, bool] = {}


class _Market(msgspec.Struct, frozen=True):
    market: str
    market_event: _Caution | None = None
    market_warning: str = "NONE"


class _Tick(msgspec.Struct, frozen=True):
    market: str
    tick_size: Decimal


class UpbitData(MarketData):
    """Upbit: markets with their warnings, price steps."""

    venue = "upbit"
    default_rest_url = "https://api.upbit.com"
    _details: ClassVar[str] = "is_details"
    _has_ticks: ClassVar[bool] = True
    _fee: ClassVar[Decimal] = Decimal("0.0005")
    _other_fee: ClassVar[Decimal] = Decimal("0.0025")
    _minimum: ClassVar[Mapping[str, Decimal]] = {
        "KRW": Decimal(5000),
        "BTC": Decimal("0.00005"),
        "USDT": Decimal("0.5"),
    }

    async def instruments(self, symbols: Collection[str] | None = None) -> dict[str, Instrument]:
        """Return the markets; price steps only where `symbols` are named (100 to a request)."""
        markets = await self._markets()
        names = [name for name in markets if symbols is None or name in symbols]
        ticks = await self._ticks(names) if symbols is not None and self._has_ticks else {}
        return {name: self._instrument(markets[name], ticks.get(name, Decimal(0))) for name in names}

    async def states(self, symbols: Collection[str]) -> dict[str, InstrumentState]:
        """Return warnings and cautions; a market that is not listed does not trade."""
        markets = await self._markets()
        ts = time.time_ns()
        return {
            name: InstrumentState(
                venue=self.venue,
                symbol=name,
                ts=ts,
                trading=name in markets,
                warnings=_warnings(markets[name]) if name in markets else ("NOT_LISTED",),
            )
            for name in symbols
        }

    async def _markets(self) -> dict[str, _Market]:
        found = await self._read(list[_Market], "/v1/market/all", {self._details: "true"})
        return {item.market: item for item in found}

    async def _ticks(self, names: Sequence[str]) -> dict[str, Decimal]:
        ticks: dict[str, Decimal] = {}
        for at in range(0, len(names), 100):
            params = {"markets": ",".join(names[at : at + 100])}
            found = await self._read(list[_Tick], "/v1/orderbook/instruments", params)
            ticks |= {item.market: item.tick_size for item in found}
        return ticks

    def _instrument(self, market: _Market, tick: Decimal) -> Instrument:
        base, quote = split_upbit(market.market)
        return Instrument(
            venue=self.venue,
            symbol=market.market,
            base=base,
            quote=quote,
            tick=tick,
            lot=Decimal("0.00000001"),
            min_notional=self._minimum.get(quote, Decimal(0)),
            taker_fee=self._fee if quote == "KRW" else self._other_fee,
            warnings=_warnings(market),
        )


def _warnings(market: _Market) -> tuple[str, ...]:
    named = [] if market.market_warning in ("NONE", "") else [market.market_warning]
    event = market.market_event
    if event is not None:
        named += ["WARNING"] if event.warning else []
        named += sorted(name for name, on in event.caution.items() if on)
    return tuple(named)


class BithumbData(UpbitData):
    """Bithumb: markets with their warnings."""

    venue = "bithumb"
    default_rest_url = "https://api.bithumb.com"
    _details = "isDetails"
    _has_ticks = False
    _fee = Decimal("0.0004")


class _Clock(msgspec.Struct, frozen=True):
    time_ms: int = msgspec.field(name="serverTime")


class _Filter(msgspec.Struct, frozen=True, rename="camel"):
    filter_type: str = ""
    tick_size: Decimal = Decimal(0)
    step_size: Decimal = Decimal(0)
    min_qty: Decimal = Decimal(0)
    max_qty: Decimal = Decimal(0)
    notional: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)


class _Symbol(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    status: str
    base_asset: str
    quote_asset: str
    contract_type: str = ""
    filters: list[_Filter] = []


class _ExchangeInfo(msgspec.Struct, frozen=True):
    symbols: list[_Symbol]


class _Premium(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    mark_price: float | None = None
    index_price: float | None = None
    last_funding_rate: str = ""
    next_funding_time: int = 0
    time: int = 0


class _Paid(msgspec.Struct, frozen=True, rename="camel"):
    symbol: str
    funding_time: int
    funding_rate: float
    mark_price: str = ""


class BinanceData(MarketData):
    """What Binance USD-M futures and spot share; all per coin, also of contracts of a thousand."""

    _prefix: ClassVar[str]
    _kind: ClassVar[str]
    _fee: ClassVar[Decimal]
    _info_weight: ClassVar[float]

    async def server_time(self) -> int | None:
        """Return the venue's clock in ns."""
        return (await self._read(_Clock, f"{self._prefix}/time")).time_ms * MS_NS

    async def instruments(self, symbols: Collection[str] | None = None) -> dict[str, Instrument]:
        """Return the instruments, dated futures left out."""
        found = await self._symbols()
        return {
            name: self._instrument(item) for name, item in found.items() if symbols is None or name in symbols
        }

    async def states(self, symbols: Collection[str]) -> dict[str, InstrumentState]:
        """Return whether the symbols trade; any status but TRADING is told as a warning."""
        found = await self._symbols()
        ts = time.time_ns()
        status = {name: found[name].status if name in found else "NOT_LISTED" for name in symbols}
        return {
            name: InstrumentState(
                venue=self.venue,
                symbol=name,
                ts=ts,
                trading=status[name] == "TRADING",
                warnings=() if status[name] == "TRADING" else (status[name],),
            )
            for name in symbols
        }

    async def _symbols(self) -> dict[str, _Symbol]:
        info = await self._read(_ExchangeInfo, f"{self._prefix}/exchangeInfo", weight=self._info_weight)
        return {item.symbol: item for item in info.symbols if item.contract_type in ("", "PERPETUAL")}

    def _instrument(self, item: _Symbol) -> Instrument:
        coin, many = contract_multiple(item.base_asset)
        by_type = {entry.filter_type: entry for entry in item.filters}
        price, lot = by_type.get("PRICE_FILTER", _Filter()), by_type.get("LOT_SIZE", _Filter())
        smallest = by_type.get("MIN_NOTIONAL") or by_type.get("NOTIONAL") or _Filter()
        return Instrument(
            venue=self.venue,
            symbol=item.symbol,
            base=coin,
            quote=item.quote_asset,
            kind=self._kind,
            tick=price.tick_size / many,
            lot=lot.step_size * many,
            min_size=lot.min_qty * many,
            max_size=lot.max_qty * many,
            min_notional=smallest.notional or smallest.min_notional,
            contract_size=many,
            taker_fee=self._fee,
            fee_in_received=self._kind == "spot",
            trading=item.status == "TRADING",
            warnings=() if item.status == "TRADING" else (item.status,),
        )


class BinanceUsdmData(BinanceData):
    """Binance USD-M futures."""

    venue = "binance_usdm"
    default_rest_url = "https://fapi.binance.com"
    _prefix = "/fapi/v1"
    _kind = "perpetual"
    _fee = Decimal("0.0005")
    _info_weight = 1.0
    #: Fewer symbols are asked for one by one, which weighs less than all at once.
    _all_from: Final = 10

    async def funding(self, symbol: str, since_ns: int) -> list[FundingRate]:
        """Return the payments from `since_ns` on, at most a thousand."""
        params = {"symbol": symbol, "startTime": max(0, since_ns // MS_NS), "limit": 1000}
        found = await self._read(list[_Paid], "/fapi/v1/fundingRate", params)
        rates = [
            FundingRate(
                venue=self.venue,
                symbol=item.symbol,
                ts=item.funding_time * MS_NS,
                rate=item.funding_rate,
                mark_price=float(item.mark_price) if item.mark_price else None,
            )
            for item in found
            if item.symbol == symbol
        ]
        return sorted(rates, key=lambda rate: rate.ts)

    async def upcoming_funding(self, symbols: Collection[str]) -> dict[str, UpcomingFunding]:
        """Return the next payments by symbol."""
        path = "/fapi/v1/premiumIndex"
        if len(symbols) < self._all_from:
            found = [await self._read(_Premium, path, {"symbol": name}) for name in symbols]
        else:
            found = await self._read(list[_Premium], path, weight=10.0)
        return {
            item.symbol: UpcomingFunding(
                venue=self.venue,
                symbol=item.symbol,
                ts=item.time * MS_NS,
                rate=float(item.last_funding_rate),
                next_ts=item.next_funding_time * MS_NS,
                mark_price=item.mark_price,
                index_price=item.index_price,
            )
            for item in found
            if item.symbol in symbols and item.last_funding_rate and item.next_funding_time
        }


class BinanceSpotData(BinanceData):
    """Binance spot."""

    venue = "binance_spot"
    default_rest_url = "https://api.binance.com"
    _prefix = "/api/v3"
    _kind = "spot"
    _fee = Decimal("0.001")
    _info_weight = 20.0


#: The class of each venue.
MARKET_DATA: Final[dict[str, type[MarketData]]] = {
    data.venue: data for data in (UpbitData, BithumbData, BinanceUsdmData, BinanceSpotData)
}


def open_market_data(venue: str, rest_url: str | None = None, timeout_s: float = 10.0) -> MarketData:
    """Make the reader of a venue; nothing is connected before the first call.

    Raises:
        ConfigError: when the venue is not known.
    """
    if venue in MARKET_DATA:
        return MARKET_DATA[venue](rest_url, timeout_s)
    if is_ccxt_venue(venue):
        from arbkit.venues.feeds.ccxt_data import CcxtData

        return CcxtData(venue, rest_url, timeout_s)
    raise ConfigError(f"no market data of venue {venue!r}; {venue_hint(venue, MARKET_DATA)}")
