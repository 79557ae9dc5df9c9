"""`arbkit jobs`: a session of grids, one result file per job, and what they add up to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from arbkit.jobs import Aggregate, RunReport
    from arbkit.jobs.results import ResultsTable

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Plan a tuning session, run its jobs, rank their results: arbkit jobs plan | run | aggregate | ...",
)

_SessionFile = Annotated[Path, typer.Argument(help="The session's YAML or JSON file.")]
_Plans = Annotated[list[Path], typer.Argument(help="Plan files, or folders of them.")]
_ResultsDir = Annotated[Path, typer.Argument(help="Folder of result files.")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
_MaxDrawdown = Annotated[
    float | None, typer.Option("--max-drawdown-pct", help="Leave out a larger max_drawdown_mtm_pct.")
]
_MinTrades = Annotated[int | None, typer.Option("--min-trades", help="Leave out what trades less often.")]
_Metric = Annotated[str, typer.Option("--metric", help="What to rank by.")]
_ResultsDb = Annotated[
    str | None,
    typer.Option(
        "--results-db", help="Put rows into tuning_results too: postgresql://USER:PASSWORD@HOST/DB."
    ),
]


@app.command()
def plan(
    session: _SessionFile,
    to: Annotated[Path, typer.Option("--to", help="Folder of the plan.")] = Path("plans"),
    json: _Json = False,
) -> None:
    """Write the plan of a session: one job per combination of its grids.

    Examples:

      arbkit jobs plan sess001.yaml --to plans/
    """
    from arbkit.cli._console import print_json, say
    from arbkit.jobs import Session, make_plan, write_plan

    read = Session.load(session)
    made = make_plan(read)
    path = write_plan(made, to)
    if json:
        facts = {"plan": str(path), "jobs": len(made.jobs), "combinations": read.size}
        print_json({**facts, "excluded": made.excluded, "results_dir": read.results_dir})
        return
    say(f"{path}: {len(made.jobs):,} jobs of {read.size:,} combinations, results go to {read.results_dir}/")
    if made.excluded:
        say(f"{made.excluded:,} combinations break a rule of the engine and are left out")
    if share := read.market.get("out_of_sample"):
        say(f"the last {share:.0%} of the time is kept from the jobs, as a study does (`out_of_sample`)")
    say(f"next: arbkit jobs run {path}")


@app.command()
def run(
    plans: _Plans,
    max_jobs: Annotated[
        int | None, typer.Option("--max-jobs", min=1, help="Run at most so many, of those not finished.")
    ] = None,
    stop_on_error: Annotated[
        bool, typer.Option("--stop-on-error", help="Stop at the first job that fails.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Threads, each a set (default: one per core).")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Run finished jobs too.")] = False,
    results_db: _ResultsDb = None,
    json: _Json = False,
) -> None:
    """Run the jobs of plans on this machine; finished ones are skipped, so a stopped run goes on.

    Examples:

      arbkit jobs run plans/sess001.jsonl --workers 2

      arbkit jobs run plans/ --max-jobs 1000 --stop-on-error
    """
    from arbkit.cli._console import print_json, progress, warn
    from arbkit.jobs import RunProgress, read_plans, run_jobs

    jobs = read_plans(plans)
    table = _table(results_db, Path(jobs[0].output_json).parent)
    if table is not None:
        table.deliver()
    with progress("jobs", min(len(jobs), max_jobs or len(jobs))) as bar:
        bar.update(0, "reading the data, compiling")

        def report(step: RunProgress) -> None:
            bar.update(step.done, f"{step.failed} failed" if step.failed else "")

        done = run_jobs(
            jobs,
            max_jobs=max_jobs,
            stop_on_error=stop_on_error,
            workers=workers,
            again=again,
            progress=report,
            sink=table,
        )
    waiting = _last_delivery(table)
    if json:
        failed = [item._asdict() for item in done.failures]
        print_json({**done._asdict(), "failures": failed, "rows_aside": waiting})
    else:
        _say_run(done, waiting, Path(jobs[0].output_json).parent)
    if table is not None and waiting:
        warn(f"{waiting:,} rows wait for the database; `arbkit jobs push` puts them in")
    if done.failures:
        raise typer.Exit(1)


@app.command()
def push(
    results_dir: _ResultsDir,
    results_db: Annotated[str, typer.Option("--results-db", help="postgresql://USER:PASSWORD@HOST/DB")],
    json: _Json = False,
) -> None:
    """Put into tuning_results what was written aside while the database was away.

    Example:

      arbkit jobs push results --results-db postgresql://localhost/arbkit
    """
    from arbkit.cli._console import print_json, say

    table = _table(results_db, results_dir)
    assert table is not None
    waiting = _last_delivery(table)
    if json:
        print_json({"put": table.put, "waiting": waiting})
    else:
        say(f"{table.put:,} rows put in, {waiting:,} wait")
    if waiting:
        raise typer.Exit(1)


@app.command()
def aggregate(
    results_dir: _ResultsDir,
    max_drawdown_pct: _MaxDrawdown = None,
    min_trades: _MinTrades = None,
    max_results: Annotated[int | None, typer.Option("--max-results", help="Show the best so many.")] = None,
    metric: _Metric = "mtm_pnl_usd",
    output_json: Annotated[Path | None, typer.Option("--output-json", help="Write them to a file.")] = None,
    json: _Json = False,
) -> None:
    """Rank the results of a folder; broken files and failed jobs are counted, not fatal.

    Examples:

      arbkit jobs aggregate results/sess001 --max-drawdown-pct 20 --min-trades 5 --max-results 10
    """
    from arbkit.cli._console import print_json, progress
    from arbkit.jobs import aggregate as aggregated
    from arbkit.jobs.document import write_document

    with progress("results") as bar:
        found = aggregated(
            results_dir,
            max_drawdown_pct=max_drawdown_pct,
            min_trades=min_trades,
            max_results=max_results,
            metric=metric,
            progress=lambda done, total: bar.update(done, total=total),
        )
    if output_json is not None:
        write_document(found.to_dict(), output_json)
    if json:
        print_json(found.to_dict())
    else:
        _say_aggregate(found)


@app.command("to-study")
def to_study(
    session: _SessionFile,
    to: Annotated[
        Path | None, typer.Option("--to", help="File of the study spec (default: studies/NAME.yaml).")
    ] = None,
    run_it: Annotated[bool, typer.Option("--run", help="Run the study too.")] = False,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the study (default: the session's id).")
    ] = None,
    sampler: Annotated[str, typer.Option("--sampler", help="Instead of every combination.")] = "grid",
    n_trials: Annotated[int | None, typer.Option("--n-trials", min=1, help="Trials in all.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the study.")] = 1,
    storage: Annotated[str | None, typer.Option("--storage", help="Storage URL.")] = None,
    max_drawdown_pct: _MaxDrawdown = None,
    min_trades: _MinTrades = None,
    metric: _Metric = "mtm_pnl_usd",
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite a spec that is there.")] = False,
    json: _Json = False,
) -> None:
    """Write the session as the spec of an Optuna study, which ranks the same sets the same way.

    Examples:

      arbkit jobs to-study sess001.yaml --run
    """
    from arbkit.cli._console import print_json, say
    from arbkit.jobs import Session, study_of

    spec = study_of(
        Session.load(session),
        sampler=sampler,
        n_trials=n_trials,
        seed=seed,
        name=name,
        storage=storage,
        max_drawdown_pct=max_drawdown_pct,
        min_trades=min_trades,
        metric=metric,
    )
    path = to or Path("studies") / f"{spec.name}.yaml"
    _write_text(path, spec.to_yaml(), replace)
    if run_it:
        from arbkit.cli.study import run as run_study

        run_study(path, json=json)
    elif json:
        print_json({"study": spec.name, "spec": str(path), "trials": spec.planned_trials})
    else:
        say(f"{path}: {spec.planned_trials:,} trials with the {spec.sampler.name} sampler")
        say(f"next: arbkit study run {path}")


def _table(url: str | None, results_dir: Path) -> ResultsTable | None:
    if url is None:
        return None
    from arbkit.cli._console import warn
    from arbkit.jobs.results import ResultsTable

    return ResultsTable(url, results_dir, warn)


def _last_delivery(table: ResultsTable | None) -> int:
    if table is None:
        return 0
    try:
        return table.deliver()
    finally:
        table.close()


def _say_run(done: RunReport, waiting: int, results_dir: Path) -> None:
    from arbkit.cli._console import say, warn

    say(
        f"{done.done:,} jobs done, {done.skipped:,} were finished before, {len(done.failures):,} failed, "
        f"{done.left:,} left"
    )
    reasons: dict[str, list[str]] = {}
    for job_id, message in done.failures:
        reasons.setdefault(message, []).append(job_id)
    for message, ids in reasons.items():
        more = f" and {len(ids) - 1:,} more" if len(ids) > 1 else ""
        warn(f"{ids[0]}{more}: {message}")
    if done.done + done.skipped:
        say(f"next: arbkit jobs aggregate {results_dir}")


def _say_aggregate(found: Aggregate) -> None:
    from arbkit.cli._console import print_table, say, warn

    say(
        f"{found.results_dir}: {found.files:,} files, {found.kept:,} results kept, {found.filtered:,} "
        f"filtered, {found.undefined:,} without {found.metric}, {found.failed:,} failed, "
        f"{len(found.broken):,} broken"
    )
    for file, reason in found.broken[:5]:
        warn(f"{file} {reason}")
    if not found.results:
        return
    shown = list(
        dict.fromkeys((found.metric, "mtm_pnl_usd", "total_trades", "win_rate", "max_drawdown_mtm_pct"))
    )
    names = list(found.results[0].params)
    rows = [
        (
            item.rank,
            item.job_id,
            *("none" if item.params[name] is None else item.params[name] for name in names),
            *(item.metrics[name] for name in shown),
        )
        for item in found.results
    ]
    print_table(("rank", "job", *names, *shown), rows)


def _write_text(path: Path, text: str, replace: bool) -> None:
    from arbkit.errors import ConfigError

    try:
        if not replace and path.is_file() and path.read_text(encoding="utf-8") != text:
            raise ConfigError(
                f"a study spec must not take the place of another one, {str(path)!r} is there; "
                "give the study a `--name`, or say `--replace`"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"a study spec must go to a writable folder, {str(path)!r} failed: {error}"
        ) from error
