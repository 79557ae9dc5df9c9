"""Cuts through time: what the search sees, what judges it, and what stays sealed."""

from __future__ import annotations

from typing import NamedTuple

from arbkit.errors import ConfigError, DataError
from arbkit.panel import Panel

__all__ = ["Split", "split_cuts", "split_panel", "walk_forward"]


class Split(NamedTuple):
    """Three consecutive parts of one panel, in time order."""

    train: Panel
    test: Panel
    lockbox: Panel


def split_cuts(panel: Panel, out_of_sample: float = 0.4, lockbox: float | None = None) -> tuple[int, int]:
    """Return where the part that the search never sees begins, and where the lockbox begins, nanoseconds.

    Args:
        panel: the whole market.
        out_of_sample: share of the time, at the end, that the search never sees, in (0, 1).
        lockbox: share of the time, at the end of that, which stays sealed; None for half of it.

    Raises:
        ConfigError: when a share is out of its range.
    """
    if not 0 < out_of_sample < 1:
        raise ConfigError(f"`out_of_sample` must be between 0 and 1, both excluded, was {out_of_sample!r}")
    sealed = out_of_sample / 2 if lockbox is None else lockbox
    if not 0 < sealed < out_of_sample:
        raise ConfigError(f"`lockbox` must be above 0 and below `out_of_sample`, was {lockbox!r}")
    span = panel.end_ns - panel.start_ns
    return panel.start_ns + round(span * (1 - out_of_sample)), panel.start_ns + round(span * (1 - sealed))


def split_panel(panel: Panel, out_of_sample: float = 0.4, lockbox: float | None = None) -> Split:
    """Cut off the last share of the time, and from that the lockbox.

    Args:
        panel: the whole market.
        out_of_sample: share of the time that the search never sees, in (0, 1).
        lockbox: share of the time, at its end, that stays sealed; None for half of it.

    Returns:
        Training, test and lockbox panels. References filled before the cut keep their warm-up.

    Raises:
        ConfigError: when a share is out of its range.
        DataError: when one of the three parts has no row.
    """
    cut, sealed = split_cuts(panel, out_of_sample, lockbox)
    split = Split(panel.slice(None, cut), panel.slice(cut, sealed), panel.slice(sealed, None))
    for name, part in zip(Split._fields, split, strict=True):
        if len(part) == 0:
            raise DataError(
                f"every part of a split needs rows, `{name}` had none of {len(panel)}; take more data"
            )
    return split


def walk_forward(
    panel: Panel, n_folds: int, *, first_train: float = 0.5, purge: int = 0
) -> list[tuple[Panel, Panel]]:
    """Cut a panel into anchored folds: each trains on all that came before and tests on the next stretch.

    Args:
        panel: the whole market.
        n_folds: how many test stretches of equal time, at least 1.
        first_train: share of the time before the first test stretch, in (0, 1).
        purge: nanoseconds cut off the end of each training part.

    Returns:
        (train, test) panels in time order.

    Raises:
        ConfigError: when an argument breaks its rule.
    """
    if n_folds < 1:
        raise ConfigError(f"`n_folds` must be at least 1, was {n_folds!r}")
    if not 0 < first_train < 1:
        raise ConfigError(f"`first_train` must be between 0 and 1, both excluded, was {first_train!r}")
    span = panel.end_ns - panel.start_ns
    cuts = [
        panel.start_ns + round(span * (first_train + (1 - first_train) * k / n_folds)) for k in range(n_folds)
    ]
    ends: list[int | None] = [*cuts[1:], None]
    return [
        (panel.slice(None, cut - purge), panel.slice(cut, end)) for cut, end in zip(cuts, ends, strict=True)
    ]
