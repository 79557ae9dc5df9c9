"""`arbkit study copy` and `arbkit study sql`: studies moved between storages, and asked in SQL."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["register"]

_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app of `arbkit study`."""
    app.command("copy")(_copy)
    app.command("sql")(_sql)


def _copy(
    source: Annotated[str, typer.Argument(metavar="FROM_URL", help="Storage that is read.")],
    target: Annotated[str, typer.Argument(metavar="TO_URL", help="Storage that is written.")],
    study: Annotated[str | None, typer.Option("--study", help="Only this one; default: all of them.")] = None,
    json: _Json = False,
) -> None:
    """Copy studies into another storage, with everything that is in them.

    Examples:

      arbkit study copy sqlite:///studies/demo.db duckdb:///studies/demo.duckdb

      arbkit study copy sqlite:///studies/demo.db postgresql://me@localhost/research --study demo
    """
    from arbkit.cli._console import print_json, progress, say
    from arbkit.study import copy_studies
    from arbkit.study.storages import redacted

    with progress("trials") as bar:
        copied = copy_studies(source, target, study, progress=bar.update)
    if json:
        print_json({"to": redacted(target), "studies": [item._asdict() for item in copied]})
        return
    for item in copied:
        say(f"{item.study}: {item.trials:,} trials copied to {redacted(target)}")


def _sql(
    study: Annotated[str, typer.Argument(help="Name of a study, its spec or storage file, or a URL.")],
    query: Annotated[str, typer.Argument(help="One SELECT.")],
    best: Annotated[int, typer.Option("--best", min=1, help="How many runs trades and equity hold.")] = 10,
    storage: Annotated[
        str | None, typer.Option("--storage", help="Storage URL, such as sqlite:///studies/x.db.")
    ] = None,
    json: _Json = False,
) -> None:
    """Ask a study in SQL; it is never changed.

    Tables: trials, params (number, name, value, text), metrics (each trial on each fold), and of the best
    trials trades and equity. Every column is listed by "select * from TABLE limit 1".

    Examples:

      arbkit study sql demo "select number, value from trials where feasible order by value desc limit 5"

      arbkit study sql demo "select number, count(*), sum(pnl_usd) from trades group by number"
    """
    from arbkit.cli._console import print_json, print_table
    from arbkit.study import load_study

    found = load_study(study, storage).sql(query, best=best)
    if json:
        print_json(found.to_dicts())
        return
    print_table(found.columns, found.rows())
