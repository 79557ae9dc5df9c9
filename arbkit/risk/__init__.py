"""Sizing and risk: volatility that scales a position, weights over pairs, losses to expect.

Each works on arrays for research and step by step for a live run, with the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.risk.garch import GarchVolatility
    from arbkit.risk.losses import LossLimit, LossVerdict, TailLoss, tail_loss, tail_losses
    from arbkit.risk.scaling import VolatilityScale, parse_scale, scale_of, volatility_bps_of
    from arbkit.risk.sharing import PairScales, WeightRule, weight_rule
    from arbkit.risk.volatility import EwmaVolatility, VolatilityModel
    from arbkit.risk.weights import PairWeights, ledoit_wolf, mean_variance, risk_parity, weights_over_time

__all__ = [
    "EwmaVolatility",
    "GarchVolatility",
    "LossLimit",
    "LossVerdict",
    "PairScales",
    "PairWeights",
    "TailLoss",
    "VolatilityModel",
    "VolatilityScale",
    "WeightRule",
    "ledoit_wolf",
    "mean_variance",
    "parse_scale",
    "risk_parity",
    "scale_of",
    "tail_loss",
    "tail_losses",
    "volatility_bps_of",
    "weight_rule",
    "weights_over_time",
]

_HOMES: Final = {
    "EwmaVolatility": "arbkit.risk.volatility",
    "GarchVolatility": "arbkit.risk.garch",
    "LossLimit": "arbkit.risk.losses",
    "LossVerdict": "arbkit.risk.losses",
    "PairScales": "arbkit.risk.sharing",
    "PairWeights": "arbkit.risk.weights",
    "TailLoss": "arbkit.risk.losses",
    "VolatilityModel": "arbkit.risk.volatility",
    "VolatilityScale": "arbkit.risk.scaling",
    "WeightRule": "arbkit.risk.sharing",
    "ledoit_wolf": "arbkit.risk.weights",
    "mean_variance": "arbkit.risk.weights",
    "parse_scale": "arbkit.risk.scaling",
    "risk_parity": "arbkit.risk.weights",
    "scale_of": "arbkit.risk.scaling",
    "tail_loss": "arbkit.risk.losses",
    "tail_losses": "arbkit.risk.losses",
    "volatility_bps_of": "arbkit.risk.scaling",
    "weight_rule": "arbkit.risk.sharing",
    "weights_over_time": "arbkit.risk.weights",
}

__getattr__ = lazy_names(__name__, _HOMES)
