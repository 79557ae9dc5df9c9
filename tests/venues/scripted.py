"""A server on loopback that answers what a test says, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web


class Reply(NamedTuple):
    """One answer; `cut` sends half of the body, `reset` none of it, `late_s` waits before."""

    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = {}  # noqa: RUF012
    cut: bool = False
    reset: bool = False
    late_s: float = 0.0


class Asked(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str


class Scripted:
    """Answers by (method, path): one reply after the other, the last one for ever."""

    def __init__(self) -> None:
        self.replies: dict[tuple[str, str], list[Reply]] = {}
        #: What is asked of a path here is answered by the part of the query that occurs in it.
        self.by_query: dict[str, list[Reply]] = {}
        self.asked: list[Asked] = []
        self.url = ""

    def on(self, method: str, path: str, *replies: Reply) -> Scripted:
        self.replies[method, path] = list(replies)
        return self

    def count(self, method: str, path: str) -> int:
        return sum((asked.method, asked.path) == (method, path) for asked in self.asked)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        self.asked.append(
            Asked(request.method, request.path, request.query_string, dict(request.headers), body)
        )
        script = self.replies.get((request.method, request.path), [Reply(404, "not in the script")])
        script = next((own for part, own in self.by_query.items() if part in request.query_string), script)
        reply = script.pop(0) if len(script) > 1 else script[0]
        if reply.late_s:
            await asyncio.sleep(reply.late_s)
        transport: Any = request.transport
        if reply.reset:
            transport.abort()
            return web.Response()
        if reply.cut:
            half = reply.body[: len(reply.body) // 2].encode()
            head = (
                f"HTTP/1.1 {reply.status} OK\r\nContent-Length: {len(reply.body.encode())}\r\n\r\n".encode()
            )
            transport.write(head + half)
            transport.close()
            return web.Response()
        return web.Response(status=reply.status, text=reply.body, headers=reply.headers)


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """Serve on a free port of 127.0.0.1."""
    server = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
