"""Seeded two-venue markets, with and without a known truth.

`load_market_spec("kimchi")` reads a market that ships, calibrated on the aligned kimchi premium 2017-2024 and
on recorded books: `specs/kimchi.yaml` says which figure comes from where. `Market` makes its books,
`write_market` stores them as a dataset, `joined_tops` makes the panel of their best prices at once.
`noise_panel`, `ou_panel` and `edge_panel` return panels whose truth is known: nothing to find, or a premium
that reverts.
"""

from arbkit.synthetic.market import Market
from arbkit.synthetic.spec import MarketSpec, load_market_spec, shipped_specs
from arbkit.synthetic.tops import joined_tops, tops_meta
from arbkit.synthetic.truth import EDGE_SD_BPS, NOISE_KINDS, PanelShape, edge_panel, noise_panel, ou_panel
from arbkit.synthetic.write import write_market

__all__ = [
    "EDGE_SD_BPS",
    "NOISE_KINDS",
    "Market",
    "MarketSpec",
    "PanelShape",
    "edge_panel",
    "joined_tops",
    "load_market_spec",
    "noise_panel",
    "ou_panel",
    "shipped_specs",
    "tops_meta",
    "write_market",
]
