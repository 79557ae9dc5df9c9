"""Charts as SVG text: a few kinds of marks on plot areas, in the colours of the page that shows them.

A report draws some thirty pictures. Through matplotlib each took 50 to 100 ms, most of a report; written
directly they take one or two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.report.figures.scale import Scale, Tick, number_ticks

__all__ = ["COLORS", "HALF", "NARROW", "WIDE", "Area", "Chart", "Key"]

#: Variables of the page's style sheet: one drawing serves light, dark and paper.
COLORS: Final = frozenset(
    ("ink", "muted", "grid", "train", "test", "gain", "loss", "ab", "ba", "sealed", "paper", "open")
)
#: Widths in CSS pixels: a full column on a desk or on paper, half of one, a phone.
WIDE: Final = 900
HALF: Final = 400
NARROW: Final = 360

_GAP: Final = 26
#: Mean width of a letter against the height of the line; letters of Hangul are about twice as wide.
_LETTER_PX: Final = 5.9


class Key(NamedTuple):
    """One entry of a legend: `kind` is "line", "dot", "box", "up" or "down"."""

    kind: str
    color: str
    text: str


class Chart:
    """One picture: plot areas of one width, stacked; sizes in CSS pixels."""

    def __init__(
        self,
        width: int,
        heights: Sequence[int],
        *,
        left: int = 58,
        right: int = 10,
        top: int = 24,
        bottom: int = 24,
        gap: int = _GAP,
    ) -> None:
        self.width = width
        self.height = top + sum(heights) + gap * (len(heights) - 1) + bottom
        self.areas: list[Area] = []
        y = float(top)
        for height in heights:
            self.areas.append(Area(left, y, width - left - right, height))
            y += height + gap

    def svg(self, name: str, title: str, description: str) -> str:
        """Return one `<svg>` element; `title` and `description` are read aloud in place of the picture.

        Args:
            name: what its ids begin with; two pictures of a page must not share one.
            title: what it shows.
            description: what can be seen in it.
        """
        body = "".join(area.drawn(f"{name}-{k}") for k, area in enumerate(self.areas))
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(description)}</desc>'
            f"{body}</svg>"
        )

    @property
    def texts(self) -> tuple[str, ...]:
        """All words in the picture."""
        return tuple(text for area in self.areas for text in area.texts)


class Area:
    """One plot area. Set its scales first: marks are placed when they are added."""

    def __init__(self, left: float, top: float, width: float, height: float) -> None:
        self.left, self.top, self.width, self.height = left, top, width, height
        self.x = Scale(0.0, 1.0, left, left + width)
        self.y = Scale(0.0, 1.0, top + height, top)
        self.marks: list[str] = []
        self.texts: list[str] = []
        self._behind: list[str] = []
        self._around: list[str] = []

    def scales(
        self, x: tuple[float, float], y: tuple[float, float], *, log_x: bool = False, log_y: bool = False
    ) -> None:
        """Say what the edges of the area stand for."""
        self.x = Scale(*x, self.left, self.left + self.width, log_x)
        self.y = Scale(*y, self.top + self.height, self.top, log_y)

    def line(
        self, x: Any, y: Any, color: str, *, width: float = 1.4, dash: str = "", step: bool = False
    ) -> None:
        """Draw a line, broken where a value is NaN; `step` holds each value until the next."""
        xs, ys = self.x(x), self.y(y)
        if step and xs.size:
            xs, ys = np.repeat(xs, 2)[1:], np.repeat(ys, 2)[:-1]
        path = _path(xs, ys)
        if path:
            self._add(f'<path d="{path}" style="{_stroke(color, width, dash)}"/>')

    def band(self, x: Any, low: Any, high: Any, color: str, *, opacity: float = 0.5) -> None:
        """Fill what lies between two lines, with an outline so that a flat stretch stays visible."""
        xs, lows, highs = self.x(x), self.y(low), self.y(high)
        paths = []
        for part in _runs(np.isfinite(lows) & np.isfinite(highs)):
            there = _points(xs[part], highs[part])
            back = _points(xs[part][::-1], lows[part][::-1])
            paths.append(f"M{there}L{back}z")
        if paths:
            self._add(
                f'<path d="{"".join(paths)}" style="fill:var(--{color});fill-opacity:{opacity:g};'
                f'stroke:var(--{color});stroke-width:.6;stroke-opacity:{min(1.0, opacity + 0.3):g}"/>'
            )

    def boxes(self, x0: Any, x1: Any, y0: Any, y1: Any, color: str, *, opacity: float = 0.85) -> None:
        """Fill boxes between opposite corners, in the units of the axes."""
        left, right, low, high = self.x(x0), self.x(x1), self.y(y0), self.y(y1)
        d = "".join(
            f"M{_n(a)} {_n(c)}H{_n(b)}V{_n(e)}H{_n(a)}z"
            for a, b, c, e in zip(left, right, low, high, strict=True)
            if np.isfinite([a, b, c, e]).all() and abs(a - b) + abs(c - e) > 0
        )
        if d:
            self._add(f'<path d="{d}" style="fill:var(--{color});fill-opacity:{opacity:g}"/>')

    def cells(self, x0: Any, x1: Any, y0: Any, y1: Any, shade: FloatArray, color: str) -> None:
        """Fill boxes, each as strongly as its `shade` from 0 to 1 says; NaN is left out."""
        levels = np.round(12 * shade) / 12
        for level in np.unique(levels[np.isfinite(levels)]):
            at = levels == level
            corners = [np.asarray(values)[at] for values in (x0, x1, y0, y1)]
            self.boxes(corners[0], corners[1], corners[2], corners[3], color, opacity=float(level))

    def dots(self, x: Any, y: Any, color: str, size: float, *, opacity: float = 1.0) -> None:
        """Draw round dots, `size` pixels across; those outside the area are left out."""
        xs, ys = self.x(x), self.y(y)
        inside = (ys >= self.top - 1) & (ys <= self.top + self.height + 1)
        inside &= (xs >= self.left - 1) & (xs <= self.left + self.width + 1)
        d = "".join(f"M{_n(a)} {_n(b)}h0" for a, b in zip(xs[inside], ys[inside], strict=True))
        if d:
            self._add(
                f'<path d="{d}" style="fill:none;stroke:var(--{color});stroke-width:{size:g};'
                f'stroke-linecap:round;stroke-opacity:{opacity:g}"/>'
            )

    def entries(self, x: Any, y: Any, size: float) -> None:
        """Draw entries: filled triangles that point up, with a rim of the page's colour to stand out."""
        self._triangles(x, y, size, -1, "ink", "paper")

    def exits(self, x: Any, y: Any, size: float) -> None:
        """Draw exits: open triangles that point down, told from entries by shape and filling, not by
        colour."""
        self._triangles(x, y, size, 1, "paper", "ink")

    def _triangles(self, x: Any, y: Any, size: float, way: int, fill: str, rim: str) -> None:
        half = size / 2
        shape = f"l{_n(half)} {_n(-way * size)}h{_n(-size)}z"
        d = "".join(
            f"M{_n(a)} {_n(b + way * half)}{shape}"
            for a, b in zip(self.x(x), self.y(y), strict=True)
            if np.isfinite(a) and np.isfinite(b)
        )
        if d:
            style = f"fill:var(--{fill});stroke:var(--{rim});stroke-width:.8"
            self._around.append(f'<path d="{d}" style="{style}"/>')

    def across(self, y: float, color: str = "muted", *, width: float = 0.8, dash: str = "") -> None:
        """Draw a line across the area at `y`."""
        at = float(self.y(y))
        if self.top - 0.5 <= at <= self.top + self.height + 0.5:
            d = f"M{_n(self.left)} {_n(at)}h{_n(self.width)}"
            self._add(f'<path d="{d}" style="{_stroke(color, width, dash)}"/>')

    def upright(
        self, x: float, color: str = "muted", *, width: float = 0.8, dash: str = "3 3", behind: bool = False
    ) -> None:
        """Draw an upright line at `x`."""
        at = float(self.x(x))
        if self.left - 0.5 <= at <= self.left + self.width + 0.5:
            d = f"M{_n(at)} {_n(self.top)}v{_n(self.height)}"
            mark = f'<path d="{d}" style="{_stroke(color, width, dash)}"/>'
            (self._behind if behind else self.marks).append(mark)

    def field(self, x0: float, x1: float, color: str, *, opacity: float = 1.0, text: str = "") -> None:
        """Shade the area from `x0` to `x1`, with an upright text in it."""
        a, b = float(self.x(x0)), float(self.x(x1))
        self._behind.append(
            f'<path d="M{_n(a)} {_n(self.top)}H{_n(b)}v{_n(self.height)}H{_n(a)}z" '
            f'style="fill:var(--{color});fill-opacity:{opacity:g}"/>'
        )
        if text:
            x, y = (a + b) / 2, self.top + self.height / 2
            self.texts.append(text)
            self._around.append(
                f'<text transform="rotate(-90 {_n(x)} {_n(y)})" x="{_n(x)}" y="{_n(y + 4)}" class="m">'
                f"{escape(text)}</text>"
            )

    def label(self, text: str, *, up: float = 7.0) -> None:
        """Name the area above its upper left corner, where it reads without turning the head."""
        self._say(text, self.left, self.top - up, "s")

    def x_label(self, text: str) -> None:
        """Name the x axis, below its numbers."""
        self._say(text, self.left + self.width / 2, self.top + self.height + 32, "m")

    def say(self, text: str, x: float, y: float, side: str = "s", *, dx: float = 0, dy: float = 4) -> None:
        """Write a text at a point of the area; `side` is "s", "m" or "e": where the point lies in it."""
        self._say(text, float(self.x(x)) + dx, float(self.y(y)) + dy, side)

    def _say(self, text: str, x: float, y: float, side: str) -> None:
        self.texts.append(text)
        self._around.append(f'<text x="{_n(x)}" y="{_n(y)}" class="{side}">{escape(text)}</text>')

    def keys(self, items: Iterable[Key], *, left: bool = False, up: float = 7.0) -> None:
        """Put a legend above the area, at its right or its left."""
        found = list(items)
        widths = [18 + text_width(item.text) + 12 for item in found]
        x = self.left if left else self.left + self.width - sum(widths) + 12
        y = self.top - up
        for item, width in zip(found, widths, strict=True):
            self._around.append(_key_mark(item, x, y - 4))
            self._say(item.text, x + 18, y, "s")
            x += width

    def x_axis(self, ticks: Sequence[Tick]) -> None:
        """Draw a base line with a short mark and a number below it for each tick."""
        base = self.top + self.height
        self._behind.append(
            f'<path d="M{_n(self.left)} {_n(base)}h{_n(self.width)}" style="{_stroke("grid", 1.0, "")}"/>'
        )
        for value, text in ticks:
            at = float(self.x(value))
            self._behind.append(f'<path d="M{_n(at)} {_n(base)}v3" style="{_stroke("grid", 1.0, "")}"/>')
            self._say(text, at, base + 15, "m")

    def y_axis(self, ticks: Sequence[Tick], *, grid: bool = True) -> None:
        """Write a number for each tick, with a thin line across the area."""
        for value, text in ticks:
            at = float(self.y(value))
            if grid:
                d = f"M{_n(self.left)} {_n(at)}h{_n(self.width)}"
                self._behind.append(f'<path d="{d}" style="{_stroke("grid", 0.8, "")}"/>')
            self._say(text, self.left - 6, at + 4, "e")

    def y_numbers(self, count: int = 5, unit: str = "", *, integer: bool = False) -> None:
        """Number the y axis with round values."""
        self.y_axis(number_ticks(self.y.low, self.y.high, count, unit, integer=integer))

    def x_numbers(self, count: int = 6, unit: str = "", *, integer: bool = False) -> None:
        """Number the x axis with round values."""
        self.x_axis(number_ticks(self.x.low, self.x.high, count, unit, integer=integer))

    def _add(self, mark: str) -> None:
        self.marks.append(mark)

    def drawn(self, name: str) -> str:
        """Return the area as SVG; `name` is the id of its clipping box."""
        clip = f'<rect x="{_n(self.left)}" y="{_n(self.top - 2)}" width="{_n(self.width)}" '
        clip += f'height="{_n(self.height + 4)}"/>'
        return (
            f'<clipPath id="{name}">{clip}</clipPath>{"".join(self._behind)}'
            f'<g clip-path="url(#{name})">{"".join(self.marks)}</g>{"".join(self._around)}'
        )


def text_width(text: str) -> float:
    """Estimate how wide a text is drawn, in pixels."""
    return sum(11.0 if ord(letter) > 0x1100 else _LETTER_PX for letter in text)


def _key_mark(item: Key, x: float, y: float) -> str:
    if item.kind == "line":
        return f'<path d="M{_n(x)} {_n(y)}h13" style="{_stroke(item.color, 2.0, "")}"/>'
    if item.kind == "dot":
        style = f"fill:none;stroke:var(--{item.color});stroke-width:6;stroke-linecap:round"
        return f'<path d="M{_n(x + 7)} {_n(y)}h0" style="{style}"/>'
    if item.kind == "box":
        return f'<path d="M{_n(x)} {_n(y - 4)}h13v8h-13z" style="fill:var(--{item.color})"/>'
    way, fill, rim = (-1, "ink", "paper") if item.kind == "up" else (1, "paper", "ink")
    d = f"M{_n(x + 7)} {_n(y + way * 4)}l4 {-way * 8}h-8z"
    return f'<path d="{d}" style="fill:var(--{fill});stroke:var(--{rim});stroke-width:.8"/>'


def _stroke(color: str, width: float, dash: str) -> str:
    dashes = f";stroke-dasharray:{dash}" if dash else ""
    return f"fill:none;stroke:var(--{color});stroke-width:{width:g}{dashes}"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _points(xs: FloatArray, ys: FloatArray) -> str:
    return "L".join(f"{_n(a)} {_n(b)}" for a, b in zip(xs.tolist(), ys.tolist(), strict=True))


def _runs(there: Any) -> list[slice]:
    """Return the stretches over which a mask holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(np.int8), [0]])))
    return [slice(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _path(xs: FloatArray, ys: FloatArray) -> str:
    return "".join(f"M{_points(xs[part], ys[part])}" for part in _runs(np.isfinite(xs) & np.isfinite(ys)))


#: Draws numbers at a width in pixels, for a desk or (`narrow`) for a phone.
Draw = Callable[..., Chart]
