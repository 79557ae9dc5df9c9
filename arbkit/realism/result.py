"""What every check gives back: a table, a picture, a sentence, and what to know about them."""

from __future__ import annotations

import base64
import html
import io
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arbkit._typing import PathLike

if TYPE_CHECKING:
    import polars as pl
    from matplotlib.figure import Figure

__all__ = ["Check", "Progress"]

#: Called with how many runs are done, and of how many.
Progress = Callable[[int, int], None]

_DPI = 110
#: A notebook shows a table up to this length; the frame holds all of it.
_SHOWN_ROWS = 30


@dataclass(frozen=True, kw_only=True)
class Check(ABC):
    """One check of how real a result is.

    Attributes:
        frame: the numbers.
        finding: one sentence that says what they mean.
        notes: what limits them on this panel.
        pair: the two legs, for titles.
        currency: of the account.
    """

    frame: pl.DataFrame
    finding: str
    notes: tuple[str, ...]
    pair: str
    currency: str

    @abstractmethod
    def plot(self) -> Figure:
        """Draw the check as one matplotlib figure."""

    @property
    def table(self) -> pl.DataFrame:
        """The part of the numbers worth printing; the whole frame unless it is long."""
        return self.frame

    def save(self, path: PathLike) -> Path:
        """Write the picture to a file (PNG, or what its ending says) and return its path."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.plot().savefig(target, dpi=_DPI)
        return target

    def _repr_html_(self) -> str:
        import polars as pl

        out = io.BytesIO()
        self.plot().savefig(out, format="png", dpi=_DPI)
        picture = base64.b64encode(out.getvalue()).decode()
        finding = html.escape(self.finding)
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        with pl.Config(tbl_rows=_SHOWN_ROWS, tbl_cols=-1):
            table = self.table.head(_SHOWN_ROWS)._repr_html_()
        return (
            f'<p><strong>{finding}</strong></p><img style="max-width:100%" alt="{finding}" '
            f'src="data:image/png;base64,{picture}"/>' + (f"<ul>{notes}</ul>" if notes else "") + table
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.finding})"
