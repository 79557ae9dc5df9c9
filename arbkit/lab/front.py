"""What all widgets stand on: anywidget, and the code and the style that the browser gets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from arbkit._assets import UPLOT_CSS, UPLOT_JS, asset_text
from arbkit.errors import MissingDependencyError
from arbkit.lab.desk import Answer

try:
    import anywidget
    import traitlets

    from arbkit.lab.shortcut import Shortcut
except ImportError as error:  # pragma: no cover - only where the extra is missing
    raise MissingDependencyError(
        "arbkit.lab needs the notebook packages; install them with: pip install 'arbkit[notebook]'"
    ) from error

__all__ = ["Near", "Widget", "front_end", "look"]

_STATIC: Final = Path(__file__).parent / "static"


class Widget(anywidget.AnyWidget):
    """What every widget of arbkit is."""


class Near(Widget):
    """A widget whose page may talk with the kernel by a short way; see `arbkit.lab.shortcut`."""

    _address = traitlets.Unicode("").tag(sync=True)
    _shortcut: Shortcut | None = None

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """Answer a message of the page: plain values, and the arrays of the shapes that they tell."""
        raise NotImplementedError

    def close(self) -> None:
        """End the widget, and the short way to it."""
        shortcut, self._shortcut = self._shortcut, None
        if shortcut is not None:
            shortcut.close()
        super().close()

    def open_shortcut(self) -> None:
        """Open the short way, once, and tell the page where it is."""
        self._shortcut = self._shortcut or Shortcut(self.answer)
        self._address = self._shortcut.address

    def _on_message(self, _: Any, message: Any, buffers: Any) -> None:
        if message.get("kind") == "shortcut":
            self.open_shortcut()
            self.send({"kind": "shortcut", "address": self._address})
            return
        content, arrays = self.answer(message)
        self.send(content, [np.ascontiguousarray(array).data.cast("B") for array in arrays])


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
