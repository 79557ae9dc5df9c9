"""`Params` as the kernels read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from arbkit._typing import RecordArray
from arbkit.config import GuardLimits, Params
from arbkit.errors import ConfigError
from arbkit.kernels.state import RULES_DTYPE
from arbkit.panel import Panel
from arbkit.records import PnlModel
from arbkit.units import seconds_to_ns

__all__ = ["FOREVER_NS", "OPTIONAL", "PNL_MODELS", "check_supported", "rules_of"]

PNL_MODELS: Final = {"executable": PnlModel.EXECUTABLE, "convergence": PnlModel.CONVERGENCE}
#: Parameters that may be none, and the flag that says whether they are set.
OPTIONAL: Final = {
    "take_profit_bps": "has_take_profit",
    "stop_loss_bps": "has_stop_loss",
    "rearm_spread_bps": "has_rearm",
    "stop_on_drawdown_pct": "has_stop_drawdown",
    "stop_on_drawdown_mtm_pct": "has_stop_drawdown_mtm",
    "inventory_a_usd": "has_inventory_a",
    "inventory_b_usd": "has_inventory_b",
    "leverage_b": "has_margin",
}

#: A delay that no data outlast, and that added to a stamp still fits into 64 bits.
FOREVER_NS: Final = 4 * 10**18

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
    for k, one in enumerate(params):
        # Writing field by field into a numpy record took three times as long.
        record: dict[str, Any] = {}
        _fill(record, one)
        rules[k] = tuple(record.get(name, 0) for name in RULES_DTYPE.names or ())
    return rules


def _fill(record: dict[str, Any], params: Params) -> None:
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
    for name, flag in OPTIONAL.items():
        value = getattr(params, name)
        record[flag] = value is not None
        record[name] = 0.0 if value is None else value
    record["min_hold_ns"] = seconds_to_ns(params.min_hold_s)
    record["has_max_hold"] = params.max_hold_s is not None
    record["max_hold_ns"] = seconds_to_ns(params.max_hold_s or 0.0)
    record["cooldown_ns"] = seconds_to_ns(params.cooldown_s)
    record["close_at_end"] = params.close_at_end
    record["pnl_model"] = PNL_MODELS[params.pnl_model]
    record["entry_step_bps"] = params.entry_step_bps
    record["entry_gap_ns"] = seconds_to_ns(params.min_entry_gap_s)
    record["fx_at_exit"] = params.fx_settlement == "at_exit"
    record["lot"] = max(params.lot_a, params.lot_b)
    record["min_notional_usd"] = params.min_notional_usd
    record["has_funding"] = params.funding
    for leg, own in (("a", params.latency_a_ms), ("b", params.latency_b_ms)):
        record[f"latency_{leg}_ns"] = min(
            round((params.latency_ms if own is None else own) * 1e6), FOREVER_NS
        )
    record["max_slip_bps"] = np.inf if params.max_slip_bps is None else params.max_slip_bps
    record["depth_levels"] = params.depth_levels
    delayed = record["latency_a_ns"] > 0 or record["latency_b_ns"] > 0
    record["ordered"] = delayed or params.depth_levels > 0
    record.update(_guard_fields(params.guard) if params.guard is not None else _NO_GUARD)
    record["guard_on"] = params.guard is not None
    record["maintenance_b"] = params.maintenance_b
    record["liquidation_fee"] = params.liquidation_fee_bps / 1e4


def _guard_fields(limits: GuardLimits) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for field, name in _GUARD_LIMITS.items():
        value = getattr(limits, name)
        absent = -np.inf if name.startswith("min_") else np.inf
        record[field] = absent if value is None else value
    record["guard_has_breaker"] = limits.breaker_loss_pct is not None
    record["guard_breaker_share"] = (limits.breaker_loss_pct or 0.0) / 100
    record["guard_follows"] = limits.breaker_loss_pct is not None or limits.max_daily_loss_usd is not None
    record["guard_cooldown_ns"] = seconds_to_ns(limits.breaker_cooldown_s)
    record["guard_offset_ns"] = seconds_to_ns(limits.utc_offset_h * 3600)
    return record


_NO_GUARD: Final = _guard_fields(GuardLimits())


def check_supported(panel: Panel, params: Params) -> None:
    """Refuse a parameter set that this panel or this engine cannot simulate as its rules say.

    Raises:
        ConfigError: for the convergence model on a panel with a fair ratio, or an extension that needs what
            the panel does not have.
        DataError: when depth is asked for and the levels of a ladder are out of order.
    """
    if params.pnl_model == "convergence" and panel.fair is not None:
        raise ConfigError(
            "`pnl_model` convergence needs a fair ratio of 1, "
            f"was a panel with reference {panel.meta.reference!r}; use pnl_model executable"
        )
    if params.funding:
        _check_funding(panel, params)
    if params.depth_levels > 0:
        _check_depth(panel, params)


def _check_depth(panel: Panel, params: Params) -> None:
    if params.pnl_model == "convergence":
        raise ConfigError(
            "`depth_levels` has no place in `pnl_model` convergence, "
            f"was {params.depth_levels}; use executable"
        )
    if panel.ladders is None:
        raise ConfigError(
            f"`depth_levels` needs a panel with sizes, was {params.depth_levels} on one without; "
            "load books with sizes (bid_sz_a, ask_sz_a, ...), or leave it at 0"
        )
    if params.depth_levels > panel.levels:
        raise ConfigError(
            f"`depth_levels` must be at most the levels of the panel, {panel.levels}, "
            f"was {params.depth_levels}"
        )
    panel.check_ladders()


def _check_funding(panel: Panel, params: Params) -> None:
    if params.pnl_model == "convergence":
        raise ConfigError("`funding` has no place in `pnl_model` convergence, was true; use executable")
    if panel.funding is None:
        raise ConfigError(
            "`funding` needs a panel with a funding table, this one has none; "
            "add it with panel.with_funding(frame or file), or load_panel(..., funding=FILE)"
        )
