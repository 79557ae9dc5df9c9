"""Scenarios that are written into the books of a market, and a strategy replayed under them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.stress.moves import FlashCrash, FlashSpike, MarginRally, Noise, Split, StaggeredVolatility
    from arbkit.stress.orders import FeeSurge, LateLeg, RefusedLeg, Slippage
    from arbkit.stress.premium import FxJump, FxTick, PremiumInversion, PremiumStep
    from arbkit.stress.registry import (
        SCENARIOS,
        parse_scenario,
        parse_scenarios,
        standard_scenarios,
    )
    from arbkit.stress.result import Stress
    from arbkit.stress.run import stress_test
    from arbkit.stress.scenario import Bookings, Chain, Scenario, Span
    from arbkit.stress.timed import Hit, OnVenue, Timed
    from arbkit.stress.venues import Decoupled, Halt, StaleFeed, Unreachable

__all__ = [
    "SCENARIOS",
    "Bookings",
    "Chain",
    "Decoupled",
    "FeeSurge",
    "FlashCrash",
    "FlashSpike",
    "FxJump",
    "FxTick",
    "Halt",
    "Hit",
    "LateLeg",
    "MarginRally",
    "Noise",
    "OnVenue",
    "PremiumInversion",
    "PremiumStep",
    "RefusedLeg",
    "Scenario",
    "Slippage",
    "Span",
    "Split",
    "StaggeredVolatility",
    "StaleFeed",
    "Stress",
    "Timed",
    "Unreachable",
    "parse_scenario",
    "parse_scenarios",
    "standard_scenarios",
    "stress_test",
]

_HOMES: Final = {
    **dict.fromkeys(
        ("FlashCrash", "FlashSpike", "MarginRally", "Noise", "Split", "StaggeredVolatility"),
        "arbkit.stress.moves",
    ),
    **dict.fromkeys(("FeeSurge", "LateLeg", "RefusedLeg", "Slippage"), "arbkit.stress.orders"),
    **dict.fromkeys(("FxJump", "FxTick", "PremiumInversion", "PremiumStep"), "arbkit.stress.premium"),
    **dict.fromkeys(
        ("SCENARIOS", "parse_scenario", "parse_scenarios", "standard_scenarios"), "arbkit.stress.registry"
    ),
    **dict.fromkeys(("Bookings", "Chain", "Scenario", "Span"), "arbkit.stress.scenario"),
    **dict.fromkeys(("Hit", "OnVenue", "Timed"), "arbkit.stress.timed"),
    **dict.fromkeys(("Decoupled", "Halt", "StaleFeed", "Unreachable"), "arbkit.stress.venues"),
    "Stress": "arbkit.stress.result",
    "stress_test": "arbkit.stress.run",
}

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
