"""What the pictures of the checks have beside the one look of all (`arbkit.show.look`)."""

from __future__ import annotations

from typing import Any

from arbkit.realism._words import duration

__all__ = ["duration_axis"]


def duration_axis(axis: Any) -> None:
    """Write a logarithmic axis of milliseconds with the units people use."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    written = FuncFormatter(lambda value, _: duration(value) if value else "0")
    axis.set_major_formatter(written)
    low, high = axis.get_view_interval()
    if low > 0 and high < 30 * low:
        axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
        axis.set_minor_formatter(written)
    else:
        axis.set_minor_formatter(NullFormatter())
