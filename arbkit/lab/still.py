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
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["pictured", "show_still", "show_widget"]

#: The output before a still, unless a widget lives in it.
_ALONE: Final = (
    "<style>.jp-OutputArea-child:not(:has(.arbkit-lab)):has(+ .jp-OutputArea-child .arbkit-still)"
    "{display:none}</style>"
)


def pictured(
    figure: Figure, about: str, lines: Iterable[Sequence[str]] = (), head: Sequence[str] = ()
) -> str:
    """Return a picture with a table under it, as HTML that needs nothing beside it.

    Args:
        figure: the picture.
        about: what it shows, for who cannot see it.
        lines: of the table: a heading, then its cells.
        head: of the table's columns, where they need one.
    """
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=100)
    picture = base64.b64encode(out.getvalue()).decode()
    top = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(title)}</th>"
        + "".join(f"<td>{html.escape(text)}</td>" for text in cells)
        + "</tr>"
        for title, *cells in lines
    )
    table = (f"<thead><tr>{top}</tr></thead>" if top else "") + (f"<tbody>{rows}</tbody>" if rows else "")
    return (
        f"<img alt='{html.escape(about, quote=True)}' style='max-width:100%' "
        f"src='data:image/png;base64,{picture}'>" + (f"<table>{table}</table>" if table else "")
    )


def show_widget(widget: Any) -> None:
    """Show a widget, without its still."""
    from IPython import display as shown

    bundle = widget._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    shown.display(data, raw=True)  # type: ignore[no-untyped-call]


def show_still(still: str, about: str, mark: str, *, anew: bool = False) -> None:
    """Show the still of a widget, or put another in its place.

    Args:
        still: HTML.
        about: what stands where only text can.
        mark: names the widget it stands for.
        anew: whether it was shown before.
    """
    from IPython import display as shown

    framed = f"<div class='arbkit-still' data-mark='{mark}'>{_ALONE}{still}</div>"
    show = shown.update_display if anew else shown.display
    show({"text/html": framed, "text/plain": about}, raw=True, display_id=mark)  # type: ignore[no-untyped-call]
