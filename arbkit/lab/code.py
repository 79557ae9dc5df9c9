"""The code that makes a backtest again, and the study that searches around it."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from arbkit.config import GuardLimits, Params
from arbkit.panel import Panel

__all__ = ["code_of", "space_around", "spec_around"]

_REQUIRED: Final = tuple(
    item.name for item in dataclasses.fields(Params) if item.default is dataclasses.MISSING
)
#: A study always closes what is open at the end.
_NEVER_FIXED: Final = frozenset({"close_at_end"})
#: How far around a threshold a study looks: this share of it, and no less than so many bps.
_SHARE, _LEAST_BPS = 0.5, 10.0


def code_of(panel: Panel, params: Params, source: str = "") -> str:
    """Return Python that makes the same backtest.

    Args:
        panel: the market, whose fingerprint the code checks.
        params: all that differs from the defaults is written.
        source: the expression that makes the panel; without it, a stored panel's folder or a comment.
    """
    lines = ["import arbkit", ""]
    if source:
        lines.append(f"panel = {source}")
    elif panel.folder is not None:
        lines.append(f"panel = arbkit.Panel.open({str(panel.folder)!r})")
    else:
        lines.append(f"# `panel` is {panel!r}")
    lines += [
        f'assert panel.fingerprint == "{panel.fingerprint}", "this is another market"',
        "params = arbkit.Params(",
        *(f"    {name}={_written(value)}," for name, value in changed(params).items()),
        ")",
        "result = arbkit.backtest(panel, params)",
        "result",
    ]
    return "\n".join(lines) + "\n"


def changed(params: Params) -> dict[str, Any]:
    """Return the parameters that have no default, or differ from it."""
    found = {}
    for item in dataclasses.fields(Params):
        value = getattr(params, item.name)
        if item.default is dataclasses.MISSING or value != item.default:
            found[item.name] = value
    return found


def _written(value: Any) -> str:
    if not isinstance(value, GuardLimits):
        return repr(value)
    limits = {
        item.name: getattr(value, item.name)
        for item in dataclasses.fields(GuardLimits)
        if getattr(value, item.name) != item.default
    }
    return "dict(" + ", ".join(f"{name}={limit!r}" for name, limit in limits.items()) + ")"


def space_around(params: Params) -> dict[str, Any]:
    """Return ranges around the thresholds and times that decide about this set, as a spec has them."""
    space: dict[str, Any] = {"min_spread_bps": _around(params.min_spread_bps)}
    if params.close_on_spread_reversal:
        space["exit_spread_bps"] = _around(params.exit_spread_bps)
    for name in ("take_profit_bps", "stop_loss_bps"):
        value = getattr(params, name)
        if value is not None and value > 0:
            space[name] = {"type": "float", "low": value / 2, "high": value * 2}
    for name in ("max_hold_s", "cooldown_s"):
        value = getattr(params, name)
        if value:
            space[name] = {"type": "float", "low": value / 4, "high": value * 4, "log": True}
    return space


def _around(value: float) -> dict[str, Any]:
    reach = max(_LEAST_BPS, _SHARE * abs(value))
    return {"type": "float", "low": value - reach, "high": value + reach}


def spec_around(
    panel: Panel, params: Params, name: str, path: str, n_trials: int, seed: int
) -> dict[str, Any]:
    """Return the spec of a study that searches around a set, on the panel stored at `path`."""
    space = space_around(params)
    fixed = {
        key: value.to_dict() if isinstance(value, GuardLimits) else value
        for key, value in changed(params).items()
        if key not in space and key not in _NEVER_FIXED
    }
    if panel.meta.reference != "none":
        fixed["reference"] = panel.meta.reference
    here = {key: getattr(params, key) for key in space}
    return {
        "name": name,
        "panel": path,
        "seed": seed,
        "n_trials": n_trials,
        "space": space,
        "fixed": fixed,
        "enqueue": [here],
    }
