"""The fair ratio of a changed panel: what a desk would have believed that saw the changed books."""

from __future__ import annotations

from typing import Final

import numpy as np

from arbkit._typing import FloatArray
from arbkit.panel import Panel, split_view

__all__ = ["referenced"]

_FROM_BOOKS: Final = ("ewma", "median")


def referenced(before: Panel, after: Panel) -> Panel:
    """Return the changed panel with a fair ratio and a scale made of its own books, where books make them.

    Where the panel was cut from a longer one after its ratio was filled, the ratio is moved by what the
    change moves it, and rows that this panel alone would leave without a ratio keep theirs.

    Args:
        before: the panel with its ratio.
        after: the same rows with other books.
    """
    if after is before:
        return after
    reference, scale = split_view(before.meta.reference)
    if scale != "none":
        after = _scaled(before, after, scale)
    if before.fair is None:
        return after
    if reference.partition(":")[0] not in _FROM_BOOKS:
        return after
    changed, known = _filled(after, reference), _filled(before, reference)
    if not np.array_equal(known, before.fair, equal_nan=True):
        with np.errstate(all="ignore"):
            moved = before.fair * (changed / known)
        changed = np.where(np.isfinite(moved), moved, before.fair)
    return after.replace(fair=changed)


def _scaled(before: Panel, after: Panel, scale: str) -> Panel:
    """Return the changed panel with the scale of its own books, but for rows that were warm before a cut."""
    changed, known = after.with_scale(scale).scale, before.with_scale(scale).scale
    assert changed is not None
    assert before.scale is not None
    return after.replace(scale=np.where(before.scale == known, changed, before.scale))


def _filled(panel: Panel, reference: str) -> FloatArray:
    fair = panel.with_reference(reference).fair
    assert fair is not None
    return fair
