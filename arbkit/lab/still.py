"""What a saved notebook shows where no kernel runs: a picture and the metrics, beneath the widget.

The widget and its still are two outputs of one cell. The widget hides its still while it is alive, so that
a reader never sees both; where it is not, a rule of the still hides the line in which JupyterLab says that it
looks for the widget. (The rule alone would do for both, but the browser looks at `:has` whenever the page
changes, which while a slider moves is all the time: so the widget switches the rule off.)
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from arbkit.show import Measure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["framed", "png_of", "renew_still", "show_still", "show_widget", "still_html"]

#: The output before a still, unless a widget lives in it.
_ALONE: Final = (
    "<style>.jp-OutputArea-child:not(:has(.arbkit-lab)):has(+ .jp-OutputArea-child .arbkit-still)"
    "{display:none}</style>"
)


def png_of(figure: Figure) -> bytes:
    """Return a figure as PNG."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100)
    return out.getvalue()


def still_html(figure: Figure, measures: Sequence[Measure], about: str, mark: str) -> str:
    """Return the still as HTML that needs nothing beside it.

    Args:
        figure: the picture.
        measures: lines of a table under it.
        about: what it shows, for who cannot see it.
        mark: names the widget it stands for.
    """
    picture = base64.b64encode(png_of(figure)).decode()
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(line.title)}</th><td>{html.escape(line.text)}</td>"
        "</tr>"
        for line in measures
    )
    table = f"<table>{rows}</table>" if rows else ""
    shown = (
        f"<img alt='{html.escape(about, quote=True)}' style='max-width:100%' "
        f"src='data:image/png;base64,{picture}'>{table}"
    )
    return framed(shown, mark)


def framed(shown: str, mark: str) -> str:
    """Return HTML as the still of the widget with that mark."""
    return f"<div class='arbkit-still' data-mark='{mark}'>{_ALONE}{shown}</div>"


def show_widget(widget: Any) -> None:
    """Show a widget, without its still."""
    from IPython import display as shown

    bundle = widget._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    shown.display(data, raw=True)  # type: ignore[no-untyped-call]


def show_still(still: str, about: str, mark: str) -> None:
    """Show the still of a widget; `about` stands where only text can."""
    from IPython import display as shown

    data = {"text/html": still, "text/plain": about}
    shown.display(data, raw=True, display_id=mark)  # type: ignore[no-untyped-call]


def renew_still(still: str, about: str, mark: str) -> None:
    """Put another still in the place of one that was shown."""
    from IPython import display as shown

    data = {"text/html": still, "text/plain": about}
    shown.update_display(data, raw=True, display_id=mark)  # type: ignore[no-untyped-call]
