"""The sliders and fields of the explorer: one for every parameter of the engine, in a sensible range."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit.config import GuardLimits, Params
from arbkit.panel import Panel

__all__ = ["GROUPS", "Control", "controls_for", "params_of", "start_params", "values_of"]


class _Field(NamedTuple):
    """How one parameter is shown: a title, a unit, the slider's ends where the market sets none."""

    title: str
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    step: float = 1.0
    at_first: float | None = None


class Control(NamedTuple):
    """One slider or field.

    Attributes:
        name: of the parameter; a guard's limit as `guard.NAME`.
        group: heading it stands under.
        title, unit: as shown.
        kind: "number", "flag" or "choice".
        low, high, step: of the slider; the field beside it takes any value that the engine takes.
        optional: whether it can be switched off.
        at_first: what it holds when it is switched on.
        whole: whether only whole numbers are meant.
        choices: of a choice.
        why_not: why it does nothing on this panel, empty where it does.
        hint: what it means, in a sentence.
    """

    name: str
    group: str
    title: str
    unit: str
    kind: str
    low: float
    high: float
    step: float
    optional: bool
    at_first: float
    whole: bool
    choices: tuple[str, ...]
    why_not: str
    hint: str


#: Heading -> parameters, in the order shown.
GROUPS: Final[dict[str, dict[str, _Field]]] = {
    "Entry": {
        "min_spread_bps": _Field("entry threshold, after costs", "bps", step=0.5),
        "direction": _Field("direction"),
        "cooldown_s": _Field("cooldown after a trade", "s", high=3600, step=10),
        "rearm_spread_bps": _Field("rearm once the spread fell below", "bps", step=0.5),
        "max_open_trades": _Field("open trades at most", low=1, high=20),
        "entry_step_bps": _Field("next entry wider by", "bps", high=50, step=0.5),
        "min_entry_gap_s": _Field("time between entries", "s", high=3600, step=10),
    },
    "Exit": {
        "close_on_spread_reversal": _Field("leave when the spread reverses"),
        "exit_spread_bps": _Field("exit spread", "bps", step=0.5),
        "take_profit_bps": _Field("take profit", "bps", low=0, high=100, step=0.5, at_first=20),
        "stop_loss_bps": _Field("stop loss", "bps", low=1, high=200, step=0.5, at_first=50),
        "min_hold_s": _Field("hold at least", "s", high=3600, step=10),
        "max_hold_s": _Field("hold at most", "s", high=172_800, step=60, at_first=14_400),
        "close_at_end": _Field("close at the end of the data"),
    },
    "Costs": {
        "taker_fee_a_bps": _Field("taker fee A", "bps", high=25, step=0.1),
        "taker_fee_b_bps": _Field("taker fee B", "bps", high=25, step=0.1),
        "slippage_bps": _Field("slippage, both legs", "bps", high=25, step=0.1),
    },
    "Size and money": {
        "max_position_usd": _Field("position", "$", low=100, high=10_000, step=100),
        "initial_balance_usd": _Field("starting balance", "$", low=1_000, high=100_000, step=1_000),
        "stop_on_drawdown_pct": _Field(
            "stop at realised drawdown", "%", low=0.1, high=50, step=0.1, at_first=10
        ),
        "stop_on_drawdown_mtm_pct": _Field(
            "stop at marked drawdown", "%", low=0.1, high=50, step=0.1, at_first=10
        ),
        "pnl_model": _Field("PnL model"),
    },
    "Execution": {
        "latency_ms": _Field("latency, both venues", "ms", high=5_000, step=10),
        "latency_a_ms": _Field("latency A alone", "ms", high=5_000, step=10, at_first=100),
        "latency_b_ms": _Field("latency B alone", "ms", high=5_000, step=10, at_first=100),
        "max_slip_bps": _Field("limit of a leg's slip", "bps", high=50, step=0.5, at_first=5),
        "depth_levels": _Field("book levels walked", high=20),
        "min_notional_usd": _Field("smallest order", "$", high=1_000, step=5),
        "lot_a": _Field("lot A", "base", high=1, step=0.0001),
        "lot_b": _Field("lot B", "base", high=1, step=0.0001),
    },
    "Inventory and margin": {
        "inventory_a_usd": _Field("inventory A", "$", high=50_000, step=500, at_first=5_000),
        "inventory_b_usd": _Field("inventory B", "$", high=50_000, step=500, at_first=5_000),
        "fx_settlement": _Field("FX settled"),
        "funding": _Field("pay and receive funding"),
        "leverage_b": _Field("leverage B", "x", low=1.1, high=50, step=0.1, at_first=5),
        "maintenance_b": _Field("maintenance margin B", "", low=0.0005, high=0.1, step=0.0005),
        "liquidation_fee_bps": _Field("liquidation fee", "bps", high=200, step=1),
    },
    "Guard": {
        "guard.max_position_usd": _Field("largest entry", "$", low=100, high=10_000, step=100, at_first=1e3),
        "guard.max_positions": _Field("positions at most", low=1, high=20, at_first=1),
        "guard.max_daily_loss_usd": _Field("loss in a day", "$", low=1, high=1_000, step=1, at_first=50),
        "guard.max_total_loss_usd": _Field("loss in all", "$", low=1, high=5_000, step=1, at_first=200),
        "guard.max_trades_per_hour": _Field("trades in an hour", low=1, high=100, at_first=10),
        "guard.max_trades_per_day": _Field("trades in a day", low=1, high=500, at_first=50),
        "guard.min_spread_bps": _Field("floor of the net spread", "bps", step=0.5),
        "guard.max_slippage_bps": _Field("slip into the book", "bps", high=50, step=0.5, at_first=5),
        "guard.min_fill_rate": _Field("least share filled", "", high=1, step=0.01, at_first=0.9),
        "guard.breaker_loss_pct": _Field(
            "breaker opens at a day's loss", "%", low=0.1, high=20, step=0.1, at_first=2
        ),
        "guard.breaker_cooldown_s": _Field("breaker stays open", "s", high=3_600, step=10),
        "guard.utc_offset_h": _Field("a day begins at UTC +", "h", low=-12, high=14),
    },
}  # fmt: skip

#: Parameters in basis points of the signal: their sliders reach as far as the market does.
_OF_THE_MARKET: Final = frozenset({
    "min_spread_bps", "exit_spread_bps", "rearm_spread_bps", "guard.min_spread_bps",
})  # fmt: skip
_FIELDS: Final = {item.name: item for item in dataclasses.fields(Params)}
_LIMITS: Final = {f"guard.{item.name}": item for item in dataclasses.fields(GuardLimits)}


def controls_for(panel: Panel, params: Params) -> list[Control]:
    """Return the controls of all parameters, their ranges fitted to a panel and to what they hold now."""
    low, high = _reach(panel)
    values = values_of(params)
    made = []
    for group, shown in GROUPS.items():
        for name, field in shown.items():
            if name in _OF_THE_MARKET:
                field = field._replace(low=low, high=high, at_first=0.0)
            made.append(_control(name, group, field, panel, values[name]))
    return made


def values_of(params: Params) -> dict[str, Any]:
    """Return all parameters by the names of their controls; limits of an absent guard are off."""
    values = params.to_dict()
    limits = values.pop("guard") or GuardLimits().to_dict()
    return values | {f"guard.{name}": value for name, value in limits.items()}


def params_of(values: dict[str, Any]) -> Params:
    """Turn the values of controls back into parameters; a guard without any limit is none.

    Raises:
        ConfigError: naming the rule and the value received.
    """
    plain = {name: value for name, value in values.items() if not name.startswith("guard.")}
    limits = {
        name.removeprefix("guard."): value for name, value in values.items() if name.startswith("guard.")
    }
    guard = GuardLimits.from_dict(limits)
    idle = {"breaker_cooldown_s", "utc_offset_h"}
    if any(value is not None for name, value in guard.to_dict().items() if name not in idle):
        plain["guard"] = guard
    return Params.from_dict(plain)


def start_params(panel: Panel, **given: Any) -> Params:
    """Return parameters to begin with: a threshold that the market reaches now and then, unless given.

    Fees are 5 bps on each venue, slippage is 5 bps, a position is 1,000.
    """
    values: dict[str, Any] = {
        "taker_fee_a_bps": 5.0,
        "taker_fee_b_bps": 5.0,
        "slippage_bps": 5.0,
        "max_position_usd": 1_000.0,
        **given,
    }
    if "min_spread_bps" not in values:
        cost = sum(float(values[name]) for name in ("taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps"))
        often = panel.pyramid.typical(0.9) if len(panel) else np.full(4, np.nan)
        reached = np.nanmax(often[[1, 3]]) if np.isfinite(often).all() else cost
        values["min_spread_bps"] = max(0.0, float(np.floor(reached - cost)))
    return Params.from_dict(values)


def _reach(panel: Panel) -> tuple[float, float]:
    """Return a slider's ends in bps that leave room around all signals of the panel, in round numbers."""
    if not len(panel):
        return -100.0, 100.0
    ends = panel.pyramid.extremes(np.array([0, len(panel)]))[:, 0]
    if not np.isfinite(ends).all():
        return -100.0, 100.0
    often = panel.pyramid.typical(0.999), panel.pyramid.typical(0.001)
    high = max(abs(float(value)) for value in (often[0][[1, 3]].max(), often[1][[0, 2]].min(), 20.0))
    round_to = 10.0 ** math.floor(math.log10(high)) / 2
    reach = math.ceil(1.1 * high / round_to) * round_to
    return -reach, reach


def _control(name: str, group: str, field: _Field, panel: Panel, value: Any) -> Control:
    item = (_LIMITS if name.startswith("guard.") else _FIELDS)[name]
    metadata = item.metadata
    kind = "flag" if "flag" in metadata else "choice" if "choices" in metadata else "number"
    optional = whole = False
    low, high, step = field.low, field.high, field.step
    if kind == "number":
        least, most, strict, optional, whole = metadata["rule"]
        low = low if least is None else max(low, least + (step if strict else 0.0))
        high = high if most is None else min(high, most)
        if value is not None:
            low, high = min(low, float(value)), max(high, float(value))
    title = field.title
    for leg in ("A", "B"):
        venue = getattr(panel.meta, f"leg_{leg.lower()}")
        if title.endswith(f" {leg}") and venue != leg.lower():
            title = f"{title.removesuffix(leg)}{venue}"
    return Control(
        name=name,
        group=group,
        title=title,
        unit=panel.meta.currency if field.unit == "$" else field.unit,
        kind=kind,
        low=float(low),
        high=float(high),
        step=float(step),
        optional=bool(optional),
        at_first=float(low if field.at_first is None else field.at_first),
        whole=bool(whole),
        choices=tuple(metadata.get("choices", ())),
        why_not=_why_not(name, panel),
        hint=name,
    )


def _why_not(name: str, panel: Panel) -> str:
    """Say why a parameter cannot do anything on this panel."""
    if name in ("depth_levels", "guard.max_slippage_bps", "guard.min_fill_rate") and panel.levels == 0:
        return "this panel holds no sizes of the books"
    if name == "funding" and panel.funding is None:
        return "this panel holds no funding rates"
    if name == "fx_settlement" and panel.fx_a is None and panel.fx_b is None:
        return "both legs are in the account currency"
    return ""
