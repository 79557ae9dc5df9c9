"""A study's search run again on another stretch of time, in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection

from arbkit.errors import ConfigError, DataError
from arbkit.panel import Panel
from arbkit.study.batches import BatchRun, Progress, quiet_optuna
from arbkit.study.block import WHOLE, Parts, TrialBlock
from arbkit.study.detail import MEASURED, Detail
from arbkit.study.evaluator import PanelEvaluator
from arbkit.study.market import Market
from arbkit.study.robust import evaluator_for
from arbkit.study.space import distributions
from arbkit.study.spec import StudySpec
from arbkit.study.storages import MEMORY, BlockStorage
from arbkit.units import duration_ns, seconds_to_ns

__all__ = ["Before", "evaluator_before", "purge_ns", "tune"]


class Before:
    """The market before a moment: training panels that end there."""

    def __init__(self, market: Market, end_ns: int) -> None:
        self._market = market
        self._end = end_ns
        self._panels: dict[str, Panel] = {}

    def panel_for(self, reference: str) -> Panel:
        """Return the rows before the end, measured from a reference."""
        if reference not in self._panels:
            panel = self._market.stretch(reference, None, self._end)
            if len(panel) == 0:
                raise DataError("a fold must have rows to train on, there were none; take more data")
            self._panels[reference] = panel
        return self._panels[reference]

    def fold(self, reference: str, k: int) -> Panel:
        """Folds inside a training part are not simulated here."""
        raise ConfigError(f"a re-tuning has no fold {k} inside it, reference {reference}")


class _Kept(InMemoryStorage, BlockStorage):
    """A study in memory, as columns."""

    def __init__(self, empty: TrialBlock) -> None:
        super().__init__()
        self.block = empty

    def append_block(self, study_id: int, block: TrialBlock) -> None:
        """Keep trials behind those that are there."""
        self.block = self.block.joined(block) if len(self.block) else block

    def read_block(self, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
        """Return all trials."""
        return self.block


def evaluator_before(market: Market, end_ns: int, spec: StudySpec, threads: int | None) -> PanelEvaluator:
    """Return what simulates sets on all rows before a moment, closing open trades at their end."""
    return evaluator_for(spec.replace(metrics=_detail(spec)), Before(market, end_ns), threads)


def tune(
    spec: StudySpec,
    evaluator: PanelEvaluator,
    n_trials: int,
    progress: Callable[[Progress], None] | None = None,
) -> TrialBlock:
    """Run the search of a spec: its sampler, its seed, so many trials, each simulated whole.

    Args:
        spec: the study's spec.
        evaluator: where the trials are simulated, from `evaluator_before`.
        n_trials: how many.
        progress: called after each batch.

    Returns:
        The trials; nothing is stored.
    """
    plain = spec.replace(
        storage=MEMORY, metrics=_detail(spec), folds=0, timeout=None, warm_start=None, pruner=None
    )
    storage = _Kept(TrialBlock.from_frozen([], distributions(spec.space), len(spec.objective)))
    with quiet_optuna():
        study_id = storage.create_new_study(_directions(plain), plain.name)
        BatchRun(plain, storage, study_id, evaluator).run(n_trials, progress)
    return storage.block


def _detail(spec: StudySpec) -> Detail:
    """Return which metrics the search looks at: those between the events of a run only where they count."""
    named = {item.metric for item in spec.objective}
    named |= {name for item in spec.parsed_constraints for name in item.metrics}
    return "all" if named & set(MEASURED) else "realized"


def purge_ns(spec: StudySpec) -> int:
    """Return how long before a fold its training part ends.

    Training trades are closed where the training part ends, so that none of them sees a price beyond it. With
    a bounded holding time that time is left out as well.
    """
    wanted = spec.validation.purge
    if wanted != "auto":
        return duration_ns(wanted, name="purge")
    searched = spec.space.get("max_hold_s")
    if searched is None:
        held = spec.fixed.get("max_hold_s")
        return 0 if held is None else seconds_to_ns(float(held))
    if searched.type == "categorical":
        choices = [np.inf if item is None else float(item) for item in searched.choices]
        longest = max(choices)
    else:
        longest = float(searched.high)
    return 0 if searched.when is not None or np.isinf(longest) else seconds_to_ns(longest)


def _directions(spec: StudySpec) -> list[StudyDirection]:
    return [StudyDirection[item.upper()] for item in spec.directions]
