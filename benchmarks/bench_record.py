"""The recorder under load: another process sends the books of two venues over loopback.

Each process is started anew: `python -m benchmarks.bench_record server ...` and `... recorder ...`. The
server stamps each book of Upbit with its send time in nanoseconds, so that the time from the sending socket
to the row is measured end to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiohttp import web

__all__ = ["RecordSizes", "over_time", "recordings"]

_LEVELS: Final = 15
_CHANGED: Final = 10
_VARIANTS: Final = 16
_TICK: Final = 0.5
_WINDOWS: Final = 6


class RecordSizes(NamedTuple):
    """What is recorded: symbols of each venue, messages a second of each, for how long.

    `flat_messages` are sent as fast as they are read, with rotations of `flat_rotate_s`, to see whether
    memory grows; 0 leaves that out. `long_s` is how long `over_time` records at its pace.
    """

    symbols: int
    per_second: float
    seconds: float
    flat_messages: int
    flat_rotate_s: float
    long_s: float


def recordings(sizes: RecordSizes, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for the load at its pace, and one for as much as can be read."""
    yield _recording("paced", sizes, folder, sizes.per_second, sizes.seconds, flush_s=5.0, rotate_s=3600.0)
    if sizes.flat_messages:
        yield _recording(
            "as fast as read",
            sizes,
            folder,
            0.0,
            sizes.flat_messages,
            flush_s=1.0,
            rotate_s=sizes.flat_rotate_s,
        )


def over_time(sizes: RecordSizes, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each sixth of a long recording at its pace: whether memory and delays grow.

    Files are rotated in each sixth, so that it has all that an hour of any day has.
    """
    span = sizes.long_s / _WINDOWS
    found = _recording(
        "long", sizes, folder, sizes.per_second, sizes.long_s, flush_s=5.0, rotate_s=span, windows=span
    )
    yield from found["windows"]


def _recording(
    what: str,
    sizes: RecordSizes,
    folder: Path,
    pace: float,
    until: float,
    *,
    flush_s: float,
    rotate_s: float,
    windows: float = 0.0,
) -> dict[str, Any]:
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "benchmarks.bench_record",
            "server",
            str(sizes.symbols),
            str(pace),
            # The last part ends with the first look after its time, and a look takes a second.
            str(until + 2 * _WINDOWS if windows else until),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        port = server.stdout.readline().strip()
        to = folder / what.replace(" ", "-")
        client = [sys.executable, "-m", "benchmarks.bench_record", "recorder", str(sizes.symbols), port]
        done = subprocess.run(
            [*client, str(to), str(flush_s), str(rotate_s), str(windows)],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    found: dict[str, Any] = json.loads(done.stdout)
    if not windows:
        del found["windows"]
    if not pace:
        # A message waits in the socket until it is read: the time says how far ahead the server is.
        found |= {"to row p50 ms": "-", "to row p99 ms": "-"}
    load = f"{sizes.symbols} x 2 x {pace:g}/s" if pace else f"{sizes.symbols} x 2, no pause"
    return {"recording": what, "load": load, **found}


# --- the server ---


class _Server:
    """Both venues' public data; sends once both are subscribed."""

    def __init__(self, symbols: int, pace: float, until: float) -> None:
        self.coins = [f"C{number:02d}" for number in range(symbols)]
        self.pace, self.until = pace, until
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.sent = {"upbit": 0, "binance_usdm": 0}
        self.ended = False
        self.sending: asyncio.Task[None] | None = None
        self.ids = dict.fromkeys(self.coins, 1_000)
        draw = random.Random(1)
        self.upbit = {coin: [_upbit_body(draw) for _ in range(_VARIANTS)] for coin in self.coins}
        self.diffs = {coin: [_diff_body(draw) for _ in range(_VARIANTS)] for coin in self.coins}

    async def on_upbit(self, request: web.Request) -> web.WebSocketResponse:
        """Keep the socket of Upbit."""
        return await self._kept("upbit", request)

    async def on_binance(self, request: web.Request) -> web.WebSocketResponse:
        """Keep the socket of Binance."""
        return await self._kept("binance_usdm", request)

    async def on_depth(self, request: web.Request) -> web.Response:
        """Answer with the book as of the last difference sent."""
        coin = request.query["symbol"].removesuffix("USDT")
        bids = [[f"{100 - _TICK * level}", "1"] for level in range(1, 101)]
        asks = [[f"{100 + _TICK * level}", "1"] for level in range(1, 101)]
        return web.json_response({"lastUpdateId": self.ids[coin], "bids": bids, "asks": asks})

    async def on_state(self, request: web.Request) -> web.Response:
        """Tell what was sent."""
        return web.json_response({"sent": self.sent, "ended": self.ended})

    async def _kept(self, venue: str, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False)
        await ws.prepare(request)
        self.sockets[venue] = ws
        if len(self.sockets) == 2:
            self.sending = asyncio.create_task(self._send())
        async for _ in ws:
            pass
        return ws

    async def _send(self) -> None:
        await asyncio.sleep(1.0)
        start, number = time.monotonic(), 0
        with contextlib.suppress(ConnectionError):
            while not self._is_over(start):
                number += 1
                for coin in self.coins:
                    await self._one(coin, number)
                if self.pace:
                    await asyncio.sleep(max(0.0, start + number / self.pace - time.monotonic()))
        self.ended = True

    def _is_over(self, start: float) -> bool:
        if self.pace:
            return time.monotonic() - start >= self.until
        return sum(self.sent.values()) >= self.until

    async def _one(self, coin: str, number: int) -> None:
        variant = number % _VARIANTS
        head = f'{{"type":"orderbook","code":"KRW-{coin}","timestamp":{time.time_ns()},'
        await self.sockets["upbit"].send_bytes((head + self.upbit[coin][variant]).encode())
        before = self.ids[coin]
        self.ids[coin] = before + 3
        name = coin.lower()
        head = (
            f'{{"stream":"{name}usdt@depth@100ms","data":{{"e":"depthUpdate","E":{time.time_ns() // 10**6},'
            f'"s":"{coin}USDT","U":{before + 1},"u":{before + 3},"pu":{before},'
        )
        await self.sockets["binance_usdm"].send_str(head + self.diffs[coin][variant])
        for venue in self.sent:
            self.sent[venue] += 1


def _upbit_body(draw: random.Random) -> str:
    mid = 100 + _TICK * draw.randrange(-5, 5)
    units = [
        {
            "ask_price": mid + _TICK * level,
            "bid_price": mid - _TICK * level,
            "ask_size": round(draw.uniform(0, 9), 8),
            "bid_size": round(draw.uniform(0, 9), 8),
        }
        for level in range(1, _LEVELS + 1)
    ]
    text = json.dumps(units, separators=(",", ":"))
    return f'"total_ask_size":1.5,"total_bid_size":2.5,"orderbook_units":{text},"level":0}}'


def _diff_body(draw: random.Random) -> str:
    def side(sign: int) -> str:
        levels = draw.sample(range(1, 40), _CHANGED)
        changed = [[f"{100 + sign * _TICK * level}", f"{draw.uniform(0.001, 9):.3f}"] for level in levels]
        return json.dumps(changed, separators=(",", ":"))

    return f'"b":{side(-1)},"a":{side(1)}}}}}'


async def _serve(symbols: int, pace: float, until: float) -> None:
    server = _Server(symbols, pace, until)
    app = web.Application()
    app.router.add_get("/websocket/v1", server.on_upbit)
    app.router.add_get("/public/stream", server.on_binance)
    app.router.add_get("/fapi/v1/depth", server.on_depth)
    app.router.add_get("/state", server.on_state)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


# --- the recorder ---


class _Windows:
    """What a long recording does in each of its parts.

    Args:
        recorder: which counts.
        span_s: how long a part is; 0 for none.
    """

    def __init__(self, recorder: Any, span_s: float) -> None:
        self.recorder, self.span_s = recorder, span_s
        self.rows: list[dict[str, Any]] = []
        self._memory: list[float] = []
        self._begin(time.monotonic())

    def _begin(self, now: float) -> None:
        self._memory = []
        self._from = (now, time.process_time(), self.recorder.summary().messages)
        self.recorder.window = type(self.recorder.window)()

    def sample(self, memory: float, counting: bool) -> None:
        """Take one measurement of the memory; parts begin once messages come."""
        now = time.monotonic()
        if not counting:
            self._begin(now)
            return
        self._memory.append(memory)
        began, cpu, messages = self._from
        if not self.span_s or now - began < self.span_s or len(self.rows) == _WINDOWS:
            return
        summary = self.recorder.summary()
        self.rows.append(
            {
                "minutes": round((len(self.rows) + 1) * self.span_s / 60, 1),
                "messages": summary.messages - messages,
                "gaps": summary.gaps,
                "CPU %": round(100 * (time.process_time() - cpu) / (now - began), 1),
                "memory MB, least": round(min(self._memory)),
                "median": round(statistics.median(self._memory)),
                "most": round(max(self._memory)),
                "to row p50 ms": _rounded(self.recorder.window.percentile_ms(0.5)),
                "to row p99 ms": _rounded(self.recorder.window.percentile_ms(0.99)),
                "files": summary.files,
            }
        )
        self._begin(now)


async def _record(
    symbols: int, port: str, to: Path, flush_s: float, rotate_s: float, window_s: float
) -> dict[str, Any]:
    import aiohttp

    from arbkit.data import open_dataset
    from arbkit.record import Recorder, RecordSpec, VenueSpec
    from arbkit.record.timing import Durations

    class Timed(Recorder):
        """A recorder that also measures from the server's stamp to the row."""

        end_to_end, window = Durations(), Durations()

        def on_book(self, event: Any) -> None:
            super().on_book(event)
            if event.venue == "upbit":
                took = time.time_ns() - event.ts_event
                self.end_to_end.add(took)
                self.window.add(took)

    coins = [f"C{number:02d}" for number in range(symbols)]
    host, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    venues = (
        VenueSpec(venue="upbit", symbols=tuple(f"KRW-{coin}" for coin in coins), rest_url=host, ws_url=ws),
        VenueSpec(
            venue="binance_usdm", symbols=tuple(f"{coin}USDT" for coin in coins), rest_url=host, ws_url=ws
        ),
    )
    spec = RecordSpec(
        venues=venues,
        to=to,
        fx=False,
        flush_ns=int(flush_s * 1e9),
        rotate_ns=int(rotate_s * 1e9),
    )
    recorder = Timed(spec)
    recording = asyncio.create_task(recorder.run())
    windows = _Windows(recorder, window_s)
    memory, cpu, start = [], 0.0, 0.0
    state: dict[str, Any] = {"ended": False}
    async with aiohttp.ClientSession() as session:
        while not state["ended"]:
            await asyncio.sleep(1.0)
            async with session.get(f"{host}/state") as answer:
                state = await answer.json()
            if not start and state["sent"]["upbit"]:
                start, cpu = time.monotonic(), time.process_time()
            memory.append(_resident_mb())
            windows.sample(memory[-1], counting=bool(start))
    await asyncio.sleep(0.5)
    seconds, cpu = time.monotonic() - start, time.process_time() - cpu
    recorder.stop()
    summary = await recording
    manifest = open_dataset(to).manifest
    rows = {
        venue: sum(info.rows for info in manifest.instruments if info.venue == venue)
        for venue in ("upbit", "binance_usdm")
    }
    quarter = max(1, len(memory) // 4)
    lost = state["sent"]["upbit"] - rows["upbit"] + summary.gaps + summary.malformed
    return {
        "messages": summary.messages,
        "messages/s": round(summary.messages / seconds),
        "CPU %": round(100 * cpu / seconds, 1),
        "CPU us/message": round(1e6 * cpu / summary.messages, 1),
        "to row p50 ms": _rounded(recorder.end_to_end.percentile_ms(0.5)),
        "to row p99 ms": _rounded(recorder.end_to_end.percentile_ms(0.99)),
        "lost": lost,
        "memory MB, 1st quarter": round(max(memory[:quarter])),
        "last quarter": round(max(memory[-quarter:])),
        "peak": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "longest flush ms": round(summary.flush_ms_longest),
        "files": summary.files,
        "bytes/row": round(summary.bytes / max(1, summary.rows), 1),
        "windows": [row | {"lost of all": lost} for row in windows.rows],
    }


def _rounded(value: float | None) -> float:
    return 0.0 if value is None else round(value, 2)


def _resident_mb() -> float:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * resource.getpagesize() / 2**20


def main(arguments: list[str]) -> None:
    """Be the server or the recorder."""
    role, symbols, *rest = arguments
    if role == "server":
        asyncio.run(_serve(int(symbols), float(rest[0]), float(rest[1])))
        return
    port, to, *times = rest
    found = asyncio.run(_record(int(symbols), port, Path(to), *(float(text) for text in times)))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
