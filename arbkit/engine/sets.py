"""`ParamSets`: many parameter sets as columns, checked and translated without an object per set."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from arbkit._typing import FloatArray, RecordArray
from arbkit.config import PARAM_NAMES, Params
from arbkit.engine.rules import FOREVER_NS, OPTIONAL, PNL_MODELS, check_supported, rules_of
from arbkit.errors import ConfigError, nearest_names
from arbkit.panel import Panel

__all__ = ["ParamSets", "check_all", "rules_of_all"]

_METADATA: Final = {item.name: item.metadata for item in dataclasses.fields(Params)}
#: Parameters that a rule takes as they are, and the name it gives them.
_SAME: Final = {
    "min_spread_bps": "min_spread_bps",
    "max_position_usd": "notional_usd",
    "exit_spread_bps": "exit_spread_bps",
    "initial_balance_usd": "initial_balance_usd",
    "min_notional_usd": "min_notional_usd",
    "entry_step_bps": "entry_step_bps",
    "maintenance_b": "maintenance_b",
    "close_on_spread_reversal": "has_reversal",
    "close_at_end": "close_at_end",
    "funding": "has_funding",
    "depth_levels": "depth_levels",
    "max_open_trades": "max_open_trades",
}
_SECONDS: Final = {
    "min_hold_s": "min_hold_ns",
    "cooldown_s": "cooldown_ns",
    "min_entry_gap_s": "entry_gap_ns",
}
#: The largest float below 2^63.
_MOST: Final = float(np.nextafter(2.0**63, 0))


class ParamSets:
    """Many sets that share all parameters but for some columns.

    Args:
        base: what all sets share.
        columns: per parameter one value for each set: a number array, in which NaN is `None`, or an array of
            names or of booleans (0 and 1 will do). All must have the same length.

    Raises:
        ConfigError: naming parameter, rule, value and set, for a name that is no parameter, for columns of
            different lengths, and for a value that `Params` would refuse.
    """

    def __init__(self, base: Params, columns: Mapping[str, Any]) -> None:
        if not isinstance(base, Params):
            raise ConfigError(
                f"`base` must be arbkit.Params, was {type(base).__name__}; use Params.from_dict"
            )
        if not columns:
            raise ConfigError("`columns` must name a parameter at least; for one set use arbkit.backtest")
        self.base = base
        self.columns = {name: _checked(name, values) for name, values in columns.items()}
        sizes = {name: column.size for name, column in self.columns.items()}
        if len(set(sizes.values())) > 1:
            said = ", ".join(f"{name}: {size}" for name, size in sizes.items())
            raise ConfigError(f"every column must have one value per set, lengths were {said}")
        self._size = int(next(iter(sizes.values())))
        self._check_holds()

    @classmethod
    def from_array(cls, base: Params, names: Sequence[str], values: Any) -> ParamSets:
        """Build from a float array (n_sets, n_params), whose columns are named; NaN is `None`.

        Raises:
            ConfigError: when the array has another shape, or as the class does.
        """
        array = np.asarray(values)
        if array.ndim != 2 or array.shape[1] != len(names):
            raise ConfigError(
                f"`values` must have the shape (sets, {len(names)}) for {', '.join(names)}, was {array.shape}"
            )
        if len(set(names)) < len(names):
            raise ConfigError(f"every parameter must be named once, was {', '.join(names)}")
        return cls(base, {name: array[:, k] for k, name in enumerate(names)})

    @classmethod
    def from_frame(cls, base: Params, frame: Any) -> ParamSets:
        """Build from a polars frame with one row per set and parameters as columns; null is `None`."""
        return cls(base, {name: frame[name].to_numpy() for name in frame.columns})

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, k: int) -> Params:
        """Return one set as `Params`."""
        if not -self._size <= operator.index(k) < self._size:
            raise IndexError(f"set {k} of {self._size} does not exist")
        values = {name: column[k].item() for name, column in self.columns.items()}
        return self.base.replace(**{
            name: None if isinstance(value, float) and np.isnan(value) else value
            for name, value in values.items()
        })  # fmt: skip

    def __repr__(self) -> str:
        return f"ParamSets({self._size:,} sets of {', '.join(self.columns)})"

    def rules(self) -> RecordArray:
        """Return `RULES_DTYPE` (sets,), bit for bit what each set as `Params` would give."""
        rules = np.repeat(rules_of([self.base]), self._size)
        for name, column in self.columns.items():
            if name in _SAME:
                rules[_SAME[name]] = np.minimum(column, _MOST)
            elif name in OPTIONAL:
                rules[OPTIONAL[name]] = ~np.isnan(column)
                rules[name] = np.nan_to_num(column, nan=0.0)
            elif name in _SECONDS:
                rules[_SECONDS[name]] = np.rint(column * 1e9).astype(np.int64)
        self._write_rest(rules)
        return rules

    def _write_rest(self, rules: RecordArray) -> None:
        """Write what more than one parameter decides, or what has a form of its own."""
        get, given = self._values, self.columns
        fee_a, fee_b, slip = (get(name) for name in ("taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps"))
        rules["cost_bps"] = fee_a + fee_b + slip
        rules["fee_a"], rules["fee_b"], rules["half_slip"] = fee_a / 1e4, fee_b / 1e4, slip / 2 / 1e4
        rules["lot"] = np.maximum(get("lot_a"), get("lot_b"))
        rules["liquidation_fee"] = get("liquidation_fee_bps") / 1e4
        if "max_hold_s" in given:
            rules["has_max_hold"] = ~np.isnan(given["max_hold_s"])
            rules["max_hold_ns"] = np.rint(np.nan_to_num(given["max_hold_s"]) * 1e9).astype(np.int64)
        if "direction" in given:
            rules["allow_ab"] = given["direction"] != "long_b_short_a"
            rules["allow_ba"] = given["direction"] != "long_a_short_b"
        if "pnl_model" in given:
            for name, number in PNL_MODELS.items():
                rules["pnl_model"][given["pnl_model"] == name] = number
        if "fx_settlement" in given:
            rules["fx_at_exit"] = given["fx_settlement"] == "at_exit"
        if "max_slip_bps" in given:
            rules["max_slip_bps"] = np.nan_to_num(given["max_slip_bps"], nan=np.inf)
        both = get("latency_ms")
        for leg in "ab":
            own = get(f"latency_{leg}_ms")
            delay = np.rint(np.where(np.isnan(own), both, own) * 1e6)
            rules[f"latency_{leg}_ns"] = np.minimum(delay.astype(np.int64), FOREVER_NS)
        delayed = (rules["latency_a_ns"] > 0) | (rules["latency_b_ns"] > 0)
        rules["ordered"] = delayed | (rules["depth_levels"] > 0)

    def _values(self, name: str) -> FloatArray:
        """Return the column of a number, or what all sets share as a single one; NaN is `None`."""
        if name in self.columns:
            return self.columns[name]  # type: ignore[no-any-return]
        value = getattr(self.base, name)
        return np.array(np.nan if value is None else value, np.float64)

    def _check_holds(self) -> None:
        least, most = self._values("min_hold_s"), self._values("max_hold_s")
        bad = np.flatnonzero(np.broadcast_to(least > most, self._size))
        if bad.size:
            k = bad[0]
            least, most = (np.broadcast_to(values, self._size)[k] for values in (least, most))
            raise ConfigError(
                "`min_hold_s` must not exceed `max_hold_s`, "
                f"was min_hold_s={least:g}, max_hold_s={most:g} in set {k}"
            )


def rules_of_all(params: Sequence[Params] | ParamSets) -> RecordArray:
    """Translate sets into `RULES_DTYPE`, one record per set."""
    return params.rules() if isinstance(params, ParamSets) else rules_of(params)


def check_all(panel: Panel, params: Sequence[Params] | ParamSets) -> None:
    """Refuse sets that the panel cannot simulate, looking at one of each kind."""
    if not isinstance(params, ParamSets):
        for one in params:
            check_supported(panel, one)
        return
    if len(params) == 0:
        return
    kinds = [
        np.unique(params.columns[name], return_inverse=True)[1]
        for name in ("pnl_model", "funding", "depth_levels")
        if name in params.columns
    ]
    firsts = np.unique(np.column_stack(kinds), axis=0, return_index=True)[1] if kinds else [0]
    for k in firsts:
        check_supported(panel, params[int(k)])


def _checked(name: str, values: Any) -> Any:
    """Return a column as the array its parameter needs, or raise."""
    if name not in PARAM_NAMES:
        raise ConfigError(f"`{name}` is no parameter of the engine; {nearest_names(str(name), PARAM_NAMES)}")
    metadata = _METADATA[name]
    if "guard" in metadata:
        raise ConfigError("`guard` cannot differ between sets, was given as a column; put it into `base`")
    column = np.asarray(values)
    if column.ndim != 1:
        raise ConfigError(f"`{name}` must have one value per set, its array had the shape {column.shape}")
    if "choices" in metadata:
        _refuse(
            name, column, ~np.isin(column, metadata["choices"]), "one of " + ", ".join(metadata["choices"])
        )
        return column.astype(np.str_)
    if "flag" in metadata:
        wrong = ~np.isin(column, (0, 1)) if column.dtype.kind in "biuf" else np.ones(column.size, np.bool_)
        _refuse(name, column, wrong, "true or false")
        return column.astype(np.bool_)
    return _checked_numbers(name, column, *metadata["rule"])


def _checked_numbers(
    name: str, column: Any, low: float | None, high: float | None, strict: bool, none: bool, integer: bool
) -> FloatArray:
    if column.dtype == np.object_:
        column = np.array([np.nan if value is None else value for value in column])
    if column.size and column.dtype.kind not in "iuf":
        raise ConfigError(f"`{name}` must be a number, was {column[0].item()!r} in set 0")
    column = column.astype(np.float64)
    absent = np.isnan(column)
    _refuse(name, column, np.isinf(column) | (absent & (not none)), "finite")
    if integer:
        _refuse(name, column, ~absent & (column != np.trunc(column)), "a whole number")
    if low is not None:
        below = column <= low if strict else column < low
        _refuse(name, column, below, f"{'above' if strict else 'at least'} {low:g}")
    if high is not None:
        above = column >= high if strict else column > high
        _refuse(name, column, above, f"{'below' if strict else 'at most'} {high:g}")
    return column  # type: ignore[no-any-return]


def _refuse(name: str, column: Any, bad: Any, rule: str) -> None:
    """Name the first set that breaks a rule."""
    first = np.flatnonzero(bad)
    if first.size:
        value = column[first[0]]
        value = value.item() if isinstance(value, np.generic) else value
        raise ConfigError(f"`{name}` must be {rule}, was {value!r} in set {first[0]}")
