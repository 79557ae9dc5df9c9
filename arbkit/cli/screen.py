"""`arbkit screen`: the morning page of a dataset: every asset listed on both venues, ranked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from arbkit.screen import Screen

__all__ = ["app"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def _option(text: str, *names: str) -> Any:
    return typer.Option(*names, help=text)


@app.command()
def screen(
    dataset: Annotated[Path, typer.Argument(help="Folder of a dataset.")],
    size: Annotated[float, _option("Notional of one crossing, in the quote currency of B.")] = 1000.0,
    fee_a_bps: Annotated[float, _option("Taker fee at A.")] = 5.0,
    fee_b_bps: Annotated[float, _option("Taker fee at B.")] = 5.0,
    slippage_bps: Annotated[float, _option("Slippage of a crossing, both legs.")] = 0.0,
    venue_a: Annotated[str | None, _option("By default of the two that share the most assets.")] = None,
    venue_b: Annotated[str | None, _option("The same.")] = None,
    fx_symbol: Annotated[str | None, _option("Instrument that converts A's quote into B's.")] = None,
    same: Annotated[str | None, _option("Currencies that count as one, such as USDT,USD.")] = None,
    reference: Annotated[str, _option("What a premium is measured from: none, ewma:6h, ...")] = "none",
    level_bps: Annotated[float, _option("What a crossing must leave after costs.")] = 0.0,
    days: Annotated[float | None, _option("Only the last so many.")] = None,
    half_spread_bps: Annotated[float | None, _option("Around the closes of candles.")] = None,
    to: Annotated[Path | None, _option("Page to write (default: reports/NAME-screen.html).")] = None,
    json: Annotated[bool, _option("Write JSON to stdout.", "--json")] = False,
) -> None:
    """Rank every asset that two venues list by the net bps a day it offered, and find the best loop of two.

    The matrix says what is left of selling one asset at A and carrying the money back in another: the
    exchange rate cancels. Written too: a page and a CSV of either table.

    Examples:

      arbkit screen datasets/coins

      arbkit screen datasets/coins --size 5000 --reference ewma:6h --fee-a-bps 4 --to reports/morning.html
    """
    from arbkit.cli._console import print_json, progress
    from arbkit.report import write_screen
    from arbkit.screen import Costs
    from arbkit.screen import screen as ranked

    with progress("assets") as bar:
        found = ranked(
            dataset,
            size=size,
            costs=Costs(fee_a_bps=fee_a_bps, fee_b_bps=fee_b_bps, slippage_bps=slippage_bps),
            venue_a=venue_a,
            venue_b=venue_b,
            fx_symbol=fx_symbol,
            same=() if same is None else same.split(","),
            reference=reference,
            level_bps=level_bps,
            days=days,
            half_spread_bps=half_spread_bps,
            progress=lambda done, total, asset: bar.update(done, asset, total=total),
        )
    page = to or Path("reports") / f"{dataset.name}-screen.html"
    paths = write_screen(found, page, title=f"{dataset.name}: {found.pair}")
    if json:
        print_json(
            {
                "finding": found.finding,
                "notes": found.notes,
                "size": found.size,
                "currency": found.currency,
                "costs_bps": found.costs_bps,
                "reference": found.reference,
                "assets": found.frame.to_dicts(),
                "matrix": found.matrix.to_dicts(),
                "files": [str(path) for path in paths],
            }
        )
        return
    _show(found, paths)


def _show(found: Screen, paths: list[Path]) -> None:
    from arbkit.cli._console import err_console, print_table, say, warn

    for note in found.notes:
        warn(note)
    print_table(found.table.columns, found.table.rows())
    matrix = found.matrix_table()
    if matrix.width > 2:
        say("")
        title = "sell the row at A, carry back the column: net bps now"
        print_table(matrix.columns, matrix.rows(), title=title)
    say("")
    say(found.finding)
    err_console.print(f"written: {', '.join(map(str, paths))}", soft_wrap=True, markup=False)
