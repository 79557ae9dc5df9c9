"""Entries that venues refuse: counted by code, and not sent again and again."""

from __future__ import annotations

from collections import Counter
from typing import Final

from arbkit.live.fills import Outcome
from arbkit.live.guard import TradingGuard
from arbkit.units import SECOND_NS

__all__ = ["Rejections"]

_MOST: Final = 5


class Rejections:
    """Lets a pair enter nothing for a while after several entries in a row of which nothing came.

    Args:
        guard: told `rejected_orders`, with the code of the last one.
        counts: where failed entries are counted by code.
        cooldown_s: for how long nothing is entered then.
    """

    def __init__(self, guard: TradingGuard, counts: Counter[str], cooldown_s: float) -> None:
        self._guard = guard
        self._counts = counts
        self._cooldown_ns = round(cooldown_s * SECOND_NS)
        self._in_a_row: Counter[str] = Counter()
        self._until: dict[str, int] = {}

    def see(self, outcome: Outcome, now_ns: int) -> bool:
        """Take note of what became of a decision; returns whether its pair must wait from now on."""
        pair = outcome.pair
        if outcome.hedged > 0:
            self._in_a_row[pair] = 0
            return False
        if outcome.trade >= 0:
            return False
        codes = list(dict.fromkeys(_code(reason) for reason in outcome.reasons if reason != "cut_off"))
        self._counts.update(codes or ["not_filled"])
        if not codes:
            return False
        self._in_a_row[pair] += 1
        if self._in_a_row[pair] < _MOST:
            return False
        self._in_a_row[pair] = 0
        self._until[pair] = now_ns + self._cooldown_ns
        return self._guard.set("rejected_orders", True, scope=pair, detail=codes[-1])

    def look(self, pair: str, now_ns: int) -> None:
        """Let the pair enter again where its time is over."""
        if pair in self._until and now_ns >= self._until[pair]:
            del self._until[pair]
            self._guard.set("rejected_orders", False, scope=pair)


def _code(reason: str) -> str:
    """Return the code of a reason, without the leg that it came from."""
    return reason.removeprefix("doubt:").removesuffix(":a").removesuffix(":b")
