"""How a panel shows itself: as a card in a notebook, as a picture, as a frame of another library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Shown"]


class Shown:
    """What `Panel` can do to be looked at."""

    def plot(self, start: Any = None, end: Any = None) -> Figure:
        """Draw the spread of both directions through time, every extreme kept.

        Args:
            start, end: the stretch of time, as in `Panel.slice`; default: all of it.
        """
        from arbkit.panel.picture import draw_panel

        panel: Any = self
        return draw_panel(panel, start, end)

    def to_pandas(self) -> Any:
        """Return `to_frame` as a pandas frame; pandas must be installed."""
        panel: Any = self
        return panel.to_frame().to_pandas()

    def _repr_html_(self) -> str:
        from arbkit.show import card, count, percent, period

        panel: Any = self
        meta = panel.meta
        title = f"{meta.leg_a} × {meta.leg_b}"
        if not len(panel):
            return card(f"Panel {title}", "no rows", ())
        lines = [
            ("rows", count(len(panel))),
            ("tradable", percent(100 * float(panel.tradable.mean()), 2)),
            ("currency", meta.currency),
            ("clock", meta.clock),
            ("reference", meta.reference),
            ("fidelity", meta.fidelity),
            ("book levels", count(panel.levels) if panel.levels else "best prices only"),
            ("funding", "with rates" if panel.funding is not None else "none"),
        ]
        name = f"Panel {meta.name}: {title}" if meta.name else f"Panel {title}"
        return card(name, period(panel.start_ns, panel.end_ns), lines, panel.flags)
