"""A warm start: the best points of another study, to be tried first on this one's data."""

from __future__ import annotations

from typing import Any

from arbkit.errors import StudyError
from arbkit.study.points import fits
from arbkit.study.spec import StudySpec
from arbkit.study.study import Study, load_study

__all__ = ["with_known_points"]


def with_known_points(spec: StudySpec) -> StudySpec:
    """Return the spec with its warm start turned into points to be tried first.

    Only points are taken over, never values: they were measured on other data, or by another objective. A
    parameter that the other study had fixed has that value; points outside this search space are left out.

    Raises:
        StudyError: when there is no such study, or none of its best points lies in this search space.
    """
    if spec.warm_start is None:
        return spec
    found = load_study(spec.warm_start.study)
    rows = found.best_trials(found.trials().height).to_dicts()
    points = [_point(spec, found, row) for row in rows]
    fitting = [point for point in points if point is not None][: spec.warm_start.n]
    if not fitting:
        raise StudyError(
            "a warm start needs points that lie in `space`, "
            f"none of the {len(rows)} best of {found.name!r} does; widen `space`, or leave it out"
        )
    return spec.replace(enqueue=[*spec.enqueue, *fitting], warm_start=None)


def _point(spec: StudySpec, found: Study, row: dict[str, Any]) -> dict[str, Any] | None:
    values = {**found.spec.fixed, **{name: row[name] for name in found.spec.space}}
    point = {name: values[name] for name in spec.space if name in values}
    inside = len(point) == len(spec.space) and all(
        fits(point[name], name, item) for name, item in spec.space.items()
    )
    return point if inside else None
