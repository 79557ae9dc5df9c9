"""Panels: two venues on one clock, in one currency, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.panel.files import load_pair_file
    from arbkit.panel.funding import Funding
    from arbkit.panel.load import load_panel
    from arbkit.panel.panel import Ladders, Panel, PanelMeta
    from arbkit.panel.reference import parse_reference, warm_up_ns
    from arbkit.panel.scale import check_scale, joined_view, split_view
    from arbkit.panel.store import StoreWriter, is_store, write_store

__all__ = [
    "Funding",
    "Ladders",
    "Panel",
    "PanelMeta",
    "StoreWriter",
    "check_scale",
    "is_store",
    "joined_view",
    "load_pair_file",
    "load_panel",
    "parse_reference",
    "split_view",
    "warm_up_ns",
    "write_store",
]

_HOMES: Final = {
    "Funding": "arbkit.panel.funding",
    "Ladders": "arbkit.panel.panel",
    "Panel": "arbkit.panel.panel",
    "PanelMeta": "arbkit.panel.panel",
    "StoreWriter": "arbkit.panel.store",
    "is_store": "arbkit.panel.store",
    "load_pair_file": "arbkit.panel.files",
    "load_panel": "arbkit.panel.load",
    "check_scale": "arbkit.panel.scale",
    "joined_view": "arbkit.panel.scale",
    "parse_reference": "arbkit.panel.reference",
    "split_view": "arbkit.panel.scale",
    "warm_up_ns": "arbkit.panel.reference",
    "write_store": "arbkit.panel.store",
}

__getattr__ = lazy_names(__name__, _HOMES)
