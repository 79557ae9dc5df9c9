"""Whether data support what a study found: training, walk-forward, lockbox, and one sentence."""

from __future__ import annotations

from arbkit.validation.examine import Progress, examine
from arbkit.validation.of_study import validate
from arbkit.validation.plateau import Choice, choose
from arbkit.validation.result import Finalist, Fold, Opening, Part, Together, Validation
from arbkit.validation.rule import CONDITIONS, UNVALIDATED, Verdict, decide
from arbkit.validation.stored import sentence_of, stored_validation
from arbkit.validation.tried import Tried, tried_on
from arbkit.validation.tuning import tune

__all__ = [
    "CONDITIONS",
    "UNVALIDATED",
    "Choice",
    "Finalist",
    "Fold",
    "Opening",
    "Part",
    "Progress",
    "Together",
    "Tried",
    "Validation",
    "Verdict",
    "choose",
    "decide",
    "examine",
    "sentence_of",
    "stored_validation",
    "tried_on",
    "tune",
    "validate",
]
