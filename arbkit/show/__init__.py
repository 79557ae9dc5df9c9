"""How panels, results and studies are shown: words, tables, cards, pictures."""

from __future__ import annotations

from arbkit.show.cards import card
from arbkit.show.measures import Measure, measures_of
from arbkit.show.words import count, day_time, decimal, hold, percent, period, signed

__all__ = [
    "Measure",
    "card",
    "count",
    "day_time",
    "decimal",
    "hold",
    "measures_of",
    "percent",
    "period",
    "signed",
]
