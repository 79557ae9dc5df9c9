"""`Session`: a tuning session as its file states it, checked before anything is planned.

One YAML or JSON file: the data, the fixed parameters as top-level keys, and `grids`, the lists of values that
are tried in every combination.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from arbkit.config import PARAM_NAMES, Params
from arbkit.data import open_dataset
from arbkit.errors import ArbkitError, ConfigError, nearest_names
from arbkit.jobs.job import DATASET_ONLY, Job
from arbkit.panel import check_scale, is_store, parse_reference
from arbkit.units import duration_ns

__all__ = ["SESSION_KEYS", "Combination", "Session"]

#: The keys of a session that are neither parameters nor say how data are read.
SESSION_KEYS: Final = (
    "session_id",
    "data_file",
    "grids",
    "max_jobs",
    "tag_prefix",
    "results_dir",
    "campaign_id",
)
_MADE_BY_THE_PLAN: Final = {"tag": "tag_prefix", "output_json": "results_dir"}
_JOB_KEYS: Final = tuple(
    item.name for item in dataclasses.fields(Job) if item.name not in (*_MADE_BY_THE_PLAN, "data_file")
)
_NUMBERS: Final = frozenset(item.name for item in dataclasses.fields(Job) if "float" in str(item.type))
_METADATA: Final = {item.name: item.metadata for item in dataclasses.fields(Params)}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: The share of the time that a study keeps back; a session does the same unless it says otherwise.
_OUT_OF_SAMPLE: Final = 0.4
#: More combinations than this are planned only when `max_jobs` says how many.
_MOST_JOBS: Final = 1_000_000


class Combination(NamedTuple):
    """One combination of the grids.

    Attributes:
        values: one value per grid.
        job: what it reads.
        params: what it simulates.
    """

    values: dict[str, Any]
    job: Job
    params: Params


@dataclass(frozen=True, kw_only=True)
class Session:
    """A tuning session; build it with `Session.load(path)` or `Session.from_dict(mapping)`.

    Attributes:
        session_id: first part of every job's id.
        data_file: a pair file, a panel store or a dataset, as `arbkit backtest --data-file` takes it.
        market: how the data are read: the other fields of `Job`, those given.
        fixed: parameters that stay; `close_at_end` is true unless the session says otherwise.
        grids: values by name, tried in every combination, the last name changing fastest.
        max_jobs: the first so many combinations only; None for all.
        tag_prefix: first part of every job's tag.
        results_dir: folder of the result files.
        campaign_id: free text that goes into the table of results; by default the tag prefix.
    """

    session_id: str
    data_file: str
    market: Mapping[str, Any]
    fixed: Mapping[str, Any]
    grids: Mapping[str, tuple[Any, ...]]
    max_jobs: int | None = None
    tag_prefix: str | None = None
    results_dir: str = ""
    campaign_id: str | None = None

    @classmethod
    def load(cls, path: str | Path) -> Session:
        """Read a session from a YAML or JSON file; its name is the session's id where it states none.

        Raises:
            ConfigError: when the file is missing, is no mapping, or breaks a rule.
        """
        file = Path(path)
        values = _read(file)
        try:
            return cls.from_dict({"session_id": file.stem, **values})
        except ArbkitError as error:
            raise ConfigError(f"{file}: {error}") from error

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Session:
        """Build a session from the keys of its file.

        Raises:
            ConfigError: naming the key and the value that break a rule.
            DataError: when a folder of data is no dataset, or lacks a leg.
        """
        _refuse_unknown(values)
        session_id = _text_of(values, "session_id")
        if session_id is None or not _NAME.fullmatch(session_id):
            raise ConfigError(f"`session_id` must be letters, digits, `.`, `_` and `-`, was {session_id!r}")
        data_file = _text_of(values, "data_file")
        if not data_file:
            raise ConfigError("`data_file` must be given, it is missing")
        prefix, campaign = _text_of(values, "tag_prefix"), _text_of(values, "campaign_id")
        grids = _grids_of(values)
        fixed = {name: _read_value(name, values[name]) for name in PARAM_NAMES if name in values}
        if "close_at_end" not in grids:
            fixed.setdefault("close_at_end", True)
        session = cls(
            session_id=session_id,
            data_file=data_file,
            market=_market_of(values),
            fixed=fixed,
            grids=grids,
            max_jobs=_max_jobs_of(values),
            tag_prefix=prefix,
            results_dir=_text_of(values, "results_dir") or f"results/{session_id}",
            campaign_id=prefix if campaign is None else campaign,
        )
        session._check()
        return session

    @property
    def size(self) -> int:
        """How many combinations the grids have."""
        return math.prod(len(values) for values in self.grids.values())

    def combinations(self) -> Iterator[Combination | None]:
        """Yield every combination in order, None for one whose parameters exclude each other."""
        for chosen in itertools.product(*self.grids.values()):
            values = dict(zip(self.grids, chosen, strict=True))
            params = {**self.fixed, **values}
            reference = params.pop("reference", self.market.get("reference", "none"))
            try:
                made = Params.from_dict(params)
            except ConfigError:
                yield None
                continue
            job = Job(**{**self.market, "data_file": self.data_file, "reference": reference})
            yield Combination(values, job, made)

    def _check(self) -> None:
        self._check_names()
        self._check_values()
        self._check_market()
        if self.size > _MOST_JOBS and self.max_jobs is None:
            raise ConfigError(
                f"`grids` may have at most {_MOST_JOBS:,} combinations without `max_jobs`, was {self.size:,}"
            )
        if not any(item is not None for item in itertools.islice(self.combinations(), _MOST_JOBS)):
            first = {name: values[0] for name, values in self.grids.items() if name != "reference"}
            Params.from_dict({**self.fixed, **first})

    def _check_names(self) -> None:
        for name in self.grids:
            if name in self.fixed or name in self.market:
                raise ConfigError(f"`{name}` must stand among the keys or in `grids`, not in both")
        missing = [
            item.name
            for item in dataclasses.fields(Params)
            if item.default is dataclasses.MISSING and item.name not in {*self.fixed, *self.grids}
        ]
        if missing:
            raise ConfigError(
                "parameters without a default must stand among the keys or in `grids`, missing: "
                + ", ".join(missing)
            )

    def _check_values(self) -> None:
        """Check each value on its own, so that the message names the one that breaks a rule."""
        company: dict[str, Any] = {
            item.name: 1.0 for item in dataclasses.fields(Params) if item.default is dataclasses.MISSING
        }
        for name, value in self.fixed.items():
            Params.from_dict({**company, name: value})
        Params.from_dict({**company, **self.fixed})
        for name, values in self.grids.items():
            for index, value in enumerate(values):
                try:
                    _check_one(name, value, company)
                except ArbkitError as error:
                    raise ConfigError(f"`grids` {name!r}, value {index + 1}: {error}") from error

    def _check_market(self) -> None:
        path = Path(self.data_file)
        if not path.exists():
            raise ConfigError(f"`data_file` must exist, was {self.data_file!r}")
        if path.is_file() or is_store(path):
            given = [name for name in DATASET_ONLY if name in self.market]
            if given:
                raise ConfigError(
                    f"`{'`, `'.join(given)}` belong to a dataset, and {self.data_file!r} is joined already"
                )
        else:
            self._check_dataset(path)
        for name in ("max_age", "fx_max_age", "grid", "interval"):
            if name in self.market:
                duration_ns(self.market[name], name=name)
        if "reference" in self.market:
            parse_reference(self.market["reference"])
        check_scale(str(self.market.get("scale", "none")))

    def _check_dataset(self, path: Path) -> None:
        """Find out whether the legs are named, and are in the dataset."""
        stored = open_dataset(path)
        try:
            pair = Job(**{**self.market, "data_file": self.data_file}).pair(path)
        except ConfigError as error:
            raise ConfigError(str(error).replace("`--pair-", "`pair-").replace("pair-", "pair_")) from error
        for leg in pair.values():
            stored.instrument(leg)


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix.lower() == ".json":
            values = json.loads(text, object_pairs_hook=_once)
        else:
            values = yaml.load(text, Loader=_Once)
    except FileNotFoundError as error:
        raise ConfigError(f"a session must exist, {str(file)!r} does not") from error
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError, json.JSONDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"a session must be a readable YAML or JSON file, {str(file)!r} is not: {reason}"
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(
            f"a session must be a mapping of keys to values, {str(file)!r} holds {values!r:.60}"
        )
    return values


def _once(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Build a mapping of which no key may occur twice: the readers of YAML and JSON keep the last one."""
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise ConfigError(f"`{key}` must stand once, it is given as {values[key]!r} and as {value!r}")
        values[str(key)] = value
    return values


class _Once(yaml.SafeLoader):
    """A reader of YAML that refuses a key given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping of which no key occurs twice."""
        pairs = [
            (self.construct_object(key, deep=True), self.construct_object(value, deep=True))
            for key, value in node.value
        ]
        return _once(pairs)


def _refuse_unknown(values: Mapping[str, Any]) -> None:
    known = (*SESSION_KEYS, *_JOB_KEYS, *PARAM_NAMES)
    for name in values:
        if name in _MADE_BY_THE_PLAN:
            raise ConfigError(f"`{name}` is made by the plan, `{_MADE_BY_THE_PLAN[name]}` says how")
        if name not in known:
            raise ConfigError(f"`{name}` is no key of a session; {nearest_names(str(name), known)}")


def _text_of(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise ConfigError(f"`{name}` must be text, was {value!r}")


def _max_jobs_of(values: Mapping[str, Any]) -> int | None:
    most = values.get("max_jobs")
    if most is None or (isinstance(most, int) and not isinstance(most, bool) and most >= 1):
        return most
    raise ConfigError(f"`max_jobs` must be a whole number of at least 1, was {most!r}")


def _market_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields of `Job`, times as text, and the share that is left out."""
    market = {name: _market_value(name, values[name]) for name in _JOB_KEYS if values.get(name) is not None}
    share = market.pop("out_of_sample", _OUT_OF_SAMPLE if "out_of_sample" not in values else 0)
    if not 0 <= share < 1:
        raise ConfigError(f"`out_of_sample` must be at least 0 and below 1, was {share!r}")
    return {**market, **({"out_of_sample": share} if share else {})}


def _market_value(name: str, value: Any) -> Any:
    if name in _NUMBERS:
        if isinstance(value, str) and value.lower() == "none":
            return 0.0
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ConfigError(f"`{name}` must be a number, was {value!r}")
        return float(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if name == "same" and isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise ConfigError(f"`{name}` must be text, was {value!r}")
    return str(value)


def _grids_of(values: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    listed = values.get("grids")
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f"`grids` must list at least one {{name, values}}, was {listed!r}")
    grids: dict[str, tuple[Any, ...]] = {}
    for number, item in enumerate(listed, 1):
        name, options = _grid_of(number, item)
        if name in grids:
            raise ConfigError(f"`grids` must name each parameter once, {name!r} is there twice")
        grids[name] = options
    return grids


def _grid_of(number: int, item: Any) -> tuple[str, tuple[Any, ...]]:
    if not isinstance(item, Mapping):
        raise ConfigError(f"`grids`, entry {number}, must be {{name, values}}, was {item!r}")
    for key in item:
        if key not in ("name", "values"):
            near = nearest_names(str(key), ("name", "values"))
            raise ConfigError(f"`grids`, entry {number}: unknown key `{key}`; {near}")
    name, listed = item.get("name"), item.get("values")
    searched = [known for known in PARAM_NAMES if known != "guard"] + ["reference"]
    if name not in searched:
        near = nearest_names(str(name), searched)
        raise ConfigError(f"`grids`, entry {number}: `{name}` is no parameter; {near}")
    if not isinstance(listed, list) or not listed:
        raise ConfigError(f"`values` of `grids` {name!r} must list at least one value, was {listed!r}")
    options = tuple(_read_value(name, value) for value in listed)
    for index, value in enumerate(options):
        if value in options[:index]:
            raise ConfigError(f"`values` of `grids` {name!r} must differ, {value!r} is there twice")
    return name, options


def _read_value(name: str, value: Any) -> Any:
    """Read a value as a person writes it: "none" switches a rule off."""
    if name == "reference":
        return "none" if value is None else str(value)
    if "choices" not in _METADATA[name] and isinstance(value, str) and value.lower() in ("none", "null"):
        return None
    return value


def _check_one(name: str, value: Any, company: Mapping[str, Any]) -> None:
    if name == "reference":
        parse_reference(value)
    else:
        Params.from_dict({**company, name: value})
