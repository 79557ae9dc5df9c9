"""Studies: a search over parameters, reproducible from its spec and seed."""

from __future__ import annotations

from arbkit.study.batches import Progress
from arbkit.study.compare import Comparison, compare
from arbkit.study.copying import CopiedStudy, copy_studies
from arbkit.study.evaluator import Evaluator, PanelEvaluator, Point, Points
from arbkit.study.export import export_trials
from arbkit.study.kept import BestRuns, best_runs
from arbkit.study.listing import StudyLine, list_studies
from arbkit.study.locate import locate, places
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
