"""`arbkit report`: the report of a study, a comparison of several, and the list of all."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_INDEX = "index"


@app.command()
def report(
    studies: Annotated[
        list[str],
        typer.Argument(
            metavar="STUDY...",
            help="Name of a study, its spec or storage file, or a storage URL; `index` lists all reports.",
        ),
    ],
    to: Annotated[Path | None, typer.Option(help="File to write (default: reports/NAME.FORMAT).")] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Hold two to four studies against each other on one page.")
    ] = False,
    format: Annotated[str, typer.Option(help="html, md or json.")] = "html",
    lang: Annotated[str, typer.Option(help="Language of the words: en or ko.")] = "en",
    hurdle: Annotated[float, typer.Option(help="What money earns elsewhere, per cent a year.")] = 4.0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Leave out neighbourhood, latency, stress and audit.")
    ] = False,
    storage: Annotated[str | None, typer.Option(help="Storage URL to look in.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write one self-contained page about a study: what was tuned, on what, and what came out.

    Examples:

      arbkit report demo

      arbkit report studies/demo.db --to demo.html

      arbkit report demo --lang ko --hurdle 3.5

      arbkit report demo --format md

      arbkit report --compare demo demo-random

      arbkit report index
    """
    from arbkit.cli._console import progress
    from arbkit.errors import ConfigError
    from arbkit.report import write_comparison, write_index, write_report
    from arbkit.study import load_study

    if studies == [_INDEX] and not compare:
        _told(_INDEX, write_index(lang=lang, path=to), as_json)
        return
    if len(studies) > 1 and not compare:
        raise ConfigError(
            f"a report is of one study, was {', '.join(studies)}; --compare holds them against each other"
        )
    if compare:
        opened = [load_study(name, storage) for name in studies]
        path = write_comparison(opened, to, format=format, lang=lang, hurdle_pct=hurdle)
        _told(" ".join(item.name for item in opened), path, as_json)
        return
    one = load_study(studies[0], storage)
    with progress("steps") as bar:
        path = write_report(
            one, to, format=format, lang=lang, hurdle_pct=hurdle, checks=not quick,
            progress=lambda done, total, step: bar.update(done, step, total=total),
        )  # fmt: skip
    _told(one.name, path, as_json)


def _told(study: str, path: Path, as_json: bool) -> None:
    from arbkit.cli._console import print_json, say

    if as_json:
        print_json({"study": study, "path": str(path), "bytes": path.stat().st_size})
    else:
        say(f"{path} ({path.stat().st_size / 1e3:,.0f} kB)")
