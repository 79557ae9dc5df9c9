"""What a notebook shows: sliders over a backtest, and the numbers behind every picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

# Registers `frame.arb` with polars.
import arbkit.panel.namespace  # noqa: F401
from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.engine.views import equity_frame, trades_frame
    from arbkit.lab.comparer import Comparer, compare
    from arbkit.lab.comparing import Compared
    from arbkit.lab.explore import explore
    from arbkit.lab.explorer import Explorer
    from arbkit.lab.watcher import Watcher, watch
    from arbkit.panel.views import spread_frame
    from arbkit.study.views import history_frame

__all__ = [
    "Compared",
    "Comparer",
    "Explorer",
    "Watcher",
    "compare",
    "equity_frame",
    "explore",
    "history_frame",
    "spread_frame",
    "trades_frame",
    "watch",
]

_HOMES: Final = {
    "Compared": "arbkit.lab.comparing",
    "Comparer": "arbkit.lab.comparer",
    "Explorer": "arbkit.lab.explorer",
    "Watcher": "arbkit.lab.watcher",
    "compare": "arbkit.lab.comparer",
    "equity_frame": "arbkit.engine.views",
    "explore": "arbkit.lab.explore",
    "history_frame": "arbkit.study.views",
    "spread_frame": "arbkit.panel.views",
    "trades_frame": "arbkit.engine.views",
    "watch": "arbkit.lab.watcher",
}

__getattr__ = lazy_names(__name__, _HOMES)
