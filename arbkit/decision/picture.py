"""The picture of a decision: numbers first, then the drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from arbkit.decision.result import Decision

__all__ = ["Mean", "PictureNumbers", "draw", "picture_numbers"]

_NAMES = {
    "training": "in-\nsample",
    "out_of_sample": "out of\nsample",
    "walk_forward": "walk-\nforward",
    "lockbox": "lock-\nbox",
}


class Mean(NamedTuple):
    """A mean per day with its interval, None where there is none."""

    name: str
    mean: float
    low: float | None
    high: float | None


class PictureNumbers(NamedTuple):
    """What the picture shows.

    Attributes:
        means: per stretch of time.
        values: per set its name, its own value in training and what three quarters around it keep.
        walked: per set its mean per day in the walk-forward part.
    """

    means: tuple[Mean, ...]
    values: tuple[tuple[str, float, float | None], ...]
    walked: tuple[Mean, ...]


def picture_numbers(decision: Decision) -> PictureNumbers:
    """Return the numbers of the picture; without a set there are none."""
    if not decision.parts:
        return PictureNumbers((), (), ())
    parts = [decision.part(name) for name in _NAMES]
    return PictureNumbers(
        means=tuple(Mean(item.name, item.per_day_usd, item.low_usd, item.high_usd) for item in parts),
        values=tuple((_label(item.name, item.number), item.value, item.score) for item in decision.rivals),
        walked=tuple(
            Mean(_label(item.name, item.number), item.walk.per_day_usd, item.walk.low_usd, item.walk.high_usd)
            for item in decision.rivals
        ),
    )


def _label(name: str, number: int) -> str:
    return f"{name}\n(trial {number})"


def draw(decision: Decision) -> Figure:
    """Draw each mean per day with its interval, and plateau against peak."""
    from arbkit.show.look import sheet

    numbers = picture_numbers(decision)
    sentence = decision.sentence[:1].upper() + decision.sentence[1:] + "."
    with sheet(sentence, 1, height=4.4, columns=3) as made:
        left, middle, right = made.axes
        unit = f"{decision.currency} per day, 90 % interval"
        _draw_means(left, numbers.means, unit, "In- against out-of-sample")
        _draw_values(middle, numbers)
        _draw_means(right, numbers.walked, unit, "The same sets, walk-forward part")
    return made.figure


def _draw_means(axes: Axes, means: tuple[Mean, ...], unit: str, title: str) -> None:
    from arbkit.show.look import AB, BA, GREY, plain_numbers

    for place, item in enumerate(means):
        color = GREY if item.name == "training" else AB if item.mean > 0 else BA
        if item.low is not None and item.high is not None:
            axes.plot(
                [place, place], [item.low, item.high], color=color, lw=5, alpha=0.35, solid_capstyle="butt"
            )
        axes.plot([place], [item.mean], "o", color=color, ms=7)
    axes.axhline(0, color=GREY, lw=1)
    axes.set_xticks(range(len(means)), [_NAMES.get(item.name, item.name) for item in means])
    axes.set_xlim(-0.6, max(len(means), 1) - 0.4)
    axes.set(title=title, ylabel=unit)
    axes.grid(visible=False, axis="x")
    plain_numbers(axes.yaxis)


def _draw_values(axes: Axes, numbers: PictureNumbers) -> None:
    from arbkit.show.look import AB, GREY, INK, plain_numbers

    for place, (_, value, score) in enumerate(numbers.values):
        label = "itself" if place == 0 else None
        axes.bar(place - 0.19, value, width=0.34, color=GREY, alpha=0.55, label=label)
        if score is None:
            axes.text(place + 0.19, 0, "none", ha="center", va="bottom", fontsize=9, color=INK)
        else:
            around = "three quarters around it" if place == 0 else None
            axes.bar(place + 0.19, score, width=0.34, color=AB, label=around)
    axes.axhline(0, color=GREY, lw=1)
    axes.set_xticks(range(len(numbers.values)), [name for name, _, _ in numbers.values])
    axes.set(title="Plateau against peak, training", ylabel="value of the objective")
    axes.grid(visible=False, axis="x")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.25 * (high - low))
    axes.set_xlim(-0.6, max(len(numbers.values), 1) - 0.4)
    if numbers.values:
        axes.legend(loc="upper left", fontsize=8.5)
    plain_numbers(axes.yaxis)
