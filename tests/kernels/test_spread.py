"""Spreads and tradable rows against a plain twin, bit for bit."""

from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit.kernels.spread import is_tradable, signals, spreads, tradable_rows

SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -1.0, 100.0, 100.5, 101.0)


def plain_tradable(bid_a: float, ask_a: float, bid_b: float, ask_b: float) -> bool:
    prices = (bid_a, ask_a, bid_b, ask_b)
    return all(math.isfinite(p) and p > 0 for p in prices) and bid_a < ask_a and bid_b < ask_b


def prices(n: int, seed: int = 0) -> list[np.ndarray]:
    """Random prices among few levels and void ones."""
    rng = np.random.default_rng(seed)
    return [rng.choice((*SPECIAL, 99.95, 100.05, 102.0, 103.0), n) for _ in range(4)]


@pytest.mark.parametrize("n", [0, 1, 2_000])
def test_tradable_rows_agree_with_the_plain_rule(n: int) -> None:
    columns = prices(n)
    out = tradable_rows(*columns)
    assert out.dtype == np.bool_
    assert out.tolist() == [plain_tradable(*row) for row in zip(*columns, strict=True)]


@pytest.mark.parametrize("void", SPECIAL[:5])
@pytest.mark.parametrize("place", range(4))
def test_one_void_price_is_enough(void: float, place: int) -> None:
    row = [100.0, 101.0, 100.0, 101.0]
    assert is_tradable(*row)
    row[place] = void
    assert not is_tradable(*row)


@pytest.mark.parametrize("n", [0, 1, 2_000])
@pytest.mark.parametrize("with_fair", [True, False])
def test_spreads_and_signals_agree_with_the_rules_bit_for_bit(n: int, with_fair: bool) -> None:
    columns = prices(n, 1)
    rng = np.random.default_rng(2)
    fair = rng.choice([1.0, 0.99, 1.0123, math.nan], n) if with_fair else np.empty(0)
    live = tradable_rows(*columns)
    got = (*spreads(*columns, live), *signals(*columns, fair, live))
    want: list[list[float]] = [[], [], [], []]
    for i, (bid_a, ask_a, bid_b, ask_b) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        f = float(fair[i]) if with_fair else 1.0
        row = [math.nan] * 4
        if live[i]:
            row = [
                (bid_b - ask_a) / ask_a * 1e4,
                (bid_a - ask_b) / ask_b * 1e4,
                (bid_b * f - ask_a) / ask_a * 1e4,
                (bid_a - ask_b * f) / (ask_b * f) * 1e4,
            ]
        for column, value in zip(want, row, strict=True):
            column.append(value)
    for computed, plain in zip(got, want, strict=True):
        assert np.array_equal(computed, np.array(plain), equal_nan=True)


def test_a_fair_ratio_of_one_gives_the_same_bits() -> None:
    rng = np.random.default_rng(3)
    base = rng.uniform(1, 2e8, 5_000)
    columns = [base, base * 1.0001, base * 1.001, base * 1.0012]
    live = tradable_rows(*columns)
    plain, measured = spreads(*columns, live), signals(*columns, np.ones(5_000), live)
    assert all(np.array_equal(s, x) for s, x in zip(plain, measured, strict=True))


def test_flat_prices_give_flat_spreads() -> None:
    columns = [np.full(9, price) for price in (100.0, 101.0, 103.0, 104.0)]
    ab, ba = spreads(*columns, tradable_rows(*columns))
    assert set(ab) == {(103.0 - 101.0) / 101.0 * 1e4}
    assert set(ba) == {(100.0 - 104.0) / 104.0 * 1e4}
