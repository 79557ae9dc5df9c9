"""What Binance says of instruments, orders and accounts, as arbkit's own types. Pure: text in, values out.

Prices and sizes leave here per coin: those of a contract that stands for several are converted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from arbkit.units import MS_NS
from arbkit.venues.protocol import AccountSink, Balance, Fill, Instrument, OrderReport, OrderSide, OrderStatus
from arbkit.wire.symbols import contract_multiple

__all__ = [
    "deliver_spot",
    "deliver_usdm",
    "fills",
    "order",
    "spot_balances",
    "spot_instruments",
    "usdm_balances",
    "usdm_income",
    "usdm_instruments",
    "usdm_positions",
]

_USDM: Final = "binance_usdm"
_SPOT: Final = "binance_spot"
_STATUSES: Final = {
    "NEW": OrderStatus.OPEN,
    "PENDING_NEW": OrderStatus.OPEN,
    "PARTIALLY_FILLED": OrderStatus.OPEN,
    "PENDING_CANCEL": OrderStatus.OPEN,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.ENDED,
    "EXPIRED": OrderStatus.ENDED,
    "EXPIRED_IN_MATCH": OrderStatus.ENDED,
    "REJECTED": OrderStatus.REJECTED,
}
_SIDES: Final = {"BUY": OrderSide.BUY, "SELL": OrderSide.SELL}
#: Client ids of orders that the venue made itself.
_FORCED: Final = ("autoclose-", "adl_autoclose", "settlement_autoclose-")
_Instruments = Mapping[str, Instrument]


def usdm_instruments(data: Mapping[str, Any], fee: Decimal) -> dict[str, Instrument]:
    """Return the perpetuals of `exchangeInfo` by symbol; dated contracts are left out."""
    found: dict[str, Instrument] = {}
    for row in data.get("symbols", ()):
        if row.get("contractType") != "PERPETUAL":
            continue
        base, unit = contract_multiple(row["baseAsset"])
        found[row["symbol"]] = _instrument(_USDM, row, base, unit, fee, "perpetual")
    return found


def spot_instruments(data: Mapping[str, Any], fee: Decimal) -> dict[str, Instrument]:
    """Return the spot markets of `exchangeInfo` by symbol."""
    return {
        row["symbol"]: _instrument(_SPOT, row, row["baseAsset"], Decimal(1), fee, "spot")
        for row in data.get("symbols", ())
    }


def _instrument(
    venue: str, row: Mapping[str, Any], base: str, unit: Decimal, fee: Decimal, kind: str
) -> Instrument:
    filters = {entry["filterType"]: entry for entry in row.get("filters", ())}
    lot, price = filters.get("LOT_SIZE", {}), filters.get("PRICE_FILTER", {})
    worth = filters.get("NOTIONAL", filters.get("MIN_NOTIONAL", {}))
    return Instrument(
        venue=venue,
        symbol=row["symbol"],
        base=base,
        quote=row["quoteAsset"],
        kind=kind,
        tick=_number(price.get("tickSize")) / unit,
        lot=_number(lot.get("stepSize")) * unit,
        min_size=_number(lot.get("minQty")) * unit,
        max_size=_number(lot.get("maxQty")) * unit,
        min_notional=_number(worth.get("minNotional", worth.get("notional"))),
        contract_size=unit,
        taker_fee=fee,
        fee_in_received=kind == "spot",
        trading=row.get("status") == "TRADING",
    )


def order(data: Any, venue: str, instruments: _Instruments, client_id: str) -> OrderReport | None:
    """Return an order of a REST answer, with its fills where it holds them; None where it is no order."""
    try:
        unit = _unit(instruments, data["symbol"])
        filled = _number(data["executedQty"]) * unit
        report = OrderReport(
            venue=venue,
            symbol=data["symbol"],
            client_id=str(data.get("origClientOrderId") or data.get("clientOrderId") or client_id),
            order_id=str(data["orderId"]),
            side=_SIDES[data["side"]],
            status=_STATUSES[data["status"]],
            size=_number(data["origQty"]) * unit or filled,
            filled=filled,
            average_price=_average(data, filled, unit),
            ts=_time(data.get("updateTime") or data.get("transactTime") or data.get("time")),
        )
        given = _given_fills(data.get("fills") or (), report, unit)
    except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation):
        return None
    return msgspec.structs.replace(report, fills=given)


def _average(data: Mapping[str, Any], filled: Decimal, unit: Decimal) -> Decimal | None:
    if not filled:
        return None
    value = _number(data.get("cumQuote", data.get("cummulativeQuoteQty")))
    return value / filled if value else (_number(data.get("avgPrice")) / unit or None)


def _given_fills(rows: Sequence[Mapping[str, Any]], report: OrderReport, unit: Decimal) -> tuple[Fill, ...]:
    """Return the fills that the answer to a spot order holds."""
    return tuple(_fill(row, report, unit, number=row["tradeId"], ts=report.ts) for row in rows)


def _fill(
    row: Mapping[str, Any],
    report: OrderReport,
    unit: Decimal,
    *,
    number: object,
    ts: int,
    is_maker: bool = False,
    realized: Decimal | None = None,
) -> Fill:
    return Fill(
        venue=report.venue,
        symbol=report.symbol,
        trade_id=str(number),
        client_id=report.client_id,
        order_id=report.order_id,
        side=report.side,
        price=_number(row["price"]) / unit,
        size=_number(row["qty"]) * unit,
        fee=_number(row["commission"]),
        fee_asset=row["commissionAsset"],
        ts=ts,
        is_maker=is_maker,
        realized=realized,
    )


def fills(
    rows: Sequence[Mapping[str, Any]] | None, report: OrderReport, instruments: _Instruments
) -> tuple[Fill, ...]:
    """Return the fills of one order among one's own trades."""
    unit = _unit(instruments, report.symbol)
    return tuple(
        _fill(
            row,
            report,
            unit,
            number=row["id"],
            ts=_time(row.get("time")),
            is_maker=bool(row.get("maker", row.get("isMaker", False))),
            realized=_number(row["realizedPnl"]) if "realizedPnl" in row else None,
        )
        for row in rows or ()
        if str(row["orderId"]) == report.order_id
    )


def executions(
    rows: Sequence[Mapping[str, Any]] | None, venue: str, symbol: str, instruments: _Instruments
) -> tuple[Fill, ...]:
    """Return one's own trades in a symbol, whose orders only their venue's ids name."""
    unit = _unit(instruments, symbol)
    return tuple(
        Fill(
            venue=venue,
            symbol=symbol,
            trade_id=str(row["id"]),
            client_id="",
            order_id=str(row["orderId"]),
            side=_SIDES[row["side"] if "side" in row else "BUY" if row["isBuyer"] else "SELL"],
            price=_number(row["price"]) / unit,
            size=_number(row["qty"]) * unit,
            fee=_number(row["commission"]),
            fee_asset=row["commissionAsset"],
            ts=_time(row.get("time")),
            is_maker=bool(row.get("maker", row.get("isMaker", False))),
            realized=_number(row["realizedPnl"]) if "realizedPnl" in row else None,
        )
        for row in rows or ()
    )


def usdm_balances(rows: Sequence[Mapping[str, Any]] | None) -> dict[str, Balance]:
    """Return `/fapi/v3/balance`: the total is the wallet balance, without unrealised profit."""
    found: dict[str, Balance] = {}
    for row in rows or ():
        total, free = _number(row["balance"]), _number(row["availableBalance"])
        free = min(free, total)
        found[row["asset"]] = Balance(asset=row["asset"], free=free, locked=total - free)
    return found


def usdm_positions(rows: Sequence[Mapping[str, Any]] | None, instruments: _Instruments) -> dict[str, Decimal]:
    """Return `/fapi/v3/positionRisk` as signed base units."""
    found: dict[str, Decimal] = {}
    for row in rows or ():
        amount = _number(row["positionAmt"]) * _unit(instruments, row["symbol"])
        if amount:
            found[row["symbol"]] = found.get(row["symbol"], Decimal(0)) + amount
    return found


def usdm_income(rows: Sequence[Mapping[str, Any]] | None, symbol: str) -> dict[int, float]:
    """Return the amounts of `/fapi/v1/income` of a symbol, by time in nanoseconds."""
    found: dict[int, float] = {}
    for row in rows or ():
        if row["symbol"] == symbol:
            ts = int(row["time"]) * MS_NS
            found[ts] = found.get(ts, 0.0) + float(row["income"])
    return found


def spot_balances(rows: Any) -> dict[str, Balance]:
    """Return the balances of `/api/v3/account`."""
    return {
        row["asset"]: Balance(asset=row["asset"], free=_number(row["free"]), locked=_number(row["locked"]))
        for row in rows or ()
    }


def deliver_usdm(text: str | bytes, instruments: _Instruments, sink: AccountSink) -> str:
    """Hand one message of the user stream to the sink and return its kind.

    Raises:
        ValueError: when it is no message.
    """
    data = _event(text)
    kind = str(data.get("e", ""))
    if kind == "ORDER_TRADE_UPDATE":
        detail = data["o"]
        _deliver_order(detail, _USDM, _unit(instruments, detail["s"]), sink, _time(data.get("T")))
        if str(detail.get("c", "")).startswith(_FORCED):
            sink.on_account(_USDM, "liquidation", {"symbol": detail["s"], "client_id": detail["c"]})
    elif kind == "ACCOUNT_UPDATE":
        _deliver_account(data, instruments, sink)
    elif kind == "MARGIN_CALL":
        sink.on_account(_USDM, "margin_call", {})
    return kind


def _event(text: str | bytes) -> dict[str, Any]:
    data = msgspec.json.decode(text)
    if not isinstance(data, dict):
        raise ValueError("a message of the user stream is an object")
    inner = data.get("data")
    return inner if isinstance(inner, dict) else data


def _deliver_account(data: Mapping[str, Any], instruments: _Instruments, sink: AccountSink) -> None:
    account = data["a"]
    reason, ts = str(account.get("m", "")), _time(data.get("T"))
    totals = {row["a"]: _number(row["wb"]) for row in account.get("B") or ()}
    sink.on_account(_USDM, "wallet", {"totals": totals, "reason": reason, "ts": ts})
    positions = {
        row["s"]: _number(row["pa"]) * _unit(instruments, row["s"]) for row in account.get("P") or ()
    }
    if positions:
        sink.on_account(_USDM, "positions", {"rows": positions, "reason": reason, "ts": ts})
    told = {"FUNDING_FEE": "funding", "INSURANCE_CLEAR": "insurance"}.get(reason)
    if told is not None:
        changes = {row["a"]: _number(row.get("bc")) for row in account.get("B") or ()}
        sink.on_account(_USDM, told, {"changes": changes, "ts": ts})


def _deliver_order(detail: Mapping[str, Any], venue: str, unit: Decimal, sink: AccountSink, ts: int) -> None:
    """Both venues name the members of an order event alike."""
    original = detail.get("C")
    client_id = str(original if original and original != "null" else detail["c"])
    side = _SIDES[detail["S"]]
    if Decimal(detail.get("l") or 0) > 0 and int(detail.get("t", -1)) >= 0:
        sink.on_fill(
            Fill(
                venue=venue,
                symbol=detail["s"],
                trade_id=str(detail["t"]),
                client_id=client_id,
                order_id=str(detail["i"]),
                side=side,
                price=_number(detail["L"]) / unit,
                size=_number(detail["l"]) * unit,
                fee=_number(detail.get("n")),
                fee_asset=str(detail.get("N") or ""),
                ts=_time(detail.get("T")) or ts,
                is_maker=bool(detail.get("m")),
                realized=_number(detail["rp"]) if "rp" in detail else None,
            )
        )
    filled = _number(detail["z"]) * unit
    sink.on_order(
        OrderReport(
            venue=venue,
            symbol=detail["s"],
            client_id=client_id,
            order_id=str(detail["i"]),
            side=side,
            status=_STATUSES[detail["X"]],
            size=_number(detail["q"]) * unit,
            filled=filled,
            ts=_time(detail.get("T")) or ts,
        )
    )


def deliver_spot(text: str | bytes, sink: AccountSink) -> str:
    """Hand one message of the spot venue's WebSocket API to the sink and return its kind.

    Answers to requests are `answer`, or `refused` where the status is not 200.

    Raises:
        ValueError: when it is no message.
    """
    data = msgspec.json.decode(text)
    if not isinstance(data, dict):
        raise ValueError("a message of the user stream is an object")
    event = data.get("event")
    if not isinstance(event, dict):
        return "answer" if data.get("status", 200) == 200 else "refused"
    kind = str(event.get("e", ""))
    if kind == "executionReport":
        _deliver_order(event, _SPOT, Decimal(1), sink, _time(event.get("E")))
    elif kind == "outboundAccountPosition":
        rows = {
            row["a"]: Balance(asset=row["a"], free=_number(row["f"]), locked=_number(row["l"]))
            for row in event.get("B") or ()
        }
        sink.on_account(_SPOT, "balances", {"rows": rows, "ts": _time(event.get("E"))})
    elif kind == "balanceUpdate":
        sink.on_account(_SPOT, "transfer", {"asset": event["a"], "change": _number(event["d"])})
    return kind


def _unit(instruments: _Instruments, symbol: str) -> Decimal:
    instrument = instruments.get(symbol)
    return Decimal(1) if instrument is None else instrument.contract_size


def _number(value: Any) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))


def _time(milliseconds: Any) -> int:
    return int(milliseconds or 0) * 10**6
