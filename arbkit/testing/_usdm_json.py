"""Binance USD-M's order answers and events."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from arbkit.testing._http import text_of
from arbkit.testing.binance_orders import STATUS
from arbkit.testing.orders import Order, Trade

__all__ = ["lite_event", "order_event", "order_row", "trade_row"]

_TIF: Final = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "GTX"}
_AVERAGE_DIGITS: Final = Decimal("0.00000001")
_HAPPENED: Final = {
    "new": "NEW",
    "trade": "TRADE",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "calculated": "CALCULATED",
    "amended": "AMENDMENT",
}


def _side(order: Order | Trade) -> str:
    return order.side.upper()


def _type(order: Order) -> str:
    return "MARKET" if order.kind == "market" else "LIMIT"


def _tif(order: Order) -> str:
    return "GTC" if order.kind == "market" else _TIF[order.tif]


def _average(order: Order) -> str:
    return text_of(order.average.quantize(_AVERAGE_DIGITS))


def order_row(order: Order, *, time: bool = False) -> dict[str, Any]:
    """Return an order as POST, DELETE and GET answer it; GET adds `time`."""
    row: dict[str, Any] = {
        "orderId": order.number,
        "symbol": order.symbol,
        "status": STATUS[order.status],
        "clientOrderId": order.client_id,
        "price": text_of(order.price or Decimal(0)),
        "avgPrice": _average(order),
        "origQty": text_of(order.size or Decimal(0)),
        "executedQty": text_of(order.filled),
        "cumQty": text_of(order.filled),
        "cumQuote": text_of(order.value),
        "timeInForce": _tif(order),
        "type": _type(order),
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": _side(order),
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": _type(order),
        "priceMatch": "NONE",
        "selfTradePreventionMode": order.stp,
        "goodTillDate": 0,
        "updateTime": order.updated_ms,
    }
    return row | ({"time": order.created_ms} if time else {})


def trade_row(trade: Trade, quote: str) -> dict[str, Any]:
    """Return one row of userTrades."""
    return {
        "symbol": trade.symbol,
        "id": trade.number,
        "orderId": trade.order,
        "side": trade.side.upper(),
        "price": text_of(trade.price),
        "qty": text_of(trade.size),
        "realizedPnl": text_of(trade.realized),
        "quoteQty": text_of(trade.price * trade.size),
        "commission": text_of(trade.fee),
        "commissionAsset": quote,
        "time": trade.ts_ms,
        "positionSide": "BOTH",
        "maker": trade.maker,
        "buyer": trade.side == "buy",
    }


def order_event(order: Order, stamp: int, what: str, trade: Trade | None) -> dict[str, Any]:
    """Return an ORDER_TRADE_UPDATE."""
    inner: dict[str, Any] = {
        "s": order.symbol,
        "c": order.client_id,
        "S": _side(order),
        "o": _type(order),
        "f": _tif(order),
        "q": text_of(order.size or Decimal(0)),
        "p": text_of(order.price or Decimal(0)),
        "ap": _average(order),
        "sp": "0",
        "x": _HAPPENED[what],
        "X": STATUS[order.status],
        "i": order.number,
        "l": "0" if trade is None else text_of(trade.size),
        "z": text_of(order.filled),
        "L": "0" if trade is None else text_of(trade.price),
    }
    if trade is not None:
        inner |= {"N": trade.fee_asset, "n": text_of(trade.fee)}
    inner |= {
        "T": order.updated_ms,
        "t": 0 if trade is None else trade.number,
        "b": "0",
        "a": "0",
        "m": trade is not None and trade.maker,
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": _type(order),
        "ps": "BOTH",
        "cp": False,
        "rp": "0" if trade is None else text_of(trade.realized),
        "V": order.stp,
        "gtd": 0,
    }
    return {"e": "ORDER_TRADE_UPDATE", "T": order.updated_ms, "E": stamp, "o": inner}


def lite_event(order: Order, stamp: int, trade: Trade) -> dict[str, Any]:
    """Return a TRADE_LITE."""
    return {
        "e": "TRADE_LITE",
        "E": stamp,
        "T": trade.ts_ms,
        "s": order.symbol,
        "c": order.client_id,
        "S": _side(order),
        "q": text_of(order.size or Decimal(0)),
        "p": text_of(order.price or Decimal(0)),
        "i": order.number,
        "l": text_of(trade.size),
        "L": text_of(trade.price),
        "t": trade.number,
        "m": trade.maker,
    }
