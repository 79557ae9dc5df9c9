"""The morning page: every asset listed on both venues, ranked by what could have been captured.

`screen(dataset, ...)` returns a `Screen`: the ranking as a frame, the matrix of relative premiums (sell the
dearest coin, carry back the cheapest), a picture and one sentence. `screen_live(...)` watches the books of
two venues for a short time first.
"""

from __future__ import annotations

from arbkit.screen.listed import Listed, listed_assets
from arbkit.screen.live import LiveScreen, screen_live
from arbkit.screen.ranking import Costs, screen
from arbkit.screen.result import Screen

__all__ = ["Costs", "Listed", "LiveScreen", "Screen", "listed_assets", "screen", "screen_live"]
