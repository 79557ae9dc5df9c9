"""`arbkit data synth`: make a synthetic market and store it as a dataset."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from arbkit.cli._console import print_json, print_table, progress, say

__all__ = ["register"]

_Spec = Annotated[
    str, typer.Argument(help="A market that ships (`kimchi`, `demo`), or the path of a YAML file.")
]
_To = Annotated[Path | None, typer.Option("--to", "--out", help="Dataset folder; default datasets/<name>.")]
_Rows = Annotated[
    int | None, typer.Option("--rows", help="End after this many updates of both venues together.")
]
_Days = Annotated[float | None, typer.Option("--days", help="Length in days; default the spec's.")]
_Levels = Annotated[int | None, typer.Option("--levels", help="Book levels per side, 1 to 30.")]
_Seed = Annotated[int | None, typer.Option("--seed", help="Which history of the market to make.")]
_Set = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, such as a.bad_row_share=0.0005.")]
_Tops = Annotated[
    bool,
    typer.Option(
        "--top-of-book", help="Store the panel of the best prices, without depth: several times as fast."
    ),
]
_Replace = Annotated[bool, typer.Option("--replace", help="Put the new dataset in the place of an old one.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


def register(app: typer.Typer) -> None:
    """Add the `synth` command to the app of `arbkit data`."""
    app.command("synth")(_synth)


def _synth(
    spec: _Spec,
    to: _To = None,
    rows: _Rows = None,
    days: _Days = None,
    levels: _Levels = None,
    seed: _Seed = None,
    changes: _Set = None,
    top_of_book: _Tops = False,
    replace: _Replace = False,
    json: _Json = False,
) -> None:
    """Make a two-venue market in two currencies, with its FX book, and store it as a dataset.

    The same spec and seed give the same rows; a longer market begins with the shorter one.

    Examples:

      arbkit data synth demo --out datasets/demo

      arbkit data synth kimchi --days 2 --levels 5 --seed 7

      arbkit data synth kimchi --rows 10000000 --top-of-book --out panels/kimchi
    """
    from arbkit.synthetic import Market, load_market_spec, write_market

    market = Market(load_market_spec(spec, _overrides(changes or [])), seed, levels, days, rows)
    if top_of_book:
        _store_tops(market, to if to is not None else Path("panels") / market.spec.name, replace, json)
        return
    folder = to if to is not None else Path("datasets") / market.spec.name
    began = time.perf_counter()
    with progress("rows", market.expected_rows(fx=True)) as bar:
        manifest = write_market(
            market, folder, mode="replace" if replace else "create", progress=lambda done, _: bar.update(done)
        )
    seconds = time.perf_counter() - began
    _show(manifest, folder, market, seconds, json=json)


def _store_tops(market: Any, folder: Path, replace: bool, json: bool) -> None:
    """Store the panel of the best prices; memory holds a piece of it."""
    from arbkit.cli._data_store import show_store
    from arbkit.errors import ConfigError
    from arbkit.panel import Panel, write_store
    from arbkit.synthetic import joined_tops, tops_meta

    if market.levels is not None:
        raise ConfigError("`--top-of-book` stores no depth: leave out `--levels`")
    meta, began = tops_meta(market), time.perf_counter()

    def parts() -> Iterator[Panel]:
        done = 0
        with progress("rows", market.expected_rows()) as bar:
            for frame in joined_tops(market):
                yield Panel.from_frame(frame, **meta)
                done += frame.height
                bar.update(done)

    panel = write_store(parts(), folder, replace=replace)
    show_store(panel, folder, time.perf_counter() - began, json=json)


def _overrides(changes: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE pairs; a value is written as in YAML."""
    import yaml

    from arbkit.errors import ConfigError

    found: dict[str, Any] = {}
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.strip():
            raise ConfigError(f"`--set` must be KEY=VALUE, such as a.bad_row_share=0.0005, was {change!r}")
        try:
            found[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"`--set {key}`: the value must be readable as YAML, was {text!r}") from error
    return found


def _show(manifest: Any, folder: Path, market: Any, seconds: float, *, json: bool) -> None:
    if json:
        print_json(
            {
                "dataset": str(folder),
                "spec": market.spec.name,
                "seed": market.used_seed,
                "levels": market.depth,
                "rows": manifest.rows,
                "rows_per_s": manifest.rows / seconds,
                "seconds": seconds,
                "fingerprint": manifest.fingerprint,
                "instruments": [item.model_dump(mode="json") for item in manifest.instruments],
            }
        )
        return
    print_table(
        ("instrument", "rows", "levels", "from", "to"),
        [(item.leg, item.rows, item.levels, *_span(item)) for item in manifest.instruments],
    )
    say(f"{folder}: {manifest.rows:,} rows in {seconds:.1f} s ({manifest.rows / seconds:,.0f} rows/s)")


def _span(item: Any) -> tuple[str, str]:
    from arbkit.data.writer import stamp_text

    return stamp_text(item.start_ns), stamp_text(item.end_ns)
