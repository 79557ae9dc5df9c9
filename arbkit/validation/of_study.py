"""`validate`: examine a stored study and keep the outcome with it."""

from __future__ import annotations

from collections.abc import Callable

from arbkit.panel import Panel
from arbkit.study.market import Market
from arbkit.study.study import Study, load_study
from arbkit.validation.examination import Progress, examine
from arbkit.validation.lockbox import note_opening
from arbkit.validation.result import Validation
from arbkit.validation.stored import keep_validation, stored_validation
from arbkit.validation.tried import tried_on

__all__ = ["validate"]


def validate(
    study: Study | str,
    panel: Panel | None = None,
    *,
    again: bool = False,
    progress: Callable[[Progress], None] | None = None,
    threads: int | None = None,
) -> Validation:
    """Say whether the data support what a study found, and keep the answer with the study.

    The walk-forward is re-tuned in memory with the spec's sampler and seed and as many trials as the study
    has; then the lockbox is opened, which the study records. A study that has not changed since it was
    validated returns what is stored.

    Args:
        study: the study, or its name as `load_study` takes it.
        panel: its market, where that is at hand already; else it is read.
        again: examine and open the lockbox again.
        progress: called after each step.
        threads: how many sets run at once; default: one per core.

    Raises:
        StudyError: when there is no such study, or its data changed.
        DataError: when a part of the time has no rows.
        StorageError: when the study cannot be read or written.
    """
    opened = load_study(study) if isinstance(study, str) else study
    kept = stored_validation(opened)
    if kept is not None and not again:
        return kept
    spec, market = opened.spec, opened.market if panel is None else _market(opened, panel)
    validation = examine(
        spec,
        market,
        opened.block(),
        tried=lambda own: tried_on(spec, market.fingerprint, own, opened.name, opened.url),
        open_lockbox=lambda params: note_opening(opened, params),
        progress=progress,
        threads=threads,
    )
    keep_validation(opened, validation)
    return validation


def _market(study: Study, panel: Panel) -> Market:
    market = Market(panel, study.spec.split, study.spec.folds)
    study.record.check_fingerprint(market.fingerprint)
    return market
