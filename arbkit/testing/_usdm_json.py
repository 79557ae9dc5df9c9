"""Binance USD-M's account and order answers and events."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from arbkit.testing._http import text_of
from arbkit.testing.accounts import FuturesAccount, Position
from arbkit.testing.binance_orders import STATUS
from arbkit.testing.listings import Listing
from arbkit.testing.orders import Order, Trade

__all__ = ["account_event", "lite_event", "order_event", "order_row", "position_row", "trade_row"]

_TIF: Final = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "GTX"}
_AVERAGE_DIGITS: Final = Decimal("0.00000001")
_HAPPENED: Final = {"new": "NEW", "trade": "TRADE", "canceled": "CANCELED", "expired": "EXPIRED"}


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
        "selfTradePreventionMode": "NONE",
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
        "V": "NONE",
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


def position_row(listing: Listing, held: Position, mark: Decimal, unrealized: Decimal) -> dict[str, Any]:
    """Return one row of positionRisk."""
    notional = held.amount * mark
    margin = abs(notional) / held.leverage
    return {
        "symbol": listing.symbol,
        "positionSide": "BOTH",
        "positionAmt": text_of(held.amount),
        "entryPrice": text_of(held.entry),
        "breakEvenPrice": text_of(held.entry),
        "markPrice": text_of(mark),
        "unRealizedProfit": text_of(unrealized),
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "notional": text_of(notional),
        "marginAsset": listing.quote,
        "isolatedWallet": "0",
        "initialMargin": text_of(margin),
        "maintMargin": text_of(margin / 10),
        "positionInitialMargin": text_of(margin),
        "openOrderInitialMargin": "0",
        "adl": 1,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": held.updated_ms,
    }
