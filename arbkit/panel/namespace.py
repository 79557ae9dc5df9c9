"""`frame.arb`: a polars frame of one's own, read as a panel; importing this module registers it."""

from __future__ import annotations

from typing import Any

import polars as pl

from arbkit.panel.panel import Panel

__all__ = ["ArbNamespace"]


@pl.api.register_dataframe_namespace("arb")
class ArbNamespace:
    """What `frame.arb` offers for a frame with `ts`, `bid_a`, `ask_a`, `bid_b`, `ask_b`."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def panel(self, **meta: Any) -> Panel:
        """Return the frame as a panel; see `Panel.from_frame`."""
        return Panel.from_frame(self._frame, **meta)

    def spreads(self, reference: str = "none") -> pl.DataFrame:
        """Return the spreads of both directions, row by row; see `Panel.spreads`.

        Args:
            reference: what the signals are measured from, as in `Panel.with_reference`.
        """
        panel = self.panel()
        if reference != "none":
            panel = panel.with_reference(reference)
        return panel.spreads()
