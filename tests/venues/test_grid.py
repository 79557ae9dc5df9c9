"""Grids of prices and sizes, and what is left of a request on them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from arbkit.venues.grid import common_lot, decimal_text, on_grid, round_down, round_up
from arbkit.venues.protocol import Instrument, OrderRejectedError, OrderRequest, OrderSide
from arbkit.wire.ticks import upbit_tick

D = Decimal
SPOT = Instrument(
    venue="v", symbol="X", base="X", quote="Q", tick=D("0.1"), lot=D("0.01"), min_size=D("0.05"),
    max_size=D("10"), min_notional=D("5"),
)  # fmt: skip


def request(side: OrderSide = OrderSide.BUY, **fields: object) -> OrderRequest:
    return OrderRequest(client_id="c", symbol="X", side=side, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("a", "b", "lot"),
    [("0.001", "0.00000001", "0.001"), ("0.3", "0.2", "0.6"), ("0", "0.5", "0.5"), ("1000", "0.5", "1000")],
)
def test_the_common_lot_is_whole_on_both_grids(a: str, b: str, lot: str) -> None:
    assert common_lot(D(a), D(b)) == D(lot)
    assert common_lot(D(b), D(a)) == D(lot)


def test_numbers_are_written_without_exponent_and_superfluous_zeros() -> None:
    texts = [decimal_text(D(value)) for value in ("1E+3", "1E-8", "0.10", "100", "12.000")]
    assert texts == ["1000", "0.00000001", "0.1", "100", "12"]


def test_sizes_go_down_and_limits_never_get_worse() -> None:
    bought = on_grid(request(size=D("1.239"), price=D("50.19")), SPOT, lambda _: SPOT.tick)
    sold = on_grid(request(OrderSide.SELL, size=D("1.239"), price=D("50.11")), SPOT, lambda _: SPOT.tick)
    assert (bought.size, bought.price) == (D("1.23"), D("50.1"))
    assert (sold.size, sold.price) == (D("1.23"), D("50.2"))


def test_a_price_rounded_up_across_a_band_stands_on_the_next_bands_grid() -> None:
    price = D("999900")
    rounded = round_up(price, upbit_tick(price))
    assert rounded == 1_000_000
    assert rounded % upbit_tick(rounded) == 0
    assert round_down(D("7"), D(0)) == 7


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"size": D("0.009"), "price": D(100)}, "below_lot"),
        ({"size": D("0.04"), "price": D(1000)}, "below_minimum"),
        ({"size": D("0.06"), "price": D(10)}, "below_minimum"),
        ({"size": D("11"), "price": D(10)}, "above_maximum"),
        ({"size": D("1"), "price": D(0)}, "bad_request"),
        ({"size": D("1"), "price": D("0.05")}, "bad_request"),
        ({"size": D("NaN"), "price": D(1)}, "below_lot"),
        ({"size": D("1"), "quote_amount": D(1)}, "bad_request"),
        ({}, "bad_request"),
    ],
)
def test_what_the_venue_would_refuse_is_refused_here(fields: dict[str, object], code: str) -> None:
    with pytest.raises(OrderRejectedError) as caught:
        on_grid(request(**fields), SPOT, lambda _: SPOT.tick)
    assert caught.value.code == code


def test_a_market_that_is_closed_takes_no_orders() -> None:
    closed = Instrument(venue="v", symbol="X", base="X", quote="Q", trading=False)
    with pytest.raises(OrderRejectedError, match="takes no orders now"):
        on_grid(request(size=D(1)), closed, lambda _: D(1))


def test_only_a_reducing_order_of_a_perpetual_may_be_worth_less_than_the_minimum() -> None:
    perpetual = Instrument(venue="v", symbol="X", base="X", quote="Q", kind="perpetual", min_notional=D(100))
    small = {"size": D(1), "price": D(10)}
    assert on_grid(request(reduce_only=True, **small), perpetual, lambda _: D(1)).size == 1
    with pytest.raises(OrderRejectedError):
        on_grid(request(**small), perpetual, lambda _: D(1))
