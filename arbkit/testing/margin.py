"""Margin of USD-M futures: brackets by the size of a position, what must be held, where it is liquidated.

Source: Binance's pages on leverage and margin of USD-M futures and on liquidation in cross margin. The
brackets are those of a large contract, used for every symbol.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from arbkit.testing._http import text_of

__all__ = [
    "BRACKETS",
    "CLEARANCE_FEE",
    "Bracket",
    "bankruptcy_price",
    "bracket_of",
    "bracket_rows",
    "largest_value",
    "liquidation_price",
    "maintenance",
]

ZERO: Final = Decimal(0)
#: Share of the liquidated value that goes to the insurance fund (`liquidationFee` of exchangeInfo).
CLEARANCE_FEE: Final = Decimal("0.0125")


class Bracket(NamedTuple):
    """One bracket: values from `floor` to `cap`, the leverage allowed, the share to be held.

    `less` is what makes the maintenance margin continuous: value x rate - less.
    """

    number: int
    floor: Decimal
    cap: Decimal
    leverage: int
    rate: Decimal
    less: Decimal


def _table(text: str) -> tuple[Bracket, ...]:
    found: list[Bracket] = []
    for entry in text.split():
        cap, leverage, rate = entry.split(":")
        before = found[-1] if found else None
        floor = before.cap if before else ZERO
        less = before.less + floor * (Decimal(rate) - before.rate) if before else ZERO
        found.append(Bracket(len(found) + 1, floor, Decimal(cap), int(leverage), Decimal(rate), less))
    return tuple(found)


BRACKETS: Final = _table(
    "300000:125:0.004 800000:100:0.005 3000000:75:0.0065 12000000:50:0.01 70000000:25:0.02 "
    "100000000:20:0.025 230000000:10:0.05 480000000:5:0.1 600000000:4:0.125 800000000:3:0.15 "
    "1200000000:2:0.25 1800000000:1:0.5"
)


def bracket_of(value: Decimal) -> Bracket:
    """Return the bracket of a position's value (without sign)."""
    return next((item for item in BRACKETS if value <= item.cap), BRACKETS[-1])


def maintenance(value: Decimal) -> Decimal:
    """Return the margin that a position of this value must hold."""
    found = bracket_of(abs(value))
    return max(ZERO, abs(value) * found.rate - found.less)


def largest_value(leverage: int) -> Decimal:
    """Return the largest value of a position at a leverage."""
    return next((item.cap for item in reversed(BRACKETS) if item.leverage >= leverage), ZERO)


def bracket_rows() -> Sequence[dict[str, Any]]:
    """Return the brackets as `leverageBracket` answers them: numbers."""
    return [
        {
            "bracket": item.number,
            "initialLeverage": item.leverage,
            "notionalCap": int(item.cap),
            "notionalFloor": int(item.floor),
            "maintMarginRatio": float(text_of(item.rate)),
            "cum": float(text_of(item.less)),
        }
        for item in BRACKETS
    ]


def liquidation_price(amount: Decimal, mark: Decimal, balance: Decimal, others: Decimal) -> Decimal:
    """Return the mark price at which a position is liquidated, 0 where no price does it.

    Args:
        amount: signed position.
        mark: the mark price now.
        balance: wallet and unrealised profit of the account now.
        others: maintenance margin of the other positions.
    """
    if not amount:
        return ZERO
    found = bracket_of(abs(amount) * mark)
    # balance + amount (p - mark) = others + |amount| p rate - less, solved for p
    slope = abs(amount) * found.rate - amount
    price = (balance - amount * mark - others + found.less) / slope
    return price if price > 0 else ZERO


def bankruptcy_price(amount: Decimal, mark: Decimal, balance: Decimal) -> Decimal:
    """Return the price at which nothing of the balance is left, 0 where no price does it."""
    price = mark - balance / amount if amount else ZERO
    return max(price, ZERO)
