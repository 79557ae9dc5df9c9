"""`StudySpec`: everything that decides what a study does, as one frozen value read from YAML."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from arbkit.config import Params
from arbkit.errors import ConfigError, MissingDependencyError, nearest_names
from arbkit.metrics import METRIC_NAMES
from arbkit.panel import joined_view
from arbkit.study._messages import config_error
from arbkit.study.conditions import Conditions
from arbkit.study.constraints import Constraint, parse_constraint
from arbkit.study.costs import with_costs
from arbkit.study.detail import MEASURED, Detail
from arbkit.study.points import check_point, read_points
from arbkit.study.space import VIEWS, Categorical, Range, check_values, normalise
from arbkit.study.validation_spec import ValidationSpec
from arbkit.units import duration_ns

if TYPE_CHECKING:
    from arbkit.stress import Scenario

__all__ = [
    "MARKET_KEYS",
    "Folds",
    "Objective",
    "PrunerSpec",
    "SamplerSpec",
    "SplitSpec",
    "StudySpec",
    "WarmStart",
    "default_storage",
]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: Files beside the storage have the name in theirs.
_LONGEST_NAME: Final = 100
#: Keys that say how a dataset becomes a panel: arguments of `load_panel`. A panel file takes the last two.
MARKET_KEYS: Final = (
    "pair",
    "fx",
    "max_age",
    "currency",
    "grid",
    "half_spread_a_bps",
    "half_spread_b_bps",
    "start",
    "end",
)
#: How the training part is cut for the metrics of folds: into so many equal shares of time, or UTC days.
Folds = Annotated[int, Field(ge=0, le=10_000)] | Literal["day"]
#: The parameters that can be compared: all but names and the guard.
_NUMBERS: Final = tuple(
    item.name for item in dataclasses.fields(Params) if not {"choices", "guard"} & set(item.metadata)
)
_HOLD: Final = "min_hold_s <= max_hold_s"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Objective(_Part):
    """A metric and which way is better."""

    metric: str = "mtm_pnl_usd"
    direction: Literal["maximize", "minimize"] = "maximize"

    @field_validator("metric")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in METRIC_NAMES:
            raise ValueError(f"must be a metric, was {value!r}; {nearest_names(value, METRIC_NAMES)}")
        return value

    @field_validator("direction", mode="before")
    @classmethod
    def _spelling(cls, value: Any) -> Any:
        return {"maximise": "maximize", "minimise": "minimize", "max": "maximize", "min": "minimize"}.get(
            value, value
        )


class SamplerSpec(_Part):
    """A sampler's name and its options."""

    name: str
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _flat(cls, value: Any) -> Any:
        """Read `tpe`, and `{name: tpe, option: value}`."""
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping) and "name" in value:
            options = {**(value.get("options") or {})}
            options |= {k: v for k, v in value.items() if k not in ("name", "options")}
            return {"name": value["name"], "options": options}
        return value


class PrunerSpec(SamplerSpec):
    """A pruner's name and its options."""


class SplitSpec(_Part):
    """Shares of the time, at the end: what the search never sees, and the lockbox, which is the end of that.

    `lockbox` None is half of `out_of_sample`.
    """

    out_of_sample: float = Field(default=0.4, gt=0, lt=1)
    lockbox: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _inside(self) -> SplitSpec:
        if self.lockbox is not None and self.lockbox >= self.out_of_sample:
            both = f"was lockbox={self.lockbox:g}, out_of_sample={self.out_of_sample:g}"
            raise ValueError(f"`lockbox` must be below `out_of_sample`, whose end it is, {both}")
        return self

    @property
    def sealed(self) -> float:
        """The share of the lockbox."""
        return self.out_of_sample / 2 if self.lockbox is None else self.lockbox


def default_storage(name: str) -> str:
    """Return where a study is kept that names no storage."""
    return f"sqlite:///studies/{name}.db"


class WarmStart(_Part):
    """Another study whose best points are tried first."""

    study: str
    n: int = Field(default=32, ge=1, le=100_000)

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"study": value} if isinstance(value, str) else value


class StudySpec(_Part):
    """One study: market, search space, objective, sampler and storage.

    Build it with `StudySpec.load(path)` or `StudySpec.from_dict(mapping)`; both raise one `ConfigError`
    that names the key, the value received and, for an unknown name, the nearest valid ones.
    """

    name: str
    dataset: str | None = None
    panel: str | None = None
    pair: dict[str, str] | None = None
    fx: dict[str, Any] | None = None
    max_age: str | float | dict[str, str | float] | None = None
    start: str | None = None
    end: str | None = None
    currency: str | None = None
    same: tuple[str, ...] = ()
    grid: str | float | None = None
    half_spread_a_bps: float | None = None
    half_spread_b_bps: float | None = None
    storage: str = ""
    sampler: SamplerSpec = SamplerSpec(name="tpe")
    pruner: PrunerSpec | None = None
    seed: int = Field(ge=0, lt=2**32)
    n_trials: int = Field(default=0, ge=0)
    batch: int = Field(default=64, ge=1, le=100_000)
    objective: tuple[Objective, ...] = (Objective(),)
    space: dict[str, Range]
    constraints: tuple[str, ...] = ()
    fixed: dict[str, Any] = Field(default_factory=dict)
    split: SplitSpec = SplitSpec(out_of_sample=0.4, lockbox=0.15)
    validation: ValidationSpec = ValidationSpec()
    metrics: Detail = "all"
    folds: Folds = 0
    scenarios: tuple[Any, ...] = ()
    robust: Literal["worst", "mean"] = "worst"
    timeout: str | float | None = None
    stagnation: int = Field(default=0, ge=0)
    enqueue: tuple[dict[str, Any], ...] = ()
    warm_start: WarmStart | None = None

    _path: Path | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, path: str | Path) -> StudySpec:
        """Read a spec from a YAML file.

        Raises:
            ConfigError: when the file is missing, is no YAML mapping, or breaks a rule.
        """
        file = Path(path)
        try:
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigError(f"a study spec must exist, {str(file)!r} does not") from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(
                f"a study spec must be a readable YAML file, {str(file)!r} is not: "
                + " ".join(str(error).split())
            ) from error
        if not isinstance(values, dict):
            raise ConfigError(
                f"a study spec must be a mapping of keys to values, {str(file)!r} holds {values!r:.60}"
            )
        try:
            spec = cls.from_dict(values)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from error
        spec._path = file
        return spec

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StudySpec:
        """Build a spec from a mapping with the keys of the YAML file; `costs` becomes part of `fixed`.

        Raises:
            ConfigError: naming the key and the value that break a rule.
        """
        spec = cls.from_record(with_costs(values))
        spec._check()
        return spec

    @classmethod
    def from_record(cls, values: Mapping[str, Any]) -> StudySpec:
        """Build a spec from what a study recorded: it was checked as a whole when the study was made.

        Raises:
            ConfigError: for a record of another version, naming the key.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise config_error(error, cls) from error

    @property
    def path(self) -> Path | None:
        """The file this spec was read from, if it was."""
        return self._path

    def replace(self, **changes: Any) -> StudySpec:
        """Return a copy with some keys changed, checked anew; it remembers the same file.

        A new name takes its own storage along where the old one was the default for the old name.
        """
        values = self.to_dict()
        if self.storage == default_storage(self.name):
            del values["storage"]
        spec = self.from_dict({**values, **changes})
        spec._path = self._path
        return spec

    def to_dict(self) -> dict[str, Any]:
        """Return the spec as plain values, in the order of the fields; `from_dict` reads it back."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """Return the spec as YAML, without the keys that hold their default."""
        values = self.model_dump(mode="json", exclude_defaults=True)
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    @property
    def directions(self) -> list[Literal["maximize", "minimize"]]:
        """Optuna directions, one per objective."""
        return [item.direction for item in self.objective]

    @property
    def parsed_constraints(self) -> tuple[Constraint, ...]:
        """The constraints of the spec, and the engine's own `min_hold_s <= max_hold_s` where it can bite."""
        names = {*self.space, *self.fixed}
        built_in = (_HOLD,) if {"min_hold_s", "max_hold_s"} <= names and _HOLD not in self.constraints else ()
        return tuple(
            parse_constraint(text, _NUMBERS, METRIC_NAMES) for text in (*self.constraints, *built_in)
        )

    @property
    def parsed_scenarios(self) -> tuple[Scenario, ...]:
        """The scenarios that the objectives are taken over, beside the market as it was."""
        from arbkit.stress import parse_scenarios

        return parse_scenarios(list(self.scenarios))

    @property
    def timeout_s(self) -> float | None:
        """How long a run may take, in seconds."""
        return None if self.timeout is None else duration_ns(self.timeout, name="timeout") / 1e9

    def params_of(self, trial_params: Mapping[str, Any]) -> tuple[Params, str]:
        """Join the parameters of a trial with the fixed ones.

        Args:
            trial_params: one value per name in `space`.

        Returns:
            The engine's parameters (they close at the end, as in the search) and the view of the panel: its
            reference, and a scale behind it.

        Raises:
            ConfigError: when together they break a rule of the engine.
        """
        values = {**self.fixed, **trial_params, "close_at_end": True}
        reference, scale = (str(values.pop(name, "none")) for name in VIEWS)
        return Params.from_dict(values), joined_view(reference, scale)

    @property
    def views(self) -> tuple[str, ...]:
        """Every view of the panel that a trial may have."""
        references, scales = (self._choices_of(name) for name in VIEWS)
        return tuple(joined_view(reference, scale) for reference in references for scale in scales)

    def _choices_of(self, name: str) -> list[str]:
        """Return the values that a categorical parameter may have, each once."""
        item = self.space.get(name)
        if not isinstance(item, Categorical):
            return [str(self.fixed.get(name, "none"))]
        absent = [] if item.when is None else ["none"]
        return list(dict.fromkeys([*map(str, item.choices), *absent]))

    @field_validator("name")
    @classmethod
    def _file_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value) or len(value) > _LONGEST_NAME:
            raise ValueError(
                f"must be letters, digits, `.`, `_` and `-`, {_LONGEST_NAME} at most, was {value!r}"
            )
        return value

    @field_validator("start", "end", mode="before")
    @classmethod
    def _iso(cls, value: Any) -> Any:
        return value.isoformat() if isinstance(value, dt.date) else value

    @field_validator("objective", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [value] if isinstance(value, (Mapping, Objective)) else value

    @field_validator("scenarios", mode="before")
    @classmethod
    def _one_scenario(cls, value: Any) -> Any:
        return [value] if isinstance(value, (str, Mapping)) else value

    @field_validator("constraints", mode="before")
    @classmethod
    def _one_constraint(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("timeout")
    @classmethod
    def _positive_time(cls, value: str | float | None) -> str | float | None:
        if value is not None and duration_ns(value, name="timeout") <= 0:
            raise ValueError(f"must be longer than 0, was {value!r}")
        return value

    @field_validator("pruner")
    @classmethod
    def _none(cls, value: PrunerSpec | None) -> PrunerSpec | None:
        return None if value is not None and value.name == "none" else value

    @field_validator("enqueue", mode="before")
    @classmethod
    def _points(cls, value: Any) -> Any:
        value = read_points(value) if isinstance(value, str) else value
        if isinstance(value, Mapping):
            value = [value]
        if not isinstance(value, (list, tuple)) or not all(isinstance(point, Mapping) for point in value):
            raise ValueError(
                f"must be a list of points, each a mapping of parameters to values, was {value!r:.80}"
            )
        return [{str(key): normalise(str(key), item) for key, item in point.items()} for point in value]

    @field_validator("fixed")
    @classmethod
    def _fixed_values(cls, value: dict[str, Any]) -> dict[str, Any]:
        return {name: normalise(name, item) for name, item in value.items()}

    @field_validator("space")
    @classmethod
    def _choices(cls, value: dict[str, Range]) -> dict[str, Range]:
        return {
            name: item.model_copy(
                update={"choices": tuple(normalise(name, choice) for choice in item.choices)}
            )
            if isinstance(item, Categorical)
            else item
            for name, item in value.items()
        }

    @model_validator(mode="before")
    @classmethod
    def _default_storage(cls, value: Any) -> Any:
        if isinstance(value, dict) and not value.get("storage") and isinstance(value.get("name"), str):
            return {**value, "storage": default_storage(value["name"])}
        return value

    def _check(self) -> None:
        """Check what concerns more than one key."""
        self._check_market()
        self._check_space()
        self._check_sampler()
        self._check_pruner()
        self._check_detail()
        if self.scenarios:
            from arbkit.study.robust import robust_of

            robust_of(self)
        for place, point in enumerate(self.enqueue):
            check_point(f"enqueue[{place}]", point, self.space)

    def _check_market(self) -> None:
        if (self.dataset is None) == (self.panel is None):
            both = f"was dataset={self.dataset!r}, panel={self.panel!r}"
            raise ConfigError(f"a study spec must name either `dataset` or `panel`, {both}")
        if self.dataset is not None and set(self.pair or {}) != {"a", "b"}:
            raise ConfigError(
                f"`pair` must name both legs, {{a: venue/symbol, b: venue/symbol}}, was {self.pair!r}"
            )
        if self.panel is not None:
            for key in MARKET_KEYS[:-2]:
                if getattr(self, key) is not None:
                    raise ConfigError(f"`{key}` belongs to a `dataset`, and this spec names a `panel` file")

    def _check_space(self) -> None:
        if not self.space:
            raise ConfigError("`space` must hold at least one parameter, was empty")
        for name in self.fixed:
            if name in self.space:
                raise ConfigError(f"`{name}` must stand in `space` or in `fixed`, not in both")
            check_values(name, {f"fixed.{name}": self.fixed[name]})
        for name, item in self.space.items():
            if name in VIEWS and not isinstance(item, Categorical):
                raise ConfigError(f"`space.{name}` must be categorical, was {item.type}")
            check_values(name, _extremes(name, item))
            if item.when is not None and name in _REQUIRED:
                raise ConfigError(f"`space.{name}` has no default and must exist in every trial, not `when`")
        Conditions(self.space)
        missing = sorted(_REQUIRED - set(self.space) - set(self.fixed))
        if missing:
            names = ", ".join(missing)
            raise ConfigError(
                f"parameters without a default must stand in `fixed` or `space`, missing: {names}"
            )
        _ = self.parsed_constraints

    def _check_detail(self) -> None:
        """Refuse an objective or a constraint over what is not measured, and patience with a Pareto front."""
        if self.metrics == "realized":
            named = {item.metric for item in self.objective}
            named |= {name for item in self.parsed_constraints for name in item.metrics}
            for name in sorted(named & set(MEASURED)):
                raise ConfigError(f"`metrics: realized` does not measure `{name}`; take `metrics: all`")
        if self.stagnation and len(self.objective) > 1:
            raise ConfigError(f"`stagnation` needs one objective, was {len(self.objective)}; leave it out")

    def _check_sampler(self) -> None:
        from arbkit.study.samplers import make_sampler, sampler_info

        info = sampler_info(self.sampler.name)
        if len(self.objective) == 0:
            raise ConfigError("`objective` must name at least one metric, was empty")
        if len(self.objective) > 1 and not info.many_objectives:
            raise ConfigError(
                f"the {info.name} sampler takes one objective, was {len(self.objective)}; use nsgaii or tpe"
            )
        if not info.missing:
            make_sampler(info.name, self.sampler.options, seed=self.seed, done=0, ranges=self.space)
        if self.n_trials == 0 and info.name != "grid":
            raise ConfigError(
                "`n_trials` must be at least 1 (only the grid sampler knows when to stop), was 0 or missing"
            )

    def _check_pruner(self) -> None:
        if self.pruner is None:
            return
        from arbkit.study.pruners import make_pruner

        # One whose package is missing is refused when the study is to run: it can still be looked at.
        with contextlib.suppress(MissingDependencyError):
            make_pruner(self.pruner.name, self.pruner.options)
        if len(self.objective) != 1:
            raise ConfigError(f"a pruner takes one objective, was {len(self.objective)}; leave `pruner` out")
        if self.folds in (0, 1):
            raise ConfigError(
                f"the {self.pruner.name} pruner stops trials between folds, `folds` must be at least 2 or "
                f"`day`, was {self.folds}"
            )

    @property
    def planned_trials(self) -> int:
        """How many trials the study makes in all: `n_trials`, and never more than a grid has points (those
        tried first come on top)."""
        if self.sampler.name != "grid":
            return self.n_trials
        from arbkit.study.samplers import grid_size

        size = grid_size(self.sampler.options, self.space) + len(self.enqueue)
        return min(self.n_trials, size) if self.n_trials else size


_REQUIRED: Final = frozenset(
    {"min_spread_bps", "taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps", "max_position_usd"}
)


def _extremes(name: str, item: Range) -> dict[str, Any]:
    if isinstance(item, Categorical):
        return {f"space.{name}.choices[{index}]": choice for index, choice in enumerate(item.choices)}
    return {f"space.{name}.low": item.low, f"space.{name}.high": item.high}
