"""Storages: finished trials stored, read and asked in SQL; a large study opened again by each command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import optuna

from arbkit.metrics import METRIC_NAMES
from arbkit.records import METRICS_DTYPE
from arbkit.study import StudyRecord, StudySpec, load_study
from arbkit.study.batches import quiet_optuna
from arbkit.study.block import TrialBlock
from arbkit.study.detail import still_names
from arbkit.study.market import Market
from arbkit.study.packing import pack_metrics
from arbkit.study.space import distributions
from arbkit.study.storages import append_block, close_storage, open_storage, read_block
from benchmarks.markets import PARAMS, make_panel
from benchmarks.timing import once, processes_in_turns

__all__ = ["reopening", "reopening_commands", "storages"]

#: Trials of one transaction, about what a study stores in a quarter of a second.
_PART: Final = 4_096
#: Optuna's own reader takes seconds for ten thousand trials: it is timed on this share.
_STOCK_SHARE: Final = 50
_FILES: Final = (("sqlite", "db"), ("duckdb", "duckdb"))
_QUERY: Final = """
    SELECT state, count(*), max(objectives[1]), avg(params[1]) FROM trials GROUP BY state
"""


def storages(trials: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Time each storage that needs no server, with three parameters and all metrics per trial.

    Yields:
        Trials stored per CPU second; CPU seconds to read all of them as columns, to make the frame of
        `Study.trials` and for `study.trials` of Optuna, as if it took the same time for each trial; CPU
        seconds of a query over all rows where DuckDB reads the file itself.
    """
    for kind, ending in (("sqlite", "db"), ("duckdb", "duckdb"), ("journal", "journal")):
        file = folder / f"{kind}.{ending}"
        url = f"{kind}:///{file}"
        spec = _spec(kind, url, trials, folder)
        stored = _store(spec, url, trials)
        storage = open_storage(url)
        study_id = storage.get_study_id_from_name(kind)
        read = once(lambda storage=storage, study_id=study_id: read_block(storage, study_id))
        study = load_study(f"{url}#{kind}")
        shown = once(study.trials)
        close_storage(storage)
        yield {
            "storage": kind,
            "trials": trials,
            "stored/s": trials / stored,
            "read s": read.cpu_s,
            "frame s": shown.cpu_s,
            "Optuna's study.trials s": _stock(kind, trials, folder),
            "SQL on the file s": _asked(file) if kind == "duckdb" else None,
            "MB": sum(part.stat().st_size for part in folder.glob(f"{file.name}*")) / 1e6,
        }


def reopening(trials: int, folder: Path, rounds: int) -> Iterator[dict[str, Any]]:
    """Time the commands on a finished study, each a process of its own.

    In SQLite and DuckDB, and in the PostgreSQL database whose URL `ARBKIT_BENCH_POSTGRESQL` holds; the study
    is removed from it again.

    Yields:
        Per command and storage wall and CPU seconds; `imports` is what a process pays for its libraries.
    """
    urls = {kind: f"{kind}:///{folder / f'{kind}.{ending}'}" for kind, ending in _FILES}
    if server := os.environ.get("ARBKIT_BENCH_POSTGRESQL"):
        urls["postgresql"] = server
    for kind, url in urls.items():
        sys.stderr.write(f"reopening: storing {trials:,} trials in {kind}\n")
        _store(_spec(kind, url, trials, folder), url, trials)
        arbkit = [sys.executable, "-m", "arbkit"]
        commands = {"imports": [sys.executable, "-c", "import numba, polars, optuna"]}
        commands |= {name: [*arbkit, *words] for name, words in reopening_commands(url, kind, folder).items()}
        for name, command in commands.items():
            sys.stderr.write(f"reopening: {trials:,} trials in {kind}, {name}\n")
            cost = processes_in_turns({name: command}, rounds=rounds)[name]
            yield {
                "storage": kind,
                "trials": trials,
                "command": name,
                "wall s": cost.wall_s,
                "CPU s": cost.cpu_s,
            }
        if kind == "postgresql":
            storage = open_storage(url)
            storage.delete_study(storage.get_study_id_from_name(kind))
            close_storage(storage)


def reopening_commands(url: str, name: str, folder: Path) -> dict[str, list[str]]:
    """Return the words of each command on a study, by its name."""
    study = f"{url}#{name}"
    return {
        "ls": ["study", "ls", "--storage", url],
        "show": ["study", "show", study],
        "best": ["study", "best", study],
        "export": ["study", "export", study, "--to", str(folder / "trials.parquet")],
        "resume": ["study", "resume", study, "--json"],
    }


def _spec(name: str, url: str, trials: int, folder: Path) -> StudySpec:
    panel = folder / "panel.parquet"
    if not panel.exists():
        make_panel(20_000).write(panel)
    fixed = {
        name: getattr(PARAMS, name)
        for name in ("taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps", "max_position_usd")
    }
    space = {"min_spread_bps": (1, 60), "exit_spread_bps": (-20, 20), "stop_loss_bps": (20, 200)}
    return StudySpec.from_dict({
        "name": name, "panel": str(panel), "storage": url, "sampler": "random", "seed": 1, "n_trials": trials,
        "fixed": fixed,
        "space": {name: {"type": "float", "low": low, "high": high} for name, (low, high) in space.items()},
    })  # fmt: skip


def _store(spec: StudySpec, url: str, trials: int) -> float:
    """Store a finished study; return the CPU seconds that its blocks took."""
    record = StudyRecord.make(spec.to_dict(), Market.load(spec).fingerprint, trials, "")
    blocks = [_block(spec, first, min(_PART, trials - first)) for first in range(0, trials, _PART)]
    storage = open_storage(url, create=True)
    with quiet_optuna():
        study = optuna.create_study(study_name=spec.name, storage=storage, directions=spec.directions)
    for key, value in record.to_attrs().items():
        study.set_user_attr(key, value)
    study_id = storage.get_study_id_from_name(spec.name)
    cost = once(lambda: [append_block(storage, study_id, block) for block in blocks])
    close_storage(storage)
    return cost.cpu_s


def _block(spec: StudySpec, first: int, size: int) -> TrialBlock:
    """Make trials as a study stores them: parameters, a value, a constraint, all metrics as one attribute."""
    rng = np.random.default_rng([1, first])
    space = distributions(spec.space)
    records = np.zeros(size, METRICS_DTYPE)
    still = still_names({*spec.fixed, *spec.space})
    for name in (name for name in METRIC_NAMES if name not in still):
        whole = METRICS_DTYPE[name].kind == "i"
        records[name] = rng.integers(0, 500, size) if whole else rng.normal(size=size)
    records["stopped"] = False
    values = records["mtm_pnl_usd"][:, None].copy()
    texts = pack_metrics(records, METRIC_NAMES, still)
    low = np.array([item.low for item in space.values()])  # type: ignore[attr-defined]
    high = np.array([item.high for item in space.values()])  # type: ignore[attr-defined]
    params = low + (high - low) * rng.random((size, len(space)))
    stamps = np.full(size, np.datetime64("2026-01-01T00:00:00.123456", "us"))
    held = {"min_hold_s <= max_hold_s": np.full(size, -1.0)}
    states = np.full(size, optuna.trial.TrialState.COMPLETE.value, np.uint8)
    return TrialBlock(first, space, states, params, values, stamps, stamps, held, {"metrics": texts})


def _stock(kind: str, trials: int, folder: Path) -> float | None:
    """Return what Optuna's own storage takes to read a study; None where it has none for the file."""
    if kind == "duckdb":
        return None
    few = max(1, trials // _STOCK_SHARE)
    url = f"{kind}:///{folder}/few.{kind}"
    _store(_spec("few", url, few, folder), url, few)
    if kind == "sqlite":
        storage: Any = optuna.storages.RDBStorage(url)
    else:
        log = optuna.storages.journal.JournalFileBackend(f"{folder}/few.{kind}")
        storage = optuna.storages.JournalStorage(log)
    cost = once(lambda: len(optuna.load_study(study_name="few", storage=storage).trials))
    return cost.cpu_s * trials / few


def _asked(file: Path) -> float:
    def ask() -> None:
        with duckdb.connect(str(file), read_only=True) as connection:
            connection.execute(_QUERY).fetchall()

    return once(ask).cpu_s
