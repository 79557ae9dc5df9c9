"""`arbkit doctor`: what is here, what is missing, what slows things down, and what to do about it."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def doctor(
    storage: Annotated[
        list[str] | None, typer.Option("--storage", help="Storage URL to try too; may be repeated.")
    ] = None,
    run: Annotated[bool, typer.Option("--run", help="Run one small backtest as well.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")] = False,
) -> None:
    """Examine the installation: versions, extras, compiled kernels, folders and storages.

    Ends with 1 where something is broken: a package that is too old, or a storage given here that does not
    answer. What is missing but optional, and what could be better, is said with its remedy and ends with 0.

    Examples:

      arbkit doctor

      arbkit doctor --run

      arbkit doctor --storage postgresql://localhost/studies --json
    """
    from arbkit.cli import _examination
    from arbkit.cli._console import print_json, print_table, say

    found = list(_examination.examine(storage or ()))
    if run:
        found += _examination.small_backtest()
    broken = [item for item in found if item.state == _examination.BROKEN]
    if json:
        print_json({"healthy": not broken, "findings": [item._asdict() for item in found]})
    else:
        print_table(("what", "state", "found"), [item[:3] for item in found])
        for item in found:
            if item.remedy:
                say(f"{item.what}: {item.remedy}")
        say(f"{len(broken)} broken" if broken else "nothing is broken")
    raise typer.Exit(1 if broken else 0)
