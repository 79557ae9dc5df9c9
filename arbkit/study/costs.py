"""`costs.yaml`: what a run measured of latency, slippage and fees, read by the next study or backtest.

costs: costs.yaml          # in a spec; `costs.yaml:BTC` takes one pair's instead of all together
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from arbkit.config import Params
from arbkit.errors import ConfigError, nearest_names

__all__ = ["FORMAT", "NAMES", "VERSION", "read_costs", "with_costs"]

FORMAT: Final = "arbkit-costs"
VERSION: Final = 1
#: The parameters that costs can say.
NAMES: Final = ("taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps", "latency_a_ms", "latency_b_ms")
_COMPANY: Final = {
    "min_spread_bps": 0,
    "max_position_usd": 1,
    "taker_fee_a_bps": 0,
    "taker_fee_b_bps": 0,
    "slippage_bps": 0,
}


def read_costs(place: str) -> dict[str, float]:
    """Read the parameters that a run measured.

    Args:
        place: the file, or `FILE:PAIR` for those of one pair.

    Returns:
        Values by name, some of `NAMES`.

    Raises:
        ConfigError: when the file is missing, is none of this kind, has no such pair or breaks a rule.
    """
    file, pair = _parts(str(place))
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"a file of costs must exist, {str(file)!r} does not") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(
            f"a file of costs must be readable YAML, {str(file)!r} is not: {' '.join(str(error).split())}"
        ) from error
    if not isinstance(values, Mapping) or values.get("format") != FORMAT or values.get("version") != VERSION:
        raise ConfigError(
            f"{str(file)!r} must be a file of costs, version {VERSION}, as `arbkit live calibrate` writes it"
        )
    found = values
    if pair:
        pairs = values.get("pairs") or {}
        if pair not in pairs:
            raise ConfigError(f"{str(file)!r} has no costs of {pair!r}; {nearest_names(pair, pairs)}")
        found = pairs[pair]
    return _checked(found.get("params"), str(place))


def with_costs(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec whose `costs` stand in `fixed`, but for what the spec itself fixes or searches.

    The file is read once: what a study recorded holds the numbers and does not change with the file.

    Args:
        values: the keys of a spec.
    """
    made = dict(values)
    place = made.pop("costs", None)
    if place is None:
        return made
    fixed, space = made.get("fixed") or {}, made.get("space") or {}
    if not isinstance(fixed, Mapping) or not isinstance(space, Mapping):
        return made
    # A latency for both legs is another way to say the same.
    own = {*fixed, *space}
    own |= {"latency_a_ms", "latency_b_ms"} if "latency_ms" in own else set()
    made["fixed"] = {name: value for name, value in read_costs(place).items() if name not in own} | dict(
        fixed
    )
    return made


def _parts(place: str) -> tuple[Path, str]:
    file, colon, pair = place.rpartition(":")
    if colon and file.endswith((".yaml", ".yml")):
        return Path(file), pair
    return Path(place), ""


def _checked(values: Any, place: str) -> dict[str, float]:
    if not isinstance(values, Mapping) or not values:
        raise ConfigError(f"costs must hold `params`, {place!r} holds none")
    for name in values:
        if name not in NAMES:
            raise ConfigError(f"{place}: `{name}` is no cost; {nearest_names(str(name), NAMES)}")
    try:
        Params.from_dict({**_COMPANY, **values})
    except ConfigError as error:
        raise ConfigError(f"{place}: {error}") from error
    return {str(name): float(value) for name, value in values.items()}
