"""Files that ship with arbkit for the browser: the chart library uPlot, its style and its licence.

Everything is read from the installed package, so that pages and notebooks need no network.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["UPLOT_CSS", "UPLOT_JS", "asset_text"]

#: Defines the global function `uPlot` (a script), or a variable of that name (inside a module).
UPLOT_JS: Final = "uplot/uPlot.iife.min.js"
UPLOT_CSS: Final = "uplot/uPlot.min.css"

_FOLDER: Final = Path(__file__).parent / "assets"


@cache
def asset_text(name: str) -> str:
    """Return the text of a shipped file.

    Args:
        name: path below `arbkit/assets`, such as `UPLOT_JS`.
    """
    return (_FOLDER / name).read_text(encoding="utf-8")
