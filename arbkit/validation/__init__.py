"""Whether data support what a study found: training, walk-forward, lockbox, and one sentence.

Public names are loaded when first used: what was found earlier is read without the engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.validation.examination import Progress, examine
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

_HOMES: Final = {
    "CONDITIONS": "arbkit.validation.rule",
    "UNVALIDATED": "arbkit.validation.rule",
    "Choice": "arbkit.validation.plateau",
    "Finalist": "arbkit.validation.result",
    "Fold": "arbkit.validation.result",
    "Opening": "arbkit.validation.result",
    "Part": "arbkit.validation.result",
    "Progress": "arbkit.validation.examination",
    "Together": "arbkit.validation.result",
    "Tried": "arbkit.validation.tried",
    "Validation": "arbkit.validation.result",
    "Verdict": "arbkit.validation.rule",
    "choose": "arbkit.validation.plateau",
    "decide": "arbkit.validation.rule",
    "examine": "arbkit.validation.examination",
    "sentence_of": "arbkit.validation.stored",
    "stored_validation": "arbkit.validation.stored",
    "tried_on": "arbkit.validation.tried",
    "tune": "arbkit.validation.tuning",
    "validate": "arbkit.validation.of_study",
}

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
