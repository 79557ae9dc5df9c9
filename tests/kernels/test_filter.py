"""Masks of 16 rows and 16 nodes against the predicates of the rules, one row at a time."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from arbkit.kernels.filter import (
    LANES,
    address,
    entry_rows,
    exit_rows,
    first_bit,
    flagged_rows,
    node_hits,
    reversal_rows,
    stored_flag,
    stored_float,
    stored_int,
)
from arbkit.kernels.spread import signal_ab, signal_ba, spread_ab, spread_ba, tradable_rows

MARGIN = 1e-9


@numba.njit(error_model="numpy")
def entry_mask(bid_a, ask_a, bid_b, ask_b, fair, ok, row, ab, ba):  # type: ignore[no-untyped-def]
    return entry_rows(
        address(bid_a),
        address(ask_a),
        address(bid_b),
        address(ask_b),
        address(fair),
        address(ok),
        row,
        ab,
        ba,
    )


@numba.njit(error_model="numpy")
def reversal_mask(ask, bid, fair, on_bid, ok, row, level):  # type: ignore[no-untyped-def]
    return reversal_rows(address(ask), address(bid), address(fair), on_bid, address(ok), row, level)


@numba.njit(error_model="numpy")
def exit_mask(ask, bid, fair, on_bid, back_ask, back_bid, ok, row, level, stop, take):  # type: ignore[no-untyped-def]
    return exit_rows(
        address(ask), address(bid), address(fair), on_bid, address(back_ask), address(back_bid), address(ok),
        row, level, stop, take,
    )  # fmt: skip


@numba.njit
def small_parts(floats, ints, flags, nodes, row, at):  # type: ignore[no-untyped-def]
    return (
        stored_float(address(floats), row),
        stored_int(address(ints), row),
        stored_flag(address(flags), row),
        flagged_rows(address(flags), row),
        node_hits(address(nodes), row, at),
        address(floats[:0]),
    )


@numba.njit
def lowest(mask):  # type: ignore[no-untyped-def]
    return first_bit(mask)


def books(seed: int, fair_given: bool) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = 3 * LANES + 5
    a, b = 100 + rng.integers(-20, 20, n) * 0.01, 100 + rng.integers(-20, 20, n) * 0.01
    prices = [a, a + 0.01 * rng.integers(0, 3, n), b, b + 0.01 * rng.integers(0, 3, n)]
    for column in prices:
        column[rng.random(n) < 0.1] = rng.choice([np.nan, 0.0, -1.0, np.inf])
    fair = np.where(rng.random(n) < 0.2, np.nan, 1 + rng.normal(0, 1e-3, n)) if fair_given else np.empty(0)
    return dict(zip(("bid_a", "ask_a", "bid_b", "ask_b"), prices, strict=True)) | {
        "ok": tradable_rows(*prices),
        "fair": fair,
    }


def bits(mask: int) -> list[bool]:
    return [bool(mask >> lane & 1) for lane in range(LANES)]


def assert_covers(mask: int, exact: np.ndarray, loose: np.ndarray) -> None:
    """Every hit has its bit, and no bit lies beyond the margin."""
    got = np.array(bits(mask))
    assert mask >> LANES == 0
    assert (got >= exact).all()
    assert (got <= loose).all()


def spreads_of(m: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    n = m["ok"].size
    fair = m["fair"] if m["fair"].size else np.ones(n)
    rows = [
        (
            signal_ab(m["ask_a"][i], m["bid_b"][i], fair[i]),
            signal_ba(m["bid_a"][i], m["ask_b"][i], fair[i]),
            spread_ab(m["ask_a"][i], m["bid_b"][i]),
            spread_ba(m["bid_a"][i], m["ask_b"][i]),
        )
        if m["ok"][i]
        else (np.nan,) * 4
        for i in range(n)
    ]
    return tuple(np.array(rows).T)


@pytest.mark.parametrize("fair_given", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_no_row_that_counts_is_passed_over_and_hardly_another_is_named(seed: int, fair_given: bool) -> None:
    m = books(seed, fair_given)
    x_ab, x_ba, s_ab, s_ba = spreads_of(m)
    levels = np.concatenate([x_ab, x_ba, s_ab, [np.nan, 0.0]])
    levels = np.append(levels[np.isfinite(levels)][:20], np.nan)
    for row in (0, 1, 7, LANES, m["ok"].size - LANES):
        part = slice(row, row + LANES)
        for level in levels:
            down, up = (level - MARGIN / 2) / 1e4, (level + MARGIN / 2) / 1e4
            args = (m["bid_a"], m["ask_a"], m["bid_b"], m["ask_b"], m["fair"], m["ok"], row)
            assert_covers(
                entry_mask(*args, down, np.nan), (x_ab >= level)[part], (x_ab >= level - MARGIN)[part]
            )
            assert_covers(
                entry_mask(*args, np.nan, down), (x_ba >= level)[part], (x_ba >= level - MARGIN)[part]
            )
            both = (x_ab >= level) | (x_ba >= level)
            near = (x_ab >= level - MARGIN) | (x_ba >= level - MARGIN)
            assert_covers(entry_mask(*args, down, down), both[part], near[part])
            for side, x, back in ((1, x_ab, s_ba), (0, x_ba, s_ab)):
                ask, bid = (m["ask_a"], m["bid_b"]) if side else (m["ask_b"], m["bid_a"])
                other = (m["ask_b"], m["bid_a"]) if side else (m["ask_a"], m["bid_b"])
                exact, loose = x < level, x <= level + MARGIN
                mask = reversal_mask(ask, bid, m["fair"], side, m["ok"], row, up)
                assert_covers(mask, exact[part], loose[part])
                args_ = (ask, bid, m["fair"], side, *other, m["ok"], row)
                assert_covers(exit_mask(*args_, up, np.nan, np.nan), exact[part], loose[part])
                mask = exit_mask(*args_, np.nan, up, np.nan)
                assert_covers(mask, (back <= level)[part], (back <= level + MARGIN)[part])
                mask = exit_mask(*args_, np.nan, np.nan, down)
                assert_covers(mask, (back >= level)[part], (back >= level - MARGIN)[part])


def test_the_comparison_of_masks_can_fail() -> None:
    hit, none = np.arange(LANES) == 3, np.zeros(LANES, np.bool_)
    assert_covers(1 << 3, hit, hit)
    for mask, exact, loose in ((0, hit, hit), (1 << 3, none, none), (1 << LANES, none, none)):
        with pytest.raises(AssertionError):
            assert_covers(mask, exact, loose)


def test_small_parts_read_what_lies_at_the_position() -> None:
    n = 40
    floats, ints, flags = np.arange(n) / 4, np.arange(n) * 3, np.arange(n) % 3 == 0
    nodes = np.arange(n, dtype=np.float32)
    nodes[10] = np.nan
    got: Any = small_parts(floats, ints, flags, nodes, 5, np.float32(9))
    assert got[:3] == (1.25, 15, False)
    assert bits(got[3]) == flags[5:21].tolist()
    assert bits(got[4]) == (nodes[5:21] >= 9).tolist()
    assert got[5] == 0


@pytest.mark.parametrize("mask", [1, 2, 0b1010_0000, 1 << 62, -(1 << 63)])
def test_first_bit_is_the_lowest(mask: int) -> None:
    assert lowest(mask) == (mask & -mask).bit_length() - 1


def test_arrays_with_gaps_are_refused() -> None:
    with pytest.raises(numba.TypingError, match="contiguous"):
        small_parts(np.zeros(80)[::2], np.zeros(40, np.int64), np.zeros(40, np.bool_), np.zeros(40), 0, 0)
