"""`arbkit data store`: two instruments of a dataset, joined and stored as mapped files."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbkit.cli._console import print_json, progress, say
from arbkit.errors import ConfigError

if TYPE_CHECKING:
    from arbkit.jobs.job import Job
    from arbkit.panel import Panel

__all__ = ["register", "show_store"]


def _option(help_text: str, *names: str) -> Any:
    return typer.Option(*names, help=help_text)


def register(app: typer.Typer) -> None:
    """Add the `store` command to the app of `arbkit data`."""
    app.command("store")(_store)


def _store(
    data: Annotated[Path, typer.Argument(help="A dataset's folder, a pair CSV or a panel's Parquet file.")],
    to: Annotated[Path, _option("Folder of the panel store.")],
    pair_a: Annotated[str | None, _option("Leg A of a dataset, venue/symbol.")] = None,
    pair_b: Annotated[str | None, _option("Leg B of a dataset, venue/symbol.")] = None,
    fx_symbol: Annotated[str | None, _option("Instrument that holds the exchange rate.")] = None,
    fx_price: Annotated[str | None, _option("mid or executable.")] = None,
    fx_dataset: Annotated[str | None, _option("Dataset that holds the rate, when it is another one.")] = None,
    fx_file: Annotated[str | None, _option("File that holds the rate.")] = None,
    fx_max_age: Annotated[str | None, _option("How old a rate may be, such as 3d.")] = None,
    max_age: Annotated[str | None, _option("How old a quote may be, such as 5s.")] = None,
    currency: Annotated[str | None, _option("Account currency, where the legs have no common quote.")] = None,
    same: Annotated[str | None, _option("Currencies that count as one, such as USDT,USD.")] = None,
    grid: Annotated[str | None, _option("Join on a fixed grid, such as 1s.")] = None,
    clock: Annotated[str | None, _option("ts_recv or ts_event, where there is a choice.")] = None,
    half_spread_a_bps: Annotated[float | None, _option("Half spread around the closes of leg A.")] = None,
    half_spread_b_bps: Annotated[float | None, _option("The same for leg B.")] = None,
    levels: Annotated[int | None, _option("Book levels to keep; by default the top, without sizes.")] = None,
    reference: Annotated[str, _option("Fair ratio, as in `arbkit backtest`.")] = "none",
    funding_file: Annotated[str | None, _option("File of funding rates.")] = None,
    start: Annotated[str | None, _option("First moment, ISO text, UTC.")] = None,
    end: Annotated[str | None, _option("First moment after the end.")] = None,
    part: Annotated[str | None, _option("Join this much time at once, such as 7d: less memory.")] = None,
    replace: Annotated[bool, _option("Put the new store in the place of an old one.", "--replace")] = False,
    json: Annotated[bool, _option("Write JSON to stdout.", "--json")] = False,
) -> None:
    """Join two instruments and store the panel with its index; `arbkit backtest --data-file` maps it.

    Examples:

      arbkit data store pair.csv --to panels/pair

      arbkit data store datasets/demo --to panels/demo --pair-a upbit/KRW-BTC
      --pair-b binance_usdm/BTCUSDT --fx-symbol KRW-USDT --currency USDT --part 7d
    """
    from arbkit.jobs.job import Job
    from arbkit.panel import write_store

    given = locals()
    job = Job(
        data_file=str(data),
        **{item.name: given[item.name] for item in dataclasses.fields(Job) if item.name in given},
    )
    began = time.perf_counter()
    if part is None:
        panel = write_store(job.load(cache=False), to, replace=replace)
    else:
        panel = write_store(_parts(job, part), to, replace=replace)
    show_store(panel, to, time.perf_counter() - began, json=json)


def _parts(job: Job, part: str) -> Iterator[Panel]:
    """Yield the panel of one stretch of time after the other."""
    from arbkit.data import open_dataset
    from arbkit.panel._time import to_ns
    from arbkit.units import duration_ns

    path = Path(job.data_file)
    if not path.is_dir() or job.reference != "none" or job.funding_file is not None:
        raise ConfigError("`--part` is for datasets, without `--reference` and `--funding-file`")
    length = duration_ns(part, name="part")
    if length <= 0:
        raise ConfigError(f"`part` must be longer than 0, was {part!r}")
    dataset = open_dataset(path)
    legs = [dataset.instrument(leg) for leg in job.pair(path).values()]
    begin = max(leg.start_ns for leg in legs) if job.start is None else to_ns(job.start)
    stop = min(leg.end_ns for leg in legs) if job.end is None else to_ns(job.end)
    borders = [job.start, *map(_text, range(begin + length, stop, length)), job.end]
    with progress("parts", len(borders) - 1) as bar:
        for lo, hi in itertools.pairwise(borders):
            yield dataclasses.replace(job, start=lo, end=hi).load(cache=False)
            bar.advance()


def _text(ns: int) -> str:
    import numpy as np

    return str(np.datetime64(ns, "ns"))


def show_store(panel: Panel, folder: Path, seconds: float, *, json: bool) -> None:
    """Say what was stored."""
    rows = len(panel)
    if json:
        found = {"panel": str(folder), "rows": rows, "seconds": seconds, "rows_per_s": rows / seconds}
        print_json({**found, "flags": list(panel.flags)})
        return
    say(repr(panel))
    say(f"{folder}: {rows:,} rows in {seconds:.1f} s ({rows / seconds:,.0f} rows/s)")
