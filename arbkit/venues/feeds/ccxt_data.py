"""What ccxt tells of the markets of other venues: steps, minimums, fees, whether they trade."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from arbkit.errors import DataError
from arbkit.venues.feeds.ccxt_client import CcxtClient, plain_name
from arbkit.venues.feeds.market_data import MarketData
from arbkit.venues.protocol import Instrument, InstrumentState, VenueError
from arbkit.wire.symbols import contract_multiple

__all__ = ["CcxtData"]


class CcxtData(MarketData):
    """One venue's markets through ccxt; neither its clock nor funding payments are asked for.

    Raises:
        ConfigError: when ccxt knows no such venue.
        MissingDependencyError: when ccxt is not installed.
    """

    def __init__(self, venue: str, rest_url: str | None = None, timeout_s: float = 10.0) -> None:
        self.venue = plain_name(venue)
        self._client = CcxtClient(venue, rest_url, timeout_s)

    async def instruments(self, symbols: Collection[str] | None = None) -> dict[str, Instrument]:
        """Return spot markets and linear perpetuals."""
        markets = await self._markets()
        return {
            name: self._instrument(name, market)
            for name, market in markets.items()
            if symbols is None or name in symbols
        }

    async def states(self, symbols: Collection[str]) -> dict[str, InstrumentState]:
        """Return whether the markets trade now."""
        markets = await self._markets(anew=True)
        ts = time.time_ns()
        return {
            name: InstrumentState(
                venue=self.venue,
                symbol=name,
                ts=ts,
                trading=name in markets and _is_active(markets[name]),
                warnings=() if name in markets else ("NOT_LISTED",),
            )
            for name in symbols
        }

    async def close(self) -> None:
        """Close the connections; idempotent."""
        await self._client.close()

    async def _markets(self, *, anew: bool = False) -> dict[str, Any]:
        try:
            return await self._client.markets(anew=anew)
        except DataError as error:
            raise VenueError(str(error)) from error

    def _instrument(self, name: str, market: Mapping[str, Any]) -> Instrument:
        coin, many = contract_multiple(str(market["base"]))
        contract = _number(market.get("contractSize")) or Decimal(1)
        amounts, costs = _limits(market, "amount"), _limits(market, "cost")
        step = market.get("precision") or {}
        return Instrument(
            venue=self.venue,
            symbol=name,
            base=coin,
            quote=str(market["quote"]),
            kind="spot" if market.get("spot") else "perpetual",
            tick=_number(step.get("price")) / many,
            lot=_number(step.get("amount")) * contract * many,
            min_size=_number(amounts.get("min")) * contract * many,
            max_size=_number(amounts.get("max")) * contract * many,
            min_notional=_number(costs.get("min")),
            contract_size=contract * many,
            taker_fee=_number(market.get("taker")),
            trading=_is_active(market),
        )


def _is_active(market: Mapping[str, Any]) -> bool:
    """Whether a market trades; one of which the venue does not say so does."""
    return market.get("active") is not False


def _limits(market: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return (market.get("limits") or {}).get(name) or {}


def _number(value: Any) -> Decimal:
    try:
        return Decimal(str(value)) if value is not None else Decimal(0)
    except InvalidOperation:
        return Decimal(0)
