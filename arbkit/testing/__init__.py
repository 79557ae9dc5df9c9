"""The practice exchange: venues' real protocols on this machine, with faults that can be switched on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.testing.chaos import random_faults
    from arbkit.testing.clock import ServerClock
    from arbkit.testing.exchange import PracticeExchange, practice_exchange
    from arbkit.testing.faults import FAULTS, Fault, Faults, Switch
    from arbkit.testing.listings import Listing, default_listing
    from arbkit.testing.world import Frame, dataset_frames, dataset_markets, walk_frames

__all__ = [
    "FAULTS",
    "Fault",
    "Faults",
    "Frame",
    "Listing",
    "PracticeExchange",
    "ServerClock",
    "Switch",
    "dataset_frames",
    "dataset_markets",
    "default_listing",
    "practice_exchange",
    "random_faults",
    "walk_frames",
]

_HOMES: Final = {
    "FAULTS": "arbkit.testing.faults",
    "Fault": "arbkit.testing.faults",
    "Faults": "arbkit.testing.faults",
    "Frame": "arbkit.testing.world",
    "Listing": "arbkit.testing.listings",
    "PracticeExchange": "arbkit.testing.exchange",
    "ServerClock": "arbkit.testing.clock",
    "Switch": "arbkit.testing.faults",
    "dataset_frames": "arbkit.testing.world",
    "dataset_markets": "arbkit.testing.world",
    "default_listing": "arbkit.testing.listings",
    "practice_exchange": "arbkit.testing.exchange",
    "random_faults": "arbkit.testing.chaos",
    "walk_frames": "arbkit.testing.world",
}
__getattr__ = lazy_names(__name__, _HOMES)
