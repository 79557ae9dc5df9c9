"""`arbkit live report`: a run as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the app of `arbkit live`."""
    app.command("report")(_report)


def _report(
    run: Annotated[str, typer.Argument(help="Name of a run below `runs`, or its folder.")],
    to: Annotated[Path | None, typer.Option(help="File to write (default: reports/live-NAME.html).")] = None,
    lang: Annotated[str, typer.Option(help="Language of the words: en or ko.")] = "en",
    quick: Annotated[bool, typer.Option("--quick", help="Do not hold it against the backtest.")] = False,
    root: Annotated[Path, typer.Option("--runs", help="Folder of the runs.")] = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")] = False,
) -> None:
    """Write a run as one self-contained page: what it earned, what kept it from trading, how orders went.

    Also of a run that is still going on: the page tells what was there when it was written.

    Examples:

      arbkit live report replay

      arbkit live report paper --to paper.html --lang ko --quick
    """
    from arbkit.cli._console import print_json, say
    from arbkit.report import write_run

    path = write_run(run, to, lang=lang, parity=not quick, root=root)
    if json:
        print_json({"run": run, "path": str(path), "bytes": path.stat().st_size})
    else:
        say(f"{path} ({path.stat().st_size / 1e3:,.0f} kB)")
