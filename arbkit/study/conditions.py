"""Conditional parameters: one that exists only where a category has a value.

    space:
      reference: {type: categorical, choices: [none, "ewma:1h"]}
      exit_spread_bps: {type: float, low: -5, high: 20, when: {reference: "ewma:1h"}}

Where a parameter does not exist the engine's default counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from arbkit._typing import FloatArray
from arbkit.errors import ConfigError, nearest_names
from arbkit.study.space import Categorical, Range, normalise

__all__ = ["Conditions"]


class Conditions:
    """Which parameters of a space exist, given the others.

    Args:
        ranges: the search space.

    Attributes:
        parent: int64 (p,), the column of the category each parameter depends on; -1 = it always exists.
        allowed: uint64 (p,), bit i = it exists where that is choice i.
        order: int64 (p,), the columns with each parent before its children.

    Raises:
        ConfigError: for a condition on something that is no category of the space, on a value it does not
            have, or for parameters that wait for each other.
    """

    def __init__(self, ranges: Mapping[str, Range]) -> None:
        self._names = list(ranges)
        self.parent = np.full(len(ranges), -1, np.int64)
        self.allowed = np.zeros(len(ranges), np.uint64)
        for column, (name, item) in enumerate(ranges.items()):
            if item.when is not None:
                self._add(column, name, item.when, ranges)
        self._parents: list[int] = self.parent.tolist()
        self.order = np.array(self._ordered(), np.int64)

    def __bool__(self) -> bool:
        return bool((self.parent >= 0).any())

    def exists(self, column: int, row: FloatArray) -> bool:
        """Tell whether a parameter exists in a row of float64 (p,) that has its parent, if that exists."""
        parent = self._parents[column]
        if parent < 0:
            return True
        value = row[parent]
        return not np.isnan(value) and bool(int(self.allowed[column]) >> int(value) & 1)

    def mask(self, rows: FloatArray) -> FloatArray:
        """Return float64 (n, p) with NaN where a parameter does not exist."""
        rows = np.array(rows, np.float64)
        for column in self.order:
            parent = self.parent[column]
            if parent < 0:
                continue
            absent = np.isnan(rows[:, parent])
            choice = np.where(absent, 0, rows[:, parent]).astype(np.uint64)
            rows[absent | ((self.allowed[column] >> choice) & np.uint64(1) == 0), column] = np.nan
        return rows

    def _add(self, column: int, name: str, when: Mapping[str, Any], ranges: Mapping[str, Range]) -> None:
        place = f"space.{name}.when"
        if len(when) != 1:
            raise ConfigError(f"`{place}` must name one parameter, {{reference: value}}, was {dict(when)!r}")
        ((parent, values),) = when.items()
        others = [item for item in ranges if item != name]
        if parent not in others:
            raise ConfigError(f"`{place}`: `{parent}` is not in `space`; {nearest_names(parent, others)}")
        item = ranges[parent]
        if not isinstance(item, Categorical):
            raise ConfigError(f"`{place}`: `{parent}` must be categorical, was {item.type}")
        if len(item.choices) > 64:
            raise ConfigError(f"`{place}`: `{parent}` may have 64 choices, has {len(item.choices)}")
        for value in values if isinstance(values, (list, tuple)) else [values]:
            wanted = normalise(parent, value)
            if wanted not in item.choices:
                shown = ", ".join(str(choice) for choice in item.choices)
                raise ConfigError(f"`{place}`: `{parent}` is never {value!r}; its choices: {shown}")
            for index, choice in enumerate(item.choices):
                if choice == wanted and type(choice) is type(wanted):
                    self.allowed[column] |= np.uint64(1 << index)
        self.parent[column] = list(ranges).index(parent)

    def _ordered(self) -> list[int]:
        order: list[int] = []
        while len(order) < len(self._names):
            ready = [
                column
                for column in range(len(self._names))
                if column not in order and (self.parent[column] < 0 or self.parent[column] in order)
            ]
            if not ready:
                waiting = [self._names[column] for column in range(len(self._names)) if column not in order]
                raise ConfigError(f"conditions must not go round in a circle: {', '.join(waiting)}")
            order += ready
        return order
