"""Two ways to get proposals: whole blocks from a sampler of ours, one trial at a time from one of Optuna's.

Both give the trials of a batch as one array, are told a batch at a time, and go back to any earlier state
from the stored trials. What a batch proposes depends on the trials before it and the seed only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from arbkit._typing import FloatArray
from arbkit.study.asking import AskedStudy
from arbkit.study.block import TrialBlock
from arbkit.study.conditions import Conditions
from arbkit.study.samplers import BatchSampler, History, internal, make_batch_sampler, sampler_maker
from arbkit.study.samplers.numbered import NumberedSampler
from arbkit.study.schedule import batch_end
from arbkit.study.space import distributions
from arbkit.study.spec import StudySpec

__all__ = ["Proposer", "make_proposer"]


class Proposer(Protocol):
    """Asks a sampler for batches and tells it how they ended.

    Attributes:
        free: a batch does not depend on the trials before it, so that batches may have any size.
    """

    free: bool

    def restart(self, told: TrialBlock, attrs: Mapping[str, Any]) -> None:
        """Forget everything but these trials, which begin with number 0, and what the sampler kept."""
        ...

    def propose(self, first: int, n: int) -> FloatArray:
        """Return the next trials as float64 (n, p) in internal representation."""
        ...

    def tell(self, block: TrialBlock) -> TrialBlock:
        """Take in how the proposed trials ended; return them with what the sampler keeps about each."""
        ...

    def kept(self) -> dict[str, Any]:
        """Return what the sampler keeps about the study as a whole."""
        ...


def make_proposer(spec: StudySpec) -> Proposer:
    """Return the faster way to ask the sampler of a study."""
    sampler = make_batch_sampler(spec.sampler.name, spec.sampler.options, seed=spec.seed, ranges=spec.space)
    return AskingProposer(spec) if sampler is None else BlockProposer(spec, sampler)


class BlockProposer:
    """Proposals of a sampler that gives arrays. Points to be tried first take the first numbers."""

    def __init__(self, spec: StudySpec, sampler: BatchSampler) -> None:
        self.free = isinstance(sampler, NumberedSampler)
        self._spec = spec
        self._sampler = sampler
        self._space = distributions(spec.space)
        self._history = History(self._space, spec.directions)
        known = [internal(self._space, point) for point in spec.enqueue]
        self._known = Conditions(spec.space).mask(np.array(known).reshape(-1, len(self._space)))

    def restart(self, told: TrialBlock, attrs: Mapping[str, Any]) -> None:
        """Forget everything but these trials."""
        self._history = History(self._space, self._spec.directions)
        self._take(told)

    def propose(self, first: int, n: int) -> FloatArray:
        """Return the next trials: points to be tried first, then what the sampler proposes."""
        known = self._known[first : first + n]
        if self.free:
            # A numbered sampler begins behind them: a grid leaves none of its points out.
            begin = max(first - len(self._known), 0)
            if len(known) == n:
                return known
            return np.vstack(
                [
                    known.reshape(-1, len(self._space)),
                    self._sampler.propose(self._history, begin, n - len(known)),
                ]
            )
        # Always a whole batch: the last one of a study, cut short, is the beginning of the full one.
        whole = max(n, batch_end(self._spec.batch, first) - first)
        rows = self._sampler.propose(self._history, first, whole)[:n]
        rows[: len(known)] = known
        return rows

    def tell(self, block: TrialBlock) -> TrialBlock:
        """Take in how the proposed trials ended."""
        self._take(block)
        return block

    def kept(self) -> dict[str, Any]:
        """Return nothing: these samplers keep no state."""
        return {}

    def _take(self, block: TrialBlock) -> None:
        if not self.free and len(block):
            violation = np.zeros(len(block))
            for column in block.constraints.values():
                violation += np.where(column > 0, column, 0.0)
            progress = np.full((len(block), 2), np.nan)
            steps = block.reports  # In order of the steps: the last one stays.
            progress[steps["row"]] = np.column_stack([steps["step"], steps["value"]])
            self._history.append(block.params, block.values, violation, block.states, progress)


class AskingProposer:
    """Proposals of a sampler of Optuna, which works on a copy of the study in memory."""

    free: bool = False

    def __init__(self, spec: StudySpec) -> None:
        self._spec = spec
        self._space = distributions(spec.space)
        self._conditions = Conditions(spec.space)
        self._sampler_of = sampler_maker(
            spec.sampler.name, spec.sampler.options, seed=spec.seed, ranges=spec.space
        )

    def restart(self, told: TrialBlock, attrs: Mapping[str, Any]) -> None:
        """Copy the told trials into memory, without the metrics, which no sampler looks at."""
        spec, first = self._spec, self._spec.enqueue[told.end :]
        known = dataclasses.replace(told, attrs={})
        self._study = AskedStudy(self._space, self._conditions, spec.directions, known, attrs, first)

    def propose(self, first: int, n: int) -> FloatArray:
        """Ask for the next trials, one by one, with a sampler made anew from (seed + trials before)."""
        return self._study.ask(self._sampler_of(first), n)

    def tell(self, block: TrialBlock) -> TrialBlock:
        """Tell Optuna how the asked trials ended; a last batch may be cut short."""
        return dataclasses.replace(block, system_attrs=self._study.tell(block))

    def kept(self) -> dict[str, Any]:
        """Return what the sampler keeps about the study as a whole (a genetic one: its parents)."""
        return self._study.kept()
