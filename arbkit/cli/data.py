"""`arbkit data`: make, list, show, check and remove datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbkit.cli import _data_ingest, _data_store, _data_synth
from arbkit.cli._console import print_json, print_table, progress, say, warn
from arbkit.errors import ConfigError

if TYPE_CHECKING:
    from arbkit.data.validate import Finding, ValidationReport

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Make, list, show and check datasets.",
)
_data_ingest.register(app)
_data_synth.register(app)
_data_store.register(app)

_Dataset = Annotated[Path, typer.Argument(help="The dataset's folder.", show_default=False)]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
_Duration = str | None


@app.command("ls")
def list_command(
    root: Annotated[Path, typer.Argument(help="Where to look, folders below included.")] = Path("datasets"),
    json: _Json = False,
) -> None:
    """List the datasets below a folder.

    Examples:

      arbkit data ls

      arbkit data ls --json
    """
    from arbkit.data import list_datasets, open_dataset
    from arbkit.errors import DataError

    opened, broken = [], []
    for path in list_datasets(root):
        try:
            opened.append(open_dataset(path))
        except DataError as error:
            broken.append(str(error))
    rows = [_listed(dataset) for dataset in opened]
    if json:
        print_json({"root": str(root), "datasets": rows, "unreadable": broken})
    elif not rows:
        say(f"{root}: no datasets; make one with `arbkit data synth demo` or `arbkit data ingest`")
    else:
        columns = ("path", "instruments", "rows", "start", "end", "fingerprint")
        print_table(columns, [[_joined(row[name]) for name in columns] for row in rows])
    if not json:
        for message in broken:
            warn(message)
    if broken:
        raise typer.Exit(1)


@app.command("show")
def show_command(dataset: _Dataset, json: _Json = False) -> None:
    """Show what a dataset holds: instruments, period, levels, spreads.

    Example:

      arbkit data show datasets/demo
    """
    from arbkit.data import open_dataset
    from arbkit.data.query import summarize

    source = open_dataset(dataset)
    manifest = source.manifest
    legs = [row | _described(source, row["leg"]) for row in summarize(source).to_dicts()]
    if json:
        print_json(_listed(source) | {"created": manifest.created, "instruments": legs})
        return
    say(f"{manifest.name}: {manifest.rows:,} rows, {_size(manifest)}, {source.path}")
    say(f"source       {manifest.source or '-'}")
    say(f"created      {manifest.created:%Y-%m-%d %H:%M:%S} UTC")
    say(f"fingerprint  {manifest.fingerprint}")
    say(f"quarantined  {manifest.quarantined:,} rows")
    columns = ["leg", "kind", "quote", "levels", "rows", "first", "last", "clock"]
    columns += ["median_mid", "median_spread_bps", "void_share", "max_age_s", "flags"]
    print_table(columns, [[_joined(row.get(name)) for name in columns] for row in legs])


@app.command("head")
def head_command(
    dataset: _Dataset,
    leg: Annotated[str | None, typer.Option("--leg", help="venue/symbol; by default every one.")] = None,
    n: Annotated[int, typer.Option("-n", help="How many rows.", min=1)] = 5,
    json: _Json = False,
) -> None:
    """Show the first rows of a dataset.

    Examples:

      arbkit data head datasets/demo

      arbkit data head datasets/demo --leg upbit/KRW-BTC -n 20
    """
    from arbkit.data import open_dataset

    source = open_dataset(dataset)
    legs = [source.instrument(leg).leg] if leg else [item.leg for item in source.instruments]
    frames = {name: source.scan(name).head(n).collect() for name in legs}
    if json:
        print_json({name: frame.to_dicts() for name, frame in frames.items()})
        return
    for name, frame in frames.items():
        shown = frame.select(frame.columns[:10])
        rows = [[_exact(value) for value in row] for row in shown.rows()]
        more = frame.width - shown.width
        print_table(shown.columns, rows, title=f"{name}" + (f" ({more} more columns)" if more else ""))


@app.command("validate")
def validate_command(
    dataset: _Dataset,
    max_gap: Annotated[_Duration, typer.Option(help="Longest time without rows, such as 60s.")] = None,
    frozen: Annotated[
        _Duration, typer.Option(help="Longest standstill of a quote while others move.")
    ] = None,
    frozen_move_bps: Annotated[float, typer.Option(help="How far another venue has to move.")] = 5.0,
    bad_share: Annotated[float, typer.Option(help="Share of unusable quotes that is an error.")] = 0.01,
    lag_bars: Annotated[int, typer.Option(help="Look at lags of at least this many bars.", min=1)] = 24,
    lag_error: Annotated[str, typer.Option(help="A lag this long is an error.")] = "60s",
    examples: Annotated[int, typer.Option(help="How many of the worst rows to show.", min=0)] = 3,
    verify: Annotated[bool, typer.Option(help="Hold the files against the manifest's hashes.")] = True,
    json: _Json = False,
) -> None:
    """Check a dataset; exit code 1 where something is an error.

    Examples:

      arbkit data validate datasets/demo

      arbkit data validate datasets/demo --verify --json
    """
    from arbkit.data.validate import Limits, validate

    limits = Limits(
        max_gap_s=_seconds(max_gap, "--max-gap"),
        frozen_s=_seconds(frozen, "--frozen"),
        frozen_move_bps=frozen_move_bps,
        bad_share=bad_share,
        lag_bars=lag_bars,
        lag_error_s=_seconds(lag_error, "--lag-error") or 0.0,
        examples=examples,
        verify_content=verify,
    )
    with progress("rows") as bar:
        report = validate(
            dataset, limits, progress=lambda done, total, leg: bar.update(done, leg, total=total)
        )
    if json:
        print_json(report.to_dict())
    else:
        _show_report(report)
    if not report.ok:
        raise typer.Exit(1)


@app.command("rm")
def remove_command(
    dataset: _Dataset,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: _Json = False,
) -> None:
    """Remove a dataset: its files and its folder.

    Example:

      arbkit data rm datasets/old --yes
    """
    from arbkit.data import open_dataset, remove_dataset

    source = open_dataset(dataset)
    if not yes:
        _ask(f"remove {source.path} with {source.manifest.rows:,} rows?")
    manifest = remove_dataset(dataset)
    if json:
        print_json({"removed": str(dataset), "rows": manifest.rows, "fingerprint": manifest.fingerprint})
    else:
        say(f"removed {dataset}, {manifest.rows:,} rows")


def _ask(question: str) -> None:
    import sys

    if not sys.stdin.isatty():
        raise ConfigError("removing a dataset must be confirmed; pass --yes where nobody can be asked")
    if not typer.confirm(question, err=True):
        raise typer.Exit(1)


def _listed(dataset: Any) -> dict[str, Any]:
    from arbkit.data.writer import stamp_text

    manifest = dataset.manifest
    return {
        "name": manifest.name,
        "path": str(dataset.path),
        "source": manifest.source,
        "instruments": [item.leg for item in manifest.instruments],
        "rows": manifest.rows,
        "start": stamp_text(manifest.start_ns),
        "end": stamp_text(manifest.end_ns),
        "quarantined": manifest.quarantined,
        "bytes": sum(item.bytes for item in manifest.files),
        "fingerprint": manifest.fingerprint,
    }


def _described(dataset: Any, leg: str) -> dict[str, Any]:
    from arbkit.data.writer import stamp_text

    info = dataset.instrument(leg)
    return {
        "base": info.base,
        "first": stamp_text(info.start_ns),
        "last": stamp_text(info.end_ns),
        "contract_size": info.contract_size,
        "inverse": info.inverse,
        "max_age_s": info.max_age_s,
        "tick_size": info.tick_size,
        "bar_s": info.bar_s,
        "unsorted_rows": info.unsorted_rows,
        "flags": list(info.flags),
    }


def _show_report(report: ValidationReport) -> None:
    columns = ("severity", "check", "instrument", "rows", "share", "what")
    print_table(columns, [_finding_row(item) for item in report.findings])
    for item in report.findings:
        if item.examples and item.severity != "info":
            say(f"\n{item.check}, {item.leg}: the worst")
            for example in item.examples:
                say("  " + "  ".join(f"{name}={_exact(value)}" for name, value in example.items()))
    verdict = "ok" if report.ok else "not fit for use"
    say(
        f"\n{report.dataset}: {verdict}, {report.errors} errors, {report.warnings} warnings "
        f"in {report.rows:,} rows ({report.seconds:.1f} s)"
    )


def _finding_row(item: Finding) -> list[Any]:
    share = None if item.share is None else f"{100 * item.share:.3g}%"
    return [item.severity, item.check, item.leg, item.rows, share, item.message]


def _seconds(value: str | None, name: str) -> float | None:
    from arbkit.units import SECOND_NS, duration_ns

    return None if value is None else duration_ns(value, name=name) / SECOND_NS


def _size(manifest: Any) -> str:
    count = sum(item.bytes for item in manifest.files)
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:.1f} kB"


def _joined(value: Any) -> Any:
    return ", ".join(map(str, value)) or "-" if isinstance(value, (list, tuple)) else value


def _exact(value: Any) -> str | None:
    if value is None:
        return None
    if hasattr(value, "isoformat"):
        return str(value.isoformat(timespec="microseconds")).replace("+00:00", "Z")
    return f"{value:.10g}" if isinstance(value, float) else str(value)
