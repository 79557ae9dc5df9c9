"""What an account holds: coins of a spot venue, or a wallet and signed positions of a futures venue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from arbkit.testing.listings import Listing
from arbkit.testing.orders import Order

__all__ = ["Booking", "FuturesAccount", "Holding", "Position", "SpotAccount"]

ZERO: Final = Decimal(0)
_SATOSHI: Final = Decimal("0.00000001")
_ENTRY_DIGITS: Final = Decimal("0.0000000001")
_DEFAULT_LEVERAGE: Final = 20


@dataclass
class Holding:
    """What there is of one asset."""

    free: Decimal = ZERO
    locked: Decimal = ZERO
    average: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Free and locked together."""
        return self.free + self.locked


@dataclass(frozen=True)
class Booking:
    """What one fill cost: the fee, in what, and the profit that it realised."""

    fee: Decimal
    fee_asset: str
    realized: Decimal = ZERO


class SpotAccount:
    """Coins. On Upbit fees come on top in the quote currency, on Binance out of what is received.

    Args:
        balances: asset -> amount at the start.
        on_top: Upbit's way of charging; False is Binance's, cut to 8 digits.
    """

    def __init__(self, balances: Mapping[str, Decimal], *, on_top: bool) -> None:
        self.on_top = on_top
        self.holdings = {asset: Holding(amount) for asset, amount in balances.items()}

    def holding(self, asset: str) -> Holding:
        """Return what there is of an asset, made where it is missing."""
        return self.holdings.setdefault(asset, Holding())

    def deposit(self, asset: str, amount: Decimal | int | str) -> None:
        """Add to an asset; a negative amount takes away."""
        self.holding(asset).free += Decimal(amount)

    def need(self, order: Order, listing: Listing, estimate: Decimal | None = None) -> tuple[str, Decimal]:
        """Return the asset and the amount that an order holds back.

        Args:
            order: not placed yet.
            listing: its symbol.
            estimate: value of a market buy by size, as the book stands.
        """
        if not order.buys:
            return listing.base, order.remaining
        if order.amount is not None:
            value = order.amount - order.value
        elif estimate is not None:
            value = estimate
        else:
            value = (order.price or ZERO) * order.remaining
        return listing.quote, value * (1 + self._highest_fee(listing)) if self.on_top else value

    def reserve(self, order: Order, asset: str, amount: Decimal) -> bool:
        """Hold an amount back for an order; False when it is not there."""
        holding = self.holding(asset)
        if holding.free < amount:
            return False
        holding.free -= amount
        holding.locked += amount
        order.locked = amount
        return True

    def fill(self, order: Order, listing: Listing, price: Decimal, size: Decimal, *, maker: bool) -> Booking:
        """Book a fill; the order holds back less afterwards."""
        value, rate = price * size, listing.maker_fee if maker else listing.taker_fee
        base, quote = self.holding(listing.base), self.holding(listing.quote)
        if order.buys:
            fee = value * rate if self.on_top else (size * rate).quantize(_SATOSHI, rounding=ROUND_DOWN)
            spent, received = (value + fee, size) if self.on_top else (value, size - fee)
            self._unlock(order, quote, spent, self._still_needed(order, listing, value, size))
            held = base.total
            base.free += received
            if base.total > 0:
                base.average = (base.average * held + value) / base.total
            return Booking(fee, listing.quote if self.on_top else listing.base)
        fee = value * rate if self.on_top else (value * rate).quantize(_SATOSHI, rounding=ROUND_DOWN)
        base.locked -= size
        order.locked -= size
        quote.free += value - fee
        return Booking(fee, listing.quote)

    def release(self, order: Order, listing: Listing) -> None:
        """Give back what an ended order still held."""
        holding = self.holding(listing.quote if order.buys else listing.base)
        holding.locked -= order.locked
        holding.free += order.locked
        order.locked = ZERO

    def balances(self) -> dict[str, Decimal]:
        """Return the total of every asset."""
        return {asset: holding.total for asset, holding in self.holdings.items()}

    def _still_needed(self, order: Order, listing: Listing, value: Decimal, size: Decimal) -> Decimal | None:
        """Return what a limit buy must hold back after a fill; None keeps what is left over."""
        if order.kind != "limit" or order.price is None:
            return None
        rest = order.price * (order.remaining - size)
        return rest * (1 + self._highest_fee(listing)) if self.on_top else rest

    @staticmethod
    def _unlock(order: Order, holding: Holding, spent: Decimal, needed: Decimal | None) -> None:
        before = order.locked
        order.locked = before - spent if needed is None else needed
        freed = before - order.locked
        holding.locked -= freed
        holding.free += freed - spent

    @staticmethod
    def _highest_fee(listing: Listing) -> Decimal:
        return max(listing.taker_fee, listing.maker_fee)


@dataclass
class Position:
    """A signed position in units of the base; `entry` is its mean price."""

    amount: Decimal = ZERO
    entry: Decimal = ZERO
    realized: Decimal = ZERO
    leverage: int = _DEFAULT_LEVERAGE
    updated_ms: int = 0


@dataclass
class FuturesAccount:
    """A wallet in one-way mode with cross margin.

    Attributes:
        wallet: asset -> balance.
        income: what came and went beside trading: time in ms, kind, symbol, asset, amount.
    """

    wallet: dict[str, Decimal]
    positions: dict[str, Position] = field(default_factory=dict)
    income: list[dict[str, Any]] = field(default_factory=list)

    def deposit(self, asset: str, amount: Decimal | int | str) -> None:
        """Add to the wallet; a negative amount takes away."""
        self.wallet[asset] = self.wallet.get(asset, ZERO) + Decimal(amount)

    def position(self, symbol: str) -> Position:
        """Return a symbol's position, made where it is missing."""
        return self.positions.setdefault(symbol, Position())

    def fill(self, order: Order, listing: Listing, price: Decimal, size: Decimal, *, maker: bool) -> Booking:
        """Book a fill: fee and realised profit go to the wallet."""
        position = self.position(listing.symbol)
        signed = size if order.buys else -size
        realized = ZERO
        if position.amount * signed >= 0:
            total = abs(position.amount) + size
            entry = (position.entry * abs(position.amount) + price * size) / total
            position.entry = entry.quantize(_ENTRY_DIGITS)
        else:
            closed = min(abs(position.amount), size)
            way = 1 if position.amount > 0 else -1
            realized = ((price - position.entry) * closed * way).quantize(_SATOSHI)
            if size > abs(position.amount):
                position.entry = price
        position.amount += signed
        if position.amount == 0:
            position.entry = ZERO
        position.realized += realized
        rate = listing.maker_fee if maker else listing.taker_fee
        fee = (price * size * rate).quantize(_SATOSHI)
        self.deposit(listing.quote, realized - fee)
        return Booking(fee, listing.quote, realized)

    def unrealized(self, symbol: str, mark: Decimal) -> Decimal:
        """Return what a position would earn at the mark price."""
        position = self.position(symbol)
        return ((mark - position.entry) * position.amount).quantize(_SATOSHI)
