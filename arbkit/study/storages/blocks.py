"""What a storage of ours can do beside what Optuna asks of it."""

from __future__ import annotations

import abc
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from arbkit._typing import FloatArray
from arbkit.errors import StorageError, StudyError
from arbkit.study.block import WHOLE, Parts, TrialBlock

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = ["BlockStorage", "block_of", "numbers_of", "removed", "several_distributions", "taken", "texts_of"]


class BlockStorage(abc.ABC):
    """A storage that takes and gives trials as columns.

    Guarantees asked of an implementation: a block is stored whole or not at all; what is read is what
    `get_all_trials` returns.
    """

    @abc.abstractmethod
    def append_block(self, study_id: int, block: TrialBlock) -> None:
        """Store trials under the numbers they have.

        Raises:
            StorageError: when the next number of the stored study is another one.
        """

    @abc.abstractmethod
    def read_block(self, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
        """Return all trials of a study, with the parts that are wanted at least.

        Raises:
            KeyError: when there is no such study.
            StudyError: when a parameter has several distributions.
        """


def block_of(trials: Sequence[FrozenTrial], objectives: int) -> TrialBlock:
    """Turn Optuna's objects into columns.

    Raises:
        StudyError: when a parameter has several distributions.
    """
    distributions: dict[str, BaseDistribution] = {}
    # The longest first: a trial of some parameters does not move the columns of the whole space.
    for trial in sorted(trials, key=lambda item: -len(item.distributions)):
        for name, item in trial.distributions.items():
            if distributions.setdefault(name, item) != item:
                raise several_distributions(name)
    return TrialBlock.from_frozen(trials, distributions, objectives)


def numbers_of(texts: Sequence[str | None]) -> FloatArray:
    """Read JSON numbers, NaN where there is none."""
    return np.array([math.nan if text is None else float(text) for text in texts])


def texts_of(numbers: FloatArray) -> list[str | None]:
    """Write numbers as JSON, nothing where they are NaN; infinities as Python's JSON does."""
    texts: list[str | None] = [repr(value) for value in numbers.tolist()]
    for row in np.flatnonzero(~np.isfinite(numbers)).tolist():
        value = float(numbers[row])
        texts[row] = None if math.isnan(value) else json.dumps(value)
    return texts


def several_distributions(name: str) -> StudyError:
    """Say that a study's trials are no columns."""
    return StudyError(f"a parameter of a study must keep its distribution, {name!r} has several")


def taken(number: int, found: str) -> StorageError:
    """Say that another process stores trials of the same study."""
    return StorageError(
        f"a study must be run by one process at a time, trial {number} was to come next and {found}; "
        "stop the other process, then run `arbkit study resume`"
    )


def removed(number: int) -> StorageError:
    """Say that somebody deleted the study while it ran."""
    return StorageError(
        f"a study must stay while it runs, another process has deleted it before trial {number}; "
        "run its spec again"
    )
