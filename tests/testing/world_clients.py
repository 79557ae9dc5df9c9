"""Clients of the practice exchange written for its tests: plain HTTP and sockets, signed as documented."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Coroutine
from typing import Any

import aiohttp
import websockets


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a test's coroutine; nothing takes longer than this."""
    return asyncio.run(asyncio.wait_for(main, 120))


async def fetch(url: str, method: str = "GET", **options: Any) -> tuple[int, Any, Any]:
    """Return status, decoded body (text where it is no JSON) and headers."""
    async with aiohttp.ClientSession() as session, session.request(method, url, **options) as answer:
        text = await answer.text()
        try:
            return answer.status, json.loads(text), answer.headers
        except json.JSONDecodeError:
            return answer.status, text, answer.headers


async def hear(socket: websockets.ClientConnection, seconds: float = 30.0) -> Any:
    """Return the next message, decoded."""
    return json.loads(await asyncio.wait_for(socket.recv(), seconds))


async def silent(socket: websockets.ClientConnection, seconds: float = 0.1) -> bool:
    """Tell whether nothing comes for a while."""
    try:
        await asyncio.wait_for(socket.recv(), seconds)
    except TimeoutError:
        return True
    return False


async def settled(socket: websockets.ClientConnection) -> list[Any]:
    """Wait until Upbit has taken what was sent before, and return the subscriptions."""
    await socket.send('[{"ticket":"settled"},{"method":"LIST_SUBSCRIPTIONS"}]')
    while (answer := await hear(socket)).get("method") != "LIST_SUBSCRIPTIONS":
        pass
    found: list[Any] = answer["result"]
    return found


def _segment(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def upbit_token(
    key: str, secret: str, query: str = "", *, algorithm: str = "HS512", nonce: str | None = None
) -> str:
    """Return the header's value for a request with the (not encoded) query string `query`."""
    claims = {"access_key": key, "nonce": nonce or str(uuid.uuid4())}
    if query:
        claims |= {"query_hash": hashlib.sha512(query.encode()).hexdigest(), "query_hash_alg": "SHA512"}
    head = _segment(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    body = _segment(json.dumps(claims).encode())
    digest = hashlib.sha512 if algorithm == "HS512" else hashlib.sha256
    signature = _segment(hmac.new(secret.encode(), f"{head}.{body}".encode(), digest).digest())
    return f"Bearer {head}.{body}.{signature}"


def binance_query(secret: str, query: str, *, stamp: int | None = None) -> str:
    """Return a query string with time and signature."""
    stamp = time.time_ns() // 10**6 if stamp is None else stamp
    text = f"{query}&timestamp={stamp}" if query else f"timestamp={stamp}"
    return f"{text}&signature={hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"
