"""`scale`: which share of the position each row would take, filled from the past.

A view of a panel names what it is measured from and how it is scaled: "ewma:6h; scale=ewma:30m,target=20".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from arbkit.errors import ConfigError, nearest_names
from arbkit.risk.scaling import parse_scale, scale_of

if TYPE_CHECKING:
    from arbkit.panel.panel import Panel

__all__ = ["check_scale", "joined_view", "scale_memory_ns", "split_view", "with_scale"]

_BETWEEN: Final = "; scale="
_COLUMN: Final = "column:"


def split_view(view: str) -> tuple[str, str]:
    """Return the reference and the scale of a view; the scale is "none" where it names none."""
    reference, _, scale = str(view).partition(_BETWEEN)
    return reference, scale or "none"


def joined_view(reference: str, scale: str) -> str:
    """Return the view with this reference and this scale."""
    return reference if scale == "none" else f"{reference}{_BETWEEN}{scale}"


def check_scale(scale: str) -> None:
    """Check that a scale is one: "none", "column:NAME", or a model with its target.

    Raises:
        ConfigError: when it breaks a rule.
        MissingDependencyError: when its model needs a package that is not installed.
    """
    if scale != "none" and not scale.startswith(_COLUMN):
        parse_scale(scale)


def scale_memory_ns(scale: str) -> int:
    """Return how much earlier data must begin for a row to have the scale that it has in longer data."""
    return 0 if scale == "none" or scale.startswith(_COLUMN) else parse_scale(scale).memory_ns


def with_scale(panel: Panel, scale: str) -> Panel:
    """Return the panel with `scale` filled; see `Panel.with_scale`."""
    check_scale(scale)
    view = joined_view(split_view(panel.meta.reference)[0], scale)
    if scale == "none":
        return panel.replace(scale=None, reference=view)
    if scale.startswith(_COLUMN):
        return panel.replace(scale=_column(panel, scale.removeprefix(_COLUMN)), reference=view)
    filled = scale_of(
        scale,
        panel.ts,
        (panel.bid_a + panel.ask_a) / 2,
        (panel.bid_b + panel.ask_b) / 2,
        panel.tradable,
        panel.meta.max_age_ns,
    )
    return panel.replace(scale=filled, reference=view)


def _column(panel: Panel, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    if name not in panel.columns:
        advice = nearest_names(name, panel.columns) if panel.columns else "it has no further columns"
        raise ConfigError(f"the panel has no column {name!r}; {advice}")
    column = panel.columns[name]
    if not ((column >= 0) & (column <= 1)).all():
        raise ConfigError(f"a scale must be in [0, 1] in every row, column {name!r} is not")
    return column
