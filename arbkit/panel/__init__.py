"""Panels: two venues on one clock, in one currency, as arrays."""

from __future__ import annotations

from arbkit.panel.files import load_pair_file
from arbkit.panel.funding import Funding
from arbkit.panel.load import load_panel
from arbkit.panel.panel import Ladders, Panel, PanelMeta
from arbkit.panel.reference import parse_reference, warm_up_ns
from arbkit.panel.store import StoreWriter, is_store, write_store

__all__ = [
    "Funding",
    "Ladders",
    "Panel",
    "PanelMeta",
    "StoreWriter",
    "is_store",
    "load_pair_file",
    "load_panel",
    "parse_reference",
    "warm_up_ns",
    "write_store",
]
