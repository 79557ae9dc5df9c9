"""What a notebook shows: sliders over a backtest, and the numbers behind every picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.engine.views import equity_frame, trades_frame
    from arbkit.lab.explore import explore
    from arbkit.lab.explorer import Explorer
    from arbkit.panel.views import spread_frame

__all__ = ["Explorer", "equity_frame", "explore", "spread_frame", "trades_frame"]

_HOMES: Final = {
    "Explorer": "arbkit.lab.explorer",
    "equity_frame": "arbkit.engine.views",
    "explore": "arbkit.lab.explore",
    "spread_frame": "arbkit.panel.views",
    "trades_frame": "arbkit.engine.views",
}

__getattr__ = lazy_names(__name__, _HOMES)
