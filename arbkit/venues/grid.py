"""A venue's grids of prices and sizes, in `Decimal`, and what is left of a request on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from arbkit.venues.protocol import Instrument, OrderRejectedError, OrderRequest, OrderSide

__all__ = ["common_lot", "decimal_text", "on_grid", "round_down", "round_up"]


def round_down(value: Decimal, step: Decimal) -> Decimal:
    """Return the largest multiple of the step that is not above the value; a step of 0 changes nothing."""
    return value if not step else (value / step).to_integral_value(ROUND_FLOOR) * step


def round_up(value: Decimal, step: Decimal) -> Decimal:
    """Return the smallest multiple of the step that is not below the value."""
    return value if not step else (value / step).to_integral_value(ROUND_CEILING) * step


def common_lot(a: Decimal, b: Decimal) -> Decimal:
    """Return the smallest size that is a whole number of both lots; 0 stands for no lot."""
    if not a or not b:
        return a or b
    places = max(-int(a.normalize().as_tuple().exponent), -int(b.normalize().as_tuple().exponent), 0)
    x, y = int(a.scaleb(places)), int(b.scaleb(places))
    return Decimal(math.lcm(x, y)).scaleb(-places)


def decimal_text(value: Decimal) -> str:
    """Return the number as venues want it: no exponent, no superfluous zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def on_grid(
    request: OrderRequest, instrument: Instrument, tick_of: Callable[[Decimal], Decimal]
) -> OrderRequest:
    """Return the request with size and price on the grid: never larger, never at a worse limit.

    Args:
        request: what the strategy wants.
        instrument: its rules, base units.
        tick_of: the price step at a price.

    Raises:
        OrderRejectedError: `not_trading`, `bad_request`, `below_lot`, `below_minimum`, `above_maximum`.
    """
    if not instrument.trading:
        raise OrderRejectedError(f"{instrument.symbol} takes no orders now", "not_trading")
    if (request.size is None) == (request.quote_amount is None):
        raise OrderRejectedError("an order has either `size` or `quote_amount`", "bad_request")
    price = request.price
    if price is not None:
        price = _on_tick(price, request.side, tick_of)
    if request.size is None:
        return msgspec.structs.replace(request, price=price)
    size = round_down(request.size, instrument.lot)
    _check_size(size, instrument, request)
    if price is not None and size * price < instrument.min_notional and not _exempt(request, instrument):
        raise OrderRejectedError(
            f"an order in {instrument.symbol} must be worth at least {instrument.min_notional} "
            f"{instrument.quote}, was {decimal_text(size * price)}",
            "below_minimum",
        )
    return msgspec.structs.replace(request, size=size, price=price)


def _exempt(request: OrderRequest, instrument: Instrument) -> bool:
    return request.reduce_only and instrument.kind != "spot"


def _on_tick(price: Decimal, side: OrderSide, tick_of: Callable[[Decimal], Decimal]) -> Decimal:
    if not (price.is_finite() and price > 0):
        raise OrderRejectedError(f"a limit price must be above 0, was {price}", "bad_request")
    step = tick_of(price)
    rounded = round_down(price, step) if side is OrderSide.BUY else round_up(price, step)
    if rounded <= 0:
        raise OrderRejectedError(f"the limit price {price} is below one price step of {step}", "bad_request")
    return rounded


def _check_size(size: Decimal, instrument: Instrument, request: OrderRequest) -> None:
    if not size.is_finite() or size <= 0:
        raise OrderRejectedError(
            f"the size {request.size} of {instrument.symbol} is below one lot of {instrument.lot}",
            "below_lot",
        )
    if size < instrument.min_size:
        raise OrderRejectedError(
            f"an order in {instrument.symbol} must have a size of at least {instrument.min_size}, was {size}",
            "below_minimum",
        )
    if instrument.max_size and size > instrument.max_size:
        raise OrderRejectedError(
            f"an order in {instrument.symbol} must have a size of at most {instrument.max_size}, was {size}",
            "above_maximum",
        )
