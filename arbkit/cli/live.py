"""`arbkit live`: run pairs on live books, look at a run, stop it, compare it with the backtest."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbkit.cli import _live_costs, _live_report, _live_state
from arbkit.cli._console import console, print_json, print_table, say, warn
from arbkit.errors import ConfigError, DataError, nearest_names

if TYPE_CHECKING:
    from arbkit.live import Parity, RecordedPair, RecordedParity
    from arbkit.live.folder import RunFolder

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Run pairs on live books, on paper unless told otherwise three times.",
)

_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
_Run = Annotated[str, typer.Argument(help="Name of a run below `runs`, or its folder.")]
_Root = Annotated[Path, typer.Option("--runs", help="Folder of the runs.")]
_LEVELS = ("debug", "info", "warning", "error")


@app.command("run")
def run(
    config: Annotated[Path, typer.Option(help="The configuration, a YAML file.")],
    mode: Annotated[str | None, typer.Option(help="paper or live (default: as the configuration).")] = None,
    max_runtime_seconds: Annotated[float | None, typer.Option(help="Stop after so long.")] = None,
    poll_interval_seconds: Annotated[
        float | None, typer.Option(help="Ask for books over REST this often, instead of websockets.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Record the books of the run into this dataset, too.")
    ] = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    json: _Json = False,
) -> None:
    """Run a configuration until it is stopped; a run that was cut off goes on where it was.

    Ctrl-C ends it: open trades stay open and are taken up by the next start.

    Examples:

      arbkit live run --config configs/replay.yaml

      arbkit live run --config configs/paper.yaml --max-runtime-seconds 3600
    """
    from arbkit.live import LiveRunner
    from arbkit.live.config import LiveConfig

    _log(log_level)
    for name, value in (("max-runtime", max_runtime_seconds), ("poll-interval", poll_interval_seconds)):
        if value is not None and not value > 0:
            raise ConfigError(f"`--{name}-seconds` must be above 0, was {value:g}")
    read = LiveConfig.load(config)
    runner = LiveRunner(read if record is None else read.with_record(record), mode=mode, say=warn)
    if runner.config.mode == "live":
        for line in runner.at_risk():
            warn(line)
    final = runner.run_forever(max_runtime_s=max_runtime_seconds, poll_interval_s=poll_interval_seconds)
    if json:
        print_json(final)
        return
    _print_summary(final)
    name = runner.config.name
    say(f"run: {runner.folder.path}; `arbkit live parity {name}` compares it with the backtest,")
    say(f"`arbkit live report {name}` shows it as a page")


def _log(level: str) -> None:
    if level not in _LEVELS:
        raise ConfigError(
            f"`--log-level` must be one of them, was {level!r}; {nearest_names(level, _LEVELS)}"
        )
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def _print_summary(stats: dict[str, Any]) -> None:
    from rich.table import Table

    currency = stats["currency"]
    table = Table(title=f"run {stats['run']} ({stats['mode']})", title_justify="left")
    for column in ("pair", "rows", "opened", "closed", "open", f"realised {currency}", f"open {currency}"):
        table.add_column(column, justify="left" if column == "pair" else "right")
    for pair in stats["pairs"]:
        table.add_row(pair["pair"], *_cells(pair, pair["opened"], pair["closed"], pair["open"]))
    total = {"rows": stats["rows"], **{k: stats[k] for k in ("realized_pnl", "unrealized_pnl")}}
    opened = sum(pair["open"] for pair in stats["pairs"])
    table.add_section()
    table.add_row("portfolio", *_cells(total, stats["trades_opened"], stats["trades_closed"], opened))
    console.print(table)
    refusals = ", ".join(f"{name} {count}" for name, count in sorted(stats["refusals"].items())) or "none"
    state = stats["state"]
    states = [f"state {_state(state)}", *(f"{pair} {_state(own)}" for pair, own in state["pairs"].items())]
    say(f"balance {stats['balance']:,.2f}, equity {stats['equity']:,.2f} {currency}; {', '.join(states)}")
    say(f"refused entries: {refusals}")
    if weights := stats.get("weights"):
        shares = (
            f"{pair} {weight:.1%} (position x {weights['shares'][pair]:.2f})"
            for pair, weight in weights["weights"].items()
        )
        say(f"weights by {weights['method']}: {', '.join(shares)}")
    loop = stats["decide_us"]
    if loop["n"]:
        say(f"book to decision: median {loop['p50']:,.0f} us, 99th percentile {loop['p99']:,.0f} us")
    if "why" in stats:
        say(f"ended: {stats['why']}")


def _state(state: dict[str, Any]) -> str:
    return str(state["state"]) + (f" ({'; '.join(state['reasons'])})" if state["reasons"] else "")


def _cells(values: dict[str, Any], *counts: int) -> list[str]:
    money = [f"{values[name]:+,.2f}" for name in ("realized_pnl", "unrealized_pnl")]
    return [f"{values['rows']:,}", *(f"{count:,}" for count in counts), *money]


@app.command("ls")
def list_all(root: _Root = Path("runs"), json: _Json = False) -> None:
    """List the runs.

    Examples:

      arbkit live ls
    """
    from arbkit.live.folder import list_runs

    found = [_listed(folder) for folder in list_runs(root)]
    if json:
        print_json({"runs": found})
        return
    if not found:
        say(f"no runs in {root}; `arbkit live run --config configs/replay.yaml` makes one")
        return
    columns = ["run", "mode", "pairs", "process", "halted", "closed", "realised", "currency"]
    cells = []
    for row in found:
        shown = row | {"mode": row["mode"] if row["damaged"] is None else "damaged"}
        del shown["damaged"]
        cells.append([", ".join(v) if isinstance(v, list) else v for v in shown.values()])
    print_table(columns, cells)
    for row in found:
        if row["damaged"] is not None:
            warn(f"{row['run']} is damaged: {row['damaged']}")


def _listed(folder: RunFolder) -> dict[str, Any]:
    """Return what the list shows of a run; one that cannot be read keeps no other from being shown."""
    from arbkit.live import open_run

    row: dict[str, Any] = dict.fromkeys(
        ("mode", "pairs", "process", "halted", "trades_closed", "realized_pnl", "currency", "damaged")
    )
    row = {"run": folder.name} | row | {"pairs": [], "process": folder.running_pid()}
    try:
        if (halted := folder.halted()) is not None:
            row["halted"] = halted.get("reason", "")
        result = open_run(folder.path)
        row |= {"mode": result.mode, "pairs": list(result.pairs), "currency": result.currency}
        row |= {name: result.summary.get(name) for name in ("trades_closed", "realized_pnl")}
    except DataError as error:
        row["damaged"] = str(error)
    except (LookupError, TypeError, ValueError):
        row["damaged"] = f"{folder.path / 'run.json'} does not hold what a run writes there"
    return row


@app.command("status")
def status(run: _Run, root: _Root = Path("runs"), json: _Json = False) -> None:
    """Show how a run stands, while it runs or afterwards.

    Examples:

      arbkit live status replay
    """
    from arbkit.live import open_run

    result = open_run(run, root)
    summary = dict(result.summary)
    pid, halted = result.folder.running_pid(), result.folder.halted()
    if json:
        print_json({"run": result.name, "process": pid, "halted": halted, "summary": summary})
        return
    if not summary:
        say(f"run {result.name}: no statistics yet")
    else:
        _print_summary(summary)
    say(f"process {pid} runs it" if pid is not None else "no process runs it")
    if halted is not None:
        say(
            f"HALTED since {halted.get('at', '?')}: {halted.get('reason', '')}; "
            f"`arbkit live clear {run}` lets it go on"
        )


@app.command("halt")
def halt(
    run: _Run,
    flatten: Annotated[bool, typer.Option("--flatten", help="Leave every open trade as well.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the journal.")] = "by hand",
    root: _Root = Path("runs"),
    json: _Json = False,
) -> None:
    """Throw the kill switch: nothing is traded until `arbkit live clear`, restarts included.

    Examples:

      arbkit live halt replay

      arbkit live halt replay --flatten --reason "venue behaves oddly"
    """
    from arbkit.live.folder import find_run

    folder = find_run(run, root)
    folder.halt(flatten=flatten, reason=reason)
    running = folder.running_pid() is not None
    if json:
        print_json({"run": folder.name, "running": running, "halted": folder.halted()})
        return
    done = "leaves every trade and stops" if flatten else "stops trading"
    say(
        f"{folder.name} {done} within a heartbeat"
        if running
        else f"{folder.name} is halted; no process runs it now"
    )


@app.command("clear")
def clear(run: _Run, root: _Root = Path("runs"), json: _Json = False) -> None:
    """Take the kill switch back.

    Examples:

      arbkit live clear replay
    """
    from arbkit.live.folder import find_run

    folder = find_run(run, root)
    was = folder.clear()
    if json:
        print_json({"run": folder.name, "was_halted": was})
        return
    say(f"{folder.name} may trade again" if was else f"{folder.name} was not halted")


@app.command("parity")
def parity(
    run: _Run,
    dataset: Annotated[
        str | None, typer.Option(help="Compare with this recording of the run's books, too.")
    ] = None,
    root: _Root = Path("runs"),
    json: _Json = False,
) -> None:
    """Replay what a run saw through the backtest, and attribute every difference.

    With --dataset the rows are loaded from a recording of the same books, by the run itself or by another
    process, and held against the tape, column by column, and so are the trades.

    Ends with exit code 1 where a difference has no known cause.

    Examples:

      arbkit live parity replay

      arbkit live parity replay --dataset datasets/demo
    """
    from arbkit.live import open_run, parity_of, recorded_parity

    opened = open_run(run, root)
    found = parity_of(opened)
    recorded = None if dataset is None else recorded_parity(opened, dataset)
    if json:
        print_json(found.to_dict() | ({} if recorded is None else {"recorded": recorded.to_dict()}))
    else:
        say(f"{found.run}: {found.same} of {found.trades} trades as in the backtest of {found.rows:,} rows")
        _print_causes(found)
        if recorded is not None:
            for pair in recorded.pairs:
                say(f"{recorded.dataset}, {_rows_text(pair)}")
            say(f"{recorded.dataset}: {recorded.same} of {recorded.trades} trades as in its backtest")
            _print_causes(recorded)
    if not (found.ok and (recorded is None or recorded.ok)):
        raise typer.Exit(1)


def _print_causes(found: Parity | RecordedParity) -> None:
    rows = [(cause, count, usd) for cause, (count, usd) in found.by_cause().items() if count]
    if rows:
        print_table(["cause", "differences", "PnL"], rows)
    unknown = found.by_cause()["none"][0]
    say("every difference has a cause" if found.ok else f"{unknown} differences have no known cause")


def _rows_text(pair: RecordedPair) -> str:
    """Say in one line how the rows of a recording compare with the tape."""
    import numpy as np

    if not pair.same_stamps:
        return (
            f"{pair.pair}: {pair.recorded:,} rows for the {pair.rows:,} of the tape, with other stamps: "
            "another process read the same books at other moments, so rows cannot be equal"
        )
    parts = [f"{pair.equal:,} of {pair.rows:,} rows of the tape are equal in every column"]
    parts += [f"`{name}` differs on {count:,}" for name, count in pair.columns.items()]
    missing = {"after_its_end": "come after its end", "not_recorded": "were not recorded"}
    parts += [f"{count:,} {missing[why]}" for why, count in pair.missing.items()]
    extra = {"not_running": "while the run was away", "not_seen": "that the run did not see"}
    parts += [f"{count:,} more {extra[why]}" for why, count in pair.extra.items()]
    if pair.first is not None:
        parts.append(f"the first such at {np.datetime64(pair.first, 'ns')}Z")
    return f"{pair.pair}: {'; '.join(parts)}"


_live_costs.register(app)
_live_state.register(app)
_live_report.register(app)
