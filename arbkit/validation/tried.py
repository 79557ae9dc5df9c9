"""How many distinct parameter sets were really tried on the same data: all studies, all pairs, all states."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

from arbkit._typing import FloatArray
from arbkit.config import Params
from arbkit.errors import ArbkitError
from arbkit.study.block import Parts, TrialBlock
from arbkit.study.lookup import places
from arbkit.study.record import StudyRecord
from arbkit.study.space import VIEWS, distributions
from arbkit.study.spec import StudySpec
from arbkit.study.storages import MEMORY, Reader, StoredStudy, open_reader
from arbkit.validation.lockbox import openings_in

__all__ = ["Tried", "keys_of", "tried_on"]

_DEFAULTS: Final = {
    item.name: item.default for item in dataclasses.fields(Params) if item.default is not dataclasses.MISSING
}


_SETS: Final = Parts(attrs=(), rest=False)


class Tried(NamedTuple):
    """What was tried on the same data.

    Attributes:
        distinct: distinct parameter sets, those of other pairs of the dataset counted apart.
        studies: studies they came from; copies of one are one.
        openings_elsewhere: openings of a lockbox on these data by the other studies.
    """

    distinct: int
    studies: int
    openings_elsewhere: int


def tried_on(
    spec: StudySpec, fingerprint: str, own: list[FloatArray], name: str = "", url: str = MEMORY
) -> Tried:
    """Count the distinct sets of all studies on the same data, whatever became of their trials.

    Studies are looked for in every storage under `studies/`, in those that the specs there name, and in the
    study's own. The same data are the same panel, or another pair of the same dataset.

    Args:
        spec: the study's spec.
        fingerprint: of its panel.
        own: float64 (n, p) each: the sets that it tried itself, those of its validation among them.
        name: of the study, to tell it from the others.
        url: of its storage.
    """
    found = [keys_of(spec, fingerprint, params) for params in own]
    mine: set[Any] = set()
    studies: set[Any] = {None}
    openings: set[Any] = set()
    for place in dict.fromkeys((url, *places())):
        if place == MEMORY:
            continue
        for item, record, block in _studies_in(place):
            if not _same_data(record, spec, fingerprint):
                continue
            # A copy keeps its name and the moment it began: what it shares with the other is one thing.
            study = (item.name, record.created, record.dataset_fingerprint)
            noted = {(study, opening.at, opening.trials) for opening in openings_in(item.user_attrs)}
            openings |= noted
            if (item.name, place) == (name, url):
                mine, studies = noted, studies - {None} | {study}
                continue
            other = StudySpec.from_record(record.spec)
            found.append(
                keys_of(other, record.dataset_fingerprint, block.over(distributions(other.space)).params)
            )
            studies.add(study)
    every = pl.concat(found) if found else pl.Series([], dtype=pl.UInt64)
    return Tried(every.n_unique(), len(studies), len(openings - mine))


def keys_of(spec: StudySpec, fingerprint: str, params: FloatArray) -> pl.Series:
    """Return a hash per set of all that the engine would be given, equal for equal sets of any study.

    Args:
        spec: whose space and fixed parameters count.
        fingerprint: of the panel.
        params: float64 (n, p) in internal representation.
    """
    values: dict[str, Any] = {**_DEFAULTS, **dict.fromkeys(VIEWS, "none"), **spec.fixed}
    alike = [f"{name}={_text(value)}" for name, value in values.items() if name not in spec.space]
    total = np.full(len(params), _hashed(pl.Series([*alike, f"panel={fingerprint}"])).sum(), np.uint64)
    for column, (name, item) in enumerate(distributions(spec.space).items()):
        texts = _column(item, params[:, column], _text(values.get(name)))
        # Sums of hashes wrap around: whether a value is fixed or searched makes no difference to them.
        total += _hashed(f"{name}=" + texts)
    return pl.Series(total)


def _hashed(texts: pl.Series) -> NDArray[np.uint64]:
    found: NDArray[np.uint64] = texts.hash(seed=0).to_numpy()
    return found


def _column(item: BaseDistribution, values: FloatArray, default: str) -> pl.Series:
    absent = np.isnan(values)
    if isinstance(item, CategoricalDistribution):
        texts = np.array([_text(choice) for choice in item.choices], dtype=object)
        found = texts[np.where(absent, 0, values).astype(np.int64)]
        return pl.Series(np.where(absent, default, found).tolist(), dtype=pl.String)
    numbers = pl.Series(values + 0.0, dtype=pl.Float64).cast(pl.String)
    return numbers.zip_with(pl.Series(~absent), pl.repeat(default, len(values), dtype=pl.String, eager=True))


def _text(value: Any) -> str:
    """Write a value so that equal ones are equal, a whole number and the same as a float among them."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(pl.Series([float(value) + 0.0]).cast(pl.String)[0])
    return json.dumps(value, sort_keys=True, default=str)


def _same_data(record: StudyRecord, spec: StudySpec, fingerprint: str) -> bool:
    if record.dataset_fingerprint == fingerprint:
        return True
    other, own = record.spec.get("dataset"), spec.dataset
    return own is not None and other is not None and Path(other).resolve() == Path(own).resolve()


def _studies_in(url: str) -> list[tuple[StoredStudy, StudyRecord, TrialBlock]]:
    """Return the studies of a storage that arbkit made; one that cannot be read has none."""
    try:
        reader = open_reader(url)
        return [found for item in reader.studies() if (found := _read(reader, item)) is not None]
    except ArbkitError:
        return []


def _read(reader: Reader, item: StoredStudy) -> tuple[StoredStudy, StudyRecord, TrialBlock] | None:
    try:
        record = StudyRecord.from_attrs(item.name, item.user_attrs)
        return item, record, reader.block(item.study_id, _SETS)
    except ArbkitError:
        return None
