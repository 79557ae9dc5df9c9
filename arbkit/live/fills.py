"""What real orders came to, as numbers that the rules and the journal can hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from arbkit.venues import OrderSide
from arbkit.venues.orders import Order

__all__ = ["LegFills", "Outcome", "ids_of"]


@dataclass(frozen=True)
class LegFills:
    """What became of one leg, in the currency of its venue.

    Attributes:
        ids: client ids of its orders.
        side: the leg's own direction.
        filled: base units filled in that direction, less what was undone.
        average_price: of what was filled in that direction; NaN without.
        cash: signed change of the quote currency by all fills, fees not counted.
        net: signed change of the holding, fees in the coin taken off.
        fees: what was paid, by asset.
        sent_ns, first_fill_ns, last_fill_ns: 0 where not.
    """

    ids: tuple[str, ...]
    side: str
    filled: float
    average_price: float
    cash: float
    net: float
    fees: Mapping[str, float] = field(default_factory=dict)
    sent_ns: int = 0
    first_fill_ns: int = 0
    last_fill_ns: int = 0

    @classmethod
    def of(cls, orders: Sequence[Order], side: OrderSide, base: str) -> LegFills:
        """Add up the orders of a leg."""
        own = undone = value = cash = 0.0
        fees: dict[str, float] = {}
        stamps = []
        for order in orders:
            for fill in order.fills:
                size, money = float(fill.size), float(fill.price * fill.size)
                cash += -money if fill.side is OrderSide.BUY else money
                if fill.side is side:
                    own, value = own + size, value + money
                else:
                    undone += size
                fees[fill.fee_asset] = fees.get(fill.fee_asset, 0.0) + float(fill.fee)
                stamps.append(fill.ts)
        return cls(
            ids=tuple(order.client_id for order in orders),
            side=side.value,
            filled=own - undone,
            average_price=value / own if own else math.nan,
            cash=cash,
            net=float(sum(order.net_base(base) for order in orders)),
            fees=fees,
            sent_ns=min((order.sent_ns for order in orders), default=0),
            first_fill_ns=min(stamps, default=0),
            last_fill_ns=max(stamps, default=0),
        )

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> LegFills:
        """Read back what the journal holds."""
        price = values["average_price"]
        return cls(
            **{**values, "ids": tuple(values["ids"]), "average_price": math.nan if price is None else price}
        )

    @property
    def change(self) -> float:
        """Signed change of the holding, fees not counted."""
        return self.filled if self.side == "buy" else -self.filled

    def fees_in(self, rates: Mapping[str, float]) -> float:
        """Return the fees in the account currency, by rates per asset; an asset without a rate counts 0."""
        return sum(amount * rates.get(asset, 0.0) for asset, amount in self.fees.items())


@dataclass(frozen=True)
class Outcome:
    """What became of one decision.

    Attributes:
        pair: the pair.
        row: number of the row of the decision.
        trade: the trade to be left, -1 for an entry.
        side: of the trade, as `arbkit.records.Side`.
        a, b: the legs.
        action: of `PairResult`, or `recovered` after a crash.
        residual: signed base units that stay open on one side.
        worst_naked_s: longest time for which a tradable size was open on one side alone.
        decided_ns, done_ns: when it was decided and when the last fill was known.
        reasons: codes of what went wrong.
    """

    pair: str
    row: int
    trade: int
    side: int
    a: LegFills
    b: LegFills
    action: str
    residual: float
    worst_naked_s: float
    decided_ns: int
    done_ns: int
    reasons: tuple[str, ...] = ()

    @property
    def long(self) -> LegFills:
        """The leg that is held long by the trade."""
        return self.a if self.side == 0 else self.b

    @property
    def short(self) -> LegFills:
        """The other one."""
        return self.b if self.side == 0 else self.a

    @property
    def hedged(self) -> float:
        """Base units that were filled on both legs."""
        return max(0.0, min(self.a.filled, self.b.filled))

    def to_dict(self) -> dict[str, Any]:
        """Return everything by name, ready for the journal."""
        values = dict(vars(self))
        for name in ("a", "b"):
            leg = values[name] = dict(vars(values[name]))
            leg["average_price"] = None if math.isnan(leg["average_price"]) else leg["average_price"]
        return values

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Outcome:
        """Read back what the journal holds."""
        names = cls.__dataclass_fields__
        own = {name: values[name] for name in names}
        legs = {"a": LegFills.read(own["a"]), "b": LegFills.read(own["b"])}
        return cls(**{**own, **legs, "reasons": tuple(own["reasons"])})


def ids_of(outcomes: Iterable[Outcome]) -> set[str]:
    """Return the client ids of all orders that outcomes speak of."""
    return {name for outcome in outcomes for leg in (outcome.a, outcome.b) for name in leg.ids}
