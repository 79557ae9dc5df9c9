"""What venues refuse or fill badly: counted by code, and not sent again and again."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final

from arbkit.config import GuardLimits
from arbkit.live.fills import Outcome
from arbkit.live.guard import TradingGuard
from arbkit.units import SECOND_NS

__all__ = ["ExitPauses", "FillLimits", "Rejections"]

_MOST: Final = 5
#: First and longest pause after an exit of which nothing came: missed its price, was refused.
_MISSED_S: Final = (0.1, 5.0)
_REFUSED_S: Final = (0.5, 30.0)


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


class FillLimits:
    """Holds what venues filled against `max_slippage_bps` and `min_fill_rate` of the guard.

    The rules refuse an entry whose books are too thin before it is sent, where `depth_levels` shows them the
    books. Here is what really came of it: one entry that slipped too far, or the last five with too small a
    share filled, and the pair enters nothing for `breaker_cooldown_s`.

    Args:
        guard: told `slippage` or `fill_rate`, with the figure and its limit.
        counts: where entries beyond a limit are counted, as `guard_slippage` and `guard_fill_rate`.
        limits: of each pair, None where it has none.
    """

    def __init__(
        self, guard: TradingGuard, counts: Counter[str], limits: Mapping[str, GuardLimits | None]
    ) -> None:
        self._guard = guard
        self._counts = counts
        self._limits = limits
        self._sent: dict[tuple[str, int], tuple[float, float, float]] = {}
        self._rates: dict[str, deque[float]] = {}
        self._until: dict[tuple[str, str], int] = {}

    def sent(self, pair: str, row: int, size: float, long_top: float, short_top: float) -> None:
        """Take note of an entry on its way: base units, best ask of its long, best bid of its short leg."""
        self._sent[pair, row] = size, long_top, short_top

    def see(self, outcome: Outcome, now_ns: int) -> list[str]:
        """Take note of what became of a decision; returns what its pair must wait for from now on."""
        known = self._sent.pop((outcome.pair, outcome.row), None) if outcome.trade < 0 else None
        limits = self._limits.get(outcome.pair)
        if known is None or limits is None or not (outcome.a.ids or outcome.b.ids):
            return []
        size, long_top, short_top = known
        found = []
        slip = (outcome.long.average_price / long_top - 1 + 1 - outcome.short.average_price / short_top) * 1e4
        if limits.max_slippage_bps is not None and slip > limits.max_slippage_bps:
            found.append(("slippage", f"{slip:.1f} bps, at most {limits.max_slippage_bps:g}"))
        rates = self._rates.setdefault(outcome.pair, deque(maxlen=_MOST))
        rates.append(min(outcome.hedged / size, 1.0))
        mean = sum(rates) / len(rates)
        if limits.min_fill_rate is not None and len(rates) == _MOST and mean < limits.min_fill_rate:
            found.append(("fill_rate", f"{mean:.2f}, at least {limits.min_fill_rate:g}"))
            rates.clear()
        for reason, detail in found:
            self._counts[f"guard_{reason}"] += 1
            self._until[outcome.pair, reason] = now_ns + round(limits.breaker_cooldown_s * SECOND_NS)
            self._guard.set(reason, True, scope=outcome.pair, detail=detail)
        return [f"{reason} {detail}" for reason, detail in found]

    def look(self, pair: str, now_ns: int) -> None:
        """Let the pair enter again where its time is over."""
        for reason in ("slippage", "fill_rate"):
            if now_ns >= self._until.get((pair, reason), now_ns + 1):
                del self._until[pair, reason]
                self._guard.set(reason, False, scope=pair)


class ExitPauses:
    """How long each pair's next exit waits after exits of which nothing came.

    An exit is decided anew on every row for as long as the rules want it. Sent as often, it would use up the
    venue's limit of orders, which all pairs share.

    Args:
        n_pairs: how many pairs there are.
    """

    def __init__(self, n_pairs: int) -> None:
        self._in_vain = [0] * n_pairs
        self._pauses_s = [0.0] * n_pairs

    def __getitem__(self, p: int) -> float:
        """Return the pause of a pair's next exit, seconds."""
        return self._pauses_s[p]

    def see(self, p: int, outcome: Outcome) -> None:
        """Take note of what became of a decision of this pair."""
        if outcome.hedged > 0:
            self._in_vain[p], self._pauses_s[p] = 0, 0.0
        elif outcome.trade >= 0:
            first, longest = _REFUSED_S if outcome.reasons else _MISSED_S
            self._pauses_s[p] = min(first * 2.0 ** self._in_vain[p], longest)
            self._in_vain[p] = min(self._in_vain[p] + 1, 16)


def _code(reason: str) -> str:
    """Return the code of a reason, without the leg that it came from."""
    return reason.removeprefix("doubt:").removesuffix(":a").removesuffix(":b")
