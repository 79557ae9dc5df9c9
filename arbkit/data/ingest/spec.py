"""The ingest spec: a small YAML file that says what foreign files hold, in the words of the schema."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from arbkit._typing import PathLike
from arbkit.data.manifest import Kind
from arbkit.errors import ConfigError, nearest_names
from arbkit.units import HOUR_NS, SECOND_NS, duration_ns

__all__ = ["DATA_VARIABLE", "ColumnsSpec", "EntrySpec", "IngestSpec", "NumbersSpec", "TimeSpec"]

#: The variable that shipped specs use for the folder of recordings.
DATA_VARIABLE: Final = "ARBKIT_DATA"
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_LEVEL = re.compile(r"\{level\s*(?:\+\s*(\d+))?(?::0?(\d))?\}")
_DAY_NS: Final = 24 * HOUR_NS


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _known_zone(value: str | None) -> str | None:
    if value is not None:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"must be a time zone; {nearest_names(value, available_timezones())}") from error
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]


class TimeSpec(_Frozen):
    """Where a stamp stands and how it is written.

    Numbers need `unit`; text needs nothing when it is ISO, else a strftime `format`. A stamp that names no
    zone needs `zone`. `origin: file_date` counts from midnight (in `zone`) of the date in the file's name.
    `offset` is added on the clock of `zone`: a file of dates that mean 09:00 has `offset: 9h`.
    """

    column: str
    unit: Literal["s", "ms", "us", "ns"] | None = None
    format: str | None = None
    zone: Zone | None = None
    origin: Literal["epoch", "file_date"] = "epoch"
    date_pattern: str = r"\d{8}"
    date_format: str = "%Y%m%d"
    offset: str | int | float = 0

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.origin == "file_date" and self.unit is None:
            raise ValueError("`origin: file_date` needs `unit`, that of the stamps")
        if self.unit is not None and self.format is not None:
            raise ValueError("give `unit` for numbers or `format` for text, not both")
        return self

    @property
    def offset_ns(self) -> int:
        """`offset` in nanoseconds."""
        return duration_ns(self.offset, name="offset")


class ColumnsSpec(_Frozen):
    """Which source column feeds which schema column.

    Books take `bid_px, bid_sz, ask_px, ask_sz`, a name or a pattern with `{level}`, `{level+1}` or
    `{level:02}` in it. Candles take `open, high, low, close, volume`. `price` alone is one price used on
    both sides (or as all four of a candle).
    """

    bid_px: str | None = None
    bid_sz: str | None = None
    ask_px: str | None = None
    ask_sz: str | None = None
    open: str | None = None
    high: str | None = None
    low: str | None = None
    close: str | None = None
    volume: str | None = None
    price: str | None = None

    def at_level(self, role: str, level: int) -> str | None:
        """The source column of `bid_px`, `bid_sz`, `ask_px` or `ask_sz` at a level; None where not given."""
        pattern = getattr(self, role)
        if pattern is None or (level and not _LEVEL.search(pattern)):
            return None
        return _LEVEL.sub(lambda match: _number(match, level), pattern)

    @property
    def has_levels(self) -> bool:
        """Whether a price column is a pattern over levels."""
        return any(pattern and _LEVEL.search(pattern) for pattern in (self.bid_px, self.ask_px))


class NumbersSpec(_Frozen):
    """How numbers are written: "1,137.62" has `thousands: ","`."""

    thousands: str = Field(default="", max_length=1)
    decimal: str = Field(default=".", min_length=1, max_length=1)


class EntrySpec(_Frozen):
    """Files of one instrument (or, for raw logs, of the instruments recorded in them).

    `zone` is that of every stamp which names none. Rows where a column of `where` says something else, or
    whose hour is not among `hours_utc`, belong to something else: they are counted, not quarantined.
    """

    files: tuple[str, ...] = Field(min_length=1)
    format: str = "table"
    venue: str = ""
    symbol: str = ""
    base: str = ""
    quote: str = ""
    kind: Kind | None = None
    contract_size: float | None = Field(default=None, gt=0)
    inverse: bool = False
    levels: int | None = Field(default=None, ge=1, le=100)
    max_age: str | int | float | None = None
    tick_size: float | None = Field(default=None, gt=0)
    flags: tuple[str, ...] = ()

    # tables: CSV and Parquet
    time: TimeSpec | None = None
    recv_time: TimeSpec | None = None
    columns: ColumnsSpec = ColumnsSpec()
    header: bool | tuple[str, ...] = True
    separator: str = Field(default=",", min_length=1, max_length=1)
    numbers: NumbersSpec = NumbersSpec()
    blank_rows: Literal["count", "quarantine"] = "count"
    bar: str | int | float | None = None
    stamp: Literal["start", "end"] | None = None
    price_at: Literal["start", "end"] = "end"
    hours_utc: tuple[int, ...] = ()
    where: dict[str, str] = {}
    zone: Zone | None = None

    # raw logs
    content: Literal["book", "book_ticker"] = "book"

    # pair-csv: what stands in `_b`; `venue`, `symbol`, ... describe `_a`
    other: OtherLeg | None = None

    @field_validator("files", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("hours_utc")
    @classmethod
    def _are_hours(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(not 0 <= hour <= 23 for hour in value):
            raise ValueError("must be hours of the day, 0 to 23")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.bar is None) != (self.stamp is None):
            raise ValueError("`bar` (its length) and `stamp: start|end` (what the stamp names) go together")
        if self.price_at == "start" and self.bar is None:
            raise ValueError("`price_at: start` needs `bar` and `stamp`")
        _ = self.bar_ns, self.max_age_s
        return self

    def zoned(self, time: TimeSpec) -> TimeSpec:
        """A time with this entry's zone where it has none of its own."""
        return time if time.zone else time.model_copy(update={"zone": self.zone})

    @property
    def bar_ns(self) -> int:
        """Length of a bar, 0 where the rows are no bars."""
        return 0 if self.bar is None else duration_ns(self.bar, name="bar")

    @property
    def max_age_s(self) -> float | None:
        """`max_age` in seconds."""
        return None if self.max_age is None else duration_ns(self.max_age, name="max_age") / SECOND_NS

    @property
    def partition(self) -> Literal["month", "year"] | None:
        """Sparse rows are kept in longer partitions than the schema's default."""
        if self.bar_ns >= _DAY_NS:
            return "year"
        return "month" if self.bar_ns >= HOUR_NS and self.kind != "candle" else None


class OtherLeg(_Frozen):
    """The second instrument of a file that holds two."""

    venue: str = "b"
    symbol: str = ""
    base: str = ""
    quote: str = ""
    kind: Kind = "spot"
    max_age: str | int | float | None = None


EntrySpec.model_rebuild()


class IngestSpec(_Frozen):
    """A dataset to be: its name, where the data come from, and what goes into it."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    source: str = ""
    instruments: tuple[EntrySpec, ...] = Field(min_length=1)

    def expanded(self, environment: Mapping[str, str] | None = None) -> Self:
        """Return the spec with every `${NAME}` in a path filled in.

        Args:
            environment: the names and their values; that of the process by default.

        Raises:
            ConfigError: when a name has no value.
        """
        known = os.environ if environment is None else environment
        entries = tuple(
            entry.model_copy(update={"files": tuple(_expand(item, known) for item in entry.files)})
            for entry in self.instruments
        )
        return self.model_copy(update={"instruments": entries})

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read a YAML file.

        Raises:
            ConfigError: when it is absent, no YAML, or breaks a rule; unknown keys get the nearest names.
        """
        file = Path(path)
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigError(f"{file}: no such spec") from error
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ConfigError(
                f"{file}: a spec must be readable YAML: {' '.join(str(error).split())}"
            ) from error
        return cls.from_dict(content, where=str(file))

    @classmethod
    def from_dict(cls, content: Any, *, where: str = "ingest spec") -> Self:
        """Build a spec from plain values.

        Raises:
            ConfigError: as `load`.
        """
        if not isinstance(content, dict):
            raise ConfigError(f"{where}: a spec must be a mapping of keys, was {type(content).__name__}")
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise ConfigError(f"{where}: {_explain(error)}") from error


def _expand(text: str, environment: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        found = environment.get(match[1], "")
        if not found:
            raise ConfigError(
                f"`{match[1]}` must be set for the path {text!r}; run `export {match[1]}=FOLDER` with the "
                "folder that holds the files"
                + (", or give it with --data FOLDER" if match[1] == DATA_VARIABLE else "")
            )
        return found

    return _VARIABLE.sub(value, text)


def _number(match: re.Match[str], level: int) -> str:
    return f"{level + int(match[1] or 0):0{match[2] or 1}d}"


_MODELS: Final[dict[str, type[BaseModel]]] = {
    "instruments": EntrySpec,
    "time": TimeSpec,
    "recv_time": TimeSpec,
    "columns": ColumnsSpec,
    "numbers": NumbersSpec,
    "other": OtherLeg,
}


def _explain(error: ValidationError) -> str:
    """Say the first broken rule in one line: where, the rule, the value, the nearest names."""
    # An unknown key first: it is often the misspelling of one that is missing.
    first = min(error.errors(), key=lambda item: item["type"] != "extra_forbidden")
    path = [str(part) for part in first["loc"]]
    where = ".".join(path)
    if first["type"] == "extra_forbidden":
        models = [_MODELS[part] for part in path[:-1] if part in _MODELS]
        known = (models[-1] if models else IngestSpec).model_fields
        return f"unknown key `{where}`; {nearest_names(path[-1], known)}"
    rule = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return f"key `{where}` is missing"
    value = "" if isinstance(first["input"], dict) else f", was {first['input']!r}"
    rule, remedy, near = rule.partition("; ")
    return f"`{where}` {rule}{value}{remedy}{near}"
