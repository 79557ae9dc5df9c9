"""Measure everything in one run and print tables; `make bench` runs this.

python -m benchmarks [--only SECTION ...] [--huge] [--quick] [--json FILE] [--page]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import (
    bench_batches,
    bench_data,
    bench_decisions,
    bench_engine,
    bench_kills,
    bench_lab,
    bench_measure,
    bench_memory,
    bench_portfolio,
    bench_process,
    bench_record,
    bench_samplers,
    bench_storages,
    bench_store,
    bench_study,
    bench_tpe,
    machine,
)
from benchmarks.baselines import BASELINES
from benchmarks.goals import goals
from benchmarks.markets import make_panel
from benchmarks.page import README, write_tables
from benchmarks.tables import ratios, table

__all__ = ["FULL", "QUICK", "SECTIONS", "Sizes", "main", "measure"]

Rows = list[dict[str, Any]]


class Sizes(NamedTuple):
    """How much is measured: rows of the panels, trades aimed at, and so on; `rounds` of each figure."""

    rows: tuple[int, ...]
    trades: tuple[int, ...]
    sets: tuple[int, ...]
    rounds: int
    sample_s: float
    buffer_mib: int
    csv_rows: int
    study_rows: int
    study: bench_study.StudySizes
    study_process: tuple[int, int]
    stored_trials: int
    tpe: bench_tpe.TpeSizes
    kills: int
    kills_part: float
    synthetic_rows: int
    ingest_rows: int
    cold: bool
    recorded: bool
    pairs: int
    pair_rows: int
    pair_trades: int
    store_rows: int
    decisions: tuple[int, int, int, int, int]
    screened: tuple[int, int, int, int]
    hand: tuple[tuple[int, ...], int]
    record: bench_record.RecordSizes


FULL: Final = Sizes(
    rows=(100_000, 1_000_000, 10_000_000), trades=(10, 100, 200, 1_000, 10_000, 100_000),
    sets=(1, 64, 1_024, 10_000), rounds=5, sample_s=0.02, buffer_mib=400, csv_rows=100_000,
    study_rows=1_428_572,
    study=bench_study.StudySizes(("random", "grid", "qmc", "tpe", "nsgaii"), 60_000, 1_000, 100),
    study_process=(10_000_000, 5_000), stored_trials=100_000, kills=200, kills_part=1.0,
    tpe=bench_tpe.TpeSizes(300, 12, 6, 5_000),
    synthetic_rows=10_000_000, ingest_rows=1_000_000,
    cold=True, recorded=True,
    pairs=50, pair_rows=1_000_000, pair_trades=300, store_rows=5_000_000,
    decisions=(365, 1, 64, 500, 12), screened=(200, 30, 1, 64), hand=((1_000_000, 10_000_000), 60),
    record=bench_record.RecordSizes(20, 50.0, 60.0, 1_200_000, 15.0, 3_600.0),
)  # fmt: skip
QUICK: Final = Sizes(
    rows=(20_000,), trades=(10,), sets=(1, 16), rounds=1, sample_s=0.0, buffer_mib=1, csv_rows=1_000,
    study_rows=20_000, study=bench_study.StudySizes(("random", "tpe"), 64, 16, 4),
    study_process=(20_000, 64), stored_trials=200, kills=2, kills_part=0.25,
    tpe=bench_tpe.TpeSizes(24, 2, 1, 32), synthetic_rows=2_000, ingest_rows=2_000,
    cold=False, recorded=False,
    pairs=3, pair_rows=20_000, pair_trades=10, store_rows=3_000,
    decisions=(4, 60, 8, 3, 2), screened=(2, 1, 60, 8), hand=((), 0),
    record=bench_record.RecordSizes(2, 50.0, 0.5, 0, 1.0, 1.2),
)  # fmt: skip
_HUGE: Final = 100_000_000
_DENSE_ROWS: Final = 1_000_000
_HUGE_STORE: Final = 500_000_000


def _trials(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    for rows in sizes.rows:
        targets = [trades for trades in sizes.trades if trades != 200 or rows == 1_000_000]
        rounds = sizes.rounds
        if rows == _HUGE:
            targets, rounds = [trades for trades in targets if trades <= 10_000], 3
        yield from bench_engine.trials(make_panel(rows), targets, rounds=rounds, sample_s=sizes.sample_s)


def _dense(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    for rows in (rows for rows in sizes.rows if rows <= _DENSE_ROWS):
        yield from bench_engine.dense(make_panel(rows), rounds=sizes.rounds, sample_s=sizes.sample_s)


def _batches(sizes: Sizes, folder: Path) -> Rows:
    rows = min(max(sizes.rows), 10_000_000)
    return bench_batches.batches(make_panel(rows), sizes.sets, rounds=sizes.rounds, sample_s=sizes.sample_s)


def _measured(sizes: Sizes, folder: Path) -> Rows:
    panel = make_panel(min(max(sizes.rows), 10_000_000))
    targets = [trades for trades in sizes.trades if trades in (10, 100, 1_000, 10_000)]
    return bench_measure.measured(panel, targets, rounds=sizes.rounds, sample_s=sizes.sample_s)


def _memory(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    for rows in (rows for rows in sizes.rows if rows < _HUGE):
        yield bench_memory.index_and_scan(make_panel(rows), rounds=sizes.rounds, buffer_mib=sizes.buffer_mib)


def _portfolio(sizes: Sizes, folder: Path) -> Rows:
    return bench_portfolio.portfolios(
        sizes.pairs, sizes.pair_rows, sizes.pair_trades, rounds=min(3, sizes.rounds), sample_s=sizes.sample_s
    )


def _decisions(sizes: Sizes, folder: Path) -> Rows:
    return [bench_decisions.walk_forwards(*sizes.decisions)]


def _screening(sizes: Sizes, folder: Path) -> Rows:
    return [bench_decisions.screening(*sizes.screened)]


def _store(sizes: Sizes, folder: Path) -> Rows:
    return bench_store.large_panel(sizes.store_rows, folder, apart=sizes.cold)


def _start_up(sizes: Sizes, folder: Path) -> Rows:
    return bench_process.start_up(sizes.csv_rows, folder, rounds=sizes.rounds, cold=sizes.cold)


def _study(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    yield from bench_study.study_loop(make_panel(sizes.study_rows), sizes.study, folder)


def _samplers(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    panel = make_panel(sizes.study_rows)
    yield from bench_samplers.added(panel, sizes.study.asked, folder, rounds=sizes.rounds)


def _tpe_stored(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    yield from bench_samplers.tpe_stored(
        make_panel(sizes.study_rows), sizes.tpe.timed, folder, places=sizes.rounds, each=2 * sizes.rounds
    )


def _study_workers(sizes: Sizes, folder: Path) -> Rows:
    return bench_study.study_workers(make_panel(sizes.study_rows), sizes.study.trials // 2, folder)


def _study_process(sizes: Sizes, folder: Path) -> Rows:
    rows, trials = sizes.study_process
    return bench_study.whole_process(make_panel(rows), trials, folder, rounds=min(3, sizes.rounds))


def _tpe(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    panel = make_panel(sizes.study_rows)
    yield from bench_tpe.optima(bench_tpe.FUNCTIONS, sizes.tpe)
    yield from bench_tpe.optima((bench_tpe.panel_task("synthetic panel", panel),), sizes.tpe)
    yield from bench_tpe.shipped(Path(__file__).resolve().parents[1], folder, sizes.tpe)
    yield bench_tpe.time_per_trial(bench_tpe.FUNCTIONS[0], sizes.tpe.timed)


def _kills(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    yield from bench_kills.kill_studies(sizes.kills, folder, part=sizes.kills_part)


def _storages(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    yield from bench_storages.storages(sizes.stored_trials, folder)


def _reopening(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    yield from bench_storages.reopening(sizes.stored_trials, folder, rounds=min(2, sizes.rounds))


def _synthetic(sizes: Sizes, folder: Path) -> Rows:
    return bench_data.synthetic_market(sizes.synthetic_rows, 5, folder)


def _ingest(sizes: Sizes, folder: Path) -> Rows:
    return bench_data.ingest_speeds(sizes.ingest_rows, folder, recorded=sizes.recorded)


def _lab(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    if sizes.hand[0]:
        yield from bench_lab.hand_to_eye(*sizes.hand, folder)


def _record(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    yield from bench_record.recordings(sizes.record, folder)


def _record_hour(sizes: Sizes, folder: Path) -> Iterator[dict[str, Any]]:
    yield from bench_record.over_time(sizes.record, folder)


#: What can be measured, in this order.
SECTIONS: Final[dict[str, Callable[[Sizes, Path], Any]]] = {
    "memory": _memory,
    "trials": _trials,
    "dense": _dense,
    "measure": _measured,
    "batches": _batches,
    "portfolio": _portfolio,
    "decisions": _decisions,
    "screening": _screening,
    "store": _store,
    "startup": _start_up,
    "study": _study,
    "samplers": _samplers,
    "tpestored": _tpe_stored,
    "workers": _study_workers,
    "studyprocess": _study_process,
    "tpe": _tpe,
    "kills": _kills,
    "storages": _storages,
    "reopening": _reopening,
    "synthetic": _synthetic,
    "ingest": _ingest,
    "record": _record,
    "recordhour": _record_hour,
    "lab": _lab,
}
#: Those that are measured when none is named.
_USUAL: Final = [name for name in SECTIONS if name != "recordhour"]
_TITLES: Final = {
    "memory": "Reading memory, building the index, scanning without entries (CPU, one thread)",
    "dense": "One trial where thresholds are met all the time, CPU microseconds",
    "trials": "One trial, CPU microseconds (median of 32 thresholds in turn; scan and baselines on fewer)",
    "measure": "What lies between the events: all metrics against the realized ones (CPU, one thread)",
    "batches": "Many sets in one call (CPU, one thread; gain of a thread per core in wall time)",
    "portfolio": "One set over several pairs on one balance, CPU milliseconds",
    "decisions": "A year of seconds re-tuned every day, with bootstrap refits and scenarios",
    "screening": "Many pairs, every set on each, with all metrics",
    "store": "A panel larger than memory, each process capped at 4 GiB",
    "startup": "A whole process, 100,000 rows of pair CSV",
    "study": "Studies stored in SQLite, against Optuna's own loop (the same backtests, sampler and storage)",
    "samplers": "What is added to the time of a sampler: CPU microseconds a trial, studies on SQLite",
    "tpestored": "TPE stored in SQLite, against plain Optuna on a study of the same length",
    "workers": "One study by worker processes, all metrics, a stop loss",
    "studyprocess": "A whole process, from Parquet to a stored study",
    "tpe": "Our TPE in batches against Optuna's one by one: best losses, and CPU time of proposing",
    "kills": "Studies killed at random moments and resumed",
    "storages": "Storages: trials stored a CPU second, and read back (CPU seconds)",
    "reopening": "A finished study opened again, each command a process of its own",
    "synthetic": "Synthetic market, a process of its own",
    "ingest": "Reading data",
    "record": "The recorder under load, a process of its own",
    "recordhour": "The recorder under load for an hour",
    "lab": "From the hand to the eye: the explorer in JupyterLab in headless Chromium, wall time",
}


def measure(
    names: Sequence[str], sizes: Sizes, keep: Callable[[dict[str, Rows]], None] | None = None
) -> dict[str, Rows]:
    """Measure the named sections, print each when it is done, and return their rows.

    Args:
        names: of `SECTIONS`.
        sizes: how much is measured.
        keep: called after each row with all there are, so that a run that is cut off leaves its figures.
    """
    found: dict[str, Rows] = {}
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows = found[name] = []
        with tempfile.TemporaryDirectory() as folder:
            for row in SECTIONS[name](sizes, Path(folder)):
                if not (rows and rows[-1] is row):  # One that has grown is yielded again.
                    rows.append(row)
                print(
                    f"{name}: " + ", ".join(f"{key} {row[key]}" for key in row), file=sys.stderr, flush=True
                )
                if keep is not None:
                    keep(found)
        _show(_TITLES[name], found[name])
        if name == "trials":
            multiples = ratios(found[name], "auto", ["skip", "scan", "step", *BASELINES])
            _show("The same as multiples of one trial with engine auto", multiples)
    return found


def _show(title: str, rows: Rows) -> None:
    print(f"\n## {title}\n\n{table(rows)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the options, measure, and print tables; with `--json` write all figures to a file too."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=_USUAL, help="these sections")
    parser.add_argument(
        "--huge",
        action="store_true",
        help="also 100,000,000 rows (16 GB of memory) and a store of 500,000,000 (25 GB of disk)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="tiny sizes: shows that it runs, measures nothing"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.add_argument("--page", action="store_true", help="put the tables into benchmarks/README.md")
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    if options.huge:
        sizes = sizes._replace(rows=(*sizes.rows, _HUGE), store_rows=_HUGE_STORE)
    about = machine.describe()
    print("\n".join(f"{name:10} {value}" for name, value in about.items()), flush=True)

    def keep(found: dict[str, Rows]) -> None:
        if options.page:
            write_tables(README, about, found)
        if options.json is not None:
            reached = [goal.as_row() for goal in goals(found)]
            document = {"machine": about, "sections": found, "goals": reached}
            options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")

    found = measure(options.only, sizes, keep)
    reached = [goal.as_row() for goal in goals(found)]
    if reached:
        _show("Goals", reached)


if __name__ == "__main__":
    main()
