"""The picture of a validation: numbers first, then the drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from arbkit._typing import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from arbkit.validation.result import Part, Validation

__all__ = ["PictureNumbers", "draw", "picture_numbers"]

_INK, _MUTED, _SHADES = "#1c2733", "#8a97a5", ("#ffffff", "#eef3f8", "#fbf3e4")
_LINE, _OTHER = "#1f6f8b", "#c46a2b"
_NAMES = {
    "training": "training",
    "walk_forward": "walk-forward",
    "lockbox": "lockbox",
    "out_of_sample": "out of sample",
}


class PictureNumbers(NamedTuple):
    """What the picture shows.

    Attributes:
        ends: int64 (n,), the end of each bin, nanoseconds; the beginning of the next, the last row at last.
        walked: float64 (n,), PnL so far: the chosen set in training and lockbox, each fold's own between.
        chosen: float64 (n,), PnL so far of the chosen set.
        cuts: where the walk-forward and the lockbox begin, nanoseconds.
        folds: where each fold begins.
        parts: the stretches of time with mean per day and interval.
        level: of the intervals.
    """

    ends: IntArray
    walked: FloatArray
    chosen: FloatArray
    cuts: tuple[int, int]
    folds: tuple[int, ...]
    parts: tuple[Part, ...]
    level: float


def picture_numbers(validation: Validation) -> PictureNumbers:
    """Return the numbers of the picture; without parts there are none."""
    starts = np.array(validation.bin_starts, np.int64)
    if not starts.size:
        empty = np.zeros(0)
        return PictureNumbers(starts, empty, empty, (0, 0), (), (), 0.0)
    end = validation.part("lockbox").end_ns
    return PictureNumbers(
        ends=np.append(starts[1:], end),
        walked=np.cumsum(validation.bin_pnl),
        chosen=np.cumsum(validation.chosen_pnl),
        cuts=(validation.part("walk_forward").start_ns, validation.part("lockbox").start_ns),
        folds=tuple(item.start_ns for item in validation.folds),
        parts=validation.parts,
        level=2 * validation.settings["level"] - 1,
    )


def draw(validation: Validation) -> Figure:
    """Draw PnL so far through the three parts, and beside it each mean per day with its interval."""
    from matplotlib.figure import Figure

    numbers = picture_numbers(validation)
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    grid = figure.add_gridspec(1, 2, width_ratios=(2.1, 1))
    left, right = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    if numbers.parts:
        _draw_curve(left, numbers, validation.currency)
        _draw_means(right, numbers, validation.currency)
    figure.suptitle(_wrapped(validation.sentence), x=0.01, ha="left", fontsize=10.5, color=_INK)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=_INK, labelsize=8.5)
    return figure


def _draw_curve(axes: Axes, numbers: PictureNumbers, currency: str) -> None:
    times = numbers.ends.astype("datetime64[ns]")
    first = numbers.parts[0].start_ns
    edges = np.array([first, *numbers.cuts, numbers.ends[-1]]).astype("datetime64[ns]")
    for shade, start, end, name in zip(_SHADES, edges[:-1], edges[1:], _NAMES.values(), strict=False):
        axes.axvspan(start, end, color=shade, zorder=0)
        axes.text(start, 1.01, f" {name}", transform=axes.get_xaxis_transform(), fontsize=8.5, color=_MUTED)
    for start in numbers.folds[1:]:
        axes.axvline(cast("float", np.datetime64(start, "ns")), color=_MUTED, lw=0.6, ls=":", zorder=1)
    axes.axhline(0, color=_MUTED, lw=0.8, zorder=1)
    differs = not np.array_equal(numbers.walked, numbers.chosen)
    axes.plot(times, numbers.walked, color=_LINE, lw=1.6, label="re-tuned before each fold")
    if differs:
        axes.plot(times, numbers.chosen, color=_OTHER, lw=1.1, ls="--", label="the chosen set throughout")
        axes.legend(frameon=False, fontsize=8.5, loc="upper left")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylabel(f"PnL marked to market, {currency}", fontsize=9, color=_INK)
    from matplotlib import dates

    module: Any = dates
    locator = module.AutoDateLocator(maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(module.ConciseDateFormatter(locator))


def _draw_means(axes: Axes, numbers: PictureNumbers, currency: str) -> None:
    for place, part in enumerate(reversed(numbers.parts)):
        if part.low_usd is not None and part.high_usd is not None:
            axes.plot([part.low_usd, part.high_usd], [place, place], color=_LINE, lw=3, alpha=0.45)
        axes.plot([part.per_day_usd], [place], "o", color=_LINE, ms=6)
        t = "nothing moved" if part.t is None else f"t {part.t:.2f}"
        axes.text(part.per_day_usd, place + 0.16, t, fontsize=8, ha="center", color=_INK)
    axes.axvline(0, color=_MUTED, lw=0.8)
    axes.set_yticks(range(len(numbers.parts)), [_NAMES[item.name] for item in reversed(numbers.parts)])
    axes.set_ylim(-0.5, len(numbers.parts) - 0.3)
    axes.set_xlabel(f"per day, {currency}, with {numbers.level:.0%} interval", fontsize=9, color=_INK)


def _wrapped(sentence: str, width: int = 120) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(sentence[:1].upper() + sentence[1:] + ".", width))
