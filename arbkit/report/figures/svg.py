"""From a drawn figure to SVG that lives inside the page: small, scalable, readable aloud."""

from __future__ import annotations

import io
import re
import warnings
from itertools import pairwise
from typing import Final
from xml.etree import ElementTree as ET

from matplotlib.figure import Figure

from arbkit.report.figures.style import COLORS, look

__all__ = ["inline_svg"]

_SVG: Final = "{http://www.w3.org/2000/svg}"
_XLINK: Final = "{http://www.w3.org/1999/xlink}href"
_NUMBER: Final = re.compile(r"-?\d+\.\d+")
_DECIMAL: Final = re.compile(r"-?\d+(?:\.\d+)?")
_HEX: Final = {code: f"var(--{name})" for name, code in COLORS.items()}
_DROPPED: Final = ("font-family", "stroke-linejoin", "stroke-miterlimit")


def inline_svg(figure: Figure, name: str, title: str, description: str) -> str:
    """Draw the figure and return one `<svg>` element as text.

    Text stays text in the page's own font, colours are the page's variables, ids begin with `name` (two
    figures must not share one), and `title` and `description` are read aloud in place of the picture.
    """
    root = ET.fromstring(_drawn(figure))
    for child in list(root):
        if child.tag == f"{_SVG}metadata":
            root.remove(child)
    _drop_sheet(root)
    styles = _marker_styles(root)
    for element in root.iter():
        _join_markers(element, styles)
    _tidy(root, name)
    _describe(root, name, title, description)
    return _text(root)


def _drawn(figure: Figure) -> str:
    out = io.StringIO()
    with look(), warnings.catch_warnings():
        # The page's font draws the text; what matplotlib's own font lacks (Hangul) only touches its measure.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return out.getvalue()


def _drop_sheet(root: ET.Element) -> None:
    """Remove matplotlib's style sheet: inside a page its `*` rule would apply to the whole page."""
    for parent in root.iter(f"{_SVG}defs"):
        for child in list(parent):
            if child.tag == f"{_SVG}style":
                parent.remove(child)


def _styles(text: str) -> dict[str, str]:
    pairs = (item.split(":", 1) for item in text.split(";") if ":" in item)
    return {key.strip(): value.strip() for key, value in pairs}


def _marker_styles(root: ET.Element) -> dict[str, ET.Element]:
    return {element.get("id", ""): element for element in root.iter(f"{_SVG}path") if element.get("id")}


def _join_markers(group: ET.Element, shapes: dict[str, ET.Element]) -> None:
    """Turn the hundreds of markers of one group into one path: an eighth of the size."""
    uses = [child for child in group if child.tag == f"{_SVG}use"]
    if len(uses) < 8 or len({use.get("style") for use in uses}) > 1:
        return
    shape = shapes.get(uses[0].get(_XLINK, "").lstrip("#"))
    if shape is None:
        return
    outline = shape.get("d", "")
    joined = _round_dots(uses, outline) if "C" in outline else _polygons(uses, outline)
    for use in uses:
        group.remove(use)
    ET.SubElement(group, f"{_SVG}path", joined)


def _round_dots(uses: list[ET.Element], outline: str) -> dict[str, str]:
    extent = max(float(value) for value in _NUMBER.findall(outline))
    style = _styles(uses[0].get("style", ""))
    color = style.get("fill", style.get("stroke", ""))
    opacity = style.get("fill-opacity", style.get("opacity", "1"))
    return {
        "d": "".join(f"M{_short(use.get('x'))} {_short(use.get('y'))}h0" for use in uses),
        "style": f"fill: none; stroke: {color}; stroke-width: {2 * extent:.1f}; "
        f"stroke-linecap: round; stroke-opacity: {opacity}",
    }


def _polygons(uses: list[ET.Element], outline: str) -> dict[str, str]:
    numbers = [float(value) for value in _DECIMAL.findall(outline)]
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    (x0, y0), steps = corners[0], pairwise(corners)
    sides = "".join(f"l{_short(x1 - x)} {_short(y1 - y)}" for (x, y), (x1, y1) in steps) + "z"
    starts = ((float(use.get("x", 0)) + x0, float(use.get("y", 0)) + y0) for use in uses)
    d = "".join(f"M{_short(x)} {_short(y)}{sides}" for x, y in starts)
    return {"d": d, "style": uses[0].get("style", "")}


def _short(value: str | float | None) -> str:
    text = f"{float(value or 0):.1f}"
    return text.removesuffix(".0")


def _tidy(root: ET.Element, name: str) -> None:
    referenced = {
        match
        for element in root.iter()
        for value in element.attrib.values()
        for match in re.findall(r"(?:^|url\()#([\w.-]+)", value)
    }
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in referenced:
            element.set("id", f"{name}-{identity}")
        for key, value in list(element.attrib.items()):
            element.set(key, _tidy_value(element.tag, key, value, name))
            if not element.get(key):
                del element.attrib[key]
        if element.text and not element.text.strip():
            element.text = None
        element.tail = None
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)


def _tidy_value(tag: str, key: str, value: str, name: str) -> str:
    if key == _XLINK:
        return f"#{name}-{value.lstrip('#')}"
    if key == "clip-path":
        return value.replace("#", f"#{name}-")
    if key == "d":
        return " ".join(_NUMBER.sub(lambda match: _short(match[0]), value).split())
    if key == "style":
        kept = (f"{a}:{_HEX.get(b, b)}" for a, b in _styles(value).items() if a not in _DROPPED)
        return ";".join(kept)
    if key == "transform" and value.startswith("rotate(-0 "):
        return ""
    if key == "version":
        return ""
    return _NUMBER.sub(lambda match: _short(match[0]), value)


def _describe(root: ET.Element, name: str, title: str, description: str) -> None:
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-t {name}-d")
    for tag, text in (("desc", description), ("title", title)):
        element = ET.Element(f"{_SVG}{tag}", {"id": f"{name}-{tag[0]}"})
        element.text = text
        root.insert(0, element)


def _text(root: ET.Element) -> str:
    text = ET.tostring(root, encoding="unicode", short_empty_elements=True)
    text = re.sub(r' xmlns:\w+="[^"]*"', "", text, count=2)
    text = re.sub(r"<(/?)ns\d+:", r"<\1", text)
    return re.sub(r"\bns\d+:href=", "href=", text)
