"""`fair`: the ratio A/B that is believed normal at each row, filled from the past."""

from __future__ import annotations

import math

import numpy as np

from arbkit.errors import ConfigError, nearest_names
from arbkit.kernels.reference import ewma_fair, log_ratio_on_grid, median_fair
from arbkit.panel.panel import Panel
from arbkit.panel.scale import check_scale, scale_memory_ns, split_view, with_scale
from arbkit.units import duration_ns, seconds_to_ns

__all__ = ["parse_reference", "warm_up_ns", "with_reference"]

_KINDS = ("none", "fixed", "ewma", "median", "column")
_FORMS = "none, fixed:BPS, ewma:HALF_LIFE, median:WINDOW or column:NAME"


def parse_reference(reference: str) -> tuple[str, str]:
    """Split a reference such as "ewma:6h" into its kind and its argument, both checked.

    A scale behind it, as in "ewma:6h; scale=ewma:30m,target=20", is checked and left out.

    Raises:
        ConfigError: when it is none of the known forms.
    """
    reference, scale = split_view(reference)
    check_scale(scale)
    kind, _, argument = str(reference).partition(":")
    if kind not in _KINDS:
        raise ConfigError(f"a reference is {_FORMS}, was {reference!r}; {nearest_names(kind, _KINDS)}")
    if (kind == "none") == bool(argument):
        raise ConfigError(f"a reference is {_FORMS}, was {reference!r}")
    if kind == "fixed":
        _fixed_ratio(argument)
    if kind in ("ewma", "median") and duration_ns(argument, name="reference") <= 0:
        raise ConfigError(f"the span of a reference must be longer than 0, was {reference!r}")
    return kind, argument


def _fixed_ratio(argument: str) -> float:
    try:
        ratio = 1 + float(argument) * 1e-4
    except ValueError as error:
        raise ConfigError(f"fixed:BPS takes a number of basis points, was {argument!r}") from error
    if not (math.isfinite(ratio) and ratio > 0):
        raise ConfigError(f"fixed:BPS must leave a finite ratio above 0, was {argument!r}")
    return ratio


def warm_up_ns(reference: str) -> int:
    """Return how much time before a row its reference needs: two half-lives, or one window."""
    kind, argument = parse_reference(reference)
    if kind == "ewma":
        return 2 * duration_ns(argument)
    return duration_ns(argument) if kind == "median" else 0


def settled_ns(reference: str) -> int:
    """Return how much earlier data must begin for a row to have the reference that it has in longer data.

    A median needs its window. An average of two half-lives still holds a quarter of its first price, and of
    twenty a millionth: then a part of the data has the trades of the whole.
    """
    kind, argument = parse_reference(reference)
    own = 20 * duration_ns(argument) if kind == "ewma" else warm_up_ns(reference)
    return max(own, scale_memory_ns(split_view(reference)[1]))


def with_reference(panel: Panel, reference: str, *, step_s: float = 60.0) -> Panel:
    """Return the panel with `fair`, and a scale that stands behind it, filled; see `Panel.with_reference`."""
    before = split_view(panel.meta.reference)[1]
    reference, scale = split_view(reference)
    filled = _with_fair(panel, reference, step_s)
    # A scale that the panel came with is kept, one that was asked for by name is not.
    return filled if scale == before == "none" else with_scale(filled, scale)


def _with_fair(panel: Panel, reference: str, step_s: float) -> Panel:
    kind, argument = parse_reference(reference)
    if kind == "none":
        return panel.replace(fair=None, reference="none")
    if kind == "fixed":
        fair = np.full(len(panel), _fixed_ratio(argument))
        return panel.replace(fair=fair, reference=reference)
    if kind == "column":
        return panel.replace(fair=_column(panel, argument), reference=reference)
    step_ns = seconds_to_ns(step_s)
    if step_ns <= 0:
        raise ConfigError(f"`step_s` must be above 0, was {step_s!r}")
    span_ns = duration_ns(argument)
    if span_ns < step_ns:
        raise ConfigError(
            f"the span of a reference must be at least one step of {step_s:g} s, was {reference!r}"
        )
    start, samples = log_ratio_on_grid(
        panel.ts,
        panel.bid_a,
        panel.ask_a,
        panel.bid_b,
        panel.ask_b,
        panel.tradable,
        step_ns,
        panel.meta.max_age_ns,
    )
    fill = ewma_fair if kind == "ewma" else median_fair
    return panel.replace(fair=fill(panel.ts, start, samples, step_ns, span_ns), reference=reference)


def _column(panel: Panel, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    if name == "fair" and panel.fair is not None:
        return panel.fair
    if name not in panel.columns:
        advice = nearest_names(name, panel.columns) if panel.columns else "it has no further columns"
        raise ConfigError(f"the panel has no column {name!r}; {advice}")
    return panel.columns[name]
