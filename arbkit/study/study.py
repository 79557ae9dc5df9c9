"""`Study`: a study as it is stored, with its trials, its best parameters and its market."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import optuna
import polars as pl
from optuna.trial import TrialState

from arbkit.config import Params
from arbkit.engine import BacktestResult, backtest
from arbkit.errors import StudyError
from arbkit.panel import Panel
from arbkit.study._frames import best_frame, trials_frame
from arbkit.study.batches import quiet_optuna
from arbkit.study.block import TrialBlock
from arbkit.study.locate import locate
from arbkit.study.market import Market
from arbkit.study.record import StudyRecord
from arbkit.study.space import distributions
from arbkit.study.spec import StudySpec
from arbkit.study.storages import count_trials, open_storage, read_block, storage_errors

__all__ = ["Study", "load_study"]


class Study:
    """One study, running, interrupted or finished.

    It is a plain Optuna study underneath (`.optuna`); this adds what arbkit knows about it. The lockbox,
    the end of the out-of-sample time, is opened by `arbkit.validate` alone, which records it here.
    """

    def __init__(
        self, study: optuna.Study, record: StudyRecord, url: str, market: Market | None = None
    ) -> None:
        self.optuna = study
        self.record = record
        self.url = url
        self._loaded_market = market
        self._held: TrialBlock | None = None

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {self.n_trials:,} of {self.record.n_trials:,} trials)"

    @property
    def name(self) -> str:
        """The name of the study."""
        return self.optuna.study_name

    @functools.cached_property
    def spec(self) -> StudySpec:
        """The spec the study was made with."""
        return StudySpec.from_dict(self.record.spec)

    @property
    def command(self) -> str:
        """The shell command that makes the same study again."""
        return self.record.command

    @property
    def n_trials(self) -> int:
        """How many trials are stored."""
        with storage_errors(self.url):
            return count_trials(self.optuna._storage, self.optuna._study_id)

    def trials(self, *, metrics: bool = True) -> pl.DataFrame:
        """Return all trials, one row each, in order; without `metrics` several times as fast.

        Columns: `number`, `state`, `value` (several objectives: `values_0`, `values_1`, ...), `feasible`,
        `duplicate_of`, with a pruner `folds_evaluated` (of the trials it stopped), one column per
        parameter, `metric_NAME` for each metric on the training data.
        """
        return trials_frame(self.spec, self.block(), metrics=metrics)

    def best_trials(self, n: int = 10) -> pl.DataFrame:
        """Return the best feasible trials, best first, each point once; with several objectives the
        Pareto front. Columns as in `trials`."""
        return best_frame(self.spec, self.block(), n)

    def sql(self, query: str, *, best: int = 10) -> pl.DataFrame:
        """Answer one SELECT over `trials`, `params`, `metrics`, `trades` and `equity`.

        Args:
            query: DuckDB's SQL; docs/storages.md lists the columns.
            best: of how many trials `trades` and `equity` hold the runs.

        Raises:
            ConfigError: for anything but one SELECT that DuckDB understands.
        """
        from arbkit.study.sql import query_study

        return query_study(self, query, best=best)

    def best_params(self) -> dict[str, Any]:
        """Return the searched parameters of the best trial; with several objectives the front's
        best in the first one.

        Raises:
            StudyError: when no trial is feasible.
        """
        best = self.best_trials(1)
        if best.is_empty():
            raise StudyError(
                f"a best trial must be complete and feasible, {self.name!r} has none among "
                f"{self.n_trials:,} trials; loosen its constraints or widen its space"
            )
        return best.select(list(self.spec.space)).row(0, named=True)

    def params_of(self, trial_params: Mapping[str, Any]) -> tuple[Params, str]:
        """Join the parameters of a trial with the fixed ones: the engine's parameters, and the reference."""
        return self.spec.params_of({name: trial_params[name] for name in self.spec.space})

    def panel_for(self, reference: str = "none", segment: Literal["train", "test"] = "train") -> Panel:
        """Return the training or the test panel, measured from a reference; never the lockbox.

        Raises:
            StudyError: when the data changed since the study began.
        """
        return self.market.panel_for(reference, segment)

    def run(
        self, trial_params: Mapping[str, Any] | None = None, segment: Literal["train", "test"] = "train"
    ) -> BacktestResult:
        """Simulate the parameters of a trial (default: the best) on a segment."""
        params, reference = self.params_of(self.best_params() if trial_params is None else trial_params)
        return backtest(self.panel_for(reference, segment), params)

    @property
    def market(self) -> Market:
        """The market of the study, read when it is first asked for.

        Raises:
            StudyError: when the data changed since the study began.
        """
        if self._loaded_market is None:
            market = Market.load(self.spec)
            self.record.check_fingerprint(market.fingerprint)
            self._loaded_market = market
        return self._loaded_market

    def block(self) -> TrialBlock:
        """Return the stored trials as columns; they are read again only when there is something new."""
        held = self._held
        if held is not None and len(held) == self.n_trials and _all_finished(held):
            return held
        space = distributions(self.spec.space)
        with storage_errors(self.url):
            try:
                held = read_block(self.optuna._storage, self.optuna._study_id)
            except StudyError:  # another program gave a parameter several distributions
                trials = self.optuna.get_trials(deepcopy=False)
                held = TrialBlock.from_frozen(trials, space, len(self.spec.objective), strict=False)
        self._held = held
        return held


def _all_finished(block: TrialBlock) -> bool:
    open_ones = (TrialState.RUNNING.value, TrialState.WAITING.value)
    return not np.isin(block.states, open_ones).any()


def load_study(name: str, storage: str | None = None) -> Study:
    """Open a stored study.

    Args:
        name: its name (looked for under `studies/`), a spec or storage file, or a storage URL
            (`URL#NAME` where it holds several).
        storage: the URL to look in, where the name alone does not tell.

    Raises:
        StudyError: when there is no such study (the nearest names are offered), or it is not arbkit's.
        StorageError: when the storage cannot be read.
    """
    found, url = locate(str(name), storage)
    opened = open_storage(url)
    with quiet_optuna(), storage_errors(url):
        study = optuna.load_study(study_name=found, storage=opened)
        return Study(study, StudyRecord.from_attrs(found, study.user_attrs), url)
