"""`Params` as the kernels read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from arbkit._typing import RecordArray
from arbkit.config import EXTENSION_DEFAULTS, GuardLimits, Params
from arbkit.errors import ConfigError
from arbkit.kernels.state import RULES_DTYPE
from arbkit.panel import Panel
from arbkit.records import PnlModel
from arbkit.units import seconds_to_ns

__all__ = ["check_supported", "rules_of"]

_PNL_MODELS: Final = {"executable": PnlModel.EXECUTABLE, "convergence": PnlModel.CONVERGENCE}
_OPTIONAL: Final = {
    "take_profit_bps": "has_take_profit",
    "stop_loss_bps": "has_stop_loss",
    "rearm_spread_bps": "has_rearm",
    "stop_on_drawdown_pct": "has_stop_drawdown",
    "stop_on_drawdown_mtm_pct": "has_stop_drawdown_mtm",
    "inventory_a_usd": "has_inventory_a",
    "inventory_b_usd": "has_inventory_b",
    "leverage_b": "has_margin",
}

_GUARD_LIMITS: Final = {
    "guard_max_notional": "max_position_usd",
    "guard_max_positions": "max_positions",
    "guard_daily_loss": "max_daily_loss_usd",
    "guard_total_loss": "max_total_loss_usd",
    "guard_hour_trades": "max_trades_per_hour",
    "guard_day_trades": "max_trades_per_day",
    "guard_min_spread": "min_spread_bps",
    "guard_max_slip": "max_slippage_bps",
    "guard_min_fill": "min_fill_rate",
}


def rules_of(params: Sequence[Params]) -> RecordArray:
    """Translate parameter sets into an array of `RULES_DTYPE`, one record per set."""
    rules = np.zeros(len(params), RULES_DTYPE)
    for record, one in zip(rules, params, strict=True):
        _fill(record, one)
    return rules


def _fill(record: Any, params: Params) -> None:
    record["min_spread_bps"] = params.min_spread_bps
    record["cost_bps"] = params.cost_bps
    record["fee_a"] = params.taker_fee_a_bps / 1e4
    record["fee_b"] = params.taker_fee_b_bps / 1e4
    record["half_slip"] = params.slippage_bps / 2 / 1e4
    record["notional_usd"] = params.max_position_usd
    record["initial_balance_usd"] = params.initial_balance_usd
    record["max_open_trades"] = min(params.max_open_trades, np.iinfo(np.int64).max)
    record["allow_ab"] = params.direction != "long_b_short_a"
    record["allow_ba"] = params.direction != "long_a_short_b"
    record["has_reversal"] = params.close_on_spread_reversal
    record["exit_spread_bps"] = params.exit_spread_bps
    for name, flag in _OPTIONAL.items():
        value = getattr(params, name)
        record[flag] = value is not None
        record[name] = 0.0 if value is None else value
    record["min_hold_ns"] = seconds_to_ns(params.min_hold_s)
    record["has_max_hold"] = params.max_hold_s is not None
    record["max_hold_ns"] = seconds_to_ns(params.max_hold_s or 0.0)
    record["cooldown_ns"] = seconds_to_ns(params.cooldown_s)
    record["close_at_end"] = params.close_at_end
    record["pnl_model"] = _PNL_MODELS[params.pnl_model]
    record["entry_step_bps"] = params.entry_step_bps
    record["entry_gap_ns"] = seconds_to_ns(params.min_entry_gap_s)
    record["fx_at_exit"] = params.fx_settlement == "at_exit"
    record["lot"] = max(params.lot_a, params.lot_b)
    record["min_notional_usd"] = params.min_notional_usd
    record["has_funding"] = params.funding
    _fill_guard(record, params.guard or GuardLimits())
    record["guard_on"] = params.guard is not None
    record["maintenance_b"] = params.maintenance_b
    record["liquidation_fee"] = params.liquidation_fee_bps / 1e4


def _fill_guard(record: Any, limits: GuardLimits) -> None:
    for field, name in _GUARD_LIMITS.items():
        value = getattr(limits, name)
        absent = -np.inf if name.startswith("min_") else np.inf
        record[field] = absent if value is None else value
    record["guard_has_breaker"] = limits.breaker_loss_pct is not None
    record["guard_breaker_share"] = (limits.breaker_loss_pct or 0.0) / 100
    record["guard_follows"] = limits.breaker_loss_pct is not None or limits.max_daily_loss_usd is not None
    record["guard_cooldown_ns"] = seconds_to_ns(limits.breaker_cooldown_s)
    record["guard_offset_ns"] = seconds_to_ns(limits.utc_offset_h * 3600)


def check_supported(panel: Panel, params: Params) -> None:
    """Refuse a parameter set that this panel or this engine cannot simulate as its rules say.

    Raises:
        ConfigError: for the convergence model on a panel with a fair ratio, or an extension that is on.
    """
    if params.pnl_model == "convergence" and panel.fair is not None:
        raise ConfigError(
            "`pnl_model` convergence needs a fair ratio of 1, "
            f"was a panel with reference {panel.meta.reference!r}; use pnl_model executable"
        )
    if params.funding:
        _check_funding(panel, params)
    for name, off in EXTENSION_DEFAULTS.items():
        value = getattr(params, name)
        if value != off:
            raise ConfigError(f"`{name}` is not simulated by this engine, was {value!r}; leave it at {off!r}")


def _check_funding(panel: Panel, params: Params) -> None:
    if params.pnl_model == "convergence":
        raise ConfigError("`funding` has no place in `pnl_model` convergence, was true; use executable")
    if panel.funding is None:
        raise ConfigError(
            "`funding` needs a panel with a funding table, this one has none; "
            "add it with panel.with_funding(frame or file), or load_panel(..., funding=FILE)"
        )
