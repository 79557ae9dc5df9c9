"""Studies: a search over parameters, reproducible from its spec and seed.

Public names are loaded when first used: looking at a study imports neither its engine nor Optuna.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.study.batches import Progress
    from arbkit.study.comparison import Comparison, compare
    from arbkit.study.copying import CopiedStudy, copy_studies
    from arbkit.study.evaluator import Evaluator, PanelEvaluator, Point, Points
    from arbkit.study.export import export_trials
    from arbkit.study.kept import BestRuns, best_runs
    from arbkit.study.listing import StudyLine, list_studies
    from arbkit.study.lookup import locate, places
    from arbkit.study.market import Market
    from arbkit.study.record import StudyRecord
    from arbkit.study.runner import resume_study, run_study
    from arbkit.study.samplers import SAMPLERS, SamplerInfo
    from arbkit.study.spec import StudySpec
    from arbkit.study.study import Study, load_study

__all__ = [
    "SAMPLERS",
    "BestRuns",
    "Comparison",
    "CopiedStudy",
    "Evaluator",
    "Market",
    "PanelEvaluator",
    "Point",
    "Points",
    "Progress",
    "SamplerInfo",
    "Study",
    "StudyLine",
    "StudyRecord",
    "StudySpec",
    "best_runs",
    "compare",
    "copy_studies",
    "export_trials",
    "list_studies",
    "load_study",
    "locate",
    "places",
    "resume_study",
    "run_study",
]

_HOMES: Final = {
    "SAMPLERS": "arbkit.study.samplers",
    "BestRuns": "arbkit.study.kept",
    "Comparison": "arbkit.study.comparison",
    "CopiedStudy": "arbkit.study.copying",
    "Evaluator": "arbkit.study.evaluator",
    "Market": "arbkit.study.market",
    "PanelEvaluator": "arbkit.study.evaluator",
    "Point": "arbkit.study.evaluator",
    "Points": "arbkit.study.evaluator",
    "Progress": "arbkit.study.batches",
    "SamplerInfo": "arbkit.study.samplers",
    "Study": "arbkit.study.study",
    "StudyLine": "arbkit.study.listing",
    "StudyRecord": "arbkit.study.record",
    "StudySpec": "arbkit.study.spec",
    "best_runs": "arbkit.study.kept",
    "compare": "arbkit.study.comparison",
    "copy_studies": "arbkit.study.copying",
    "export_trials": "arbkit.study.export",
    "list_studies": "arbkit.study.listing",
    "load_study": "arbkit.study.study",
    "locate": "arbkit.study.lookup",
    "places": "arbkit.study.lookup",
    "resume_study": "arbkit.study.runner",
    "run_study": "arbkit.study.runner",
}

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
