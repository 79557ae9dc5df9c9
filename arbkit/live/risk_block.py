"""The blocks `risk` and `weights` of a live configuration: losses to expect, weights over pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from arbkit.errors import ConfigError
from arbkit.live._reading import Block
from arbkit.risk import LossLimit
from arbkit.risk.sharing import WeightRule, weight_rule
from arbkit.units import DAY_NS

__all__ = ["LossConfig", "loss_config", "weights_config"]

_MOST: Final = 1_000_000
_MOST_PERIODS: Final = 10_000
_KEYS: Final = (
    "level",
    "method",
    "period",
    "window",
    "fewest",
    "max_value_at_risk",
    "max_expected_shortfall",
    "breaker",
)
_WEIGHT_KEYS: Final = ("method", "period", "window", "fewest", "refresh", "floor", "cap")


@dataclass(frozen=True)
class LossConfig:
    """A block `risk`: the arguments of `arbkit.risk.LossLimit`, and the length of a period."""

    period_ns: int
    options: dict[str, Any]

    def limit(self) -> LossLimit:
        """Return a limit that knows nothing yet."""
        return LossLimit(**self.options)


def loss_config(values: Any) -> LossConfig | None:
    """Read the block `risk` of a configuration; None where there is none.

    Raises:
        ConfigError: when it breaks a rule.
    """
    if values is None:
        return None
    block = Block("risk", values, _KEYS)
    options = {
        "level": block.number("level", 0.99),
        "method": block.text("method", "historical"),
        "window": block.whole("window", 250, low=2),
        "fewest": block.whole("fewest", 30, low=2),
        "max_value_at_risk": block.number("max_value_at_risk", None, above=True),
        "max_expected_shortfall": block.number("max_expected_shortfall", None, above=True),
        "breaker": block.number("breaker", None, above=True),
    }
    for name in ("window", "fewest"):
        if options[name] > _MOST:
            raise ConfigError(f"`risk.{name}` must be at most {_MOST:,} periods, was {options[name]:,}")
    found = LossConfig(block.duration("period", DAY_NS), options)
    if found.period_ns <= 0:
        raise ConfigError("`risk.period` must be longer than 0")
    try:
        found.limit()
    except ConfigError as error:
        raise ConfigError(f"`risk`: {error}") from error
    return found


def weights_config(values: Any, pairs: int) -> WeightRule | None:
    """Read the block `weights` of a configuration with so many pairs; None where there is none.

    Raises:
        ConfigError: when it breaks a rule.
    """
    if values is None:
        return None
    block = Block("weights", values, _WEIGHT_KEYS)
    options = {
        "window": block.whole("window", 60, low=2),
        "fewest": block.whole("fewest", 20, low=2),
        "floor": block.number("floor", 0.0),
        "cap": block.number("cap", 1.0),
    }
    if options["window"] > _MOST_PERIODS:
        raise ConfigError(f"`weights.window` must be at most {_MOST_PERIODS:,}, was {options['window']:,}")
    period = block.raw("period", "1d")
    try:
        rule = weight_rule(
            block.text("method", "risk_parity"),
            period=period,
            refresh=block.raw("refresh", None),
            **options,
        )
        rule.check(pairs)
    except ConfigError as error:
        raise ConfigError(f"`weights`: {error}") from error
    return rule
