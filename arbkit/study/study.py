"""`Study`: a study as it is stored, with its trials, its best parameters and its market."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import polars as pl

from arbkit.config import Params
from arbkit.errors import StudyError
from arbkit.study._frames import best_rows, feasible_rows, trials_frame
from arbkit.study.block import (
    DUPLICATE_OF,
    FOLDS_EVALUATED,
    METRICS,
    RANKING,
    WHOLE,
    Parts,
    State,
    TrialBlock,
)
from arbkit.study.lookup import locate
from arbkit.study.record import StudyRecord
from arbkit.study.space import distributions
from arbkit.study.spec import StudySpec
from arbkit.study.storages import POSTGRESQL, REDIS, StorageReader, open_reader, storage_errors
from arbkit.study.storages.urls import aside_folder

if TYPE_CHECKING:
    import optuna
    from matplotlib.figure import Figure

    from arbkit.engine import BacktestResult
    from arbkit.panel import Panel
    from arbkit.study.market import Market
    from arbkit.study.storages import Reader

__all__ = ["Counts", "Study", "load_study"]


#: What the frame of all trials shows without metrics, and with them.
_PLAIN: Final = Parts(attrs=(DUPLICATE_OF, FOLDS_EVALUATED), rest=False)
_MEASURED: Final = Parts(attrs=(DUPLICATE_OF, FOLDS_EVALUATED, METRICS), rest=False)


class Counts(NamedTuple):
    """How many trials a study has, and how many of them were repeated, broke a constraint or were pruned."""

    trials: int
    duplicates: int
    infeasible: int
    pruned: int


class Study:
    """One study, running, interrupted or finished.

    It is a plain Optuna study underneath (`.optuna`); this adds what arbkit knows about it. The lockbox,
    the end of the out-of-sample time, is opened by `arbkit.validate` alone, which records it here.

    Attributes:
        name: the name of the study.
        record: what it keeps about itself.
        url: of its storage.
    """

    def __init__(
        self,
        name: str,
        record: StudyRecord,
        url: str,
        *,
        reader: Reader | None = None,
        market: Market | None = None,
    ) -> None:
        self.name = name
        self.record = record
        self.url = url
        self._reader = open_reader(url) if reader is None else reader
        self._loaded_market = market
        self._held: dict[Parts, TrialBlock] = {}

    def __repr__(self) -> str:
        return f"Study({self.name!r}, {self.n_trials:,} of {self.record.n_trials:,} trials)"

    def plot(self) -> Figure:
        """Draw the history, and the first objective against each parameter."""
        from arbkit.study.picture import draw_study

        return draw_study(self)

    def _repr_html_(self) -> str:
        from arbkit.show import card, count, decimal

        spec, counts, best = self.spec, self.counts(), self.best_trials(1)
        lines = [
            ("trials", f"{count(counts.trials)} of {count(self.record.n_trials)}"),
            ("not feasible", count(counts.infeasible)),
            ("pruned", count(counts.pruned)),
            ("repeated", count(counts.duplicates)),
            ("objective", ", ".join(f"{item.direction} {item.metric}" for item in spec.objective)),
            ("sampler", f"{spec.sampler.name}, seed {spec.seed}"),
        ]
        for name in () if best.is_empty() else (*best.columns[2:3], *spec.space):
            value = best[name][0]
            lines.append((f"best: {name}", decimal(value, 4) if isinstance(value, float) else str(value)))
        market = spec.dataset or spec.panel or ""
        return card(f"Study {self.name}", f"on {market}", lines, more=self.command)

    @functools.cached_property
    def optuna(self) -> optuna.Study:
        """The study as Optuna's object, whose storage is opened when it is first asked for."""
        import optuna

        from arbkit.study.batches import quiet_optuna
        from arbkit.study.storages import open_storage

        storage = self._reader.storage if isinstance(self._reader, StorageReader) else open_storage(self.url)
        with quiet_optuna(), storage_errors(self.url):
            return optuna.load_study(study_name=self.name, storage=storage)

    @functools.cached_property
    def spec(self) -> StudySpec:
        """The spec the study was made with."""
        return StudySpec.from_record(self.record.spec)

    @property
    def command(self) -> str:
        """The shell command that makes the same study again."""
        return self.record.command

    @property
    def n_trials(self) -> int:
        """How many trials are stored."""
        return self._reader.count(self._id)

    @property
    def is_complete(self) -> bool:
        """Whether all planned trials are stored and finished, here and not beside a server that was away."""
        if self.url.startswith((*POSTGRESQL, *REDIS)) and aside_folder(self.name).exists():
            return False
        return self.n_trials >= self.record.n_trials and not self._reader.unfinished(self._id)

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What is kept with the study as a whole, as it is stored now."""
        return self._reader.study(self.name).user_attrs

    def trials(self, *, metrics: bool = True) -> pl.DataFrame:
        """Return all trials, one row each, in order; without `metrics` several times as fast.

        Columns: `number`, `state`, `value` (several objectives: `values_0`, `values_1`, ...), `feasible`,
        `duplicate_of`, with a pruner `folds_evaluated` (of the trials it stopped), one column per
        parameter, `metric_NAME` for each metric on the training data.
        """
        return trials_frame(self.spec, self._block(_MEASURED if metrics else _PLAIN), metrics=metrics)

    def best_trials(self, n: int = 10) -> pl.DataFrame:
        """Return the best feasible trials, best first, each point once; with several objectives the
        Pareto front. Columns as in `trials`."""
        block = self._block(RANKING)
        rows = best_rows(self.spec, block)[:n]
        if METRICS not in block.attrs:
            try:
                block = self._reader.details(self._id, block, rows)
            except StudyError:
                block = self.block()
        return trials_frame(self.spec, block, rows)

    def scenarios(self, n: int = 10) -> pl.DataFrame:
        """Return what the best trials came to under each scenario of the study, and on the market as it was.

        One row per trial and scenario, simulated again on the training part: `number`, `scenario`,
        `mtm_pnl_usd`, `max_drawdown_mtm_pct`, `total_trades`, and the metrics of the objectives.

        Raises:
            ConfigError: when the study names no scenarios.
            StudyError: when the data changed since the study began.
        """
        from arbkit.study.objective import Judge
        from arbkit.study.robust import scenarios_frame

        block = self.block()
        rows = best_rows(self.spec, block)[:n]
        points = Judge(self.spec).points(block.params[rows])
        return scenarios_frame(self.spec, self.market, points, block.first + rows)

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

    def counts(self) -> Counts:
        """Count the trials by how they ended."""
        block = self._block(RANKING)
        duplicates, pruned = (
            sum(text is not None for text in block.attrs.get(name, ()))
            for name in (DUPLICATE_OF, FOLDS_EVALUATED)
        )
        return Counts(len(block), duplicates, len(block) - int(feasible_rows(block).sum()) - pruned, pruned)

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
        from arbkit.engine import backtest

        params, reference = self.params_of(self.best_params() if trial_params is None else trial_params)
        return backtest(self.panel_for(reference, segment), params)

    @property
    def market(self) -> Market:
        """The market of the study, read when it is first asked for.

        Raises:
            StudyError: when the data changed since the study began.
        """
        if self._loaded_market is None:
            from arbkit.study.market import Market

            market = Market.load(self.spec)
            self.record.check_fingerprint(market.fingerprint)
            self._loaded_market = market
        return self._loaded_market

    def block(self, *, whole: bool = True) -> TrialBlock:
        """Return the stored trials as columns; they are read again only when there is something new.

        Args:
            whole: with metrics, times, intermediate values and what samplers keep, which take most of the
                time; without them a block that was read with them may come all the same.
        """
        return self._block(WHOLE if whole else _PLAIN)

    @functools.cached_property
    def _id(self) -> int:
        return self._reader.study(self.name).study_id

    def _block(self, parts: Parts) -> TrialBlock:
        """Return the stored trials with some parts at least."""
        stored = self.n_trials
        for known, held in self._held.items():
            if len(held) == stored and _holds(known, parts) and _all_finished(held):
                return held
        try:
            block = self._reader.block(self._id, parts)
        except StudyError:  # another program gave a parameter several distributions
            with storage_errors(self.url):
                trials = self.optuna.get_trials(deepcopy=False)
            space = distributions(self.spec.space)
            block, parts = (
                TrialBlock.from_frozen(trials, space, len(self.spec.objective), strict=False),
                WHOLE,
            )
        # What holds less than this is never asked again.
        self._held = {known: held for known, held in self._held.items() if not _holds(parts, known)}
        self._held[parts] = block
        return block


def _holds(parts: Parts, wanted: Parts) -> bool:
    """Whether what was read has all that is wanted."""
    attrs = parts.attrs is None or (wanted.attrs is not None and set(wanted.attrs) <= set(parts.attrs))
    return parts.params >= wanted.params and attrs and parts.rest >= wanted.rest


def _all_finished(block: TrialBlock) -> bool:
    return not np.isin(block.states, (State.RUNNING, State.WAITING)).any()


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
    reader = open_reader(url)
    return Study(found, StudyRecord.from_attrs(found, reader.study(found).user_attrs), url, reader=reader)
