"""The openings of a lockbox, as the study keeps them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import arbkit
from arbkit.study.storages import storage_errors
from arbkit.study.study import Study
from arbkit.validation.result import Opening

__all__ = ["note_opening", "openings_in"]

_ATTR: Final = "arbkit:lockbox"


def openings_in(attrs: Mapping[str, Any]) -> tuple[Opening, ...]:
    """Return the openings that the user attributes of a study tell of, in order."""
    return tuple(Opening(**item) for item in attrs.get(_ATTR) or ())


def note_opening(study: Study, params: Mapping[str, Any]) -> tuple[Opening, ...]:
    """Write into the study that its lockbox is opened now; called before anything is read from it.

    Args:
        study: the study, which has to be writable.
        params: the set that is judged.

    Returns:
        All openings, this one last.
    """
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    opening = Opening(now, study.n_trials, dict(params), arbkit.__version__)
    with storage_errors(study.url):
        openings = (*openings_in(study.user_attrs), opening)
        study.optuna.set_user_attr(_ATTR, [dataclasses.asdict(item) for item in openings])
    return openings
