"""`Params`: every parameter of the engine as one frozen, validated value.

The names, defaults and allowed values are those of the engine's rules (docs/engine.md, section 0).
A value is checked when it is built, so a kernel never meets a bad one.
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from arbkit.errors import ConfigError, nearest_names

__all__ = ["PARAM_NAMES", "GuardLimits", "Params", "check_each"]

_DIRECTIONS: Final = ("both", "long_a_short_b", "long_b_short_a")
_PNL_MODELS: Final = ("executable", "convergence")
_FX_SETTLEMENTS: Final = ("per_fill", "at_exit")


def _rule(
    low: float | None = None,
    high: float | None = None,
    *,
    strict: bool = False,
    none: bool = False,
    integer: bool = False,
) -> dict[str, Any]:
    """Describe what a numeric field may hold; `strict` excludes the bounds themselves."""
    return {"rule": (low, high, strict, none, integer)}


@dataclass(frozen=True, kw_only=True)
class GuardLimits:
    """Limits that refuse an entry, the same in the simulation and in the live runner; `None` is no limit.

    Money is in the account currency. `max_position_usd` is the notional of one entry, `max_positions` how
    many may be open, losses are falls of equity since the day's first row and since the start, trades are
    entries per calendar hour and day. `min_spread_bps` is a floor on the spread less its cost.
    `max_slippage_bps` (price of the ladder against the top, both legs) and `min_fill_rate` (filled over asked
    notional) bind with depth only. The breaker opens when the day's loss reaches `breaker_loss_pct` of the
    day's opening equity; nothing is entered for `breaker_cooldown_s`. Days begin at midnight UTC +
    `utc_offset_h` (9 for Korea).

    Raises:
        ConfigError: naming the rule and the value received.
    """

    max_position_usd: float | None = field(default=None, metadata=_rule(0, strict=True, none=True))
    max_positions: int | None = field(default=None, metadata=_rule(1, none=True, integer=True))
    max_daily_loss_usd: float | None = field(default=None, metadata=_rule(0, strict=True, none=True))
    max_total_loss_usd: float | None = field(default=None, metadata=_rule(0, strict=True, none=True))
    max_trades_per_hour: int | None = field(default=None, metadata=_rule(1, none=True, integer=True))
    max_trades_per_day: int | None = field(default=None, metadata=_rule(1, none=True, integer=True))
    min_spread_bps: float | None = field(default=None, metadata=_rule(none=True))
    max_slippage_bps: float | None = field(default=None, metadata=_rule(0, none=True))
    min_fill_rate: float | None = field(default=None, metadata=_rule(0, 1, none=True))
    breaker_loss_pct: float | None = field(default=None, metadata=_rule(0, strict=True, none=True))
    breaker_cooldown_s: float = field(default=300.0, metadata=_rule(0, 9e9))
    utc_offset_h: float = field(default=0.0, metadata=_rule(-14, 14))

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            object.__setattr__(self, item.name, _checked(f"guard.{item.name}", value, item.metadata))

    def to_dict(self) -> dict[str, Any]:
        """Return all limits by name."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GuardLimits:
        """Build from a mapping, refusing unknown names with the nearest ones.

        Raises:
            ConfigError: for an unknown name or a bad value.
        """
        names = tuple(item.name for item in dataclasses.fields(cls))
        for name in values:
            if name not in names:
                raise ConfigError(f"`{name}` is no limit of `guard`; {nearest_names(str(name), names)}")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Parameters of one simulated strategy; units are in the names.

    `None` switches a rule off. Costs and thresholds are in basis points of the account currency,
    positive slippage and fees are costs, a negative fee is a rebate.

    Raises:
        ConfigError: naming the rule and the value received.
    """

    min_spread_bps: float = field(metadata=_rule())
    taker_fee_a_bps: float = field(metadata=_rule())
    taker_fee_b_bps: float = field(metadata=_rule())
    slippage_bps: float = field(metadata=_rule(0))
    max_position_usd: float = field(metadata=_rule(0, strict=True))
    max_open_trades: int = field(default=1, metadata=_rule(1, integer=True))
    direction: str = field(default="both", metadata={"choices": _DIRECTIONS})
    close_on_spread_reversal: bool = field(default=True, metadata={"flag": True})
    exit_spread_bps: float = field(default=0.0, metadata=_rule())
    take_profit_bps: float | None = field(default=None, metadata=_rule(none=True))
    stop_loss_bps: float | None = field(default=None, metadata=_rule(0, strict=True, none=True))
    min_hold_s: float = field(default=0.0, metadata=_rule(0, 9e9))
    max_hold_s: float | None = field(default=None, metadata=_rule(0, 9e9, none=True))
    cooldown_s: float = field(default=0.0, metadata=_rule(0, 9e9))
    rearm_spread_bps: float | None = field(default=None, metadata=_rule(none=True))
    initial_balance_usd: float = field(default=10_000.0, metadata=_rule(0, strict=True))
    stop_on_drawdown_pct: float | None = field(default=None, metadata=_rule(0, strict=True, none=True))
    close_at_end: bool = field(default=False, metadata={"flag": True})
    pnl_model: str = field(default="executable", metadata={"choices": _PNL_MODELS})
    latency_ms: float = field(default=0.0, metadata=_rule(0, 9e12))
    latency_a_ms: float | None = field(default=None, metadata=_rule(0, 9e12, none=True))
    latency_b_ms: float | None = field(default=None, metadata=_rule(0, 9e12, none=True))
    max_slip_bps: float | None = field(default=None, metadata=_rule(0, none=True))
    depth_levels: int = field(default=0, metadata=_rule(0, integer=True))
    min_notional_usd: float = field(default=0.0, metadata=_rule(0))
    lot_a: float = field(default=0.0, metadata=_rule(0))
    lot_b: float = field(default=0.0, metadata=_rule(0))
    inventory_a_usd: float | None = field(default=None, metadata=_rule(0, none=True))
    inventory_b_usd: float | None = field(default=None, metadata=_rule(0, none=True))
    entry_step_bps: float = field(default=0.0, metadata=_rule(0))
    min_entry_gap_s: float = field(default=0.0, metadata=_rule(0, 9e9))
    fx_settlement: str = field(default="per_fill", metadata={"choices": _FX_SETTLEMENTS})
    funding: bool = field(default=False, metadata={"flag": True})
    leverage_b: float | None = field(default=None, metadata=_rule(1, strict=True, none=True))
    maintenance_b: float = field(default=0.005, metadata=_rule(0, 1, strict=True))
    liquidation_fee_bps: float = field(default=0.0, metadata=_rule(0))
    stop_on_drawdown_mtm_pct: float | None = field(default=None, metadata=_rule(0, strict=True, none=True))
    guard: GuardLimits | None = field(default=None, metadata={"guard": True})

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            object.__setattr__(self, item.name, _checked(item.name, value, item.metadata))
        if self.max_hold_s is not None and self.min_hold_s > self.max_hold_s:
            raise ConfigError(
                "`min_hold_s` must not exceed `max_hold_s`, "
                f"was min_hold_s={self.min_hold_s:g}, max_hold_s={self.max_hold_s:g}"
            )

    @property
    def cost_bps(self) -> float:
        """Cost of one crossing of both legs: taker fees of A and B, then slippage."""
        return self.taker_fee_a_bps + self.taker_fee_b_bps + self.slippage_bps

    def replace(self, **changes: Any) -> Params:
        """Return a copy with some parameters changed, validated anew."""
        _refuse_unknown(changes)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return all parameters by name, in the order of the rules."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return values | {"guard": None if self.guard is None else self.guard.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Params:
        """Build from a mapping, refusing unknown names and naming missing ones.

        Raises:
            ConfigError: for an unknown name (with the nearest ones), a missing or a bad value.
        """
        _refuse_unknown(values)
        missing = [
            item.name
            for item in dataclasses.fields(cls)
            if item.default is dataclasses.MISSING and item.name not in values
        ]
        if missing:
            raise ConfigError("parameters without a default must be given, missing: " + ", ".join(missing))
        return cls(**values)


def check_each(values: Mapping[str, Any]) -> None:
    """Check parameters one by one, where some of them may still be missing.

    Raises:
        ConfigError: for an unknown name (with the nearest ones) or a bad value.
    """
    _refuse_unknown(values)
    for item in dataclasses.fields(Params):
        if item.name in values:
            _checked(item.name, values[item.name], item.metadata)


#: All parameter names, in the order of the rules.
PARAM_NAMES: Final = tuple(item.name for item in dataclasses.fields(Params))


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    for name in values:
        if name not in PARAM_NAMES:
            raise ConfigError(
                f"`{name}` is no parameter of the engine; {nearest_names(str(name), PARAM_NAMES)}"
            )


def _checked(name: str, value: Any, metadata: Mapping[str, Any]) -> Any:
    if "choices" in metadata:
        if value not in metadata["choices"]:
            raise ConfigError(f"`{name}` must be one of {', '.join(metadata['choices'])}, was {value!r}")
        return value
    if "guard" in metadata:
        return _checked_guard(value)
    if "flag" in metadata:
        if not isinstance(value, (bool, np.bool_)):
            raise ConfigError(f"`{name}` must be true or false, was {value!r}")
        return bool(value)
    return _checked_number(name, value, *metadata["rule"])


def _checked_guard(value: Any) -> GuardLimits | None:
    if value is None or isinstance(value, GuardLimits):
        return value
    if isinstance(value, Mapping):
        return GuardLimits.from_dict(value)
    raise ConfigError(f"`guard` must be none or a block of limits by name, was {value!r}")


def _checked_number(
    name: str, value: Any, low: float | None, high: float | None, strict: bool, none: bool, integer: bool
) -> float | int | None:
    if value is None:
        if none:
            return None
        raise ConfigError(f"`{name}` must be a number, was none")
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ConfigError(f"`{name}` must be a number, was {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ConfigError(f"`{name}` must be finite, was {value!r}")
    if integer and number != int(number):
        raise ConfigError(f"`{name}` must be a whole number, was {value!r}")
    if low is not None and (number <= low if strict else number < low):
        raise ConfigError(f"`{name}` must be {'above' if strict else 'at least'} {low:g}, was {value!r}")
    if high is not None and (number >= high if strict else number > high):
        raise ConfigError(f"`{name}` must be {'below' if strict else 'at most'} {high:g}, was {value!r}")
    return int(number) if integer else number
