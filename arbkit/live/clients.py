"""The order clients of a run: on paper one per venue that fills from its books, else those of the venues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from arbkit.errors import ConfigError
from arbkit.live.config import LiveConfig, parts_of
from arbkit.live.feeds import feed_urls
from arbkit.venues import (
    BookEvent,
    FeedStatus,
    Fill,
    GapEvent,
    Instrument,
    OrderReport,
    OrderStatus,
    TradingClient,
    VenueError,
    read_credentials,
    read_intents,
)
from arbkit.venues.feeds.market_data import open_market_data
from arbkit.venues.paper import PaperClient
from arbkit.wire.symbols import PERPETUAL

__all__ = ["PerVenue", "check_keys", "paper_accounts", "paper_clients", "real_clients"]

_MUCH = Decimal(10) ** 15


def check_keys(config: LiveConfig, environ: Mapping[str, str]) -> None:
    """Check that the keys of every venue are there, before a run begins.

    Raises:
        ConfigError: when one is missing, or its file can be read by others.
    """
    for venue in _venues(config):
        read_credentials(venue, file=config.venues[venue].keys_file, environ=environ)


def real_clients(config: LiveConfig, environ: Mapping[str, str]) -> dict[str, TradingClient]:
    """Return the clients of the venues, with the keys that the environment or a file holds.

    Raises:
        ConfigError: when a key is missing, or orders cannot be sent to a venue.
    """
    from arbkit.venues import BinanceSpotClient, BinanceUsdmClient, UpbitClient

    kinds: dict[str, Any] = {
        "upbit": UpbitClient,
        "binance_usdm": BinanceUsdmClient,
        "binance_spot": BinanceSpotClient,
    }
    clients: dict[str, TradingClient] = {}
    for venue in _venues(config):
        if venue not in kinds:
            raise ConfigError(f"orders go to {', '.join(kinds)}, a pair has a leg at {venue}")
        at = config.venues[venue]
        keys = read_credentials(venue, file=at.keys_file, environ=environ)
        urls = {k: v for k, v in (("rest_url", at.rest_url), ("ws_url", at.ws_url)) if v is not None}
        clients[venue] = kinds[venue](keys.key, keys.secret, **urls)
    return clients


def paper_clients(
    config: LiveConfig, clock: Callable[[], int], instruments: Mapping[str, Mapping[str, Instrument]]
) -> dict[str, _Paper]:
    """Return one paper client per venue, with the costs and delays that the pairs' parameters say.

    Args:
        config: the configuration.
        clock: nanoseconds since the epoch.
        instruments: by venue and symbol, where they are known; else an instrument has neither steps nor
            minimums.
    """
    clients: dict[str, _Paper] = {}
    for pair in config.pairs:
        p = pair.params
        for leg, venue, symbol in (("a", pair.venue_a, pair.symbol_a), ("b", pair.venue_b, pair.symbol_b)):
            if venue in clients:
                continue
            own = getattr(p, f"latency_{leg}_ms")
            kind = _kind(venue, symbol)
            at = config.venues.get(venue)
            balances = {k: Decimal(str(v)) for k, v in at.paper_balances.items()} if at else {}
            clients[venue] = _Paper(
                venue,
                balances=balances or _plenty(config, symbol),
                instruments=instruments.get(venue, {}),
                kind=kind,
                taker_fee_bps=getattr(p, f"taker_fee_{leg}_bps"),
                slippage_bps=p.slippage_bps,
                latency_ms=p.latency_ms if own is None else own,
                depth_levels=p.depth_levels,
                clock=clock,
            )
    return clients


def _kind(venue: str, symbol: str) -> str:
    return "perpetual" if venue == "binance_usdm" or symbol.endswith(PERPETUAL) else "spot"


def _plenty(config: LiveConfig, symbol: str) -> dict[str, Decimal]:
    """Return enough of every asset: on paper what may be held short is the rules' business."""
    assets = {
        part for pair in config.pairs for name in (pair.symbol_a, pair.symbol_b) for part in parts_of(name)
    }
    return dict.fromkeys(assets | set(parts_of(symbol)), _MUCH)


def _venues(config: LiveConfig) -> list[str]:
    return list(dict.fromkeys(v for pair in config.pairs for v in (pair.venue_a, pair.venue_b)))


class _Paper(PaperClient):
    """A paper client whose orders die with the process: one that it does not know never comes."""

    latest_arrival_s = 0.0

    def __init__(self, *settings: Any, **more: Any) -> None:
        super().__init__(*settings, **more)
        self._cut_off: dict[str, list[Fill]] = {}

    def take_up(self, fill: Fill, instrument: Instrument, *, cut_off: bool = False) -> None:
        """Count a fill of an earlier life, whose trade number is not given again.

        `cut_off` says that the end of its order was not written: with these fills it has ended.
        """
        self.ledger.apply(fill, instrument)
        self._trades = max(self._trades, int(fill.trade_id.rpartition("-")[2]))
        if cut_off:
            self._cut_off.setdefault(fill.client_id, []).append(fill)

    async def query(self, symbol: str, client_id: str) -> OrderReport | None:
        """Return the order with its fills, or None where there is none."""
        fills = self._cut_off.get(client_id)
        if fills is None:
            return await super().query(symbol, client_id)
        filled = sum((fill.size for fill in fills), Decimal(0))
        return OrderReport(
            venue=self.venue,
            symbol=symbol,
            client_id=client_id,
            order_id="",
            side=fills[0].side,
            status=OrderStatus.ENDED,
            size=filled,
            filled=filled,
            average_price=sum((fill.price * fill.size for fill in fills), Decimal(0)) / filled,
            fills=tuple(fills),
            ts=fills[-1].ts,
        )


class PerVenue:
    """Shows a paper client the books of its own venue."""

    def __init__(self, client: PaperClient) -> None:
        self._client = client

    def on_book(self, event: BookEvent) -> None:
        """Take a book."""
        if event.venue == self._client.venue:
            self._client.on_book(event)

    def on_gap(self, event: GapEvent) -> None:
        """Take note that a book is not known."""
        if event.venue == self._client.venue:
            self._client.on_gap(event)

    def on_status(self, event: FeedStatus) -> None:
        """Take note of nothing."""


async def paper_accounts(
    config: LiveConfig, clock: Callable[[], int], recorded: Sequence[Mapping[str, Any]]
) -> dict[str, _Paper]:
    """Return the paper clients with the venues' own instruments and what earlier fills left in them.

    Args:
        config: the configuration.
        clock: nanoseconds since the epoch.
        recorded: the journal as it was when the run began.
    """
    known: dict[str, dict[str, Instrument]] = {}
    for pair in config.pairs:
        for venue, symbol in ((pair.venue_a, pair.symbol_a), (pair.venue_b, pair.symbol_b)):
            known.setdefault(venue, {})[symbol] = _plain(venue, symbol)
    if config.replay is None:
        for venue, plain in known.items():
            known[venue] = plain | await _listed(config, venue, plain)
    clients = paper_clients(config, clock, known)
    before = read_intents(recorded)
    unended = {intent.request.client_id for intent in before.intents if not intent.ended}
    for fill in before.fills:
        instrument = known[fill.venue][fill.symbol]
        clients[fill.venue].take_up(fill, instrument, cut_off=fill.client_id in unended)
    return clients


def _plain(venue: str, symbol: str) -> Instrument:
    """Return an instrument without steps and minimums."""
    base, quote = parts_of(symbol)
    kind = _kind(venue, symbol)
    return Instrument(venue=venue, symbol=symbol, base=base, quote=quote, kind=kind)


async def _listed(config: LiveConfig, venue: str, wanted: Mapping[str, Instrument]) -> dict[str, Instrument]:
    """Return what the venue says of its instruments; nothing where it does not answer."""
    source = open_market_data(venue, rest_url=feed_urls(config.venues[venue]).get("rest_url"))
    try:
        return await source.instruments(list(wanted))
    except VenueError:
        return {}
    finally:
        await source.close()
