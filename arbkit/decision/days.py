"""How many more days of data would settle a study that is undecided."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

from arbkit.validation import Part, Validation

__all__ = ["ODDS", "MoreDays", "more_days"]

#: The surer of the two answers: with these odds the rule then finds an edge that is really there.
ODDS: Final = 0.8


@dataclass(frozen=True)
class MoreDays:
    """What more data of the same kind would do.

    Attributes:
        state: `settled`, `for` (what was earned out of sample is above 0, but not supported yet), `against`
            (below 0, but not yet beyond chance) or `unknown`.
        t: of all bins out of sample together; None where nothing moved.
        even_days: more days until such a mean is as likely as not to be beyond chance in whatever shows it
            last; None where the state is not `for` or `against`, or where no number of days is enough.
        sure_days: until the odds are `ODDS`.
        last: what shows it last: `lockbox`, `walk_forward`, `SPA` or `out_of_sample`; None without days.
        minimum_days: more days until the rule's minimum (closed trades, bins, track record) is reached; 0
            where it is, None where no length is enough.
        sentence: the same in words.
    """

    state: Literal["settled", "for", "against", "unknown"]
    t: float | None
    even_days: float | None
    sure_days: float | None
    minimum_days: float | None
    sentence: str
    last: str | None = None


def more_days(found: Validation) -> MoreDays:
    """Say how much longer the data would have to be.

    The t of a mean grows with the square root of the time it is taken over. With t of all out-of-sample bins
    over D days, a part that is the share s of all data shows a mean beyond chance with odds q when all data
    have (D / s) ((c + z_q) / t)^2 days: c is the critical t of that part, z_q the normal quantile (0 for even
    odds). The walk-forward and the lockbox both have to. The test over all sets (SPA) has to as well: its
    statistic S, taken over training and walk-forward, grows in the same way, and its critical value C hardly
    changes, so that it needs D_all ((C + z_q) / S)^2 days, D_all being those that there are. What needs most
    decides. S is that of the best of all sets, and the best of many flatters: where SPA decides, the days
    are a lower bound. A mean below 0 is settled against when all out-of-sample bins together have its |t|
    beyond chance. Beside it stands the rule's own minimum, the minimum track record length among it. All this
    assumes that the next days are like these.

    Source: Bailey and Lopez de Prado (2012) for the track record; the sample size of a one-sided t test, such
    as Cohen (1988), "Statistical power analysis for the behavioral sciences", chapter 2.
    """
    if not found.parts:
        return MoreDays("unknown", None, None, None, None, "no trial was feasible: nothing to wait for")
    out = found.part("out_of_sample")
    minimum = found.more_days if found.status == "too short" else 0.0
    if found.supported:
        return MoreDays("settled", out.t, None, None, 0.0, "it is settled: no further day is needed for that")
    if out.t is None or out.days <= 0:
        return MoreDays("unknown", None, None, None, minimum, _nothing(out, minimum))
    if out.t <= -out.critical:
        sentence = f"it is settled: the loss out of sample is beyond chance, t {_signed(out.t)}"
        return MoreDays("settled", out.t, None, None, minimum, sentence)
    if out.t == 0:
        return MoreDays("unknown", out.t, None, None, minimum, _nothing(out, minimum))
    state: Literal["for", "against"] = "for" if out.t > 0 else "against"
    (even, _), (sure, last) = (_days(found, state, odds) for odds in (0.5, ODDS))
    if math.isinf(sure):
        sentence = f"{_so_far(found)}, but no set earned anything on training and walk-forward together"
        return MoreDays(state, out.t, None, None, minimum, f"undecided: {sentence}", last)
    return MoreDays(
        state, out.t, even, sure, minimum, _sentence(found, state, (even, sure), minimum, last), last
    )


def _days(found: Validation, state: str, odds: float) -> tuple[float, str]:
    """Return how many more days it takes, and what takes them."""
    from scipy.special import ndtri

    out, used = found.part("out_of_sample"), found.settings
    assert out.t is not None
    total, z = _total_days(found), float(ndtri(odds))
    shares = {name: used[name] for name in ("walk_forward", "lockbox")}
    if state == "against":
        shares = {"out_of_sample": used["walk_forward"] + used["lockbox"]}
    needed = {
        name: out.days / share * ((found.part(name).critical + z) / out.t) ** 2
        for name, share in shares.items()
    }
    tests = found.tests
    if state == "for" and tests.spa_t is not None and tests.spa_critical is not None:
        gap = tests.spa_critical + z
        needed["SPA"] = total * (gap / tests.spa_t) ** 2 if tests.spa_t > 0 else math.inf
    last = max(needed, key=needed.__getitem__)
    return max(0.0, needed[last] - total), last


def _total_days(found: Validation) -> float:
    return float(found.part("training").days / found.settings["training"])


_LAST: Final = {"lockbox": "the lockbox", "walk_forward": "the walk-forward", "SPA": "the test over all sets"}


def _sentence(
    found: Validation, state: str, days: tuple[float, float], minimum: float | None, last: str
) -> str:
    t, (even, sure) = _so_far(found), days
    if state == "against":
        return (
            f"undecided, leaning against: {t}; if that is the truth, about {_whole(even)} more days settle "
            f"it against with even odds, {_whole(sure)} with odds of {ODDS:.0%}"
        )
    if sure == 0 and minimum != 0:
        wanting = "is reached at no length" if minimum is None else f"needs about {_whole(minimum)} more days"
        return f"undecided for want of data: {t} would be enough, but the rule's minimum {wanting}"
    if sure == 0:
        return f"undecided, and not for want of days: {t} would be enough, what fails is {_failing(found)}"
    text = (
        f"undecided: {t}; if that is the truth, about {_whole(even)} more days settle it with even odds, "
        f"{_whole(sure)} with odds of {ODDS:.0%} (the last to show it is {_LAST[last]})"
    )
    if minimum is None:
        return f"{text}; the rule's minimum is reached at no length"
    return text + (f"; the rule's minimum needs {_whole(minimum)} more" if minimum else "")


def _so_far(found: Validation) -> str:
    out = found.part("out_of_sample")
    assert out.t is not None
    return f"t {_signed(out.t)} over {out.days:,.1f} days out of sample"


def _failing(found: Validation) -> str:
    return "; ".join(found.reasons) or "nothing"


def _nothing(out: Part, minimum: float | None) -> str:
    why = "nothing moved out of sample"
    if out.pnl_usd != 0:
        why = f"{out.bins} bins out of sample are too few for a t"
    text = f"{why}, so that no number of days can be named"
    return f"{text}; the rule's minimum needs {_whole(minimum)} more" if minimum else text


def _whole(days: Any) -> str:
    return f"{math.ceil(days):,}"


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")
