"""The practice exchange by HTTP from outside: switch faults, read the books of account, move the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from arbkit.errors import ArbkitError, ConfigError
from arbkit.testing._http import json_bytes, text_of
from arbkit.testing.clock import ServerClock
from arbkit.testing.faults import FAULTS, Faults

__all__ = ["Admin", "Administered"]

_ON_MEMBERS: Final = ("venue", "endpoint", "symbol", "count", "seconds", "skip")
_Handler = Callable[[Mapping[str, Any]], Any]


class Administered(Protocol):
    """What is administered: an exchange."""

    clock: ServerClock

    @property
    def faults(self) -> Faults:
        """The switches."""

    def addresses(self) -> dict[str, dict[str, str]]:
        """Return addresses and keys by venue."""

    def ledger(self) -> dict[str, Any]:
        """Return the exchange's own truth."""

    def push_book(self, venue: str, symbol: str, bids: Any, asks: Any) -> None:
        """Make this the symbol's book."""


class Admin:
    """A server on a port of its own, 127.0.0.1 only.

    `GET /` addresses and keys; `GET`, `POST`, `DELETE /faults`; `GET /ledger`; `POST /books`; `POST /clock`
    with `advance` (seconds) or `speed`. What is wrong is answered with 400 and `{"error": ...}`.
    """

    def __init__(self, exchange: Administered) -> None:
        self._exchange = exchange
        self._runner: web.AppRunner | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Listen; port 0 takes a free one."""
        app = web.Application()
        routes: list[tuple[str, str, _Handler]] = [
            ("GET", "/", lambda given: self._exchange.addresses()),
            ("GET", "/faults", self._faults),
            ("POST", "/faults", self._on),
            ("DELETE", "/faults", self._off),
            ("GET", "/ledger", self._ledger),
            ("POST", "/books", self._books),
            ("POST", "/clock", self._clock),
        ]
        for method, path, act in routes:
            app.router.add_route(method, path, _served(act))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handle_signals=False)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            await self.stop()
            raise ConfigError(
                f"the admin server cannot listen on port {port} of 127.0.0.1: {error.strerror}; name another"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _faults(self, given: Mapping[str, Any]) -> Any:
        known = [
            {**asdict(fault), "options": dict(fault.options), "venues": list(fault.venues)}
            for fault in FAULTS.values()
        ]
        on = [switch.as_dict() for switch in self._exchange.faults.active()]
        hits = {f"{venue}/{name}": count for (venue, name), count in self._exchange.faults.hits.items()}
        return {"faults": known, "on": on, "hits": hits}

    def _on(self, given: Mapping[str, Any]) -> Any:
        members = {key: value for key, value in given.items() if key != "name"}
        named = {key: members.pop(key) for key in _ON_MEMBERS if key in members}
        members.update(members.pop("options", {}))
        return self._exchange.faults.on(str(given.get("name", "")), **named, **members).as_dict()

    def _off(self, given: Mapping[str, Any]) -> Any:
        number = given.get("number")
        self._exchange.faults.off(
            given.get("name"), venue=given.get("venue"), number=None if number is None else int(number)
        )
        return {"on": [switch.as_dict() for switch in self._exchange.faults.active()]}

    def _ledger(self, given: Mapping[str, Any]) -> Any:
        found = self._exchange.ledger()
        for venue in found.values():
            venue["fills"] = [asdict(trade) for trade in venue["fills"]]
            venue["open"] = [asdict(order) for order in venue["open"]]
        return _plain(found)

    def _books(self, given: Mapping[str, Any]) -> Any:
        try:
            place = str(given["venue"]), str(given["symbol"])
            sides = list(given["bids"]), list(given["asks"])
        except (KeyError, TypeError) as error:
            raise ConfigError("a book is given as venue, symbol, bids and asks") from error
        self._exchange.push_book(*place, *sides)
        return {}

    def _clock(self, given: Mapping[str, Any]) -> Any:
        if "speed" in given:
            self._exchange.clock.run_at(float(given["speed"]))
        self._exchange.clock.advance(float(given.get("advance", 0)))
        return {"now_ns": self._exchange.clock.now_ns(), "speed": self._exchange.clock.speed}


def _plain(value: Any) -> Any:
    """Return a value with every decimal as plain digits."""
    if isinstance(value, Decimal):
        return text_of(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _served(act: _Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        try:
            body = await request.read()
            given = msgspec.json.decode(body) if body else {}
            if not isinstance(given, dict):
                raise ConfigError("the body must be a JSON object")
            answer, status = act({**request.query, **given}), 200
        except (ArbkitError, msgspec.DecodeError, TypeError, ValueError) as error:
            answer, status = {"error": str(error)}, 400
        return web.Response(status=status, body=json_bytes(answer), content_type="application/json")

    return serve
