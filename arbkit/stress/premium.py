"""What happens to the premium and to the rate that converts a leg."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from arbkit._typing import FloatArray
from arbkit.panel import Panel
from arbkit.stress.draft import LEGS, Draft, Leg
from arbkit.stress.draws import uniforms
from arbkit.stress.moves import log_ratio
from arbkit.stress.scenario import number, span
from arbkit.stress.timed import Timed, ramp, rows_between
from arbkit.units import duration_ns

__all__ = ["FxJump", "FxTick", "PremiumInversion", "PremiumStep"]


@dataclass(frozen=True, kw_only=True)
class PremiumInversion(Timed):
    """The premium turns into its mirror image and stays: what was dear is cheap."""

    name: ClassVar[str] = "premium_inversion"
    summary: ClassVar[str] = "the premium turns into its mirror image within an hour and stays"

    over: str = span("1h", "how long the turn takes")
    around_bps: float = number(0.0, "bps", "the premium that it is mirrored at")
    depth: float = number(1.0, "", "1 for the mirror image, 0 for none", low=0, high=1)

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        around = "" if self.around_bps == 0 else f" around {self.around_bps:g} bps"
        return f"the premium is mirrored{around} within {self.over} and stays so"

    def shock(self, panel: Panel) -> Panel:
        """Move A so that the logarithm of A over B changes its sign."""
        draft = Draft(panel)
        for hit in self.hits(panel)[:1] if self.depth else ():
            rows = slice(hit.row, len(panel))
            away = np.nan_to_num(log_ratio(panel, rows) - np.log1p(self.around_bps / 1e4), nan=0.0)
            weight = self.depth * ramp(
                panel.ts[rows], [(hit.ts, 0.0), (hit.ts + duration_ns(self.over), 1.0)]
            )
            draft.scale("a", rows, np.exp(-2 * weight * away))
        return draft.panel(f"scenario: {self.describe()}")


@dataclass(frozen=True, kw_only=True)
class PremiumStep(Timed):
    """The premium steps away at once and decays over days."""

    name: ClassVar[str] = "premium_step"
    summary: ClassVar[str] = "the premium steps by 1,000 bps and decays over days"

    every: str | None = span("30d", "a period; none: the whole time is one", none=True)
    step_bps: float = number(1_000.0, "bps", "the step of A against B", low=-9_000, high=100_000)
    half_life: str = span("2d", "after which half of it is left")

    @property
    def label(self) -> str:
        """The name with the step."""
        return f"premium step {self.step_bps:+,.0f} bps"

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"A steps by {self.step_bps:+,.0f} bps, half of it is gone after {self.half_life}"

    def shock(self, panel: Panel) -> Panel:
        """Multiply A from each hit on."""
        draft = Draft(panel)
        for hit in self.hits(panel) if self.step_bps else ():
            rows = slice(hit.row, len(panel))
            left = _decay(panel, rows, hit.ts, self.half_life)
            draft.scale("a", rows, 1 + self.step_bps / 1e4 * left)
        return draft.panel(f"scenario: {self.describe()}")


@dataclass(frozen=True, kw_only=True)
class FxJump(Timed):
    """The rate that converts a leg jumps and stays; prices in that currency follow over hours."""

    name: ClassVar[str] = "fx_jump"
    summary: ClassVar[str] = "the exchange rate jumps by 2 %; prices in that currency follow over hours"

    every: str | None = span("30d", "a period; none: the whole time is one", none=True)
    move_pct: float = number(-2.0, "%", "of the account currency per unit of the leg's", low=-90, high=1_000)
    half_life: str = span("2h", "after which the venue's prices have followed half-way")

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"the rate of a converted leg jumps {self.move_pct:+g} %, prices follow in {self.half_life}"

    def shock(self, panel: Panel) -> Panel:
        """Move the rate for good, and the converted prices by what the venue has not followed yet."""
        draft, move = Draft(panel), self.move_pct / 100
        legs = converted_legs(panel)
        for hit in self.hits(panel) if move and legs else ():
            rows = slice(hit.row, len(panel))
            left = _decay(panel, rows, hit.ts, self.half_life)
            for leg in legs:
                draft.scale(leg, rows, 1 + move * left)
                draft.column(f"fx_{leg}")[rows] *= 1 + move
        return draft.panel(f"scenario: {self.describe()}")


@dataclass(frozen=True, kw_only=True)
class FxTick(Timed):
    """The feed of the rate shows a wrong number for seconds; nobody trades at it."""

    name: ClassVar[str] = "fx_tick"
    summary: ClassVar[str] = "a wrong tick of the exchange rate, off by 1 % for 5 s"

    every: str | None = span("1h", "a period; none: the whole time is one", none=True)
    move_pct: float = number(1.0, "%", "how far it is off, up or down", low=0, high=90)
    lasts: str = span("5s", "how long it is believed", zero=True)

    @property
    def feed(self) -> bool:
        """Orders are filled on the books as they were."""
        return True

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"a wrong tick of the rate, off by {self.move_pct:g} % for {self.lasts}, every {self.every}"

    def shock(self, panel: Panel) -> Panel:
        """Convert at a wrong rate for a short time."""
        draft, move, lasts = Draft(panel), self.move_pct / 100, duration_ns(self.lasts)
        legs = converted_legs(panel)
        for hit in self.hits(panel) if move and lasts and legs else ():
            sign = 1 if uniforms(self.seed, "fx_tick:sign", hit.number)[0] < 0.5 else -1
            rows = rows_between(panel, hit.ts, hit.ts + lasts)
            for leg in legs:
                draft.scale(leg, rows, 1 + sign * move)
                draft.column(f"fx_{leg}")[rows] *= 1 + sign * move
        return draft.panel(f"scenario: {self.describe()}")


def converted_legs(panel: Panel) -> list[Leg]:
    """Return the legs whose currency is not the account's."""
    rates = {leg: getattr(panel, f"fx_{leg}") for leg in LEGS}
    return [leg for leg, rate in rates.items() if rate is not None and not (rate == 1).all()]


def _decay(panel: Panel, rows: slice, start: int, half_life: str) -> FloatArray:
    left: FloatArray = np.exp2(-(panel.ts[rows] - start) / duration_ns(half_life))
    return left
