"""A sampler that proposes in blocks, as a sampler of Optuna: for `optuna.create_study(sampler=...)`."""

from __future__ import annotations

import abc
import threading
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from arbkit._typing import FloatArray
from arbkit.study.samplers.batch import BatchSampler, History, external

__all__ = ["BlockSampler"]

_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class BlockSampler(BaseSampler):
    """Base of such samplers; a subclass makes the `BatchSampler` of a search space.

    Args:
        space: the search space; None: the parameters that all trials of the study have in common, proposed
            together, and each other one by itself.
    """

    def __init__(self, space: Mapping[str, BaseDistribution] | None = None) -> None:
        self._space = None if space is None else dict(space)
        self._common = IntersectionSearchSpace(include_pruned=True)
        self._whole = None if space is None else self.for_space(self._space or {})
        self._lock = threading.Lock()

    @abc.abstractmethod
    def for_space(self, space: Mapping[str, BaseDistribution]) -> BatchSampler:
        """Return the sampler of a search space."""

    def propose(self, history: History, first: int, n: int) -> FloatArray:
        """Propose trials `first` to `first + n - 1` of the search space given when this was made."""
        sampler = self.for_space(history.space) if self._whole is None else self._whole
        return sampler.propose(history, first, n)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is proposed together."""
        if self._space is not None:
            return dict(self._space)
        with self._lock:
            return self._common.calculate(study)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Propose one trial from those that are finished."""
        return self._one(study, trial, search_space) if search_space else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Propose one parameter from the finished trials that have it."""
        return self._one(study, trial, {param_name: param_distribution})[param_name]

    def _one(self, study: Study, trial: FrozenTrial, space: dict[str, BaseDistribution]) -> dict[str, Any]:
        history = History(space, [item.name.lower() for item in study.directions])
        finished = study.get_trials(deepcopy=False, states=_FINISHED)
        history.append_trials([item for item in finished if any(name in item.params for name in space)])
        return external(space, self.for_space(space).propose(history, trial.number, 1)[0])
