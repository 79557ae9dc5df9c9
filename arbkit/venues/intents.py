"""What is written down before an order leaves, and how it is read after a crash."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from arbkit.errors import DataError
from arbkit.venues.protocol import Fill, OrderRequest, OrderSide, TimeInForce

__all__ = [
    "Intent",
    "IntentFile",
    "IntentLog",
    "Recorded",
    "SharedSync",
    "fill_fields",
    "intent_fields",
    "read_intents",
    "read_lines",
]


class IntentLog(Protocol):
    """Where intents are written: whatever `append` was given with `sync` survives a crash once it returns."""

    def append(self, kind: str, *, sync: bool = False, **fields: Any) -> Any:
        """Append one record."""

    def sync(self) -> None:
        """Return once everything appended so far survives a crash; may be called from another thread."""

    def has_fill(self, venue: str, symbol: str, trade_id: str) -> bool:
        """Tell whether a fill was appended; looks through all of it."""


class IntentFile:
    """The plainest log: one JSON object a line."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = self.path.open("ab")
        # A line that a crash has torn is ended, so that the next one is whole.
        if self._file.tell() and not self.path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")

    def append(self, kind: str, *, sync: bool = False, **fields: Any) -> None:
        """Append one record; with `sync` it is on the disk when this returns."""
        self._file.write(json.dumps({"kind": kind, **fields}).encode() + b"\n")
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())

    def sync(self) -> None:
        """Put everything written onto the disk."""
        os.fdatasync(self._file.fileno())

    def has_fill(self, venue: str, symbol: str, trade_id: str) -> bool:
        """Tell whether a fill was appended."""
        wanted = ("fill", venue, symbol, trade_id)
        return any(
            tuple(record.get(name) for name in ("kind", "venue", "symbol", "trade_id")) == wanted
            for record in read_lines(self.path)
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> IntentFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SharedSync:
    """Puts what several orders wrote onto the disk at once, while the loop goes on.

    A write to the disk takes milliseconds. Both legs of a trade append their intents in the same turn of the
    loop and wait for one write together; whoever comes while it is under way waits for the next.

    Args:
        sync: writes, and returns once all that was appended before is on the disk; called on a thread.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._gathering: asyncio.Task[None] | None = None

    async def wait(self) -> None:
        """Return once all that was appended before this call is on the disk."""
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._write())
        await asyncio.shield(self._gathering)

    async def _write(self) -> None:
        await asyncio.sleep(0)
        self._gathering = None
        await asyncio.to_thread(self._sync)


class Intent(NamedTuple):
    """One order as it was meant; `ended` is how it ended, empty where that was not written."""

    venue: str
    request: OrderRequest
    ts: int
    ended: str = ""


class Recorded(NamedTuple):
    """What a log holds of orders."""

    intents: tuple[Intent, ...]
    fills: tuple[Fill, ...]


def intent_fields(venue: str, request: OrderRequest, ts: int) -> dict[str, Any]:
    """Return the fields of an `intent` record."""
    return {
        "client_id": request.client_id,
        "venue": venue,
        "symbol": request.symbol,
        "side": request.side.value,
        "size": _text(request.size),
        "quote_amount": _text(request.quote_amount),
        "price": _text(request.price),
        "time_in_force": request.time_in_force.value,
        "reduce_only": request.reduce_only,
        "sent_ns": ts,
    }


def fill_fields(fill: Fill) -> dict[str, Any]:
    """Return the fields of a `fill` record."""
    return {
        "venue": fill.venue,
        "symbol": fill.symbol,
        "trade_id": fill.trade_id,
        "client_id": fill.client_id,
        "order_id": fill.order_id,
        "side": fill.side.value,
        "price": str(fill.price),
        "size": str(fill.size),
        "fee": str(fill.fee),
        "fee_asset": fill.fee_asset,
        "fill_ns": fill.ts,
        "is_maker": fill.is_maker,
        "realized": _text(fill.realized),
    }


def read_lines(path: str | os.PathLike[str]) -> Iterator[dict[str, Any]]:
    """Yield the records of an `IntentFile`; a line that a crash has torn is passed over.

    Raises:
        DataError: when the file cannot be read.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise DataError(f"the log of orders cannot be read: {path} ({type(error).__name__})") from error
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def read_intents(records: Iterable[Mapping[str, Any]]) -> Recorded:
    """Return the orders and fills of a log; records of other kinds are passed over.

    Raises:
        DataError: when a record lacks a field.
    """
    intents: dict[str, Intent] = {}
    fills: list[Fill] = []
    for record in records:
        kind = record.get("kind")
        try:
            if kind == "intent":
                intents[record["client_id"]] = _intent(record)
            elif kind == "fill":
                fills.append(_fill(record))
            elif kind == "order_end" and record["client_id"] in intents:
                ended = intents[record["client_id"]]
                intents[record["client_id"]] = ended._replace(ended=str(record["state"]))
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            raise DataError(
                f"a record of kind {kind} is not whole: {type(error).__name__} {error}"
            ) from error
    return Recorded(tuple(intents.values()), tuple(fills))


def _intent(record: Mapping[str, Any]) -> Intent:
    request = OrderRequest(
        client_id=record["client_id"],
        symbol=record["symbol"],
        side=OrderSide(record["side"]),
        size=_decimal(record["size"]),
        quote_amount=_decimal(record["quote_amount"]),
        price=_decimal(record["price"]),
        time_in_force=TimeInForce(record["time_in_force"]),
        reduce_only=record["reduce_only"],
    )
    return Intent(record["venue"], request, int(record["sent_ns"]))


def _fill(record: Mapping[str, Any]) -> Fill:
    return Fill(
        venue=record["venue"],
        symbol=record["symbol"],
        trade_id=record["trade_id"],
        client_id=record["client_id"],
        order_id=record["order_id"],
        side=OrderSide(record["side"]),
        price=Decimal(record["price"]),
        size=Decimal(record["size"]),
        fee=Decimal(record["fee"]),
        fee_asset=record["fee_asset"],
        ts=int(record["fill_ns"]),
        is_maker=record["is_maker"],
        realized=_decimal(record["realized"]),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
