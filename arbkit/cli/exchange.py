"""`arbkit exchange`: a practice exchange on this machine, and what can be made to go wrong on it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from arbkit.testing import Frame, PracticeExchange

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Serve a practice exchange, and switch its faults.",
)

_ADMIN_PORT = 7700
_PORTS = {"upbit": 7701, "binance_usdm": 7702, "binance_spot": 7703, "bithumb": 7704}
_At = Annotated[str, typer.Option("--at", help="Address of the admin server.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
_Name = Annotated[str, typer.Argument(help="A fault, as `arbkit exchange faults` lists them.")]
_DEFAULT_AT = f"http://127.0.0.1:{_ADMIN_PORT}"


def _option(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text)


@app.command("serve")
def serve(
    market: Annotated[
        list[str] | None, _option("VENUE:SYMBOL,SYMBOL,...; again for each venue.", "--market")
    ] = None,
    dataset: Annotated[Path | None, _option("Replay this dataset instead of a random walk.")] = None,
    speed: Annotated[float, _option("Seconds of the market per second of ours.")] = 1.0,
    rate: Annotated[float, _option("Books a second and symbol of the random walk.")] = 5.0,
    seed: Annotated[int, _option("Which random walk.")] = 1,
    balance: Annotated[
        list[str] | None, _option("VENUE:ASSET=AMOUNT,...; again for each venue.", "--balance")
    ] = None,
    port: Annotated[list[str] | None, _option("VENUE=PORT; default: 7701 to 7704.", "--port")] = None,
    admin_port: Annotated[int, _option("Where faults are switched.")] = _ADMIN_PORT,
    faults_per_minute: Annotated[float, _option("Switch on so many random faults a minute.")] = 0.0,
    no_limits: Annotated[bool, _option("Do not enforce rate limits.", "--no-limits")] = False,
    seconds: Annotated[float | None, _option("End after so long; default: on Ctrl-C.")] = None,
    json: _Json = False,
) -> None:
    """Serve Upbit, Binance USD-M, Binance spot and Bithumb's books on 127.0.0.1 until Ctrl-C.

    Point a client, a recorder or a runner at the printed addresses with the printed keys: no money is moved.

    Examples:

      arbkit exchange serve

      arbkit exchange serve --market upbit:KRW-BTC,KRW-USDT --market binance_usdm:BTCUSDT

      arbkit exchange serve --balance upbit:KRW=5000000,BTC=0.1 --port upbit=7801 --rate 20

      arbkit exchange serve --dataset datasets/demo --speed 10
    """
    from arbkit.testing import PracticeExchange

    source, markets = _source(dataset, _markets(market), rate, seed)
    exchange = PracticeExchange(
        markets,
        balances=_balances(balance),
        limits=not no_limits,
        ports=_ports(port),
        admin_port=admin_port,
    )
    asyncio.run(
        _serve(
            exchange, lambda: exchange.play(source, speed=speed, loop=True), faults_per_minute, seconds, json
        )
    )


async def _serve(
    exchange: PracticeExchange,
    play: Callable[[], asyncio.Task[None]],
    faults_per_minute: float,
    seconds: float | None,
    json: bool,
) -> None:
    from arbkit.cli._console import print_json, progress, say
    from arbkit.testing import random_faults

    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    heard = (signal.SIGINT, signal.SIGTERM)
    for number in heard:
        loop.add_signal_handler(number, ended.set)
    try:
        async with exchange:
            admin = exchange.admin.url if exchange.admin is not None else ""
            if json:
                print_json({"venues": exchange.addresses(), "admin": admin})
            else:
                _show_addresses(exchange, admin)
            tasks = [play()]
            if faults_per_minute:
                tasks.append(loop.create_task(random_faults(exchange, per_minute=faults_per_minute)))
            until = None if seconds is None else loop.time() + seconds
            with progress("books") as bar:
                while not ended.is_set() and (until is None or loop.time() < until):
                    wait = 1.0 if until is None else max(0.0, min(1.0, until - loop.time()))
                    with suppress(TimeoutError):
                        await asyncio.wait_for(ended.wait(), wait)
                    bar.update(exchange.books_pushed, _note(exchange))
                    for task in tasks:
                        if task.done():
                            task.result()
            for task in tasks:
                task.cancel()
            fills = sum(len(venue["fills"]) for venue in exchange.ledger().values())
            if not json:
                say(f"ended: {exchange.books_pushed:,} books sent, {fills} fills")
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


def _show_addresses(exchange: PracticeExchange, admin: str) -> None:
    from arbkit.cli._console import print_table, say

    rows = [
        (name, item["rest_url"], item["ws_url"], item.get("key", "-"), item.get("secret", "-"))
        for name, item in exchange.addresses().items()
    ]
    print_table(("venue", "rest_url", "ws_url", "key", "secret"), rows)
    say(f"faults: arbkit exchange on NAME --at {admin}; Ctrl-C ends")


def _note(exchange: PracticeExchange) -> str:
    sockets = sum(len(venue.sockets) for venue in exchange.venues.values())
    requests = sum(venue.requests.total() for venue in exchange.venues.values())
    fills = sum(len(venue["fills"]) for venue in exchange.ledger().values())
    on = ", ".join(switch.fault.name for switch in exchange.faults.active())
    return f"{sockets} sockets, {requests:,} requests, {fills} fills" + (f", faults: {on}" if on else "")


@app.command("faults")
def faults(
    at: Annotated[str | None, typer.Option("--at", help="Address of an admin server: what is on.")] = None,
    json: _Json = False,
) -> None:
    """List what can be made to go wrong.

    Examples:

      arbkit exchange faults

      arbkit exchange faults --at http://127.0.0.1:7700 --json
    """
    from arbkit.cli._console import print_json, print_table, say
    from arbkit.testing import FAULTS

    on = _asked(f"{at}/faults")["on"] if at else []
    if json:
        rows = [
            {"name": item.name, "what": item.what, "venues": item.venues, "options": dict(item.options)}
            for item in FAULTS.values()
        ]
        print_json({"faults": rows, "on": on})
        return
    print_table(
        ("name", "venues", "options", "what"),
        [
            (
                item.name,
                "all" if len(item.venues) > 2 else ", ".join(item.venues),
                ", ".join(f"{key}={value}" for key, value in item.options.items()) or "-",
                item.what,
            )
            for item in FAULTS.values()
        ],
    )
    for switch in on:
        say(f"on: {switch['name']} at {switch['venue'] or 'every venue'}, {switch['hits']} hits")


@app.command("on")
def switch_on(
    name: _Name,
    venue: Annotated[str | None, _option("Where; default: everywhere.")] = None,
    endpoint: Annotated[str | None, _option("A route (`submit`, `depth`, ...) or a stream.")] = None,
    symbol: Annotated[str | None, _option("For this symbol only.")] = None,
    count: Annotated[int | None, _option("So many times.")] = None,
    seconds: Annotated[float | None, _option("So long.")] = None,
    option: Annotated[list[str] | None, _option("KEY=VALUE; again for each.", "--option")] = None,
    at: _At = _DEFAULT_AT,
    json: _Json = False,
) -> None:
    """Switch a fault on at a practice exchange that runs.

    Examples:

      arbkit exchange on stall_data --venue upbit --seconds 30

      arbkit exchange on slow_answer --venue binance_usdm --count 1 --option delay=5
    """
    from arbkit.cli._console import print_json, say

    given = {"venue": venue, "endpoint": endpoint, "symbol": symbol, "count": count, "seconds": seconds}
    options = dict(_pair(text, "--option", "KEY=VALUE") for text in option or ())
    body = {key: value for key, value in given.items() if value is not None}
    answer = _asked(f"{at}/faults", "POST", {"name": name, **body, "options": _typed(options)})
    if json:
        print_json(answer)
        return
    say(f"on: {answer['name']} at {answer['venue'] or 'every venue'}, number {answer['number']}")


@app.command("off")
def switch_off(
    name: Annotated[str | None, typer.Argument(help="A fault; default: all of them.")] = None,
    at: _At = _DEFAULT_AT,
    json: _Json = False,
) -> None:
    """Switch a fault off, or all of them.

    Example:

      arbkit exchange off stall_data
    """
    from arbkit.cli._console import print_json, say

    answer = _asked(f"{at}/faults" + (f"?name={name}" if name else ""), "DELETE")
    if json:
        print_json(answer)
        return
    say(f"{len(answer['on'])} faults are on")


@app.command("ledger")
def ledger(at: _At = _DEFAULT_AT, json: _Json = True) -> None:
    """Print as JSON what the exchange itself holds to be true: balances, positions, fills, open orders.

    Example:

      arbkit exchange ledger
    """
    from arbkit.cli._console import print_json

    print_json(_asked(f"{at}/ledger"))


def _asked(url: str, method: str = "GET", body: Any = None) -> Any:
    """Return an admin server's answer.

    Raises:
        ConfigError: when nobody answers, or it says what is wrong.
    """
    import json
    import urllib.error
    import urllib.request

    from arbkit.errors import ConfigError

    if not url.startswith("http://"):
        raise ConfigError(f"`--at` must be an address such as {_DEFAULT_AT}, was {url!r}")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode("utf-8", "replace")
        raise ConfigError(json.loads(text).get("error", text) if text[:1] == "{" else text) from error
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no practice exchange answers at {url}; start one: arbkit exchange serve"
        ) from error


def _source(
    dataset: Path | None, markets: dict[str, list[str]] | None, rate: float, seed: int
) -> tuple[Callable[[], Iterable[Frame]], dict[str, list[str]] | None]:
    from arbkit.testing import dataset_frames, dataset_markets, walk_frames
    from arbkit.testing.exchange import DEFAULT_MARKETS

    if dataset is None:
        walked = (
            markets if markets is not None else {name: list(row) for name, row in DEFAULT_MARKETS.items()}
        )
        return lambda: walk_frames(walked, per_second=rate, seed=seed), markets
    from arbkit.data import open_dataset

    opened = open_dataset(dataset)
    served: dict[str, list[str]] = {}
    for venue, symbol in dataset_markets(opened).values():
        served.setdefault(venue, []).append(symbol)
    return lambda: dataset_frames(opened), served


def _pair(text: str, option: str, form: str, sign: str = "=") -> tuple[str, str]:
    from arbkit.errors import ConfigError

    key, found, value = text.partition(sign)
    if not found or not key or not value:
        raise ConfigError(f"`{option}` must be {form}, was {text!r}")
    return key, value


def _markets(given: list[str] | None) -> dict[str, list[str]] | None:
    if not given:
        return None
    rows = [_pair(text, "--market", "VENUE:SYMBOL,SYMBOL", ":") for text in given]
    return {venue: symbols.split(",") for venue, symbols in rows}


def _balances(given: list[str] | None) -> dict[str, dict[str, str]]:
    from decimal import Decimal, InvalidOperation

    from arbkit.errors import ConfigError

    found: dict[str, dict[str, str]] = {}
    for text in given or ():
        venue, rest = _pair(text, "--balance", "VENUE:ASSET=AMOUNT", ":")
        for part in rest.split(","):
            asset, amount = _pair(part, "--balance", "VENUE:ASSET=AMOUNT")
            try:
                Decimal(amount)
            except InvalidOperation as error:
                raise ConfigError(f"`--balance` must hold an amount, was {part!r}") from error
            found.setdefault(venue, {})[asset] = amount
    return found


def _ports(given: list[str] | None) -> dict[str, int]:
    from arbkit.errors import ConfigError

    found = dict(_PORTS)
    for text in given or ():
        venue, port = _pair(text, "--port", "VENUE=PORT")
        if not port.isdigit() or int(port) > 65_535:
            raise ConfigError(f"`--port` must be a number up to 65535, was {text!r}")
        found[venue] = int(port)
    return found


def _typed(options: dict[str, str]) -> dict[str, Any]:
    import json

    found: dict[str, Any] = {}
    for key, value in options.items():
        try:
            found[key] = json.loads(value)
        except ValueError:
            found[key] = value
    return found
