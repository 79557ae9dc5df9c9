"""`arbkit report`: the HTML report of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def report(
    study: Annotated[
        str, typer.Argument(help="Name of a study, its spec or storage file, or a storage URL.")
    ],
    to: Annotated[Path | None, typer.Option(help="File to write (default: reports/NAME.html).")] = None,
    storage: Annotated[str | None, typer.Option(help="Storage URL to look in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write one self-contained HTML page about a study: what was tuned, on what, and what came out.

    Examples:

      arbkit report demo

      arbkit report studies/demo.db --to demo.html
    """
    from arbkit.cli._console import print_json, say
    from arbkit.report import write_report
    from arbkit.study import load_study

    opened = load_study(study, storage)
    path = write_report(opened, to)
    if as_json:
        print_json({"study": opened.name, "path": str(path), "bytes": path.stat().st_size})
    else:
        say(f"{path} ({path.stat().st_size / 1e3:,.0f} kB)")
