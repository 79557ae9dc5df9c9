"""Jobs: one backtest per JSON file, sessions that plan many of them, and what they add up to.

The names are loaded when first used: `arbkit backtest` is one job, and pays for neither plans nor studies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.jobs.document import run_job
    from arbkit.jobs.job import Job
    from arbkit.jobs.plan import Plan, PlannedJob, make_plan, read_plans, write_plan
    from arbkit.jobs.ranking import Aggregate, Ranked, aggregate
    from arbkit.jobs.results import ResultsTable
    from arbkit.jobs.run import Failure, Finished, RunProgress, RunReport, Sink, run_jobs
    from arbkit.jobs.session import Combination, Session
    from arbkit.jobs.to_study import study_of

__all__ = [
    "Aggregate",
    "Combination",
    "Failure",
    "Finished",
    "Job",
    "Plan",
    "PlannedJob",
    "Ranked",
    "ResultsTable",
    "RunProgress",
    "RunReport",
    "Session",
    "Sink",
    "aggregate",
    "make_plan",
    "read_plans",
    "run_job",
    "run_jobs",
    "study_of",
    "write_plan",
]

_HOMES: Final = {
    "Aggregate": "arbkit.jobs.ranking",
    "Combination": "arbkit.jobs.session",
    "Failure": "arbkit.jobs.run",
    "Finished": "arbkit.jobs.run",
    "Job": "arbkit.jobs.job",
    "Plan": "arbkit.jobs.plan",
    "PlannedJob": "arbkit.jobs.plan",
    "Ranked": "arbkit.jobs.ranking",
    "ResultsTable": "arbkit.jobs.results",
    "RunProgress": "arbkit.jobs.run",
    "RunReport": "arbkit.jobs.run",
    "Session": "arbkit.jobs.session",
    "Sink": "arbkit.jobs.run",
    "aggregate": "arbkit.jobs.ranking",
    "make_plan": "arbkit.jobs.plan",
    "read_plans": "arbkit.jobs.plan",
    "run_job": "arbkit.jobs.document",
    "run_jobs": "arbkit.jobs.run",
    "study_of": "arbkit.jobs.to_study",
    "write_plan": "arbkit.jobs.plan",
}

__getattr__ = lazy_names(__name__, _HOMES)
