"""What all widgets stand on: anywidget, and the code and the style that the browser gets."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from arbkit._assets import UPLOT_CSS, UPLOT_JS, asset_text
from arbkit.errors import MissingDependencyError

try:
    import anywidget
except ImportError as error:  # pragma: no cover - only where the extra is missing
    raise MissingDependencyError(
        "arbkit.lab needs the notebook packages; install them with: pip install 'arbkit[notebook]'"
    ) from error

__all__ = ["Widget", "front_end", "look"]

_STATIC: Final = Path(__file__).parent / "static"


class Widget(anywidget.AnyWidget):
    """What every widget of arbkit is."""


def front_end(*names: str) -> str:
    """Return one module for the browser: the chart library, what all widgets share, and the widget's own."""
    parts = [
        asset_text(UPLOT_JS),
        *((_STATIC / file).read_text(encoding="utf-8") for file in ("shared.js", *names)),
    ]
    return "\n".join(parts)


def look() -> str:
    """Return the style of all widgets."""
    return asset_text(UPLOT_CSS) + (_STATIC / "lab.css").read_text(encoding="utf-8")
