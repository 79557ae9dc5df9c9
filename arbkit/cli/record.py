"""`arbkit record`: live books into a dataset."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from arbkit.record import Recorder, RecordSpec, RecordSummary

__all__ = ["app", "by_venue"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def _option(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text)


@app.command()
def record(
    to: Annotated[Path, _option("Folder of the dataset; one that exists is continued.", "--to")],
    venue: Annotated[list[str], _option("Venue; give --symbols after each.", "--venue")],
    symbols: Annotated[list[str], _option("Its symbols, by commas; one list per --venue.", "--symbols")],
    depth: Annotated[int, _option("Levels a side.")] = 15,
    mode: Annotated[str, _option("Of Binance: diffs (books rebuilt) or partial (top 20).")] = "diffs",
    raw: Annotated[bool, _option("Keep the frames as they came, too.", "--raw")] = False,
    fx: Annotated[bool, _option("Record KRW-USDT beside KRW books.", "--fx/--no-fx")] = True,
    flush: Annotated[str, _option("How often rows become safe and readable.")] = "5s",
    rotate: Annotated[str, _option("How much time a settled file holds, at most 1d.")] = "1h",
    duration: Annotated[str | None, _option("End after, such as 10m.", "--for")] = None,
    rest_url: Annotated[list[str] | None, _option("Another REST host: VENUE=URL.")] = None,
    ws_url: Annotated[list[str] | None, _option("Another websocket host: VENUE=URL.")] = None,
    keys_of: Annotated[
        list[str] | None, _option("Venue whose keys the environment holds: wallet states are recorded too.")
    ] = None,
    json: Annotated[bool, _option("Write the summary as JSON to stdout.", "--json")] = False,
) -> None:
    """Record live order books into a dataset that can be read while it is being written.

    Ends with Ctrl-C, SIGTERM or after --for; what was received is then on disk. KRW-USDT, instrument
    filters, warnings and funding payments are recorded beside.

    Examples:

      arbkit record --venue upbit --symbols KRW-BTC --venue binance_usdm --symbols BTCUSDT --to datasets/live

      arbkit record --venue binance_spot --symbols BTCUSDT --depth 20 --raw --for 10m --to datasets/spot
    """
    from arbkit.cli._console import err_console, print_json
    from arbkit.errors import DataError
    from arbkit.record import Recorder, RecordSpec
    from arbkit.units import duration_ns

    seconds = None if duration is None else duration_ns(duration, name="for") / 1e9
    spec = RecordSpec(
        venues=_venues(
            venue,
            symbols,
            by_venue(rest_url, "rest-url"),
            by_venue(ws_url, "ws-url"),
            mode=mode,
            keys_of=keys_of or [],
        ),
        to=to,
        depth=depth,
        flush_ns=duration_ns(flush, name="flush"),
        rotate_ns=duration_ns(rotate, name="rotate"),
        raw=raw,
        fx=fx,
    )

    def say(text: str) -> None:
        err_console.print(text, soft_wrap=True, markup=False)

    summary = asyncio.run(_recorded(spec, seconds, say, Recorder))
    if not summary.messages:
        raise DataError(_unheard(spec, summary.seconds))
    if json:
        print_json(summary.as_dict() | {"to": str(to)})
    else:
        _show(summary, spec)


def _unheard(spec: RecordSpec, seconds: float) -> str:
    places = ", ".join(item.venue + (f" at {item.ws_url}" if item.ws_url else "") for item in spec.venues)
    return (
        f"a recording needs a venue that sends books, {places} sent nothing in {seconds:.1f} s; "
        "are the addresses right and the network up?"
    )


def _venues(
    venues: list[str],
    symbols: list[str],
    rest: dict[str, str],
    sockets: dict[str, str],
    *,
    mode: str,
    keys_of: list[str],
) -> tuple[Any, ...]:
    from arbkit.errors import ConfigError, nearest_names
    from arbkit.record import VenueSpec
    from arbkit.venues.secret import read_credentials

    if len(venues) != len(symbols):
        raise ConfigError(
            f"each --venue needs one --symbols, were {len(venues)} of the one and {len(symbols)} of the other"
        )
    for name in (*rest, *sockets):
        if name not in venues:
            raise ConfigError(
                f"an address is given for {name}, which is not recorded; {nearest_names(name, venues)}"
            )
    return tuple(
        VenueSpec(
            venue=name,
            symbols=tuple(item.strip() for item in listed.split(",") if item.strip()),
            rest_url=rest.get(name),
            ws_url=sockets.get(name),
            mode=mode,
            keys=read_credentials(name) if name in keys_of else None,
        )
        for name, listed in zip(venues, symbols, strict=True)
    )


def by_venue(given: list[str] | None, name: str) -> dict[str, str]:
    """Read the addresses that an option was given, VENUE=URL each."""
    from arbkit.errors import ConfigError

    found = {}
    for item in given or []:
        venue, equals, url = item.partition("=")
        if not equals or "://" not in url:
            raise ConfigError(
                f"--{name} must be VENUE=URL, such as upbit=http://127.0.0.1:8000, was {item!r}"
            )
        found[venue] = url
    return found


async def _recorded(spec: RecordSpec, seconds: float | None, say: Any, make: Any) -> RecordSummary:
    """Record, ending in good order on SIGTERM and Ctrl-C; a second Ctrl-C ends at once."""
    recorder: Recorder = make(spec, say=say)
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        say(f"{number.name}: writing what was received")
        recorder.stop()
        with contextlib.suppress(ValueError):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        # Only the main thread may; elsewhere the caller stops the recorder.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, stop, number)
    progress = asyncio.create_task(_progress(recorder, say))
    try:
        return await recorder.run(seconds)
    finally:
        progress.cancel()


async def _progress(recorder: Recorder, say: Any, every_s: float = 10.0) -> None:
    """Say every ten seconds what has come."""
    before = recorder.summary()
    while True:
        await asyncio.sleep(every_s)
        now = recorder.summary()
        say(_line(now, before))
        before = now


def _line(now: RecordSummary, before: RecordSummary) -> str:
    from datetime import UTC, datetime

    span = max(now.seconds - before.seconds, 1e-9)
    parts = [datetime.now(tz=UTC).strftime("%H:%M:%S")]
    for venue, stats in now.venues.items():
        rate = (stats["messages"] - before.venues[venue]["messages"]) / span
        lags = [item["lag_ms"] for item in stats["symbols"].values() if item["books"]]
        lag = f", lag {sum(lags) / len(lags):.0f} ms" if lags else ""
        down = stats["connections"] - stats["connected"]
        lost = f", {down} connections down" if down else ""
        parts.append(f"{venue} {rate:.0f} messages/s{lag}{lost}")
    wait = now.to_row_ms_p99
    parts.append(f"{now.rows} rows in {now.files} files, {now.bytes / 1e6:.1f} MB, {now.gaps} gaps")
    parts.append("" if wait is None else f"to row p99 {wait:.2f} ms")
    return " | ".join(part for part in parts if part)


def _show(summary: RecordSummary, spec: RecordSpec) -> None:
    from arbkit.cli._console import print_table, say

    columns = ("venue", "symbol", "books", "gaps", "lag ms")
    rows = [
        (venue, symbol, item["books"], item["gaps"], round(item["lag_ms"], 1) if item["books"] else None)
        for venue, stats in summary.venues.items()
        for symbol, item in stats["symbols"].items()
    ]
    print_table(columns, rows)
    say("")
    say(
        f"recorded {summary.rows} rows in {summary.seconds:.0f} s into {spec.to} "
        f"({summary.files} files, {summary.bytes / 1e6:.1f} MB"
        + (f", {summary.raw_bytes / 1e6:.1f} MB of frames" if spec.raw else "")
        + f"); {summary.gaps} gaps, {summary.reconnects} reconnects, {summary.malformed} messages not read, "
        f"{summary.dropped} dropped"
    )
