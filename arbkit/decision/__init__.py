"""From a result to a decision: one page, and the parameters that a paper run takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.decision.canary import VENUE_MINIMUMS, Canary, Minimum
    from arbkit.decision.days import MoreDays
    from arbkit.decision.decide import decide
    from arbkit.decision.envelope import Envelope
    from arbkit.decision.file import DecidedParams, load_decision
    from arbkit.decision.guard import GuardBlock
    from arbkit.decision.result import Carried, CheckedCost, Decision, Rival

__all__ = [
    "VENUE_MINIMUMS",
    "Canary",
    "Carried",
    "CheckedCost",
    "DecidedParams",
    "Decision",
    "Envelope",
    "GuardBlock",
    "Minimum",
    "MoreDays",
    "Rival",
    "decide",
    "load_decision",
]

_HOMES: Final = {
    "VENUE_MINIMUMS": "arbkit.decision.canary",
    "Canary": "arbkit.decision.canary",
    "Carried": "arbkit.decision.result",
    "CheckedCost": "arbkit.decision.result",
    "DecidedParams": "arbkit.decision.file",
    "Decision": "arbkit.decision.result",
    "Envelope": "arbkit.decision.envelope",
    "GuardBlock": "arbkit.decision.guard",
    "Minimum": "arbkit.decision.canary",
    "MoreDays": "arbkit.decision.days",
    "Rival": "arbkit.decision.result",
    "decide": "arbkit.decision.decide",
    "load_decision": "arbkit.decision.file",
}

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
