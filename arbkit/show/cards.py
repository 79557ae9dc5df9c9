"""How panels, results and studies look in a notebook: a small card in HTML that follows the theme."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

__all__ = ["card"]

#: Colours are those of the notebook where it says them.
_BOX: Final = (
    "display:inline-block;max-width:100%;border:1px solid var(--jp-border-color2,#8884);border-radius:8px;"
    "padding:8px 14px;font-size:13px;line-height:1.5"
)
_SOFT: Final = "color:var(--jp-ui-font-color2,#6b7280)"
_WARN: Final = "color:var(--jp-warn-color0,#8a5a00)"


def card(
    title: str, about: str, lines: Sequence[tuple[str, str]], flags: Sequence[str] = (), more: str = ""
) -> str:
    """Return a card as HTML.

    Args:
        title: what it is.
        about: one line below it.
        lines: names and values, in columns.
        flags: what a reader must know; each on a line of its own.
        more: a line at the end: what to call next.
    """
    cells = "".join(
        f"<div style='display:flex;justify-content:space-between;gap:18px'><span style='{_SOFT}'>"
        f"{html.escape(name)}</span><span style='font-variant-numeric:tabular-nums'>{html.escape(value)}"
        "</span></div>"
        for name, value in lines
    )
    columns = "display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:0 28px"
    told = "".join(f"<div style='{_WARN}'>\N{WARNING SIGN} {html.escape(flag)}</div>" for flag in flags)
    last = f"<div style='{_SOFT};margin-top:4px'><code>{html.escape(more)}</code></div>" if more else ""
    return (
        f"<div style='{_BOX}'><div><b>{html.escape(title)}</b> <span style='{_SOFT}'>{html.escape(about)}"
        f"</span></div><div style='{columns}'>{cells}</div>{told}{last}</div>"
    )
