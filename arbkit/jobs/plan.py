"""Plans: the jobs of a session as JSON lines, one job each, the same bytes for the same session."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from arbkit.config import PARAM_NAMES, Params
from arbkit.errors import ConfigError, nearest_names
from arbkit.jobs.job import Job
from arbkit.jobs.json_text import plain
from arbkit.jobs.session import Combination, Session

__all__ = ["Plan", "PlannedJob", "make_plan", "read_plans", "write_plan"]

_KEYS: Final = ("job_id", "session_id", "campaign_id", "config", "output_json")
_JOB_NAMES: Final = tuple(item.name for item in dataclasses.fields(Job))


@dataclass(frozen=True)
class PlannedJob:
    """One line of a plan.

    Attributes:
        job_id: such as `sess001_0001`.
        config: what `arbkit backtest` takes, by name.
        output_json: the file of its result.
        session_id: the session it belongs to.
        campaign_id: free text for the table of results.
    """

    job_id: str
    config: Mapping[str, Any]
    output_json: str
    session_id: str
    campaign_id: str | None = None

    def made(self) -> tuple[Job, Params]:
        """Return what the job reads and what it simulates.

        Raises:
            ConfigError: for an unknown name (with the nearest ones), a missing or a bad value.
        """
        for name in self.config:
            if name not in _JOB_NAMES and name not in PARAM_NAMES:
                near = nearest_names(str(name), (*_JOB_NAMES, *PARAM_NAMES))
                raise ConfigError(f"`{name}` is no option of a backtest; {near}")
        if not isinstance(self.config.get("data_file"), str):
            raise ConfigError("`data_file` must be given, it is missing")
        market = {name: value for name, value in self.config.items() if name not in PARAM_NAMES}
        for name, value in market.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, (str, int, float))):
                raise ConfigError(f"`{name}` must be text or a number, was {value!r}")
        params = {name: value for name, value in self.config.items() if name in PARAM_NAMES}
        return Job(**{**market, "output_json": self.output_json}), Params.from_dict(params)

    def line(self) -> str:
        """Return the job as one line of JSON."""
        values = {
            "job_id": self.job_id,
            "session_id": self.session_id,
            "campaign_id": self.campaign_id,
            "config": self.config,
            "output_json": self.output_json,
        }
        return json.dumps(plain(values), ensure_ascii=False, allow_nan=False)


class Plan(NamedTuple):
    """The jobs of a session.

    Attributes:
        jobs: in the order of the grids.
        tried: how many combinations were looked at for them, those that `max_jobs` cuts off not among them.
        excluded: how many of those break a rule of the engine, such as `min_hold_s <= max_hold_s`.
    """

    jobs: list[PlannedJob]
    tried: int
    excluded: int


def make_plan(session: Session) -> Plan:
    """Plan a session: one job per combination of its grids, numbered from 1 in their order."""
    width = max(4, len(str(session.size if session.max_jobs is None else session.max_jobs)))
    jobs: list[PlannedJob] = []
    tried = 0
    for combination in session.combinations():
        if session.max_jobs is not None and len(jobs) == session.max_jobs:
            break
        tried += 1
        if combination is not None:
            jobs.append(_planned(session, f"{session.session_id}_{len(jobs) + 1:0{width}d}", combination))
    return Plan(jobs, tried, tried - len(jobs))


def _planned(session: Session, job_id: str, combination: Combination) -> PlannedJob:
    made = combination.params.to_dict()
    chosen = {name: made[name] for name in PARAM_NAMES if name in session.fixed or name in session.grids}
    market = {name: getattr(combination.job, name) for name in session.market}
    if "reference" in session.grids:
        market["reference"] = combination.job.reference
    output = f"{session.results_dir.rstrip('/')}/{job_id}.json"
    tag = f"{session.tag_prefix}_{job_id}" if session.tag_prefix else job_id
    config = {"data_file": session.data_file, **market, **chosen, "tag": tag, "output_json": output}
    return PlannedJob(job_id, config, output, session.session_id, session.campaign_id)


def write_plan(plan: Plan, folder: str | Path) -> Path:
    """Write a plan to `FOLDER/SESSION.jsonl`, whole or not at all.

    Raises:
        ConfigError: when the folder cannot be written.
    """
    path = Path(folder) / f"{plan.jobs[0].session_id}.jsonl"
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text("".join(f"{job.line()}\n" for job in plan.jobs), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"a plan must go to a writable folder, {str(path)!r} failed: {error}") from error
    return path


def read_plans(paths: Sequence[str | Path]) -> list[PlannedJob]:
    """Read plan files, or every `.jsonl` file of a folder, in order.

    Raises:
        ConfigError: when a file is missing, a line is no job, or two jobs share their id or their file.
    """
    files = [file for path in paths for file in _files(Path(path))]
    jobs = [job for file in files for job in _jobs_of(file)]
    for name in ("job_id", "output_json"):
        seen: set[str] = set()
        for job in jobs:
            value = getattr(job, name)
            if value in seen:
                raise ConfigError(f"every job needs its own `{name}`, {value!r} is there twice")
            seen.add(value)
    return jobs


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(path.glob("*.jsonl"))
        if not found:
            raise ConfigError(f"a folder of plans must hold .jsonl files, {str(path)!r} holds none")
        return found
    if not path.is_file():
        raise ConfigError(f"a plan must exist, {str(path)!r} does not; `arbkit jobs plan SESSION` makes one")
    return [path]


def _jobs_of(file: Path) -> Iterator[PlannedJob]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"a plan must be readable, {str(file)!r} is not: {error}") from error
    if not any(map(str.strip, lines)):
        raise ConfigError(f"a plan must hold at least one job, {str(file)!r} holds none")
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _job_of(line, f"{file}:{number}")


def _job_of(line: str, where: str) -> PlannedJob:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}: a line of a plan must be JSON, it is not: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: a line of a plan must be a mapping, was {values!r:.60}")
    for name in values:
        if name not in _KEYS:
            raise ConfigError(f"{where}: `{name}` is no key of a job; {nearest_names(name, _KEYS)}")
    for name, kind in (("job_id", str), ("output_json", str), ("config", dict)):
        if not isinstance(values.get(name), kind) or not values[name]:
            raise ConfigError(f"{where}: a job needs its `{name}`, was {values.get(name)!r}")
    job_id = values["job_id"]
    session_id = values.get("session_id") or job_id.rpartition("_")[0] or job_id
    return PlannedJob(
        job_id, values["config"], values["output_json"], str(session_id), values.get("campaign_id")
    )
