"""`arbkit study`: search for parameters, go on with a search, look at what it found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arbkit.cli import _study_decide, _study_tables, _study_validate

if TYPE_CHECKING:
    from arbkit.study import Progress, SamplerInfo, Study, StudySpec
    from arbkit.study.study import Counts

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="Search for parameters, go on with a search, look at what it found.",
)

_StudyName = Annotated[
    str, typer.Argument(help="Name of a study, its spec or storage file, or a storage URL.")
]
_Storage = Annotated[
    str | None, typer.Option("--storage", help="Storage URL, such as sqlite:///studies/x.db.")
]
_Timeout = Annotated[
    str | None, typer.Option("--timeout", help="Begin no batch after this time: 90s, 10m, 2h.")
]
_Stagnation = Annotated[
    int | None,
    typer.Option("--stagnation", min=0, help="Stop after so many trials without a better value; 0: never."),
]
_Workers = Annotated[
    int, typer.Option("--workers", min=0, help="Processes that simulate; 0: this one, a thread per core.")
]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]


@app.command()
def run(
    spec: Annotated[Path, typer.Argument(help="The study's YAML file.")],
    n_trials: Annotated[int | None, typer.Option("--n-trials", min=1, help="Instead of the spec's.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Instead of the spec's.")] = None,
    sampler: Annotated[str | None, typer.Option("--sampler", help="Name, instead of the spec's.")] = None,
    pruner: Annotated[
        str | None, typer.Option("--pruner", help="Name, instead of the spec's; none: stop no trial.")
    ] = None,
    folds: Annotated[
        str | None, typer.Option("--folds", help="Parts of the training time, or day; a pruner needs them.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Instead of the spec's.")] = None,
    enqueue: Annotated[
        Path | None, typer.Option("--enqueue", help="YAML or JSON file of points to try first.")
    ] = None,
    warm_start: Annotated[
        str | None, typer.Option("--warm-start", help="Study whose best points to try first.")
    ] = None,
    timeout: _Timeout = None,
    stagnation: _Stagnation = None,
    workers: _Workers = 0,
    storage: _Storage = None,
    json: _Json = False,
) -> None:
    """Run the study that a spec describes; where another shell runs it already, help it.

    Examples:

      arbkit study run studies/demo.yaml

      arbkit study run studies/demo.yaml --name demo-random --sampler random --n-trials 2000

      arbkit study run studies/demo.yaml --workers 2 --timeout 10m --stagnation 500

      arbkit study run studies/demo.yaml --name demo-pruned --pruner median --folds 6
    """
    from arbkit.study import StudySpec, run_study
    from arbkit.study.runner import command_of

    loaded = StudySpec.load(spec)
    changes: dict[str, Any] = {
        "n_trials": n_trials,
        "seed": seed,
        "sampler": sampler,
        "pruner": pruner,
        "folds": int(folds) if folds is not None and folds.isdecimal() else folds,
        "name": name,
        "storage": storage,
        "enqueue": None if enqueue is None else str(enqueue),
        "warm_start": warm_start,
        "timeout": timeout,
        "stagnation": stagnation,
    }
    changes = {key: value for key, value in changes.items() if value is not None}
    if name is not None and storage is None:
        changes["storage"] = f"sqlite:///studies/{name}.db"
    chosen = loaded.replace(**changes) if changes else loaded
    with _shown(chosen.planned_trials, chosen.name) as report:
        study = run_study(chosen, progress=report, command=command_of(chosen, changes), workers=workers)
    _say_result(study, json)


@app.command()
def resume(
    study: _StudyName,
    n_trials: Annotated[int | None, typer.Option("--n-trials", min=1, help="Trials in all.")] = None,
    timeout: _Timeout = None,
    stagnation: _Stagnation = None,
    workers: _Workers = 0,
    storage: _Storage = None,
    json: _Json = False,
) -> None:
    """Go on with a study that was stopped, or take a finished one further with --n-trials.

    It ends with exactly the trials of a study that was never stopped; where another shell runs it, this one
    helps.

    Examples:

      arbkit study resume demo

      arbkit study resume demo --n-trials 1000
    """
    from arbkit.study import load_study

    opened = load_study(study, storage)
    if opened.is_complete and n_trials in (None, opened.record.n_trials):
        _ = opened.market  # which is refused where the data have changed
        _say_result(opened, json)
        return
    from arbkit.study import resume_study

    with _shown(n_trials or opened.record.n_trials, opened.name, opened.n_trials) as report:
        finished = resume_study(
            opened.name,
            storage=opened.url,
            n_trials=n_trials,
            timeout=timeout,
            stagnation=stagnation,
            progress=report,
            workers=workers,
        )
    _say_result(finished, json)


@app.command("ls")
def list_studies(storage: _Storage = None, json: _Json = False) -> None:
    """List the studies in `studies/` (or in one storage).

    Examples:

      arbkit study ls

      arbkit study ls --storage sqlite:///studies/demo.db
    """
    from arbkit.cli._console import print_json, print_table, say, warn
    from arbkit.study import list_studies as found_studies

    rows, broken = found_studies(storage)
    if json:
        print_json({"studies": [row._asdict() for row in rows], "unreadable": broken})
        return
    for message in broken:
        warn(message)
    if not rows:
        say("there are no studies yet; `arbkit study run SPEC` makes one")
        return
    columns = (
        "study",
        "trials",
        "of",
        "best in training",
        "objective",
        "sampler",
        "pruned",
        "created",
        "storage",
    )
    print_table(columns, [tuple(row) for row in rows])


@app.command()
def show(
    study: _StudyName,
    storage: _Storage = None,
    spec: Annotated[bool, typer.Option("--spec", help="Write the spec as YAML, nothing else.")] = False,
    json: _Json = False,
) -> None:
    """Show what a study searches, on what data, and how far it is.

    Examples:

      arbkit study show demo

      arbkit study show demo --spec
    """
    from arbkit.cli._console import print_json, print_table, say
    from arbkit.study import load_study

    opened = load_study(study, storage)
    if spec:
        typer.echo(opened.spec.to_yaml(), nl=False)
        return
    facts = _facts(opened)
    if json:
        record = vars(opened.record)
        print_json({**facts, "record": record, **_study_validate.as_json(opened)})
        return
    print_table(("study", opened.name), list(facts.items())[1:])
    say("")
    _say_best(opened)


@app.command()
def best(
    study: _StudyName,
    n: Annotated[int, typer.Option("-n", min=1, help="How many.")] = 10,
    storage: _Storage = None,
    scenarios: Annotated[
        bool, typer.Option("--scenarios", help="Show them under each scenario of the study instead.")
    ] = False,
    json: _Json = False,
) -> None:
    """Say what the data support, then show the highest trials, each parameter set once.

    With several objectives these are the Pareto front. With --scenarios they are simulated again.

    Example:

      arbkit study best demo -n 5
    """
    from arbkit.cli._console import print_json, print_table, say
    from arbkit.study import load_study

    opened = load_study(study, storage)
    frame = opened.scenarios(n) if scenarios else opened.best_trials(n)
    if json:
        supported = _study_validate.as_json(opened)
        print_json({"study": opened.name, **supported, "trials": frame.to_dicts()})
        return
    _study_validate.say_sentence(opened)
    if frame.is_empty():
        say(f"{opened.name}: no trial is complete and feasible yet")
        return
    if scenarios:
        print_table(frame.columns, frame.rows())
        return
    extra = ("metric_total_trades", "metric_win_rate", "metric_max_drawdown_mtm_pct")
    values = [name for name in frame.columns if name == "value" or name.startswith("values_")]
    shown = frame.select("number", *values, *opened.spec.space, *extra)
    titles = [title.removeprefix("metric_") for title in shown.columns]
    objectives = ", ".join(f"{item.direction} {item.metric}" for item in opened.spec.objective)
    print_table(titles, shown.rows(), title=f"{opened.name}: {objectives}")


@app.command()
def export(
    study: _StudyName,
    to: Annotated[Path, typer.Option("--to", help="File ending in .csv, .parquet or .json.")],
    storage: _Storage = None,
    json: _Json = False,
) -> None:
    """Write all trials, with parameters and metrics, to a file.

    Example:

      arbkit study export demo --to demo.parquet
    """
    from arbkit.cli._console import print_json, say
    from arbkit.study import export_trials, load_study

    opened = load_study(study, storage)
    path = export_trials(opened, to)
    if json:
        print_json({"study": opened.name, "path": str(path), "trials": opened.n_trials})
    else:
        say(f"{path} ({opened.n_trials:,} trials)")


@app.command()
def samplers(json: _Json = False) -> None:
    """List the samplers: what each is good at, its options, and what it needs installed.

    Examples:

      arbkit study samplers

      arbkit study samplers --json
    """
    from arbkit.cli._console import print_json, print_table
    from arbkit.study.samplers import all_samplers

    known = all_samplers()
    if json:
        print_json([_sampler_facts(item) for item in known.values()])
        return
    rows = [
        (
            item.name,
            item.origin,
            item.summary,
            "its own" if item.options is None else ", ".join(item.options) or "-",
            "yes" if item.many_objectives else "no",
            f"pip install {' '.join(item.missing)}" if item.missing else "ready",
        )
        for item in known.values()
    ]
    print_table(("sampler", "from", "good at", "options", "several objectives", "needs"), rows)


@app.command()
def pruners(json: _Json = False) -> None:
    """List the pruners: which trials each stops, and its options. All need `folds` and one objective.

    Example:

      arbkit study pruners
    """
    from arbkit.cli._console import print_json, print_table
    from arbkit.study.pruners import all_pruners

    known = all_pruners().values()
    if json:
        facts = ("name", "origin", "summary", "options")
        print_json([{key: getattr(item, key) for key in facts} for item in known])
        return
    rows = [
        (
            item.name,
            item.origin,
            item.summary,
            "its own" if item.options is None else ", ".join(item.options) or "-",
            "nothing" if item.name == "none" else "folds, one objective",
        )
        for item in known
    ]
    print_table(("pruner", "from", "stops a trial that is", "options", "needs"), rows)


def _sampler_facts(item: SamplerInfo) -> dict[str, Any]:
    options = item.options or {}
    return {
        "name": item.name,
        "origin": item.origin,
        "summary": item.summary,
        "options": None
        if item.options is None
        else {key: "any" if kind is object else kind.__name__ for key, kind in options.items()},
        "missing": item.missing,
        "many_objectives": item.many_objectives,
        "uses_constraints": item.uses_constraints,
    }


_study_tables.register(app)
_study_validate.register(app)
_study_decide.register(app)


@contextmanager
def _shown(total: int, name: str, stored: int = 0) -> Iterator[Any]:
    """Show progress; on Ctrl-C say how to go on."""
    from arbkit.cli._console import err_console, progress

    with progress("trials", total, stored) as bar:
        bar.update(stored, "reading the data, compiling")

        def report(step: Progress) -> None:
            best_value = "-" if step.best is None else f"{step.best:,.6g}"
            note = f"best in training {best_value}"
            if step.pruned:
                note += f"  {step.pruned:,} pruned"
            bar.update(step.done, note, rate=step.rate)

        try:
            yield report
        except KeyboardInterrupt:
            if bar.done:
                err_console.print(
                    f"stopped after {bar.done:.0f} of {total} trials; go on with: arbkit study resume {name}"
                )
            raise


def _facts(study: Study) -> dict[str, Any]:
    spec, record = study.spec, study.record
    return {
        "study": study.name,
        "trials": f"{study.n_trials:,} of {record.n_trials:,}",
        "data": spec.dataset or spec.panel,
        "panel_fingerprint": record.dataset_fingerprint,
        "objective": ", ".join(f"{item.direction} {item.metric}" for item in spec.objective),
        "sampler": spec.sampler.name,
        "pruner": "-" if spec.pruner is None else _pruner_fact(study),
        "seed": record.seed,
        "batch": spec.batch,
        "space": ", ".join(spec.space),
        "constraints": ", ".join(spec.constraints) or "-",
        "out of sample": f"last {spec.split.out_of_sample:.0%} of the time, "
        f"of which the last {spec.split.sealed:.0%} are the lockbox",
        "storage": study.url,
        "created": record.created,
        "code": f"arbkit {record.arbkit_version}, {record.code_version}",
        "command": study.command,
    }


def _pruner_fact(study: Study) -> str:
    assert study.spec.pruner is not None
    folds = "one per day" if study.spec.folds == "day" else str(study.spec.folds)
    return f"{study.spec.pruner.name} (folds: {folds}), {study.counts().pruned:,} trials stopped"


def _say_result(study: Study, json: bool) -> None:
    from arbkit.cli._console import print_json, say
    from arbkit.study import best_runs

    best_runs(study)
    trials, duplicates, infeasible, pruned = found = study.counts()
    if json:
        print_json(_result(study, found))
        return
    counts = f"{duplicates:,} of them repeated, {infeasible:,} infeasible"
    if study.spec.pruner is not None:
        counts += f", {pruned:,} pruned"
    say(f"{study.name}: {trials:,} trials, {counts}")
    if trials < study.record.n_trials:
        say(
            f"{study.record.n_trials:,} were planned: its time was up, or nothing better was found for long; "
            f"go on with `arbkit study resume {study.name}`"
        )
    if infeasible + pruned == trials:
        say("no trial is complete and feasible: loosen the constraints or widen the space")
        return
    say("")
    _say_best(study)
    say("")
    _say_comparison(study)
    say(f"\nnext: arbkit study validate {study.name}")


def _say_best(study: Study) -> None:
    from arbkit.cli._console import print_table, say
    from arbkit.validation import stored_validation

    _study_validate.say_sentence(study)
    best_row = study.best_trials(1)
    if best_row.is_empty():
        say("no trial is complete and feasible yet")
        return
    row = best_row.row(0, named=True)
    found = stored_validation(study)
    columns = {f"{_foremost(study.spec)} (trial {row['number']})": row}
    if found is not None and found.params is not None:
        columns = {"chosen by the validation": dict(found.params), **columns}
    shown = [[one[name] for one in columns.values()] for name in study.spec.space]
    rows = [
        (name, *("none" if value is None else value for value in values))
        for name, values in zip(study.spec.space, shown, strict=True)
    ]
    print_table(("parameter", *columns), rows)


def _foremost(spec: StudySpec) -> str:
    """Return what the first of the ranked trials is, as long as nothing says that it is good."""
    return "highest" if spec.directions[0] == "maximize" else "lowest"


def _say_comparison(study: Study) -> None:
    from arbkit.cli._console import print_table
    from arbkit.study import compare

    found = compare(study)
    frame = found.frame()
    rows = [row for row in frame.rows() if row[0] in _shown_metrics(study.spec)]
    meta = study.panel_for().meta
    title = (
        f"{meta.leg_a} against {meta.leg_b} in {meta.currency} ({meta.fidelity}): in-sample "
        f"{found.in_sample_days:,.2f} days, out-of-sample {found.out_of_sample_days:,.2f} days"
    )
    columns = ("metric", "in-sample", "per day", "out-of-sample", "per day")
    print_table(columns, rows, title=title)


def _shown_metrics(spec: StudySpec) -> tuple[str, ...]:
    usual = (
        "total_trades",
        "win_rate",
        "mtm_pnl_usd",
        "avg_pnl_per_trade_usd",
        "max_drawdown_mtm_pct",
        "sharpe",
        "profit_factor",
        "fees_usd",
        "exposure_pct",
        "avg_hold_s",
    )
    return (*usual, *(item.metric for item in spec.objective))


def _result(study: Study, counts: Counts) -> dict[str, Any]:
    from arbkit.study import compare

    result: dict[str, Any] = {
        "study": study.name,
        "storage": study.url,
        **counts._asdict(),
        "command": study.command,
        "next": f"arbkit study validate {study.name}",
        **_study_validate.as_json(study),
        "best": None,
    }
    if counts.infeasible + counts.pruned < counts.trials:
        found = compare(study)
        row = study.best_trials(1).row(0, named=True)
        values = [name for name in row if name == "value" or name.startswith("values_")]
        result["best"] = {
            "number": row["number"],
            "values": [row[name] for name in values],
            "params": study.best_params(),
            "in_sample": found.in_sample.to_dict() | {"days": found.in_sample_days},
            "out_of_sample": found.out_of_sample.to_dict() | {"days": found.out_of_sample_days},
        }
    return result
