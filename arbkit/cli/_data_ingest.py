"""`arbkit data ingest`: a spec, or files and what they hold, into a dataset."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from arbkit.cli._console import console, print_json, print_table, progress, say, warn
from arbkit.errors import ConfigError

if TYPE_CHECKING:
    from arbkit.data.ingest import IngestReport, IngestSpec

__all__ = ["register"]

_MB: Final = 1_000_000
_SHOWN: Final = 10
_IN_SPEC: Final = re.compile(r"`instruments\.0\.(\w+)`")


def _option(help_text: str, *names: str) -> Any:
    return typer.Option(*names, help=help_text)


def register(app: typer.Typer) -> None:
    """Add the command to `arbkit data`."""
    app.command("ingest")(ingest_command)


def ingest_command(
    inputs: Annotated[list[str], typer.Argument(metavar="SPEC|FILES...", help="A .yaml spec, or files.")],
    to: Annotated[Path | None, _option("The dataset's folder; datasets/NAME by default.")] = None,
    append: Annotated[bool, _option("Add to the dataset instead of replacing it.", "--append")] = False,
    data: Annotated[Path | None, _option("Folder for ${ARBKIT_DATA} in a spec.")] = None,
    format: Annotated[
        str | None, _option("Format of the files; told by their beginning if not given.")
    ] = None,
    venue: Annotated[str | None, _option("Venue of the files.")] = None,
    symbol: Annotated[str | None, _option("Symbol, as the venue writes it.")] = None,
    base: Annotated[str | None, _option("Base currency.")] = None,
    quote: Annotated[str | None, _option("Quote currency.")] = None,
    kind: Annotated[str | None, _option("spot, perpetual, fx or candle.")] = None,
    zone: Annotated[str | None, _option("Time zone of stamps that name none, such as UTC.")] = None,
    bar: Annotated[str | None, _option("Length of a bar, such as 1min.")] = None,
    stamp: Annotated[str | None, _option("What a bar's stamp names: start or end.")] = None,
    levels: Annotated[int | None, _option("How many book levels to keep.")] = None,
    max_age: Annotated[str | None, _option("Age after which a quote is not used, such as 5s.")] = None,
    contract_size: Annotated[
        float | None, _option("Size of one contract, where sizes are contracts.")
    ] = None,
    inverse: Annotated[bool, _option("Contracts are worth an amount of the quote.", "--inverse")] = False,
    content: Annotated[str | None, _option("What to take from a raw log: book or book_ticker.")] = None,
    json: Annotated[bool, _option("Write the report as JSON to stdout.", "--json")] = False,
) -> None:
    """Read files into a dataset, in one step or not at all.

    Only rows that cannot be parsed are left out, each with its line and its reason in the dataset's
    quarantine. An existing dataset is replaced unless --append.

    Examples:

      arbkit data ingest datasets/specs/link_binance_huobi.yaml --data FOLDER

      arbkit data ingest quotes.csv --format pair-csv --quote USDT
    """
    described = {
        "format": format,
        "venue": venue,
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "kind": kind,
        "zone": zone,
        "bar": bar,
        "stamp": stamp,
        "levels": levels,
        "max_age": max_age,
        "contract_size": contract_size,
        "inverse": inverse or None,
        "content": content,
    }
    given = {name: value for name, value in described.items() if value is not None}
    spec = _spec(inputs, given, data)
    report = _run(spec, to, append)
    if json:
        print_json(report.to_dict())
    else:
        _show(report)


def _spec(inputs: list[str], given: dict[str, Any], data: Path | None) -> IngestSpec:
    from arbkit.data.ingest import DATA_VARIABLE, IngestSpec

    is_spec = [Path(item).suffix.lower() in (".yaml", ".yml") for item in inputs]
    if not any(is_spec):
        return _spec_of_files(inputs, given)
    if len(inputs) > 1:
        raise ConfigError(f"give one spec, or files, not both, was {', '.join(inputs)}")
    if given:
        names = ", ".join("--" + name.replace("_", "-") for name in given)
        raise ConfigError(f"{names}: describes files; with a spec it stands in {inputs[0]}")
    environment = dict(os.environ)
    if data is not None:
        environment[DATA_VARIABLE] = str(data)
    return IngestSpec.load(inputs[0]).expanded(environment)


def _spec_of_files(files: list[str], given: dict[str, Any]) -> IngestSpec:
    from arbkit.data.ingest import IngestSpec, find_sources, sniff_format
    from arbkit.data.ingest.raw_reader import starts_with_answer

    if "format" not in given:
        if all(Path(item).is_dir() for item in files):
            given = given | {"format": "arbkit-parquet"}
        else:
            sources = find_sources(files)
            streams = [source for source in sources if not starts_with_answer(source)]
            given = given | {"format": sniff_format((streams or sources)[0])}
    name = re.sub(r"[^\w-]+", "_", Path(files[0]).name.split(".")[0]).strip("_") or "dataset"
    content = {"name": name, "instruments": [{"files": list(files), **given}]}
    try:
        return IngestSpec.from_dict(content, where="command line")
    except ConfigError as error:
        raise ConfigError(_IN_SPEC.sub(_as_option, str(error))) from error


def _as_option(match: re.Match[str]) -> str:
    return "`--" + match[1].replace("_", "-") + "`"


def _run(spec: IngestSpec, to: Path | None, append: bool) -> IngestReport:
    from arbkit.data.ingest import ingest, input_bytes

    total = max(1, input_bytes(spec) // _MB)
    with progress("MB read", total) as bar:
        return ingest(
            spec, to, append=append, on_progress=lambda done, note: bar.update(min(done // _MB, total), note)
        )


def _show(report: IngestReport) -> None:
    columns = ("instrument", "rows", "from", "to", "levels", "latency ms")
    rows = [(leg.leg, leg.rows, leg.start, leg.end, leg.levels, leg.median_latency_ms) for leg in report.legs]
    print_table(columns, rows)
    say(
        f"{report.path}: {report.rows:,} rows in {report.seconds:.1f} s "
        f"({report.rows_per_second:,.0f} rows/s), {report.quarantined:,} quarantined, {len(report.gaps)} gaps"
    )
    for label, count in (
        ("blank rows", report.blank_rows),
        ("rows left out by `where` or `hours_utc`", report.filtered_rows),
        ("messages of other kinds", report.other_messages),
        ("updates while the book was not trusted", report.untrusted_updates),
        ("rows that came late and were sorted in", sum(leg.unsorted_rows for leg in report.legs)),
    ):
        if count:
            say(f"  {count:,} {label}")
    for reason, count in list(report.reasons.items())[:_SHOWN]:
        say(f"  quarantined {count:,}: {reason}")
    for gap in report.gaps[:_SHOWN]:
        say(
            f"  gap in {gap.leg} at {gap.source} line {gap.line}: "
            f"expected {gap.expected_id}, came {gap.received_id}"
        )
    console.file.flush()
    for message in report.warnings:
        warn(message)
