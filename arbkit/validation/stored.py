"""The validation of a study, as the study keeps it: read without computing anything."""

from __future__ import annotations

from typing import Final

from arbkit.study.storages import storage_errors
from arbkit.study.study import Study
from arbkit.validation.result import VERSION, Validation
from arbkit.validation.rule import UNVALIDATED

__all__ = ["keep_validation", "sentence_of", "stored_validation"]

_ATTR: Final = "arbkit:validation"


def keep_validation(study: Study, validation: Validation) -> None:
    """Store a validation with its study; an earlier one is replaced, the openings it made stay on record."""
    with storage_errors(study.url):
        study.optuna.set_user_attr(_ATTR, validation.to_dict())


def stored_validation(study: Study) -> Validation | None:
    """Return the stored validation of a study; None where there is none, or trials came later."""
    found = study.user_attrs.get(_ATTR)
    if found is None or found.get("version") != VERSION or found["trials"] != study.n_trials:
        return None
    return Validation.from_dict(found)


def sentence_of(study: Study) -> str:
    """Return the one sentence about a study; for one that was not validated, how to do that."""
    found = stored_validation(study)
    return UNVALIDATED.format(study=study.name) if found is None else found.sentence
