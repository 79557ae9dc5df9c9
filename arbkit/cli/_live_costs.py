"""`arbkit live calibrate` and `promote`: what a run measured, and whether it may take its next step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from arbkit.live.calibrate import Calibration, Measured
    from arbkit.live.promote import Promotion

__all__ = ["register"]

_Run = Annotated[str, typer.Argument(help="Name of a run below `runs`, or its folder.")]
_Root = Annotated[Path, typer.Option("--runs", help="Folder of the runs.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the app of `arbkit live`."""
    app.command("calibrate")(_calibrate)
    app.command("promote")(_promote)


def _calibrate(
    run: _Run,
    to: Annotated[Path | None, typer.Option("--to", help="Write it there: a .yaml file.")] = None,
    root: _Root = Path("runs"),
    json: _Json = False,
) -> None:
    """Measure latency, slippage, fees and fill rate per leg and size; write them for the next study.

    A study reads the file with `costs: FILE`, `arbkit backtest` with `--costs FILE`.

    Examples:

      arbkit live calibrate paper --to costs.yaml
    """
    from arbkit.cli._console import print_json, say
    from arbkit.live import open_run
    from arbkit.live.calibrate import calibrate, write_costs

    found = calibrate(open_run(run, root))
    if to is not None:
        write_costs(found, to)
    if json:
        print_json(found.to_dict())
        return
    _print_costs(found)
    if to is not None:
        say(f"written to {to}: `costs: {to}` in a study, `--costs {to}` of a backtest")


def _print_costs(found: Calibration) -> None:
    from arbkit.cli._console import print_table, say

    rows = []
    for pair in found.pairs:
        for leg in (pair.a, pair.b):
            rows.append((pair.pair, leg.leg, "all", *_cells(leg)))
            if len(leg.by_size) > 1:
                for part in leg.by_size:
                    size = f"{part.from_usd:,.0f} to {part.to_usd:,.0f}"
                    rows.append((pair.pair, leg.leg, size, *_cells(part)))
    columns = ["pair", "leg", "size", "n", "latency ms", "p95", "slippage bps", "+-", "fee bps", "filled %"]
    print_table(columns, rows, title=f"run {found.run}: {found.decisions} decisions carried out")
    say(", ".join(f"{name} {value:g}" for name, value in found.params.items()))


def _cells(item: Any) -> tuple[Any, ...]:
    latency: Measured | None = item.latency_ms
    slippage: Measured | None = item.slippage_bps
    fee: Measured | None = getattr(item, "fee_bps", None)
    return (
        0 if slippage is None else slippage.n,
        None if latency is None else latency.median,
        None if latency is None else latency.p95,
        None if slippage is None else round(slippage.mean, 6),
        None if slippage is None or slippage.se is None else round(slippage.se, 6),
        None if fee is None else fee.mean,
        None if item.fill_rate != item.fill_rate else 100 * item.fill_rate,
    )


def _promote(
    run: _Run,
    min_trades: Annotated[int, typer.Option("--min-trades", help="Closed trades needed.")] = 30,
    min_days: Annotated[float, typer.Option("--min-days", help="Days needed.")] = 14.0,
    params: Annotated[
        Path | None, typer.Option("--params", help="File of the decided study; default: the run's own.")
    ] = None,
    root: _Root = Path("runs"),
    json: _Json = False,
) -> None:
    """Say whether a run may go from paper to a tenth, a third and the whole of the size.

    Ends with exit code 0 where every condition holds, 1 where one does not; nothing is changed either way.

    Examples:

      arbkit live promote paper

      arbkit live promote paper --min-trades 50 --min-days 21
    """
    from arbkit.cli._console import print_json
    from arbkit.live import open_run
    from arbkit.live.promote import promotion_of

    found = promotion_of(open_run(run, root), min_trades=min_trades, min_days=min_days, params=params)
    if json:
        print_json(found.to_dict())
    else:
        _print_promotion(found)
    if not found.granted:
        raise typer.Exit(1)


def _print_promotion(found: Promotion) -> None:
    from arbkit.cli._console import say

    for item in found.conditions:
        say(f"{'met    ' if item.met else 'NOT MET'}  {item.name}: {item.found}  ({item.needed})")
    if not found.then:
        say(f"{found.run} trades {found.now}: there is no further step")
    elif found.granted:
        say(
            f"{found.run} may go from {found.now} to {found.then}: give a new run `mode: live` and "
            f"`size_share: {found.share:.4g}`"
        )
    else:
        say(f"{found.run} stays at {found.now}; {found.then} needs all of these")
