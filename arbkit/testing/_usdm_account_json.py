"""Binance USD-M's answers and events about an account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from arbkit.testing._http import json_bytes, text_of
from arbkit.testing.accounts import FuturesAccount, Position
from arbkit.testing.listings import Listing
from arbkit.testing.margin import largest_value, maintenance
from arbkit.testing.orders import Order

__all__ = [
    "account_event",
    "asset_row",
    "balance_row",
    "force_event",
    "margin_call_event",
    "old_position_row",
    "position_row",
    "totals_row",
]

ZERO: Final = Decimal(0)
_DIGITS: Final = Decimal("0.00000001")


def _short(value: Decimal) -> str:
    return text_of(value.quantize(_DIGITS))


def account_event(
    account: FuturesAccount,
    stamp: int,
    why: str,
    asset: str,
    change: Decimal,
    position: tuple[str, Decimal] | None,
) -> dict[str, Any]:
    """Return an ACCOUNT_UPDATE; `position` is a symbol and its unrealised profit, None for funding."""
    balance = text_of(account.wallet.get(asset, Decimal(0)))
    rows = []
    if position is not None:
        symbol, unrealized = position
        held = account.position(symbol)
        rows.append(
            {
                "s": symbol,
                "pa": text_of(held.amount),
                "ep": text_of(held.entry),
                "bep": text_of(held.entry),
                "cr": text_of(held.realized),
                "up": text_of(unrealized),
                "mt": "cross",
                "iw": "0",
                "ps": "BOTH",
            }
        )
    inner = {"m": why, "B": [{"a": asset, "wb": balance, "cw": balance, "bc": text_of(change)}], "P": rows}
    return {"e": "ACCOUNT_UPDATE", "T": stamp, "E": stamp, "a": inner}


def balance_row(
    asset: str, amount: Decimal, unrealized: Decimal, available: Decimal, stamp: int
) -> dict[str, Any]:
    """Return one row of balance."""
    return {
        "accountAlias": "practice",
        "asset": asset,
        "balance": text_of(amount),
        "crossWalletBalance": text_of(amount),
        "crossUnPnl": text_of(unrealized),
        "availableBalance": text_of(available),
        "maxWithdrawAmount": text_of(min(available, max(amount, ZERO))),
        "marginAvailable": True,
        "updateTime": stamp,
    }


def asset_row(
    asset: str,
    amount: Decimal,
    unrealized: Decimal,
    maintained: Decimal,
    initial: tuple[Decimal, Decimal],
    available: Decimal,
    stamp: int,
) -> dict[str, Any]:
    """Return one of the account's assets; `initial` is the margin of positions and of orders."""
    return {
        "asset": asset,
        "walletBalance": text_of(amount),
        "unrealizedProfit": text_of(unrealized),
        "marginBalance": text_of(amount + unrealized),
        "maintMargin": _short(maintained),
        "initialMargin": _short(sum(initial, ZERO)),
        "positionInitialMargin": _short(initial[0]),
        "openOrderInitialMargin": _short(initial[1]),
        "crossWalletBalance": text_of(amount),
        "crossUnPnl": text_of(unrealized),
        "availableBalance": text_of(available),
        "maxWithdrawAmount": text_of(min(available, max(amount, ZERO))),
        "marginAvailable": True,
        "updateTime": stamp,
    }


def totals_row(assets: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the account's totals, in dollars: the sums over its assets."""
    names = {
        "totalInitialMargin": "initialMargin",
        "totalMaintMargin": "maintMargin",
        "totalWalletBalance": "walletBalance",
        "totalUnrealizedProfit": "unrealizedProfit",
        "totalMarginBalance": "marginBalance",
        "totalPositionInitialMargin": "positionInitialMargin",
        "totalOpenOrderInitialMargin": "openOrderInitialMargin",
        "totalCrossWalletBalance": "crossWalletBalance",
        "totalCrossUnPnl": "crossUnPnl",
        "availableBalance": "availableBalance",
        "maxWithdrawAmount": "maxWithdrawAmount",
    }
    return {name: text_of(sum((Decimal(row[of]) for row in assets), ZERO)) for name, of in names.items()}


def position_row(
    listing: Listing,
    held: Position,
    mark: Decimal,
    unrealized: Decimal,
    liquidated_at: Decimal,
    order_margin: Decimal,
    notionals: Sequence[Decimal],
) -> dict[str, Any]:
    """Return one row of positionRisk; `notionals` are the values of the working buys and sells."""
    notional = held.amount * mark
    margin = abs(notional) / held.leverage
    return {
        "symbol": listing.symbol,
        "positionSide": "BOTH",
        "positionAmt": text_of(held.amount),
        "entryPrice": text_of(held.entry),
        "breakEvenPrice": text_of(_break_even(listing, held)),
        "markPrice": text_of(mark),
        "unRealizedProfit": text_of(unrealized),
        "liquidationPrice": _short(liquidated_at),
        "isolatedMargin": "0",
        "notional": text_of(notional),
        "marginAsset": listing.quote,
        "isolatedWallet": "0",
        "initialMargin": _short(margin + order_margin),
        "maintMargin": _short(maintenance(notional)),
        "positionInitialMargin": _short(margin),
        "openOrderInitialMargin": _short(order_margin),
        "adl": 1 if held.amount else 0,
        "bidNotional": text_of(notionals[0]),
        "askNotional": text_of(notionals[1]),
        "updateTime": held.updated_ms,
    }


def _break_even(listing: Listing, held: Position) -> Decimal:
    way = 1 if held.amount > 0 else -1
    return (held.entry * (1 + way * listing.taker_fee)).quantize(_DIGITS)


def old_position_row(row: dict[str, Any], held: Position) -> dict[str, Any]:
    """Return one row of the second version of positionRisk, which lists every symbol."""
    kept = ("symbol", "positionAmt", "entryPrice", "breakEvenPrice", "markPrice", "unRealizedProfit")
    more = ("liquidationPrice", "isolatedMargin", "positionSide", "notional", "isolatedWallet", "updateTime")
    named = {
        "leverage": str(held.leverage),
        "maxNotionalValue": text_of(largest_value(held.leverage)),
        "marginType": "cross",
        "isAutoAddMargin": "false",
    }
    return {key: row[key] for key in (*kept, *more)} | named


def margin_call_event(
    account: FuturesAccount, stamp: int, asset: str, rows: Iterable[tuple[Position, Listing, Decimal]]
) -> dict[str, Any]:
    """Return a MARGIN_CALL about the positions at their mark prices."""
    positions = [
        {
            "s": listing.symbol,
            "ps": "BOTH",
            "pa": text_of(held.amount),
            "mt": "CROSSED",
            "iw": "0",
            "mp": text_of(mark),
            "up": text_of(account.unrealized(listing.symbol, mark)),
            "mm": _short(maintenance(held.amount * mark)),
        }
        for held, listing, mark in rows
    ]
    return {"e": "MARGIN_CALL", "E": stamp, "cw": text_of(account.wallet.get(asset, ZERO)), "p": positions}


def force_event(order: Order, stamp: int) -> bytes:
    """Return the public event of a liquidation."""
    last = order.trades[-1] if order.trades else None
    inner = {
        "s": order.symbol,
        "S": order.side.upper(),
        "o": "LIMIT",
        "f": "IOC",
        "q": text_of(order.size or ZERO),
        "p": text_of(order.price or ZERO),
        "ap": _short(order.average),
        "X": "FILLED",
        "l": text_of(last.size if last else ZERO),
        "z": text_of(order.filled),
        "T": order.updated_ms,
    }
    return json_bytes({"e": "forceOrder", "E": stamp, "o": inner})
