"""Margin by brackets, and the prices at which it runs out."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from arbkit.testing.margin import (
    BRACKETS,
    bankruptcy_price,
    bracket_of,
    bracket_rows,
    largest_value,
    liquidation_price,
    maintenance,
)


def test_maintenance_is_continuous_at_every_edge() -> None:
    for before, after in itertools.pairwise(BRACKETS):
        edge = before.cap
        assert after.floor == edge
        assert edge * before.rate - before.less == edge * after.rate - after.less
        assert maintenance(edge + 1) > maintenance(edge) > 0
    assert maintenance(Decimal(-10_000)) == maintenance(Decimal(10_000)) == 40
    assert bracket_of(Decimal(10**12)) == BRACKETS[-1]
    assert [row["bracket"] for row in bracket_rows()] == list(range(1, len(BRACKETS) + 1))


@pytest.mark.parametrize(
    ("leverage", "most"), [(125, 300_000), (100, 800_000), (20, 100_000_000), (6, 230_000_000)]
)
def test_leverage_bounds_the_value(leverage: int, most: int) -> None:
    assert largest_value(leverage) == most


@pytest.mark.parametrize("amount", ["0.1", "-0.1"])
def test_liquidation_comes_where_the_balance_is_what_must_be_held(amount: str) -> None:
    held, mark, balance, others = Decimal(amount), Decimal(97_000), Decimal(900), Decimal(20)
    price = liquidation_price(held, mark, balance, others)
    assert (price < mark) == (held > 0)
    left = balance + held * (price - mark)
    assert left == pytest.approx(others + maintenance(held * price))
    broke = bankruptcy_price(held, mark, balance)
    assert balance + held * (broke - mark) == 0
    assert abs(broke - mark) > abs(price - mark)


def test_without_a_price_that_does_it_the_answer_is_0() -> None:
    assert liquidation_price(Decimal(0), Decimal(1), Decimal(1), Decimal(0)) == 0
    assert liquidation_price(Decimal("0.1"), Decimal(100), Decimal(10**6), Decimal(0)) == 0
    assert bankruptcy_price(Decimal("0.1"), Decimal(100), Decimal(10**6)) == 0
