"""The morning page: every asset listed on both venues, ranked by what could have been captured.

`screen(dataset, ...)` returns a `Screen`: the ranking as a frame, the matrix of relative premiums (sell the
dearest coin, carry back the cheapest), a picture and one sentence.
"""

from __future__ import annotations

from arbkit.screen.listed import Listed, listed_assets
from arbkit.screen.ranking import Costs, screen
from arbkit.screen.result import Screen

__all__ = ["Costs", "Listed", "Screen", "listed_assets", "screen"]
