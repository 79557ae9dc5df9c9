"""Binance spot's order answers and events."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from arbkit.testing._http import text_of
from arbkit.testing.accounts import SpotAccount
from arbkit.testing.binance_orders import STATUS
from arbkit.testing.orders import Order, Trade

__all__ = ["balances_event", "cancel_row", "order_row", "placed_row", "report_event", "trade_row"]

_TIF: Final = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "GTC"}
_HAPPENED: Final = {"new": "NEW", "trade": "TRADE", "canceled": "CANCELED", "expired": "EXPIRED"}


def _eight(value: Decimal | None) -> str:
    return f"{value or Decimal(0):.8f}"


def _type(order: Order) -> str:
    return "LIMIT_MAKER" if order.tif == "post_only" else order.kind.upper()


def _state(order: Order) -> dict[str, Any]:
    """Return the members that every answer about an order has."""
    return {
        "price": _eight(order.price),
        "origQty": _eight(order.size if order.size is not None else order.filled),
        "executedQty": _eight(order.filled),
        "origQuoteOrderQty": _eight(order.amount),
        "cummulativeQuoteQty": _eight(order.value),
        "status": STATUS[order.status],
        "timeInForce": "GTC" if order.kind == "market" else _TIF[order.tif],
        "type": _type(order),
        "side": order.side.upper(),
        "selfTradePreventionMode": "NONE",
    }


def placed_row(order: Order, answer: str) -> dict[str, Any]:
    """Return the answer to a new order: ACK, RESULT or FULL."""
    row: dict[str, Any] = {
        "symbol": order.symbol,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "transactTime": order.updated_ms,
    }
    if answer == "ACK":
        return row
    row |= _state(order) | {"workingTime": order.created_ms}
    if answer == "FULL":
        row["fills"] = [
            {
                "price": _eight(trade.price),
                "qty": _eight(trade.size),
                "commission": _eight(trade.fee),
                "commissionAsset": trade.fee_asset,
                "tradeId": trade.number,
            }
            for trade in order.trades
        ]
    return row


def order_row(order: Order) -> dict[str, Any]:
    """Return an order as GET answers it."""
    return {
        "symbol": order.symbol,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        **_state(order),
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "isWorking": True,
        "workingTime": order.created_ms,
    }


def cancel_row(order: Order) -> dict[str, Any]:
    """Return the answer to a cancel: the order's own id is `origClientOrderId` then."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_id,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": f"cancel-{order.number}",
        "transactTime": order.updated_ms,
        **_state(order),
    }


def trade_row(trade: Trade) -> dict[str, Any]:
    """Return one row of myTrades."""
    return {
        "symbol": trade.symbol,
        "id": trade.number,
        "orderId": trade.order,
        "orderListId": -1,
        "price": _eight(trade.price),
        "qty": _eight(trade.size),
        "quoteQty": _eight(trade.price * trade.size),
        "commission": _eight(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": trade.ts_ms,
        "isBuyer": trade.side == "buy",
        "isMaker": trade.maker,
        "isBestMatch": True,
    }


def report_event(order: Order, stamp: int, what: str, trade: Trade | None) -> dict[str, Any]:
    """Return an executionReport; of a cancelled order `C` is the order's own id and `c` the cancel's."""
    cancelled = what == "canceled"
    return {
        "e": "executionReport",
        "E": stamp,
        "s": order.symbol,
        "c": f"cancel-{order.number}" if cancelled else order.client_id,
        "S": order.side.upper(),
        "o": _type(order),
        "f": "GTC" if order.kind == "market" else _TIF[order.tif],
        "q": _eight(order.size),
        "p": _eight(order.price),
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": order.client_id if cancelled else "",
        "x": _HAPPENED[what],
        "X": STATUS[order.status],
        "r": "NONE",
        "i": order.number,
        "l": _eight(None if trade is None else trade.size),
        "z": _eight(order.filled),
        "L": _eight(None if trade is None else trade.price),
        "n": "0" if trade is None else text_of(trade.fee),
        "N": None if trade is None else trade.fee_asset,
        "T": order.updated_ms,
        "t": -1 if trade is None else trade.number,
        "w": order.works,
        "m": trade is not None and trade.maker,
        "O": order.created_ms,
        "Z": _eight(order.value),
        "Y": _eight(None if trade is None else trade.price * trade.size),
        "Q": _eight(order.amount),
        "W": order.created_ms,
        "V": "NONE",
    }


def balances_event(account: SpotAccount, assets: tuple[str, ...], stamp: int) -> dict[str, Any]:
    """Return an outboundAccountPosition about some assets."""
    rows = [
        {
            "a": asset,
            "f": _eight(account.holding(asset).free),
            "l": _eight(account.holding(asset).locked),
        }
        for asset in assets
    ]
    return {"e": "outboundAccountPosition", "E": stamp, "u": stamp, "B": rows}
