"""What the result files of a folder add up to: filtered, ranked, broken files counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from arbkit.config import PARAM_NAMES
from arbkit.errors import ConfigError, DataError, nearest_names
from arbkit.metrics import METRIC_NAMES

__all__ = ["ASIDE", "KIND", "Aggregate", "Ranked", "aggregate", "is_lower_better"]

#: What the file of an aggregate says it is, so that it is no result among the next ones.
KIND: Final = "arbkit jobs aggregate"
#: Metrics of which less is better.
_LOWER: Final = ("max_drawdown_pct", "max_drawdown_mtm_pct", "fees_usd", "avg_hold_s", "max_hold_seen_s")
#: Folder beside the results with rows that a database did not take yet.
ASIDE: Final = "tuning_results_aside"
#: Progress is told every so many files.
_TOLD_EVERY: Final = 100
#: Stands for the metrics of a job that failed.
_FAILED: Final[dict[str, Any]] = {}
_SEARCHED: Final = (*PARAM_NAMES, "reference")


class Ranked(NamedTuple):
    """One result, from best to worst.

    Attributes:
        rank: from 1.
        job_id: the name of its file without the ending.
        file: the file.
        tag: of the job.
        params: the parameters in which the results of the folder differ.
        metrics: all metrics.
    """

    rank: int
    job_id: str
    file: str
    tag: str | None
    params: dict[str, Any]
    metrics: dict[str, Any]


class Aggregate(NamedTuple):
    """The results of a folder.

    Attributes:
        results_dir: the folder.
        metric: by which results are ranked.
        files: how many files were looked at.
        failed: jobs that ended with an error.
        broken: files that are no result of a job, each with the reason.
        filtered: results that the filters left out.
        undefined: results whose metric is undefined.
        kept: results that passed.
        results: the best of them, best first.
    """

    results_dir: str
    metric: str
    files: int
    failed: int
    broken: list[tuple[str, str]]
    filtered: int
    undefined: int
    kept: int
    results: list[Ranked]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        values = self._asdict()
        values["broken"] = [{"file": file, "reason": reason} for file, reason in self.broken]
        values["results"] = [item._asdict() for item in self.results]
        return {"kind": KIND, **values}


class _Result(NamedTuple):
    file: Path
    config: Mapping[str, Any]
    metrics: dict[str, Any]


def aggregate(
    results_dir: str | Path,
    *,
    max_drawdown_pct: float | None = None,
    min_trades: int | None = None,
    max_results: int | None = None,
    metric: str = "mtm_pnl_usd",
    progress: Callable[[int, int], None] | None = None,
) -> Aggregate:
    """Rank the results of a folder, its sub-folders included.

    Args:
        results_dir: where the result files are.
        max_drawdown_pct: leave out results whose `max_drawdown_mtm_pct` is larger.
        min_trades: leave out results with fewer trades.
        max_results: return the best so many.
        metric: what to rank by; results that are equal stand in the order of their files.
        progress: called with the files read and all of them.

    Raises:
        DataError: when the folder does not exist, or holds no result file.
        ConfigError: when an argument breaks its rule.
    """
    folder = Path(results_dir)
    _check(folder, max_drawdown_pct, min_trades, max_results, metric)
    found: list[_Result] = []
    searched = _Searched()
    broken: list[tuple[str, str]] = []
    files = failed = filtered = undefined = 0
    every = list(_files(folder))
    for place, file in enumerate(every, 1):
        read = _read(file)
        if progress is not None and (place % _TOLD_EVERY == 0 or place == len(every)):
            progress(place, len(every))
        if read is None:
            continue
        files += 1
        if isinstance(read, str):
            broken.append((str(file), read))
        elif read.metrics is _FAILED:
            failed += 1
        else:
            searched.look_at(read.config)
            if not _passes(read.metrics, max_drawdown_pct, min_trades):
                filtered += 1
            elif read.metrics[metric] is None:
                undefined += 1
            else:
                found.append(read)
    if files == 0:
        raise DataError(f"a folder of results must hold .json files, {str(folder)!r} holds none")
    sign = 1.0 if is_lower_better(metric) else -1.0
    found.sort(key=lambda item: (sign * item.metrics[metric], item.file.stem))
    results = _ranked(found[:max_results], searched.names)
    return Aggregate(str(folder), metric, files, failed, broken, filtered, undefined, len(found), results)


def is_lower_better(metric: str) -> bool:
    """Tell whether less of a metric is better."""
    return metric in _LOWER


def _check(
    folder: Path, drawdown: float | None, trades: int | None, results: int | None, metric: str
) -> None:
    if metric not in METRIC_NAMES or metric == "stopped":
        raise ConfigError(f"`metric` must be a metric, was {metric!r}; {nearest_names(metric, METRIC_NAMES)}")
    if drawdown is not None and not drawdown >= 0:
        raise ConfigError(f"`max_drawdown_pct` must be at least 0, was {drawdown!r}")
    for name, value in (("min_trades", trades), ("max_results", results)):
        if value is not None and value < (name == "max_results"):
            raise ConfigError(f"`{name}` must be at least {int(name == 'max_results')}, was {value!r}")
    if not folder.is_dir():
        raise DataError(f"a folder of results must exist, {str(folder)!r} does not")


def _files(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*.json")):
        inside = file.relative_to(folder).parts
        if not any(part.startswith(".") for part in inside) and ASIDE not in inside and file.is_file():
            yield file


def _read(file: Path) -> _Result | str | None:
    """Return a result, why the file is none, or None for an earlier aggregate."""
    try:
        document = msgspec.json.decode(file.read_bytes())
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"is no JSON: {error}"
    if not isinstance(document, dict):
        return "is no JSON object"
    if document.get("kind") == KIND:
        return None
    if document.get("status") == "error":
        return _Result(file, {}, _FAILED)
    config, metrics = document.get("config"), document.get("metrics")
    if document.get("status") != "success" or not isinstance(config, dict) or not isinstance(metrics, dict):
        return "lacks `status`, `config` or `metrics`"
    for name in METRIC_NAMES:
        value = metrics.get(name)
        if name not in metrics or not (value is None or isinstance(value, (int, float))):
            return f"metric `{name}` is {value!r:.40}" if name in metrics else f"lacks the metric `{name}`"
    return _Result(file, config, metrics)


def _passes(metrics: Mapping[str, Any], drawdown: float | None, trades: int | None) -> bool:
    seen = metrics["max_drawdown_mtm_pct"]
    if drawdown is not None and (seen is None or math.isnan(seen) or seen > drawdown):
        return False
    return trades is None or (metrics["total_trades"] or 0) >= trades


class _Searched:
    """Finds the parameters in which the results of a folder differ, those that are filtered out included."""

    def __init__(self) -> None:
        self._first: dict[str, Any] | None = None
        self._differing: set[str] = set()

    def look_at(self, config: Mapping[str, Any]) -> None:
        """Take in the inputs of one more result."""
        values = {name: config.get(name) for name in _SEARCHED}
        if self._first is None:
            self._first = values
        self._differing |= {name for name, value in values.items() if value != self._first[name]}

    @property
    def names(self) -> list[str]:
        """The parameters, in the order of the rules."""
        return [name for name in _SEARCHED if name in self._differing]


def _ranked(best: list[_Result], names: list[str]) -> list[Ranked]:
    return [
        Ranked(
            place,
            item.file.stem,
            str(item.file),
            item.config.get("tag"),
            {name: item.config.get(name) for name in names},
            {name: item.metrics[name] for name in METRIC_NAMES},
        )
        for place, item in enumerate(best, 1)
    ]
