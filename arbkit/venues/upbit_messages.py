"""What Upbit says of markets, orders and accounts, as arbkit's own types. Pure: text in, values out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from arbkit.venues.protocol import (
    AccountSink,
    Balance,
    Fill,
    Instrument,
    InstrumentState,
    OrderReport,
    OrderSide,
    OrderStatus,
)

__all__ = ["balances", "ban_s", "deliver", "instruments", "order", "state", "with_chance", "with_tick"]

_VENUE: Final = "upbit"
_LOT: Final = Decimal("1e-8")
_MINIMA: Final = {"KRW": Decimal(5000), "BTC": Decimal("0.00005"), "USDT": Decimal("0.5")}
_FEES: Final = {"KRW": Decimal("0.0005"), "BTC": Decimal("0.0025"), "USDT": Decimal("0.0025")}
_STATUSES: Final = {
    "wait": OrderStatus.OPEN,
    "watch": OrderStatus.OPEN,
    "trade": OrderStatus.OPEN,
    "done": OrderStatus.FILLED,
    "cancel": OrderStatus.ENDED,
    "prevented": OrderStatus.ENDED,
}
_SIDES: Final = {"bid": OrderSide.BUY, "ask": OrderSide.SELL}
_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_PAYS_IN: Final = frozenset({"working", "deposit_only"})
_PAYS_OUT: Final = frozenset({"working", "withdraw_only"})


def instruments(rows: Sequence[Mapping[str, Any]] | None) -> dict[str, Instrument]:
    """Return the markets of `/market/all` by symbol."""
    found: dict[str, Instrument] = {}
    for row in rows or ():
        quote, _, base = str(row["market"]).partition("-")
        event = row.get("market_event") or {}
        named = [name for name, on in (event.get("caution") or {}).items() if on]
        found[row["market"]] = Instrument(
            venue=_VENUE,
            symbol=row["market"],
            base=base,
            quote=quote,
            lot=_LOT,
            min_notional=_MINIMA.get(quote, Decimal(0)),
            taker_fee=_FEES.get(quote, Decimal("0.0025")),
            warnings=tuple((["WARNING"] if event.get("warning") else []) + named),
        )
    return found


def with_tick(instrument: Instrument, row: Mapping[str, Any]) -> Instrument:
    """Return the market with the price step of `/orderbook/instruments`."""
    return msgspec.structs.replace(instrument, tick=_number(row.get("tick_size")))


def with_chance(instrument: Instrument, chance: Mapping[str, Any]) -> Instrument:
    """Return the market with the fee, minimum and order state of `/orders/chance`."""
    market = chance.get("market") or {}
    smallest = _number((market.get("bid") or {}).get("min_total")) or instrument.min_notional
    return msgspec.structs.replace(
        instrument,
        taker_fee=_number(chance["bid_fee"]) if "bid_fee" in chance else instrument.taker_fee,
        min_notional=smallest,
        trading=market.get("state", "active") == "active",
    )


def state(instrument: Instrument, wallets: Mapping[str, str], ts: int) -> InstrumentState:
    """Return what speaks for and against entries; `wallets` are wallet states by coin."""
    wallet = wallets.get(instrument.base)
    return InstrumentState(
        venue=_VENUE,
        symbol=instrument.symbol,
        ts=ts,
        trading=instrument.trading,
        can_deposit=None if wallet is None else wallet in _PAYS_IN,
        can_withdraw=None if wallet is None else wallet in _PAYS_OUT,
        warnings=instrument.warnings,
    )


def order(
    data: Any, markets: Mapping[str, Instrument], client_id: str, venue: str = _VENUE
) -> OrderReport | None:
    """Return an order of a REST answer with its trades, or None where the answer is no order."""
    try:
        filled = _number(data.get("executed_volume"))
        report = OrderReport(
            venue=venue,
            symbol=data["market"],
            client_id=str(data.get("identifier") or client_id),
            order_id=data["uuid"],
            side=_SIDES[data["side"]],
            status=_STATUSES[data["state"]],
            size=_number(data.get("volume")) or filled,
            filled=filled,
            ts=_time(data.get("created_at")),
        )
        fills = _fills(data, markets, report)
    except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation):
        return None
    size = sum((fill.size for fill in fills), Decimal(0))
    value = sum((fill.size * fill.price for fill in fills), Decimal(0))
    return msgspec.structs.replace(report, fills=fills, average_price=value / size if size else None)


def _fills(
    data: Mapping[str, Any], markets: Mapping[str, Instrument], report: OrderReport
) -> tuple[Fill, ...]:
    """Return the trades of an order; the venue names the fee of the order only, which is shared by funds."""
    trades = data.get("trades") or ()
    if not trades:
        return ()
    quote, market = report.symbol.partition("-")[0], markets.get(report.symbol)
    funds = [_number(trade["funds"]) for trade in trades]
    fees = _shared_fees(_number(data.get("paid_fee")), funds, market.taker_fee if market else None)
    return tuple(
        Fill(
            venue=report.venue,
            symbol=report.symbol,
            trade_id=trade["uuid"],
            client_id=report.client_id,
            order_id=report.order_id,
            side=report.side,
            price=_number(trade["price"]),
            size=_number(trade["volume"]),
            fee=fee,
            fee_asset=quote,
            ts=_time(trade.get("created_at")),
        )
        for trade, fee in zip(trades, fees, strict=True)
    )


def _shared_fees(paid: Decimal, funds: Sequence[Decimal], rate: Decimal | None) -> list[Decimal]:
    """Return the fee of each trade: by the account's rate, where that adds up; else in proportion.

    The last one takes what is left, so that their sum is what was paid, to the last digit.
    """
    total = sum(funds, Decimal(0))
    if rate is None or rate * total != paid:
        rate = paid / total if total else Decimal(0)
    fees = [amount * rate for amount in funds[:-1]]
    return [*fees, paid - sum(fees, Decimal(0))]


def balances(rows: Sequence[Mapping[str, Any]] | None) -> dict[str, Balance]:
    """Return `/accounts` by coin."""
    return {
        row["currency"]: Balance(
            asset=row["currency"], free=_number(row["balance"]), locked=_number(row["locked"])
        )
        for row in rows or ()
    }


def deliver(text: str | bytes, markets: Mapping[str, Instrument], sink: AccountSink) -> str:
    """Hand one message of the private stream to the sink and return its kind.

    Raises:
        ValueError: when it is no message.
    """
    data = _DECODER.decode(text)
    if not isinstance(data, dict):
        raise ValueError("a message of the private stream is an object")
    kind = str(data.get("type", ""))
    if kind == "myOrder":
        _deliver_order(data, sink)
    elif kind == "myAsset":
        sink.on_account(_VENUE, "balances", {"rows": _assets(data)})
    elif "error" in data:
        sink.on_account(_VENUE, "error", {"name": str((data["error"] or {}).get("name", ""))})
    return kind


def _assets(data: Mapping[str, Any]) -> dict[str, Balance]:
    return {
        row["currency"]: Balance(
            asset=row["currency"], free=_number(row["balance"]), locked=_number(row["locked"])
        )
        for row in data.get("assets") or ()
    }


def _deliver_order(data: Mapping[str, Any], sink: AccountSink) -> None:
    """A message in state `trade` holds one fill; all others describe the order."""
    side = _SIDES[str(data["ask_bid"]).lower()]
    client_id, filled = str(data.get("identifier") or ""), _number(data.get("executed_volume"))
    if data["state"] == "trade":
        sink.on_fill(
            Fill(
                venue=_VENUE,
                symbol=data["code"],
                trade_id=data["trade_uuid"],
                client_id=client_id,
                order_id=data["uuid"],
                side=side,
                price=_number(data["price"]),
                size=_number(data["volume"]),
                fee=_number(data.get("trade_fee")),
                fee_asset=str(data["code"]).partition("-")[0],
                ts=int(data.get("trade_timestamp") or data.get("timestamp") or 0) * 10**6,
                is_maker=bool(data.get("is_maker")),
            )
        )
    sink.on_order(
        OrderReport(
            venue=_VENUE,
            symbol=data["code"],
            client_id=client_id,
            order_id=data["uuid"],
            side=side,
            status=_STATUSES[data["state"]],
            size=filled + _number(data.get("remaining_volume")),
            filled=filled,
            average_price=_number(data["avg_price"]) if data.get("avg_price") else None,
            ts=int(data.get("timestamp") or 0) * 10**6,
        )
    )


def ban_s(header: str | None, text: str, default: float) -> float:
    """Return how long a ban holds: the header's seconds, those that the message names, or the default."""
    if header and header.strip().isdigit():
        return float(header)
    found = re.search(r"(\d+)\s*(초|s\b|sec|분|min)", text)
    if found is None:
        return default
    return float(found.group(1)) * (60 if found.group(2) in ("분", "min") else 1)


def _number(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))


def _time(text: Any) -> int:
    if not isinstance(text, str) or not text:
        return 0
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 10**9 + moment.microsecond * 1000
