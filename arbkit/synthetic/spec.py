"""`MarketSpec`: a synthetic market as one frozen, validated value, read from YAML.

The specs that ship stand beside this module in `specs/`; their comments say which figure comes from where.
"""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from arbkit._typing import PathLike
from arbkit.errors import ConfigError, nearest_names
from arbkit.synthetic.ticks import TICK_TABLES

__all__ = [
    "CoinSpec",
    "MarketSpec",
    "OutageSpec",
    "PremiumSpec",
    "RegimeSpec",
    "StreamSpec",
    "load_market_spec",
    "shipped_specs",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OutageSpec(_Frozen):
    """A kind of silence of one venue: how often, and how long on average (exponential)."""

    per_day: float = Field(ge=0)
    mean_s: float = Field(gt=0)


class RegimeSpec(_Frozen):
    """What differs between calm and stressed times; `activity` and `spread_factor` multiply.

    `slow_sd_bps` and `fast_sd_bps` are standard deviations at rest. Jumps are normal, in bps of premium.
    """

    name: str
    mean_days: float = Field(gt=0)
    price_vol_annual: float = Field(ge=0)
    fx_vol_bps_day: float = Field(ge=0)
    slow_sd_bps: float = Field(ge=0)
    fast_sd_bps: float = Field(ge=0)
    jumps_per_day: float = Field(default=0.0, ge=0)
    jump_sd_bps: float = Field(default=0.0, ge=0)
    activity: float = Field(default=1.0, gt=0)
    spread_factor: float = Field(default=1.0, gt=0)


class PremiumSpec(_Frozen):
    """The premium of A over B times FX, in bps: a drifting level plus three parts that revert to 0."""

    level_mean_bps: float
    level_sd_bps: float = Field(ge=0)
    level_half_life_days: float = Field(gt=0)
    slow_half_life_days: float = Field(gt=0)
    fast_half_life_min: float = Field(gt=0)
    jump_half_life_h: float = Field(gt=0)


class StreamSpec(_Frozen):
    """One venue's instrument: how it updates and what its book looks like.

    Updates come `min_interval_ms` plus an exponential wait apart. `spread_bps` is the median of a log-normal
    spread before rounding to ticks. `level_density` is the chance that a price behind the best is occupied
    (in steps of 1/32),
    `sizes` the median size per level (the last one goes on), `hold_s` how long a level stays as it is.
    `stick_ticks` is how far the mid moves before the quotes follow.
    """

    venue: str
    symbol: str
    base: str
    quote: str
    kind: Literal["spot", "perpetual", "fx"] = "spot"
    tick: float | str
    mean_interval_ms: float = Field(gt=0)
    min_interval_ms: float = Field(default=0.0, ge=0)
    stamp_ms: float = Field(default=1.0, gt=0)
    latency_ms: float = Field(ge=0)
    latency_log_sd: float = Field(default=0.0, ge=0)
    spread_bps: float = Field(gt=0)
    spread_log_sd: float = Field(default=0.0, ge=0)
    max_spread_bps: float = Field(default=50.0, gt=0)
    spread_half_life_s: float = Field(default=30.0, gt=0)
    level_density: float = Field(gt=0, le=1)
    sizes: tuple[float, ...] = Field(min_length=1)
    top_log_sd: float = Field(default=1.0, ge=0)
    deep_log_sd: float = Field(default=1.0, ge=0)
    lot: float = Field(gt=0)
    hold_s: float = Field(default=5.0, gt=0)
    stick_ticks: float = Field(default=0.0, ge=0)
    outages: tuple[OutageSpec, ...] = Field(default=(), max_length=4)
    bad_row_share: float = Field(default=0.0, ge=0, le=1)
    max_age_s: float | None = Field(default=None, gt=0)

    @field_validator("tick")
    @classmethod
    def _tick_is_known(cls, value: float | str) -> float | str:
        if isinstance(value, str) and value not in TICK_TABLES:
            raise ValueError(f"no tick table of this name; {nearest_names(value, TICK_TABLES)}")
        if not isinstance(value, str) and value <= 0:
            raise ValueError("must be above 0")
        return value

    @field_validator("sizes")
    @classmethod
    def _sizes_are_positive(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not size > 0 for size in value):
            raise ValueError("every size must be above 0")
        return value

    @model_validator(mode="after")
    def _wait_is_positive(self) -> Self:
        if self.min_interval_ms >= self.mean_interval_ms:
            raise ValueError(
                f"`min_interval_ms` must be below `mean_interval_ms`, was {self.min_interval_ms:g} "
                f"against {self.mean_interval_ms:g}"
            )
        return self

    @property
    def leg(self) -> str:
        """The instrument's name, "venue/symbol"."""
        return f"{self.venue}/{self.symbol}"


class CoinSpec(_Frozen):
    """One coin of a market of several: its price and tick at B, and the mean of its premium at A."""

    base: str
    price: float = Field(gt=0)
    tick_b: float = Field(gt=0)
    premium_bps: float = 0.0


class MarketSpec(_Frozen):
    """A two-venue market in two currencies with its FX book.

    `a` is quoted in currency A, `b` in currency B, `fx` in currency A per unit of currency B. `regimes[0]` is
    where the market starts. `start_price` is the asset's price at B, `start_fx` the first FX rate. `coins`
    puts several assets on the same venues in the place of the one; the FX rate must then stand still.

    Raises:
        ConfigError: (from `load_market_spec` and `from_dict`) naming the key, the rule and the value.
    """

    name: str
    description: str = ""
    start: datetime
    days: float = Field(default=1.0, gt=0)
    levels: int = Field(default=5, ge=1, le=30)
    seed: int = Field(default=1, ge=0)
    start_price: float = Field(gt=0)
    start_fx: float = Field(gt=0)
    premium: PremiumSpec
    regimes: tuple[RegimeSpec, ...] = Field(min_length=1)
    a: StreamSpec
    b: StreamSpec
    fx: StreamSpec
    coins: tuple[CoinSpec, ...] = ()

    @field_validator("start")
    @classmethod
    def _start_is_utc(cls, value: datetime) -> datetime:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @model_validator(mode="after")
    def _legs_fit(self) -> Self:
        legs = [self.a.leg, self.b.leg, self.fx.leg]
        if len(set(legs)) < len(legs):
            raise ValueError(f"the three instruments must differ, were {', '.join(legs)}")
        if (self.fx.quote, self.fx.base) != (self.a.quote, self.b.quote):
            raise ValueError(
                f"`fx` must be {self.b.quote} quoted in {self.a.quote}, was {self.fx.base} in {self.fx.quote}"
            )
        return self

    @model_validator(mode="after")
    def _coins_share_the_fx(self) -> Self:
        bases = [coin.base for coin in self.coins]
        if len(set(bases)) < len(bases):
            raise ValueError(f"`coins` must differ, were {', '.join(bases)}")
        moving = [item.name for item in self.regimes if item.fx_vol_bps_day > 0]
        if bases and moving:
            raise ValueError(
                f"with `coins` the FX rate must stand still: set `fx_vol_bps_day: 0` in {', '.join(moving)}"
            )
        return self

    @property
    def streams(self) -> tuple[StreamSpec, StreamSpec, StreamSpec]:
        """The three instruments: A, B, FX."""
        return self.a, self.b, self.fx

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, source: str = "market spec") -> Self:
        """Build from plain values; an unknown key is refused with the nearest names.

        Raises:
            ConfigError: naming `source`, the key, the rule and the value.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ConfigError(f"{source}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    path = [str(part) for part in problem["loc"]]
    where = ".".join(path) or "the spec"
    if problem["type"] == "extra_forbidden":
        return f"`{where}` is no key of a market spec; {nearest_names(path[-1], _keys_at(path[:-1]))}"
    if problem["type"] == "missing":
        return f"`{where}` is missing"
    shown = "" if isinstance(problem["input"], dict) else f", was {problem['input']!r}"
    return f"`{where}`: {problem['msg'].removeprefix('Value error, ')}{shown}"


def _keys_at(path: list[str]) -> list[str]:
    """Return the keys that would have been accepted at a place in the spec."""
    inner: dict[str, type[BaseModel]] = {
        "premium": PremiumSpec,
        "regimes": RegimeSpec,
        "a": StreamSpec,
        "b": StreamSpec,
        "fx": StreamSpec,
        "outages": OutageSpec,
        "coins": CoinSpec,
    }
    model = next((inner[part] for part in reversed(path) if part in inner), MarketSpec)
    return list(model.model_fields) + (["extends"] if model is MarketSpec else [])


def shipped_specs() -> tuple[str, ...]:
    """Return the names of the specs that ship."""
    folder = resources.files("arbkit.synthetic") / "specs"
    return tuple(
        sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))
    )


def load_market_spec(spec: PathLike, overrides: dict[str, Any] | None = None) -> MarketSpec:
    """Read a spec that ships, by name, or a YAML file, by path.

    A file may say `extends: NAME` and give only what differs; nested blocks are merged key by key,
    lists are replaced.

    Args:
        spec: "kimchi", or the path of a YAML file.
        overrides: changes by dotted key, such as {"a.bad_row_share": 1e-4, "regimes.0.fast_sd_bps": 0}.

    Raises:
        ConfigError: for an unknown name or key (with the nearest ones), unreadable YAML, or a bad value.
    """
    values = _read(spec, ())
    for key, value in (overrides or {}).items():
        _override(values, key, value)
    return MarketSpec.from_dict(values, source=str(spec))


def _read(spec: PathLike, seen: tuple[str, ...]) -> dict[str, Any]:
    name = str(spec)
    if name in seen:
        raise ConfigError(f"a market spec must not extend itself: {' -> '.join((*seen, name))}")
    values = _parse(name, _text_of(name))
    parent = values.pop("extends", None)
    if parent is None:
        return values
    base = Path(name).parent / str(parent)
    return _merged(_read(base if base.is_file() else str(parent), (*seen, name)), values)


def _text_of(name: str) -> str:
    if name in shipped_specs():
        return (resources.files("arbkit.synthetic") / "specs" / f"{name}.yaml").read_text(encoding="utf-8")
    path = Path(name)
    if not path.is_file():
        looks_like_path = path.suffix in {".yaml", ".yml"} or len(path.parts) > 1
        hint = "no such file" if looks_like_path else f"no market spec of this name; {_near(name)}"
        raise ConfigError(f"{name}: {hint}")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{name}: cannot be read: {error}") from error


def _near(name: str) -> str:
    return nearest_names(name, shipped_specs()) + " (or give the path of a YAML file)"


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{name}: a market spec must be a mapping of keys, was {type(values).__name__}")
    return values


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = _merged(out[key], value) if both else value
    return out


def _override(values: dict[str, Any], key: str, value: Any) -> None:
    """Set one dotted key in place; a number steps into a list."""
    *path, last = key.split(".")
    place: Any = values
    for part in path:
        place = _step_into(place, part, key)
    if isinstance(place, list):
        _step_into(place, last, key)
        place[int(last)] = value
    else:
        place[last] = value


def _step_into(place: Any, part: str, key: str) -> Any:
    if isinstance(place, list) and part.isdigit() and int(part) < len(place):
        return place[int(part)]
    if isinstance(place, dict) and part in place and isinstance(place[part], (dict, list)):
        return place[part]
    names = list(place) if isinstance(place, dict) else [str(i) for i in range(len(place))]
    raise ConfigError(
        f"`{key}` is no key of a market spec, `{part}` is unknown; {nearest_names(part, names)}"
    )
