"""`arbkit screen`: the morning page of a dataset: every asset listed on both venues, ranked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbkit.cli._console import (
    console,
    err_console,
    print_json,
    print_json_line,
    print_table,
    progress,
    say,
    warn,
)

if TYPE_CHECKING:
    from arbkit.screen import Screen

__all__ = ["app"]

#: The matrix of more assets is wider than any terminal; page, CSV and JSON have all.
_SHOWN = 12

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def _option(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text)


@app.command()
def screen(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset, or live.")],
    size: Annotated[float, _option("Notional of one crossing, in the quote currency of B.")] = 1000.0,
    fee_a_bps: Annotated[float, _option("Taker fee at A.")] = 5.0,
    fee_b_bps: Annotated[float, _option("Taker fee at B.")] = 5.0,
    slippage_bps: Annotated[float, _option("Slippage of a crossing, both legs.")] = 0.0,
    venue_a: Annotated[
        str | None, _option("By default of the two that share the most assets; live: upbit.")
    ] = None,
    venue_b: Annotated[str | None, _option("The same; live: binance_usdm.")] = None,
    fx_symbol: Annotated[str | None, _option("Instrument that converts A's quote into B's.")] = None,
    same: Annotated[str | None, _option("Currencies that count as one, such as USDT,USD.")] = None,
    reference: Annotated[str, _option("What a premium is measured from: none, ewma:6h, ...")] = "none",
    level_bps: Annotated[float, _option("What a crossing must leave after costs.")] = 0.0,
    days: Annotated[float | None, _option("Only the last so many.")] = None,
    half_spread_bps: Annotated[float | None, _option("Around the closes of candles.")] = None,
    duration: Annotated[str | None, _option("Live: how long to watch (default: 60s).", "--for")] = None,
    follow: Annotated[bool, _option("Live: show it anew every --for, until Ctrl-C.", "--follow")] = False,
    assets: Annotated[str | None, _option("Live: only these, such as BTC,ETH.")] = None,
    rest_url: Annotated[list[str] | None, _option("Live: another REST host: VENUE=URL.")] = None,
    ws_url: Annotated[list[str] | None, _option("Live: another websocket host: VENUE=URL.")] = None,
    keep: Annotated[Path | None, _option("Live: new folder for the books, as a dataset.")] = None,
    to: Annotated[Path | None, _option("Page to write (default: reports/NAME-screen.html).")] = None,
    json: Annotated[bool, _option("Write JSON to stdout.", "--json")] = False,
) -> None:
    """Rank every asset that two venues list by the net bps a day it offered, and find the best loop of two.

    The matrix says what is left of selling one asset at A and carrying the money back in another: the
    exchange rate cancels. Written too: a page and a CSV of either table.

    With `live` for a dataset the books of every asset that both venues trade are watched first; Ctrl-C ends
    that early. With `--follow` they are watched until Ctrl-C, and what was seen since the beginning is shown
    every `--for` (60s): on a terminal in place of the last, elsewhere below it, with `--json` as one line
    each. A folder of this name is ./live.

    Examples:

      arbkit screen datasets/coins

      arbkit screen datasets/coins --size 5000 --reference ewma:6h --fee-a-bps 4 --to reports/morning.html

      arbkit screen live --venue-a upbit --venue-b binance_usdm --for 5m --keep datasets/this-morning

      arbkit screen live --assets BTC,ETH,XRP --follow --for 10s
    """
    from arbkit.cli.record import by_venue
    from arbkit.report import write_screen
    from arbkit.screen import Costs

    live = str(dataset) == "live"
    _check_kind(
        live,
        of_datasets={"fx-symbol": fx_symbol, "same": same, "days": days, "half-spread-bps": half_spread_bps},
        of_live={
            "follow": follow,
            "for": duration,
            "assets": assets,
            "rest-url": rest_url,
            "ws-url": ws_url,
            "keep": keep,
        },
    )
    common: dict[str, Any] = {
        "size": size,
        "costs": Costs(fee_a_bps=fee_a_bps, fee_b_bps=fee_b_bps, slippage_bps=slippage_bps),
        "reference": reference,
        "level_bps": level_bps,
    }
    page = to or Path("reports") / f"{dataset.name}-screen.html"

    def answer(found: Screen) -> None:
        paths = write_screen(found, page, title=f"{dataset.name}: {found.pair}")
        if json and follow:
            print_json_line(_document(found, paths))
        elif json:
            print_json(_document(found, paths))
        else:
            _show(found, paths, afresh=follow)

    if live:
        venues = {"venue_a": venue_a or "upbit", "venue_b": venue_b or "binance_usdm"}
        hosts = {"rest_urls": by_venue(rest_url, "rest-url"), "ws_urls": by_venue(ws_url, "ws-url")}
        options = common | venues | hosts | {"keep": keep}
        answer(_live(options, duration or "60s", assets, answer if follow else None))
    else:
        of_dataset = {"venue_a": venue_a, "venue_b": venue_b, "fx_symbol": fx_symbol, "days": days}
        merged = () if same is None else same.split(",")
        more = {"same": merged, "half_spread_bps": half_spread_bps}
        answer(_ranked(dataset, common | of_dataset | more))


def _check_kind(live: bool, *, of_datasets: dict[str, Any], of_live: dict[str, Any]) -> None:
    from arbkit.errors import ConfigError

    wrong = [name for name, value in (of_datasets if live else of_live).items() if value]
    if wrong:
        place = (
            "a dataset, not for `arbkit screen live`" if live else "`arbkit screen live`, not for a dataset"
        )
        raise ConfigError(f"--{wrong[0]} is for {place}")


def _ranked(dataset: Path, options: dict[str, Any]) -> Screen:
    from arbkit.screen import screen as ranked

    with progress("assets") as bar:
        return ranked(
            dataset, **options, progress=lambda done, total, asset: bar.update(done, asset, total=total)
        )


def _live(
    options: dict[str, Any], duration: str, assets: str | None, follow: Callable[[Screen], None] | None
) -> Screen:
    from arbkit.screen import screen_live
    from arbkit.units import duration_ns

    seconds = duration_ns(duration, name="for") / 1e9
    common: dict[str, Any] = {
        **options,
        "seconds": seconds,
        "assets": () if assets is None else [item.strip() for item in assets.split(",") if item.strip()],
        "say": lambda text: err_console.print(text, soft_wrap=True, markup=False),
    }
    if follow is not None:
        return screen_live(**common, follow=follow)
    with progress("seconds", seconds) as bar:
        return screen_live(
            **common,
            watching=lambda passed, total, note: bar.update(passed, note, total=total),
            progress=lambda done, total, _: bar.update(seconds, f"{done} of {total} assets ranked"),
        )


def _document(found: Screen, paths: list[Path]) -> dict[str, Any]:
    from arbkit.screen import LiveScreen

    live = {"seconds": found.seconds, "dataset": found.dataset} if isinstance(found, LiveScreen) else {}
    return {
        "finding": found.finding,
        "notes": found.notes,
        "size": found.size,
        "currency": found.currency,
        "costs_bps": found.costs_bps,
        "reference": found.reference,
        **live,
        "assets": found.frame.to_dicts(),
        "matrix": found.matrix.to_dicts(),
        "files": [str(path) for path in paths],
    }


def _show(found: Screen, paths: list[Path], *, afresh: bool = False) -> None:
    if afresh and console.is_terminal:
        console.clear()
    elif afresh:
        say(f"\n{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M:%S} UTC")
    for note in found.notes:
        warn(note)
    print_table(found.table.columns, found.table.rows())
    matrix = found.matrix_table()
    if matrix.width > 2:
        say("")
        title = "sell the row at A, carry back the column: net bps now"
        if matrix.height > _SHOWN:
            matrix = matrix.select(matrix.columns[: _SHOWN + 1]).head(_SHOWN)
            title += f", the first {_SHOWN} assets"
        print_table(matrix.columns, matrix.rows(), title=title)
    say("")
    say(found.finding)
    err_console.print(f"written: {', '.join(map(str, paths))}", soft_wrap=True, markup=False)
