"""What a scenario is: a small frozen value that changes books, or costs, and says what it does.

A scenario is written into the panel, and the strategy is run over that panel by the engine: nothing is taken
off a result. Where a scenario is an error of the feed, the strategy decides on the changed books, and its
orders are filled on the books as they were.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.config import Params
from arbkit.errors import ConfigError
from arbkit.panel import Panel
from arbkit.stress.reference import referenced
from arbkit.units import duration_ns

__all__ = ["Bookings", "Chain", "Scenario", "Span", "choice", "flag", "number", "span", "whole"]


class Bookings(NamedTuple):
    """Money that comes beside the trades of a run.

    Attributes:
        rows: where it is booked, int64 (m,), in order.
        amounts_usd: gains positive, float64 (m,).
        refused: how many orders were refused for it.
    """

    rows: IntArray
    amounts_usd: FloatArray
    refused: int


def number(default: float, unit: str, text: str, *, low: float = -math.inf, high: float = math.inf) -> Any:
    """Declare a parameter of a scenario that is a number between two bounds, both included."""
    return dataclasses.field(
        default=default, metadata={"kind": "number", "unit": unit, "help": text, "bounds": (low, high)}
    )


def whole(default: int, text: str, *, low: int = 0) -> Any:
    """Declare a parameter that is a whole number."""
    return dataclasses.field(
        default=default, metadata={"kind": "whole", "unit": "", "help": text, "bounds": (low, math.inf)}
    )


def span(default: str | None, text: str, *, zero: bool = False, none: bool = False) -> Any:
    """Declare a parameter that is a duration, such as "5s" or "1d"; `none` where it may be left out."""
    return dataclasses.field(
        default=default,
        metadata={"kind": "span", "unit": "duration", "help": text, "zero": zero, "none": none},
    )


def flag(default: bool, text: str) -> Any:
    """Declare a parameter that is true or false."""
    return dataclasses.field(default=default, metadata={"kind": "flag", "unit": "", "help": text})


def choice(default: str, text: str, choices: Sequence[str]) -> Any:
    """Declare a parameter that is one of some names."""
    return dataclasses.field(
        default=default, metadata={"kind": "choice", "unit": "", "help": text, "choices": tuple(choices)}
    )


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """Base of all scenarios, those of your own too: override `shock`, `change`, or both.

    The same scenario on the same panel gives the same bits. `a + b` is both, a before b.

    Attributes:
        name: what it is called in a list.
        summary: one line on what happens.
        feed: the change is seen by the strategy only; orders are filled on the books as they were.
        control: it should make no difference.
    """

    name: ClassVar[str] = "scenario"
    summary: ClassVar[str] = ""
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            if "kind" in item.metadata:
                value = _checked(f"{self.name}.{item.name}", getattr(self, item.name), item.metadata)
                object.__setattr__(self, item.name, value)

    @property
    def feed(self) -> bool:
        """Whether only what the strategy sees is changed."""
        return False

    @property
    def label(self) -> str:
        """A name that tells it from others of its kind: with the parameters that are not the defaults."""
        other = [
            f"{item.name.removesuffix('_pct').removesuffix('_bps')} {getattr(self, item.name)}"
            for item in dataclasses.fields(self)
            if "kind" in item.metadata and getattr(self, item.name) != item.default
        ]
        return self.name.replace("_", " ") + (f" ({', '.join(other)})" if other else "")

    def describe(self) -> str:
        """Return one line on what happens, with its numbers."""
        return self.summary

    def shock(self, panel: Panel) -> Panel:
        """Return the panel with the books changed; the fair ratio is left to `apply`.

        Rows, their stamps and their order stay. Books stay books: bids below asks, ladders in order.
        """
        return panel

    def apply(self, panel: Panel) -> Panel:
        """Return what the strategy sees: the panel with the books changed, and its reference made anew."""
        return referenced(panel, self.shock(panel))

    def actual(self, panel: Panel) -> Panel:
        """Return what orders are filled on: the books without errors of the feed."""
        return panel if self.feed else self.apply(panel)

    def change(self, params: Params) -> Params:
        """Return the parameters with what the scenario changes in costs and rules."""
        return params

    def bookings(self, before: Panel, seen: Panel, params: Params, trades: RecordArray) -> Bookings | None:
        """Return money that comes beside the trades of a run, or None.

        Args:
            before: the panel that the scenario was applied to.
            seen: what the run saw.
            params: what it ran with.
            trades: `TRADE_DTYPE`, its trades.
        """
        return None

    def placed(self, spans: Sequence[Span]) -> Scenario:
        """Return the scenario with its shocks drawn from some spans of time; by default itself."""
        return self

    def for_pair(self, pair: int, pairs: int) -> Scenario:
        """Return the scenario as it meets one pair of a portfolio; by default all pairs alike."""
        return self

    @property
    def parts(self) -> tuple[Scenario, ...]:
        """The scenarios that it is made of, in order."""
        return (self,)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some parameters changed, checked anew."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters by name."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}

    def __add__(self, other: object) -> Chain:
        if not isinstance(other, Scenario):
            return NotImplemented
        return Chain(scenarios=(*self.parts, *other.parts))


class Span(NamedTuple):
    """A stretch of time, and the leg that was held long during it; "" for none."""

    start_ns: int
    end_ns: int
    long: str = ""


@dataclass(frozen=True, kw_only=True)
class Chain(Scenario):
    """Several scenarios at once, applied in order."""

    name: ClassVar[str] = "chain"
    scenarios: tuple[Scenario, ...] = ()

    @property
    def feed(self) -> bool:
        """Whether any of them is an error of the feed."""
        return any(part.feed for part in self.scenarios)

    @property
    def label(self) -> str:
        """The labels of all."""
        return " + ".join(part.label for part in self.scenarios)

    @property
    def parts(self) -> tuple[Scenario, ...]:
        """The scenarios themselves."""
        return self.scenarios

    def describe(self) -> str:
        """Return what each of them does."""
        return "; ".join(part.describe() for part in self.scenarios)

    def shock(self, panel: Panel) -> Panel:
        """Return the panel with all shocks, one after the other."""
        for part in self.scenarios:
            panel = part.shock(panel)
        return panel

    def actual(self, panel: Panel) -> Panel:
        """Return the books with all shocks but errors of the feed."""
        changed = panel
        for part in self.scenarios:
            changed = changed if part.feed else part.shock(changed)
        return referenced(panel, changed)

    def change(self, params: Params) -> Params:
        """Return the parameters with all changes, one after the other."""
        for part in self.scenarios:
            params = part.change(params)
        return params

    def bookings(self, before: Panel, seen: Panel, params: Params, trades: RecordArray) -> Bookings | None:
        """Return the bookings of all parts, in order of their rows."""
        if all(type(part).bookings is Scenario.bookings for part in self.scenarios):
            return None
        made = []
        for part in self.scenarios:
            item = part.bookings(before, seen, params, trades)
            made += [] if item is None else [item]
            before = part.shock(before)
        if not made:
            return None
        rows = np.concatenate([item.rows for item in made])
        order = np.argsort(rows, kind="stable")
        amounts = np.concatenate([item.amounts_usd for item in made])
        return Bookings(rows[order], amounts[order], sum(item.refused for item in made))

    def placed(self, spans: Sequence[Span]) -> Scenario:
        """Return all of them placed."""
        return Chain(scenarios=tuple(part.placed(spans) for part in self.scenarios))

    def for_pair(self, pair: int, pairs: int) -> Scenario:
        """Return all of them for one pair."""
        return Chain(scenarios=tuple(part.for_pair(pair, pairs) for part in self.scenarios))

    def to_dict(self) -> dict[str, Any]:
        """Return name and parameters of each."""
        return {"scenarios": [{"name": part.name, **part.to_dict()} for part in self.scenarios]}


def _checked(name: str, value: Any, metadata: Any) -> Any:
    kind = metadata["kind"]
    if kind == "choice":
        if value not in metadata["choices"]:
            raise ConfigError(f"`{name}` must be one of {', '.join(metadata['choices'])}, was {value!r}")
        return value
    if kind == "flag":
        if not isinstance(value, (bool, np.bool_)):
            raise ConfigError(f"`{name}` must be true or false, was {value!r}")
        return bool(value)
    if kind == "span":
        return _checked_span(name, value, metadata)
    value = _number(value)
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise ConfigError(f"`{name}` must be a number, was {value!r}")
    low, high = metadata["bounds"]
    if not (math.isfinite(value) and low <= value <= high):
        rule = f" of at least {low:g}" if math.isfinite(low) else ""
        rule += f"{' and' if rule else ''} at most {high:g}" if math.isfinite(high) else ""
        raise ConfigError(f"`{name}` must be a finite number{rule}, was {value!r}")
    if kind == "whole":
        if value != int(value):
            raise ConfigError(f"`{name}` must be a whole number, was {value!r}")
        return int(value)
    return float(value)


def _number(value: Any) -> Any:
    """Return the number that a text spells, such as 1e3, which YAML takes for text; else the value itself."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _checked_span(name: str, value: Any, metadata: Any) -> Any:
    if value is None or value == "none":
        if metadata["none"]:
            return None
        raise ConfigError(f"`{name}` must be a duration, was none")
    if duration_ns(value, name=name) <= 0 and not metadata["zero"]:
        raise ConfigError(f"`{name}` must be longer than 0, was {value!r}")
    return value
