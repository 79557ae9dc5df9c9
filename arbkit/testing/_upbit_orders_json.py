"""Upbit's account and order answers: every number a text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from arbkit.testing._http import text_of
from arbkit.testing._upbit_json import kst_text, number
from arbkit.testing.accounts import SpotAccount
from arbkit.testing.listings import Listing
from arbkit.testing.orders import Order, Trade
from arbkit.units import MS_NS

__all__ = ["account_row", "asset_event", "chance", "order_event", "order_row", "state_of"]

_STATES: Final = {
    "new": "wait",
    "partial": "wait",
    "filled": "done",
    "canceled": "cancel",
    "expired": "cancel",
}
_SIDES: Final = {"buy": "bid", "sell": "ask"}


def state_of(order: Order) -> str:
    """Return `wait`, `done` or `cancel`."""
    return _STATES[order.status]


def _text(value: Decimal | None) -> str | None:
    if value is None:
        return None
    text = text_of(value)
    return text if "." in text else f"{text}.0" if value == 0 else text


def order_row(order: Order, *, trades: bool = False) -> dict[str, Any]:
    """Return an order as POST and GET answer it; with its trades where asked."""
    price = order.amount if order.amount is not None else order.price
    row: dict[str, Any] = {
        "uuid": order.uuid,
        "side": _SIDES[order.side],
        "ord_type": order.kind,
        "price": _text(price),
        "state": state_of(order),
        "market": order.symbol,
        "created_at": kst_text(order.created_ms * MS_NS),
        "volume": _text(order.size),
        "remaining_volume": None if order.size is None else _text(order.remaining),
        "reserved_fee": _text(order.reserved_fee),
        "remaining_fee": _text(_remaining_fee(order)),
        "paid_fee": _text(order.fee),
        "locked": _text(order.locked),
        "executed_volume": _text(order.filled),
        "trades_count": len(order.trades),
        "prevented_volume": "0",
        "prevented_locked": "0",
    }
    if (tif := _tif(order)) is not None:
        row["time_in_force"] = tif
    if not order.client_id.startswith("~"):
        row["identifier"] = order.client_id
    if trades:
        row["trades"] = [_trade_row(trade) for trade in order.trades]
    return row


def _remaining_fee(order: Order) -> Decimal:
    if not order.works or not order.reserved_fee:
        return Decimal(0)
    return max(Decimal(0), order.reserved_fee - order.fee)


def _tif(order: Order) -> str | None:
    return order.tif if order.kind in ("limit", "best") and order.tif != "gtc" else None


def _trade_row(trade: Trade) -> dict[str, Any]:
    return {
        "market": trade.symbol,
        "uuid": trade.uuid,
        "price": _text(trade.price),
        "volume": _text(trade.size),
        "funds": _text(trade.price * trade.size),
        "trend": "up" if trade.side == "buy" else "down",
        "created_at": kst_text(trade.ts_ms * MS_NS),
        "side": _SIDES[trade.side],
    }


def _number(value: Decimal | None) -> float | int | None:
    return None if value is None else number(float(value))


def order_event(order: Order, stamp: int, state: str, trade: Trade | None) -> dict[str, Any]:
    """Return a `myOrder` message; while `state` is trade, price and volume are those of the fill."""
    price = order.amount if order.amount is not None else order.price
    volume = order.size
    if trade is not None:
        price, volume = trade.price, trade.size
    return {
        "type": "myOrder",
        "code": order.symbol,
        "uuid": order.uuid,
        "ask_bid": _SIDES[order.side].upper(),
        "order_type": order.kind,
        "state": state,
        "trade_uuid": None if trade is None else trade.uuid,
        "price": _number(price),
        "avg_price": _number(order.average),
        "volume": _number(volume),
        "remaining_volume": None if order.size is None else _number(order.remaining),
        "executed_volume": _number(order.filled),
        "trades_count": len(order.trades),
        "reserved_fee": _number(order.reserved_fee),
        "remaining_fee": _number(_remaining_fee(order)),
        "paid_fee": _number(order.fee),
        "locked": _number(order.locked),
        "executed_funds": _number(order.value),
        "time_in_force": _tif(order),
        "trade_fee": None if trade is None else _number(trade.fee),
        "is_maker": None if trade is None else trade.maker,
        "identifier": None if order.client_id.startswith("~") else order.client_id,
        "smp_type": None,
        "prevented_volume": 0,
        "prevented_locked": 0,
        "trade_timestamp": None if trade is None else trade.ts_ms,
        "order_timestamp": order.created_ms,
        "timestamp": stamp,
        "stream_type": "REALTIME",
    }


def asset_event(account: SpotAccount, assets: tuple[str, ...], stamp: int, identity: str) -> dict[str, Any]:
    """Return a `myAsset` message about some assets."""
    rows = [
        {
            "currency": asset,
            "balance": _number(account.holding(asset).free),
            "locked": _number(account.holding(asset).locked),
        }
        for asset in assets
    ]
    return {
        "type": "myAsset",
        "asset_uuid": identity,
        "assets": rows,
        "asset_timestamp": stamp,
        "timestamp": stamp,
        "stream_type": "REALTIME",
    }


def account_row(account: SpotAccount, asset: str, unit: str = "KRW") -> dict[str, Any]:
    """Return one row of `/accounts`."""
    holding = account.holding(asset)
    return {
        "currency": asset,
        "balance": _text(holding.free),
        "locked": _text(holding.locked),
        "avg_buy_price": text_of(holding.average.quantize(Decimal("0.00000001"))),
        "avg_buy_price_modified": False,
        "unit_currency": unit,
    }


def chance(listing: Listing, account: SpotAccount, state: str) -> dict[str, Any]:
    """Return `/orders/chance`."""
    least = text_of(listing.min_notional)
    more = ["best_ioc", "best_fok", "limit_ioc", "limit_fok"]
    fees = {
        "bid_fee": listing.taker_fee,
        "ask_fee": listing.taker_fee,
        "maker_bid_fee": listing.maker_fee,
        "maker_ask_fee": listing.maker_fee,
    }
    return {
        **{name: text_of(fee) for name, fee in fees.items()},
        "market": {
            "id": listing.symbol,
            "name": f"{listing.base}/{listing.quote}",
            "order_types": ["limit"],
            "order_sides": ["ask", "bid"],
            "bid_types": ["limit", "price", *more],
            "ask_types": ["limit", "market", *more],
            "bid": {"currency": listing.quote, "min_total": least},
            "ask": {"currency": listing.base, "min_total": least},
            "max_total": "1000000000",
            "state": state,
        },
        "bid_account": account_row(account, listing.quote, listing.quote),
        "ask_account": account_row(account, listing.base, listing.quote),
    }
