"""`decide`: from a study to one page and a file of parameters."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import arbkit
from arbkit.config import Params
from arbkit.decision.canary import Minimum, canary_of
from arbkit.decision.costs import checked_costs, size_of
from arbkit.decision.days import more_days
from arbkit.decision.envelope import envelope_of
from arbkit.decision.guard import guard_of
from arbkit.decision.market import config_of, dataset_of, judged_panel
from arbkit.decision.result import Carried, CheckedCost, Decision
from arbkit.decision.rivals import choice_of, rival_of
from arbkit.errors import ConfigError
from arbkit.panel import Panel
from arbkit.study import Study, load_study
from arbkit.study.storages import redacted
from arbkit.validation import Progress, Validation, validate

__all__ = ["decide"]

_Report = Callable[[Progress], None]


class _Steps:
    """Tells how far a decision is."""

    def __init__(self, report: _Report | None, total: int) -> None:
        self._report, self._total, self._done = report, total, -1

    def __call__(self, note: str) -> None:
        self._done += 1
        if self._report is not None:
            self._report(Progress(self._done, self._total, note))


class _Subject(NamedTuple):
    """What is decided on."""

    study: Study
    found: Validation
    params: Params
    reference: str


def decide(
    study: Study | str,
    *,
    books: Panel | None = None,
    minimums: Mapping[str, Minimum] | None = None,
    scenarios: Any = "standard",
    progress: _Report | None = None,
    threads: int | None = None,
) -> Decision:
    """Put everything on one page that stands between a study and a paper run, and make its parameters.

    A study that is not validated yet is validated first, which opens its lockbox and is recorded there. What
    is measured here beyond that (stress, costs) sees the walk-forward part and never the lockbox.

    Args:
        study: the study, or its name as `load_study` takes it.
        books: a panel of order books of the same pair, for a study on candles or on books without depth: it
            then carries costs, latency and size, and the study reference and thresholds.
        minimums: smallest orders by leg ("a", "b") in the account currency; else what is known of the venues.
        scenarios: of the stress test, as `stress_test` takes them.
        progress: called after each step.
        threads: how many sets run at once in a validation; default: one per core.

    Raises:
        ConfigError: when `books` is no panel or in another currency, or scenarios do not parse.
        StudyError: when there is no such study, or its data changed.
        DataError: when a part of the time has no rows.
        StorageError: when the study cannot be read or written.
    """
    _check(books, minimums)
    opened = load_study(study) if isinstance(study, str) else study
    found = validate(opened, progress=progress, threads=threads)
    if found.params is None:
        return _nothing(opened, found)
    if books is not None and books.meta.currency != opened.market.meta.currency:
        raise ConfigError(
            f"`books` must be in the currency of the study, {opened.market.meta.currency}, "
            f"was {books.meta.currency}"
        )
    params, reference = opened.spec.params_of(found.params)
    return _decided(_Subject(opened, found, params, reference), books, minimums, scenarios, progress)


def _check(books: object, minimums: object) -> None:
    if books is not None and not isinstance(books, Panel):
        raise ConfigError(f"`books` must be a Panel, was {type(books).__name__}; make one with load_panel")
    if minimums is None:
        return
    good = isinstance(minimums, Mapping) and all(
        key in ("a", "b") and isinstance(item, Minimum) and all(math.isfinite(x) and x >= 0 for x in item)
        for key, item in minimums.items()
    )
    if not good:
        raise ConfigError(
            f"`minimums` must hold a Minimum of finite numbers of at least 0 for leg a or b, was {minimums!r}"
        )


def _decided(
    subject: _Subject,
    books: Panel | None,
    minimums: Mapping[str, Minimum] | None,
    scenarios: Any,
    progress: _Report | None,
) -> Decision:
    study, found, params, reference = subject
    market, rivals = study.market, []
    named = [("chosen", found.finalists[0])]
    named += [] if found.peak is None else [("highest", found.peak)]
    step = _Steps(progress, len(named) + 5)
    for name, item in named:
        step(f"stressing the {name} set")
        rivals.append(rival_of(study, name, item, scenarios))
    judged, tier = (
        (judged_panel(study, reference), "study")
        if books is None
        else (_referenced(books, reference), "books")
    )
    costs = checked_costs(judged, params, step)
    step("limits and envelope")
    training = market.stretch(reference, None, market.cuts[0])
    sized = params.replace(max_position_usd=size_of(costs, params))
    guard, envelope = guard_of(training, sized), envelope_of(training)
    step("the smallest canary")
    canary = canary_of(found, study.spec.validation, judged, params, seed=study.spec.seed, given=minimums)
    box = found.part("lockbox")
    step("done")
    return dataclasses.replace(
        _nothing(study, found),
        reference=reference,
        rivals=tuple(rivals),
        choice=choice_of(rivals, found.currency),
        parts=found.parts,
        costs=costs,
        canary=canary,
        tiers=_tiers(subject, judged, tier, costs),
        studied_usd=params.max_position_usd,
        guard=guard,
        envelope=envelope,
        valid_until_ns=box.end_ns + (box.end_ns - box.start_ns),
        config=config_of(study, sized.replace(guard=guard.limits), reference),
        notes=_notes(subject, judged, books, guard.tuned, sized.max_position_usd),
    )


def _referenced(books: Panel, reference: str) -> Panel:
    return books if reference == "none" else books.with_reference(reference)


def _tiers(
    subject: _Subject, judged: Panel, tier: str, costs: tuple[CheckedCost, ...]
) -> tuple[Carried, ...]:
    market = subject.study.market
    own = _source(market.meta.fidelity, market.stretch("none", None, market.cuts[1]))
    other = _source(judged.meta.fidelity, judged)
    thresholds = ", ".join(f"{name} {_text(value)}" for name, value in (subject.found.params or {}).items())
    return (
        Carried("reference and thresholds", "study", own, thresholds),
        *(
            Carried(what, tier, other, item.finding)
            for what, item in zip(("costs", "latency", "size"), costs, strict=True)
        ),
    )


def _source(fidelity: str, panel: Panel) -> str:
    kind = "candles" if fidelity == "candle" else "books"
    depth = f", {panel.levels} deep" if panel.levels else ""
    days = (panel.end_ns - panel.start_ns) / 86_400e9
    return f"{kind}{depth}, {days:,.1f} days, {len(panel):,} rows"


def _text(value: Any) -> str:
    return "none" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _notes(
    subject: _Subject, judged: Panel, books: Panel | None, tuned: bool, size: float
) -> tuple[str, ...]:
    from arbkit.engine.result import flags_of

    own = () if books is None else subject.study.market.meta.flags
    notes = list(dict.fromkeys((*flags_of(judged, subject.params), *own)))
    if books is not None:
        end = subject.found.part("training").end_ns
        if books.start_ns <= end:
            notes.append("the books overlap the training time: what they carry is partly in-sample")
        legs = {(panel.meta.leg_a, panel.meta.leg_b) for panel in (books, subject.study.panel_for("none"))}
        if len(legs) > 1:
            names = " and ".join(sorted(f"{a} x {b}" for a, b in legs))
            notes.append(f"the legs of study and books are not named alike: {names}")
    if size != subject.params.max_position_usd:
        notes.append(
            f"the books earn most at {size:,.10g} {judged.meta.currency} a trade: that is written, not the "
            f"{subject.params.max_position_usd:,.10g} that were studied"
        )
    if not tuned:
        notes.append("the search ran without this guard block; put it into `fixed` to tune with it")
    return tuple(notes)


def _nothing(study: Study, found: Validation) -> Decision:
    """Return the page of a study without a feasible trial."""
    return Decision(
        study=study.name,
        storage=redacted(study.url),
        trials=found.trials,
        status=found.status,
        sentence=found.sentence,
        reasons=found.reasons,
        reference=None,
        rivals=(),
        choice="there is no set to choose",
        parts=(),
        costs=(),
        days=more_days(found),
        canary=None,
        tiers=(),
        studied_usd=None,
        guard=None,
        envelope=None,
        valid_until_ns=0,
        dataset=dataset_of(study),
        config=None,
        currency=found.currency,
        notes=(),
        arbkit_version=arbkit.__version__,
    )
