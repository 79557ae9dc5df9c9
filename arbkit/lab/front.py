"""What all widgets stand on: anywidget, and the code and the style that the browser gets."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from arbkit._assets import UPLOT_CSS, UPLOT_JS, asset_text
from arbkit.errors import MissingDependencyError
from arbkit.lab.desk import Answer
from arbkit.lab.still import show_still, show_widget

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
    """What every widget of arbkit is: a page that asks, a kernel that answers, a still beneath it."""

    _setup = traitlets.Dict().tag(sync=True)

    def __init__(self, setup: Mapping[str, Any]) -> None:
        super().__init__(_setup={**setup, "mark": secrets.token_hex(6)})
        self.on_msg(self._on_message)

    def answer(self, message: Mapping[str, Any]) -> Answer:
        """Answer a message of the page: plain values, and the arrays of the shapes that they tell."""
        raise NotImplementedError

    def still(self, seen: Mapping[str, Any]) -> tuple[str, str]:
        """Return what stands in a saved notebook where no kernel runs, and a line of text about it.

        Args:
            seen: what the page shows beside what the kernel knows; nothing before there is a page.

        Returns:
            HTML that needs nothing beside it, and plain text.
        """
        raise NotImplementedError

    def _on_message(self, _: Any, message: Any, buffers: Any) -> None:
        if message.get("kind") == "still":
            self._renew(message)
            return
        content, arrays = self.answer(message)
        self.send(content, [np.ascontiguousarray(array).data.cast("B") for array in arrays])

    def _renew(self, seen: Mapping[str, Any]) -> None:
        """Put the still of what is now looked at in the place of the last one."""
        show_still(*self.still(seen), self._setup["mark"], anew=True)

    def _ipython_display_(self) -> None:
        """Show the widget, and beneath it a picture for where no kernel runs."""
        show_widget(self)
        show_still(*self.still({}), self._setup["mark"])


class Near(Widget):
    """A widget whose page may talk with the kernel by a short way; see `arbkit.lab.shortcut`."""

    _address = traitlets.Unicode("").tag(sync=True)
    _shortcut: Shortcut | None = None

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
        super()._on_message(_, message, buffers)

    def _ipython_display_(self) -> None:
        # The page draws its first picture by the short way while the still is made here.
        self.open_shortcut()
        super()._ipython_display_()


def front_end(*names: str, charts: bool = False) -> str:
    """Return one module for the browser: what all widgets share, and the widget's own.

    Args:
        names: files of the widget.
        charts: whether it draws through time: then the chart library and what such widgets share comes too.
    """
    library = [asset_text(UPLOT_JS)] if charts else []
    files = ("shared.js", *(("charts.js",) if charts else ()), *names)
    return "\n".join([*library, *((_STATIC / file).read_text(encoding="utf-8") for file in files)])


def look() -> str:
    """Return the style of all widgets."""
    return asset_text(UPLOT_CSS) + (_STATIC / "lab.css").read_text(encoding="utf-8")
