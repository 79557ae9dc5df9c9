"""Positions and money as one's own fills make them, to the last digit."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from arbkit.venues.protocol import Fill, Instrument, OrderSide

__all__ = ["Ledger", "net_base"]

Key = tuple[str, str]
_ZERO = Decimal(0)


def net_base(fill: Fill, base: str) -> Decimal:
    """Return by how much a fill changes the holding of the base coin, its fee in that coin included."""
    change = fill.size if fill.side is OrderSide.BUY else -fill.size
    return change - fill.fee if fill.fee_asset == base else change


class Ledger:
    """What fills have changed, by venue.

    Attributes:
        positions: signed base units by (venue, symbol), fees in the coin itself taken off.
        flows: change of the balance by (venue, asset); of a perpetual its realised profit less fees,
            as the venue has booked it where it says so.
        fees: what was paid by (venue, asset).
    """

    def __init__(self) -> None:
        self.positions: defaultdict[Key, Decimal] = defaultdict(Decimal)
        self.flows: defaultdict[Key, Decimal] = defaultdict(Decimal)
        self.fees: defaultdict[Key, Decimal] = defaultdict(Decimal)
        self._costs: defaultdict[Key, Decimal] = defaultdict(Decimal)

    def apply(self, fill: Fill, instrument: Instrument) -> None:
        """Count one fill; whoever calls sees to it that it is counted once."""
        self.fees[fill.venue, fill.fee_asset] += fill.fee
        self.flows[fill.venue, fill.fee_asset] -= fill.fee
        key, quote = (fill.venue, fill.symbol), (fill.venue, instrument.quote)
        if instrument.kind != "spot":
            realised = self._realised(fill, key)
            self.flows[quote] += realised if fill.realized is None else fill.realized
            return
        change = fill.size if fill.side is OrderSide.BUY else -fill.size
        self.positions[key] += net_base(fill, instrument.base)
        self.flows[fill.venue, instrument.base] += change
        self.flows[quote] -= change * fill.price

    def _realised(self, fill: Fill, key: Key) -> Decimal:
        """Move a perpetual's position and return the profit that this realises, at average cost.

        What the position has cost is kept as a sum: when it is closed as a whole, nothing is left of it,
        however the averages on the way were rounded.
        """
        change = fill.size if fill.side is OrderSide.BUY else -fill.size
        before = self.positions[key]
        after = before + change
        self.positions[key] = after
        if not before or (before > 0) == (change > 0):
            self._costs[key] += change * fill.price
            return _ZERO
        closing = change if abs(change) <= abs(before) else -before
        released = self._costs[key] if closing == -before else self._costs[key] * (-closing / before)
        self._costs[key] += (change - closing) * fill.price - released
        return -closing * fill.price - released
