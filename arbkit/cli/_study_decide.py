"""`arbkit study decide`: one page between a result and a paper run, and its file of parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from arbkit.decision import Decision
    from arbkit.validation import Progress

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command to the app of `arbkit study`."""
    app.command("decide")(_decide)


def _decide(
    study: Annotated[str, typer.Argument(help="Name of a study, its spec or storage file, or a URL.")],
    storage: Annotated[
        str | None, typer.Option("--storage", help="Storage URL, such as sqlite:///studies/x.db.")
    ] = None,
    books: Annotated[
        Path | None,
        typer.Option("--books", help="Panel file, store or spec whose books carry costs, latency and size."),
    ] = None,
    params: Annotated[
        Path | None, typer.Option("--params", help="Write the parameters for a paper run: a .yaml file.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Also draw it: a file ending in .png, .svg or .pdf.")
    ] = None,
    min_order: Annotated[
        str | None,
        typer.Option("--min-order", help="Smallest orders of legs A,B in the account currency: 5,100."),
    ] = None,
    lots: Annotated[
        str | None, typer.Option("--lots", help="Steps of the size at legs A,B, base units: 1e-8,0.001.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")] = False,
) -> None:
    """Put on one page what a study found, what breaks it and what to do next; write the parameters.

    A study that was not validated yet is validated first, which opens its lockbox.

    Examples:

      arbkit study decide demo

      arbkit study decide demo --params params.yaml --picture decision.png

      arbkit study decide demo --min-order 5,100 --lots 1e-8,0.001 --json
    """
    from arbkit.cli._console import print_json
    from arbkit.cli._findings import PICTURES, check_file
    from arbkit.decision import decide
    from arbkit.decision.market import books_from
    from arbkit.study import load_study

    check_file("--params", params, (".yaml", ".yml"))
    check_file("--picture", picture, PICTURES)
    minimums = _minimums(min_order, lots)
    opened = load_study(study, storage)
    panel = None if books is None else books_from(books)
    with _shown() as report:
        found = decide(opened, books=panel, minimums=minimums, progress=report)
    if params is not None:
        found.write_params(params)
    if picture is not None:
        found.save_picture(picture)
    if json:
        print_json(found.to_dict())
        return
    _say(found, params)


def _minimums(min_order: str | None, lots: str | None) -> Mapping[str, Any] | None:
    """Return the smallest orders as `decide` takes them."""
    from arbkit.decision import Minimum

    if min_order is None and lots is None:
        return None
    orders, steps = _two("--min-order", min_order or "0,0"), _two("--lots", lots or "0,0")
    return {leg: Minimum(*item) for leg, item in zip("ab", zip(orders, steps, strict=True), strict=True)}


def _two(name: str, text: str) -> tuple[float, float]:
    from arbkit.errors import ConfigError

    try:
        a, b = (float(item) for item in text.split(","))
    except ValueError:
        raise ConfigError(f"`{name}` must be two numbers with a comma between them, was {text!r}") from None
    if not all(math.isfinite(x) and x >= 0 for x in (a, b)):
        raise ConfigError(f"`{name}` must be two finite numbers of at least 0, was {text!r}")
    return a, b


@contextmanager
def _shown() -> Iterator[Callable[[Progress], None]]:
    from arbkit.cli._console import progress

    with progress("steps") as bar:

        def report(step: Progress) -> None:
            bar.update(step.done, step.note, total=step.total)

        yield report


def _say(found: Decision, params: Path | None) -> None:
    from rich.text import Text

    from arbkit.cli._console import console, print_table, say
    from arbkit.decision.page import sections

    for place, section in enumerate(sections(found)):
        if place:
            say("")
        if section.title:
            console.print(Text(section.title, style="bold underline"))
        if section.table is not None:
            print_table(section.table.columns, section.table.rows)
        for line in section.lines:
            say(line)
    if params is not None:
        say(f"\n{params}: {found.status}; next: arbkit stress {params}")
    elif found.config is not None:
        say(f"\nnext: arbkit study decide {found.study} --params params.yaml")
