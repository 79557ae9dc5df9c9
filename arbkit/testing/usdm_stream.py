"""USD-M's user data stream: listen keys and the private socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from aiohttp import web

from arbkit.testing._http import Answer, Call, json_bytes
from arbkit.testing.binance import binance_error
from arbkit.testing.binance_orders import BinanceTrading
from arbkit.testing.binance_stream import BinanceSocket
from arbkit.testing.core import Core
from arbkit.testing.listings import Listing
from arbkit.testing.signing import Keys
from arbkit.testing.usdm_books import UsdmBooks
from arbkit.testing.venue import Route
from arbkit.units import SECOND_NS

__all__ = ["UsdmStream"]

_KEY_LIFE_NS: Final = 3600 * SECOND_NS


class UsdmStream(UsdmBooks, BinanceTrading):
    """A listen key that lives for an hour, and the sockets that it opens."""

    def __init__(
        self, core: Core, listings: Iterable[Listing], keys: Keys, *, conflate: bool = False
    ) -> None:
        super().__init__(core, listings, keys, conflate=conflate)
        self._listen_key = ""
        self._key_until_ns = 0

    def routes(self) -> list[Route]:
        """Return the routes, those of the listen key among them."""
        acts = (("POST", self._make_key), ("PUT", self._keep_key), ("DELETE", self._drop_key))
        path = "/fapi/v1/listenKey"
        keyed = [Route(method, path, "listen_key", self.keyed(act), 1) for method, act in acts]
        return [*super().routes(), *keyed]

    def socket_paths(self) -> dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]:
        """Return the three bases; the key may stand in the path too."""
        private = dict.fromkeys(("/private/ws", "/private/ws/{key}"), self._private_socket)
        return {**super().socket_paths(), **private}

    def background(self) -> list[Callable[[], Awaitable[None]]]:
        """Return the timers, the life of the listen key among them."""
        return [*super().background(), self._expire_key]

    def tell(self, event: dict[str, Any], symbol: str = "") -> None:
        """Send an event to the account's sockets."""
        for socket in self.private_sockets():
            socket.send(json_bytes(event), "user", symbol)

    def end_key(self) -> None:
        """Say `listenKeyExpired`; the sockets stay open and silent."""
        self.tell({"e": "listenKeyExpired", "E": self.now_ms(), "listenKey": self._listen_key})
        self._listen_key, self._key_until_ns = "", 0
        for socket in self.private_sockets():
            socket.channel = "expired"

    def _lives(self) -> bool:
        return bool(self._listen_key) and self.core.clock.now_ns() < self._key_until_ns

    async def _make_key(self, call: Call) -> Answer:
        now = self.core.clock.now_ns()
        if not self._lives():
            self._listen_key = f"practice{now:x}" + "k" * 40
        self._key_until_ns = now + _KEY_LIFE_NS
        return Answer({"listenKey": self._listen_key})

    async def _keep_key(self, call: Call) -> Answer:
        if not self._lives():
            raise binance_error(400, -1125, "This listenKey does not exist.")
        self._key_until_ns = self.core.clock.now_ns() + _KEY_LIFE_NS
        return Answer({"listenKey": self._listen_key})

    async def _drop_key(self, call: Call) -> Answer:
        self._listen_key, self._key_until_ns = "", 0
        return Answer({})

    async def _expire_key(self) -> None:
        clock = self.core.clock
        while True:
            until = self._key_until_ns if self._listen_key else clock.now_ns() + 60 * SECOND_NS
            await clock.sleep_until(until)
            if self._listen_key and clock.now_ns() >= self._key_until_ns:
                self.end_key()

    async def _private_socket(self, request: web.Request) -> web.StreamResponse:
        self.admit_socket()
        given = request.query.get("listenKey", "") or request.match_info.get("key", "")
        if not self._lives() or given != self._listen_key:
            raise binance_error(400, -1125, "This listenKey does not exist.")
        return await BinanceSocket(self, request, "private").serve()
