"""The fair ratio of a changed panel: what a desk would have believed that saw the changed books."""

from __future__ import annotations

from typing import Final

import numpy as np

from arbkit._typing import FloatArray
from arbkit.panel import Panel

__all__ = ["referenced"]

_FROM_BOOKS: Final = ("ewma", "median")


def referenced(before: Panel, after: Panel) -> Panel:
    """Return the changed panel with a fair ratio made of its own books, where the reference is made of books.

    Where the panel was cut from a longer one after its ratio was filled, the ratio is moved by what the
    change moves it, and rows that this panel alone would leave without a ratio keep theirs.

    Args:
        before: the panel with its ratio.
        after: the same rows with other books.
    """
    if after is before or before.fair is None:
        return after
    reference = before.meta.reference
    if reference.partition(":")[0] not in _FROM_BOOKS:
        return after
    changed, known = _filled(after, reference), _filled(before, reference)
    if not np.array_equal(known, before.fair, equal_nan=True):
        with np.errstate(all="ignore"):
            moved = before.fair * (changed / known)
        changed = np.where(np.isfinite(moved), moved, before.fair)
    return after.replace(fair=changed)


def _filled(panel: Panel, reference: str) -> FloatArray:
    fair = panel.with_reference(reference).fair
    assert fair is not None
    return fair
