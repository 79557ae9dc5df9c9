"""Studies: a search over parameters, reproducible from its spec and seed."""

from __future__ import annotations

from arbkit.study.batches import Progress
from arbkit.study.compare import Comparison, compare
from arbkit.study.evaluator import Evaluator, PanelEvaluator, Point, Points
from arbkit.study.export import export_trials
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
    "Comparison",
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
    "compare",
    "export_trials",
    "list_studies",
    "load_study",
    "locate",
    "places",
    "resume_study",
    "run_study",
]
