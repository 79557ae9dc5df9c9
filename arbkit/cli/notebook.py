"""`arbkit notebook`: ready notebooks for a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from arbkit.cli._console import print_json, print_table, say

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Write a ready notebook for a dataset.",
)

_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


@app.command("new")
def new(
    kind: Annotated[str, typer.Argument(help="What it is to tell; `arbkit notebook ls` lists the kinds.")],
    dataset: Annotated[Path, typer.Option(help="Folder of a dataset.")],
    to: Annotated[
        Path | None, typer.Option(help="File to write (default: notebooks/NAME-KIND.ipynb).")
    ] = None,
    asset: Annotated[str | None, typer.Option(help="Of those that two venues list.")] = None,
    pair_a: Annotated[str | None, typer.Option(help="Leg A, venue/symbol, where it is not found.")] = None,
    pair_b: Annotated[str | None, typer.Option(help="Leg B, the same.")] = None,
    fx_symbol: Annotated[str | None, typer.Option(help="Instrument that converts a leg.")] = None,
    currency: Annotated[str | None, typer.Option(help="Account currency (default: the quote of B).")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that exists.")] = False,
    json: _Json = False,
) -> None:
    """Write a notebook that runs on a dataset as it stands: its own pairs, exchange rate and currency.

    Examples:

      arbkit notebook new study --dataset datasets/demo

      arbkit notebook new spread --dataset datasets/coins --asset ETH --to notebooks/eth.ipynb
    """
    from arbkit.notebooks import new_notebook

    path = new_notebook(
        kind,
        dataset,
        to,
        asset=asset,
        pair_a=pair_a,
        pair_b=pair_b,
        fx_symbol=fx_symbol,
        currency=currency,
        replace=replace,
    )
    if json:
        print_json({"notebook": str(path), "kind": kind, "dataset": str(dataset)})
    else:
        say(f"written: {path}; `jupyter lab {path}` opens it")


@app.command("ls")
def list_kinds(json: _Json = False) -> None:
    """List the kinds of notebooks.

    Examples:

      arbkit notebook ls
    """
    from arbkit.notebooks import KINDS

    if json:
        print_json([{"kind": name, "help": kind.help} for name, kind in KINDS.items()])
        return
    print_table(["kind", "what it tells"], [(name, kind.help) for name, kind in KINDS.items()])
