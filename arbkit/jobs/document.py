"""The JSON document of one backtest: what `arbkit backtest` writes, and each job of a plan.

Apart from `runtime_seconds` the same inputs give the same bytes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from arbkit.config import Params
from arbkit.errors import ConfigError
from arbkit.jobs.job import Job
from arbkit.jobs.json_text import dump_json

__all__ = ["config_of", "document_of", "error_document", "run_job", "write_document"]

_SUMMARY: Final = ("data_file", "min_spread_bps", "max_position_usd", "tag")


def run_job(job: Job, params: Params) -> dict[str, Any]:
    """Load, simulate, and return the document of a job that worked.

    Raises:
        ArbkitError: when the data or the parameters break a rule.
    """
    from arbkit.engine import backtest

    started = time.perf_counter()
    panel = job.load(params.depth_levels)
    result = backtest(panel, params, interval=job.interval)
    metrics = result.metrics.to_dict()
    return document_of(
        config_of(job, params), metrics, time.perf_counter() - started, len(panel), result.flags
    )


def config_of(job: Job, params: Params) -> dict[str, Any]:
    """Return all inputs of a job by name."""
    return {**dataclasses.asdict(job), **params.to_dict()}


def document_of(
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    seconds: float,
    rows: int,
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return the document of a job that worked.

    Args:
        config: all inputs.
        metrics: by name, in order.
        seconds: what loading and running took.
        rows: of the panel.
        notes: what a reader must know before believing the result.

    Returns:
        `status`, `config`, `metrics` (with `runtime_seconds`), `config_summary` and `notes`.
    """
    return {
        "status": "success",
        "config": dict(config),
        "metrics": {**metrics, "runtime_seconds": seconds},
        "config_summary": _summary(config, rows),
        "notes": list(notes),
    }


def error_document(error: Exception, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a job that failed: the same keys, as far as they are known."""
    return {
        "status": "error",
        "error": type(error).__name__,
        "message": " ".join(str(error).split()) or type(error).__name__,
        "config": dict(config),
        "metrics": None,
        "config_summary": _summary(config, None),
    }


def _summary(config: Mapping[str, Any], rows: int | None) -> dict[str, Any]:
    return {**{name: config.get(name) for name in _SUMMARY}, "snapshots_count": rows}


def write_document(document: Mapping[str, Any], path: Path, dump: Callable[[Any], str] = dump_json) -> None:
    """Write the JSON to a file, whole or not at all; missing folders are made.

    Args:
        document: what is written.
        path: the file.
        dump: makes the text.

    Raises:
        ConfigError: when the file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(dump(document), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise ConfigError(f"`--output-json` must be writable, was {str(path)!r}: {error.strerror}") from error
