"""The rule for a claim: three conditions, a minimum of data, and the one sentence that follows.

A set is supported only if the test of superior predictive ability has p below 1 - level, and the t of the
walk-forward and that of the lockbox each exceed what a mean of 0 exceeds with probability 1 - level. With
fewer closed trades, bins or a shorter record than the minimum the data are too short, whatever the figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from arbkit.study.validation_spec import ValidationSpec
from arbkit.validation.result import Part, Status, Together

__all__ = ["CONDITIONS", "UNVALIDATED", "Verdict", "decide"]

#: What has to hold, in the order in which it is told.
CONDITIONS: Final = ("SPA", "walk-forward t", "lockbox t")
#: What is said of a study that was not validated.
UNVALIDATED: Final = (
    "nothing here has been validated: `arbkit study validate {study}` says what these data support"
)
_NOT: Final = "no parameter set is supported by this data"


class Verdict(NamedTuple):
    """Status, sentence, the conditions that failed or what is lacking, and how many more days would do."""

    status: Status
    sentence: str
    reasons: tuple[str, ...]
    more_days: float | None


def decide(
    parts: Mapping[str, Part], tests: Together, settings: ValidationSpec, total_days: float, currency: str
) -> Verdict:
    """Apply the rule.

    Args:
        parts: `walk_forward`, `lockbox` and `out_of_sample`; empty where no trial was feasible.
        tests: figures over all sets.
        settings: of the rule.
        total_days: length of all data, of which the out-of-sample part keeps its share.
        currency: account currency, for the sentence.
    """
    if not parts:
        reason = "no trial keeps the constraints"
        return Verdict("not supported", f"{_NOT}: {reason}", (reason,), None)
    lacking, factor = _lacking(parts["out_of_sample"], settings)
    if lacking:
        more = None if math.isinf(factor) else total_days * (factor - 1)
        return Verdict("too short", _short_sentence(lacking, more), tuple(lacking), more)
    failed = _failed(parts, tests, settings)
    if failed:
        return Verdict("not supported", f"{_NOT}: {_joined(failed)}", tuple(failed), None)
    return Verdict("supported", _supported(parts, tests, currency), (), None)


def _lacking(out: Part, settings: ValidationSpec) -> tuple[list[str], float]:
    """Return what is too little, and how many times as much data would be enough."""
    lacking, factors = [], [1.0]
    if out.closed_trades < settings.min_trades:
        closed = _plural(out.closed_trades, "closed trade")
        lacking.append(f"{closed} out of sample where {settings.min_trades} are needed")
        factors.append(settings.min_trades / out.closed_trades if out.closed_trades else math.inf)
    if out.bins < settings.min_bins:
        lacking.append(f"{_plural(out.bins, 'bin')} out of sample where {settings.min_bins} are needed")
        factors.append(settings.min_bins / out.bins if out.bins else math.inf)
    needed = out.track_record_days
    if out.pnl_usd > 0 and needed is not None and needed > out.days:
        lacking.append(f"{out.days:.0f} days out of sample where such a record needs {needed:,.0f}")
        factors.append(needed / out.days)
    return lacking, max(factors)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _short_sentence(lacking: list[str], more: float | None) -> str:
    enough = "no length would be enough at this rate"
    if more is not None:
        enough = f"about {max(math.ceil(more), 1):,} more days would be enough"
    return f"{_NOT}, which is too short to tell: {_joined(lacking)}; {enough}"


def _failed(parts: Mapping[str, Part], tests: Together, settings: ValidationSpec) -> list[str]:
    walk, box = parts["walk_forward"], parts["lockbox"]
    alpha = round(1 - settings.level, 12)
    failed = []
    if tests.spa_p is None:
        failed.append("no set traded, so that there is nothing to test")
    elif not tests.spa_p < alpha:
        failed.append(f"SPA p is {tests.spa_p:.3f}, not below {alpha:.3g}")
    for name, part in (("walk-forward", walk), ("lockbox", box)):
        if part.t is None:
            failed.append(f"nothing was traded in the {name}")
        elif not part.t > part.critical:
            failed.append(f"{name} t is {_number(part.t)}, not above {part.critical:.2f}")
    return failed


def _supported(parts: Mapping[str, Part], tests: Together, currency: str) -> str:
    out, walk, box = parts["out_of_sample"], parts["walk_forward"], parts["lockbox"]
    made = f"{out.per_day_usd:,.2f} {currency} a day out of sample"
    if out.low_usd is not None and out.high_usd is not None:
        made += f" ({out.low_usd:,.2f} to {out.high_usd:,.2f})"
    return (
        f"the chosen set is supported by this data: {made}, SPA p {tests.spa_p:.3f}, "
        f"walk-forward t {walk.t:.2f}, lockbox t {box.t:.2f}"
    )


def _joined(items: list[str]) -> str:
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + " and " + items[-1]


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
