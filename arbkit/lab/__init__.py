"""What a notebook shows: sliders over a backtest, and the numbers behind every picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.lab.explore import explore
    from arbkit.lab.explorer import Explorer
    from arbkit.lab.numbers import equity_frame, spread_frame, trades_frame

__all__ = ["Explorer", "equity_frame", "explore", "spread_frame", "trades_frame"]

_HOMES: Final = {
    "Explorer": "arbkit.lab.explorer",
    "equity_frame": "arbkit.lab.numbers",
    "explore": "arbkit.lab.explore",
    "spread_frame": "arbkit.lab.numbers",
    "trades_frame": "arbkit.lab.numbers",
}

__getattr__ = lazy_names(__name__, _HOMES)
