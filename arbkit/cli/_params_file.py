"""Files of parameters: what `backtest --params` and `stress` read, from hand or from `study decide`."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from arbkit.config import PARAM_NAMES, Params
from arbkit.errors import ConfigError, nearest_names
from arbkit.jobs.job import DATASET_ONLY, Job

__all__ = ["ENDINGS", "JOB_NAMES", "file_values", "flat_values", "job_of", "merged"]

JOB_NAMES: Final = tuple(item.name for item in dataclasses.fields(Job))

ENDINGS: Final = (".yaml", ".yml", ".json")
#: Of a run that was written down, not of the next one.
_OF_THE_RUN: Final = ("output_json", "tag")


def file_values(named: str) -> dict[str, Any]:
    """Read a file of parameters: options by name, or what `study decide` or `backtest` wrote.

    Raises:
        ConfigError: when it is missing, no YAML, or holds no options by name.
        DataError: when it was decided on and then edited or cut off; its time may have passed.
    """
    import yaml

    path = Path(named)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"a file of parameters must exist, {named!r} does not") from error
    except (OSError, UnicodeDecodeError, ValueError, RecursionError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"a file of parameters must be readable YAML, {named!r} is not: {said}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"a file of parameters must hold options by name, {named!r} holds {values!r:.60}")
    if "format" in values:
        _check_decided(path)
    return values


def _check_decided(path: Path) -> None:
    from arbkit.decision import load_decision

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        load_decision(path, stale=True)


def flat_values(named: str, values: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the options of a file by name, of `config` or `params` where they stand below such a key.

    Raises:
        ConfigError: for a name that is no option, with the nearest ones.
    """
    known = (*JOB_NAMES, *PARAM_NAMES)
    for key in ("config", "params"):
        if isinstance(values.get(key), dict):
            inner = values[key]
            return {name: inner[name] for name in inner if name in known and name not in _OF_THE_RUN}
    for name in values:
        if name not in known:
            raise ConfigError(f"{named}: `{name}` is no option; {nearest_names(str(name), known)}")
    return dict(values)


def merged(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a file with those of the command line in their place.

    Another data file that is joined already needs none of what the file says about joining a dataset.
    """
    from arbkit.panel import is_store

    found = dict(values)
    other = given.get("data_file")
    if other is not None and other != values.get("data_file"):
        path = Path(str(other))
        if path.is_file() or is_store(path):
            found = {name: value for name, value in found.items() if name not in DATASET_ONLY}
    return {**found, **given}


def job_of(named: str, values: Mapping[str, Any]) -> tuple[Job, Params]:
    """Return job and parameters of options by name, as YAML or the command line gave them.

    Raises:
        ConfigError: naming the option and the value that break a rule.
    """
    if values.get("data_file") is None:
        raise ConfigError(f"{named} names no data; give `--data-file FILE`")
    job = {
        item.name: _job_value(named, item, values) for item in dataclasses.fields(Job) if item.name in values
    }
    params = {
        name: None if value == "none" else value for name, value in values.items() if name in PARAM_NAMES
    }
    return Job(**job), Params.from_dict(params)


def _job_value(named: str, item: dataclasses.Field[Any], values: Mapping[str, Any]) -> Any:
    value = values[item.name]
    if value is None or (value == "none" and item.default is None):
        if item.default is None:
            return None
        raise ConfigError(f"{named}: `{item.name}` must be given, was none")
    if isinstance(value, (dt.date, dt.datetime)):  # YAML reads an unquoted moment as one.
        value = value.isoformat()
    if "float" in str(item.type):
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not number:
            raise ConfigError(f"{named}: `{item.name}` must be a finite number, was {value!r}")
        return float(value)
    if item.name == "same" and isinstance(value, (list, tuple)):
        value = ",".join(map(str, value))
    if not isinstance(value, str):
        raise ConfigError(f"{named}: `{item.name}` must be text, was {value!r:.80}")
    return value
