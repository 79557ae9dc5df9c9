"""The sets around the chosen one, run in and out of sample: a plateau, or a lone spike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.config import Params
from arbkit.engine import backtest_many
from arbkit.errors import ConfigError
from arbkit.study import Study
from arbkit.study.ranges import from_row, plain_space, to_row
from arbkit.validation.neighbours import neighbourhood

__all__ = ["Around", "Profile", "around_of"]

#: Values of one parameter that are tried between the ends of its range.
_POINTS: Final = 17


class Profile(NamedTuple):
    """One parameter moved alone through its range, the others as chosen.

    `values` are what was tried, in order; `train` and `test` float64 (n,), the first objective there, NaN
    where the engine refuses the set or a ratio is undefined.
    """

    name: str
    values: tuple[Any, ...]
    train: FloatArray
    test: FloatArray


class Around(NamedTuple):
    """What lies around the chosen set.

    `train` and `test` float64 (m,) are the objective of sets that differ from the chosen one in every
    number, each by at most `step` of its range; NaN as in `Profile`.
    """

    profiles: tuple[Profile, ...]
    train: FloatArray
    test: FloatArray
    step: float


def around_of(study: Study, chosen: Mapping[str, Any]) -> Around:
    """Run the sets around the chosen one on the training and the test segment.

    Args:
        study: the study.
        chosen: its searched parameters by name; None for one that is no part of the set.

    Raises:
        StudyError: when the data changed since the study began.
    """
    spec = study.spec
    space = plain_space(spec.space)
    settings = spec.validation
    near = neighbourhood(space, to_row(space, chosen), settings.neighbours, settings.step, spec.seed)
    tried = [{**chosen, **from_row(space, one)} for one in near]
    lines = {name: _tried_values(study, name, chosen[name]) for name in spec.space}
    moved = [{**chosen, name: value} for name, values in lines.items() for value in values]
    train, test = (_objective(study, [*tried, *moved], segment) for segment in ("train", "test"))
    profiles, at = [], len(tried)
    for name, values in lines.items():
        part = slice(at, at + len(values))
        at += len(values)
        if len(values) > 1:
            profiles.append(Profile(name, tuple(values), train[part], test[part]))
    return Around(tuple(profiles), train[: len(tried)], test[: len(tried)], settings.step)


def _tried_values(study: Study, name: str, chosen: Any) -> list[Any]:
    """Return what to try of one parameter: its choices, or even steps of its range and the chosen value."""
    item: Any = study.spec.space[name]
    if item.type == "categorical":
        return list(item.choices)
    if chosen is None:
        return []
    low, high = float(item.low), float(item.high)
    grid = np.geomspace(low, high, _POINTS) if item.log else np.linspace(low, high, _POINTS)
    if item.type == "int":
        return sorted({int(chosen), *(round(value) for value in grid.tolist())})
    return sorted({float(chosen), *grid.tolist()})


def _objective(study: Study, sets: Sequence[Mapping[str, Any]], segment: Any) -> FloatArray:
    """Return the first objective of each set on a segment."""
    found = np.full(len(sets), np.nan)
    groups: dict[str, list[tuple[int, Params]]] = {}
    for at, values in enumerate(sets):
        try:
            params, reference = study.params_of(values)
        except ConfigError:  # Such as a shortest hold above the longest.
            continue
        groups.setdefault(reference, []).append((at, params))
    metric = study.spec.objective[0].metric
    for reference, members in groups.items():
        frame = backtest_many(study.panel_for(reference, segment), [params for _, params in members])
        column = frame[metric].cast(float).fill_null(float("nan")).to_numpy()
        found[[at for at, _ in members]] = column
    return found
