"""Moves of prices: crash and spike, noise, louder premiums, a rally, and the control."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from arbkit._typing import FloatArray
from arbkit.config import Params
from arbkit.panel import Panel
from arbkit.stress.draft import LEGS, Draft, mid
from arbkit.stress.draws import uniforms
from arbkit.stress.scenario import Scenario, flag, number, span, whole
from arbkit.stress.timed import OnVenue, Timed, ramp, rows_between
from arbkit.units import duration_ns

__all__ = ["FlashCrash", "FlashSpike", "MarginRally", "Noise", "Split", "StaggeredVolatility"]


@dataclass(frozen=True, kw_only=True)
class FlashCrash(OnVenue):
    """One venue falls within seconds and comes back; the other one stays."""

    name: ClassVar[str] = "flash_crash"
    summary: ClassVar[str] = "one venue falls 2 % within 5 s and comes back"

    every: str | None = span("1d", "a period; none: the whole time is one", none=True)
    move_pct: float = number(-2.0, "%", "how far the price moves", low=-99, high=1_000)
    within: str = span("5s", "how long the move takes")
    back: str = span("1m", "how long the way back takes")
    entries: bool = flag(True, "whether anything is entered meanwhile")

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        verb = "falls" if self.move_pct < 0 else "rises"
        return f"{self.where()} {verb} {abs(self.move_pct):g} % within {self.within}, back in {self.back}"

    def shock(self, panel: Panel) -> Panel:
        """Move one venue on the rows around each hit; the hit is the farthest row."""
        draft, move = Draft(panel), self.move_pct / 100
        rise, back = duration_ns(self.within), duration_ns(self.back)
        for hit in self.hits(panel) if move else ():
            rows = rows_between(panel, hit.ts - rise, hit.ts + back + 1)
            weight = ramp(panel.ts[rows], [(hit.ts - rise, 0.0), (hit.ts, 1.0), (hit.ts + back, 0.0)])
            draft.scale(self.leg(hit, falls=move < 0), rows, 1 + move * weight)
            if not self.entries:
                draft.bar_entries(rows)
        return draft.panel(f"scenario: {self.describe()}")


@dataclass(frozen=True, kw_only=True)
class FlashSpike(FlashCrash):
    """One venue rises within seconds and comes back; the other one stays."""

    name: ClassVar[str] = "flash_spike"
    summary: ClassVar[str] = "one venue rises 3 % within 5 s and comes back"

    move_pct: float = number(3.0, "%", "how far the price moves", low=-99, high=1_000)


@dataclass(frozen=True, kw_only=True)
class Noise(Scenario):
    """Prices off by a random amount, each venue for itself.

    The feed is wrong, not the market: orders are filled at the books as they were, unless `traded`.
    """

    name: ClassVar[str] = "noise"
    summary: ClassVar[str] = "each venue's prices are off by up to 0.5 %"

    seed: int = whole(0, "another seed draws other errors")
    size_pct: float = number(0.5, "%", "largest error", low=0, high=50)
    hold: str = span("1m", "how long one error lasts")
    share: float = number(1.0, "", "share of the time that has one", low=0, high=1)
    traded: bool = flag(False, "whether orders are filled at such prices too")

    @property
    def feed(self) -> bool:
        """Whether orders are filled on the books as they were."""
        return not self.traded

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        often = "" if self.share == 1 else f" in {self.share:.3g} of the time"
        what = "prices" if self.traded else "the feed's prices"
        return f"{what} are off by up to {self.size_pct:g} %{often}, anew every {self.hold}"

    def shock(self, panel: Panel) -> Panel:
        """Multiply the prices of each venue by a number that is drawn anew every `hold`."""
        draft = Draft(panel)
        if self.size_pct == 0 or self.share == 0:
            return panel
        bins = panel.ts // duration_ns(self.hold)
        numbers, of_row = np.unique(bins, return_inverse=True)
        for leg in LEGS:
            drawn = uniforms(self.seed, f"noise:{leg}", numbers) * 2 - 1
            drawn[uniforms(self.seed, f"noise:{leg}:there", numbers) > self.share] = 0.0
            draft.scale(leg, slice(None), (1 + self.size_pct / 100 * drawn)[of_row])
        return draft.panel(f"scenario: {self.describe()}")


@dataclass(frozen=True, kw_only=True)
class StaggeredVolatility(Scenario):
    """The premium of one pair after the other swings wider around its mean, each for as long."""

    name: ClassVar[str] = "staggered_volatility"
    summary: ClassVar[str] = "one pair after the other has a premium that swings three times as wide"

    seed: int = whole(0, "another seed draws another order of the pairs")
    factor: float = number(3.0, "", "how many times as wide", low=0, high=100)
    pair: int = 0
    pairs: int = 1

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        whose = "the premium swings" if self.pairs == 1 else "one pair's premium after the other's swings"
        return f"{whose} {self.factor:g} times as wide"

    def for_pair(self, pair: int, pairs: int) -> StaggeredVolatility:
        """Return the scenario with the share of the time that is this pair's."""
        return self.replace(pair=pair, pairs=pairs)

    def shock(self, panel: Panel) -> Panel:
        """Move A so that the logarithm of A over B is `factor` times as far from its mean in the window."""
        if self.factor == 1 or not len(panel):
            return panel
        order = np.argsort(uniforms(self.seed, "staggered_volatility:order", np.arange(self.pairs)))
        turn, span_ns = int(np.flatnonzero(order == self.pair)[0]), panel.end_ns + 1 - panel.start_ns
        start, end = (panel.start_ns + span_ns * k // self.pairs for k in (turn, turn + 1))
        rows = rows_between(panel, start, end)
        ratio = log_ratio(panel, rows)
        if not np.isfinite(ratio).any():
            return panel
        away = np.nan_to_num(ratio - np.nanmean(ratio), nan=0.0)
        # In and out over a tenth of the window, so that the swing and not a step is what is met.
        edge = max(1, (end - start) // 10)
        weight = ramp(panel.ts[rows], [(start, 0.0), (start + edge, 1.0), (end - edge, 1.0), (end, 0.0)])
        draft = Draft(panel)
        draft.scale("a", rows, np.exp((self.factor - 1) * weight * away))
        return draft.panel(f"scenario: {self.describe()}")


@dataclass(frozen=True, kw_only=True)
class MarginRally(Timed):
    """Both venues move together, far, against the margined leg at B.

    Up where B is short, or where no trade is open; down where B is long. The spread between the venues
    stays. Where the parameters have no leverage, B gets this one.
    """

    name: ClassVar[str] = "margin_rally"
    summary: ClassVar[str] = "both venues move 30 % against the margined leg at B"

    every: str | None = span("30d", "a period; none: the whole time is one", none=True)
    move_pct: float = number(30.0, "%", "how far both prices move", low=-90, high=1_000)
    over: str = span("10m", "how long the move takes")
    leverage: float = number(5.0, "", "leverage at B where the parameters have none; 0: none", low=0)

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"both venues move {self.move_pct:g} % over {self.over} against a leg at {self.leverage:g}x"

    def shock(self, panel: Panel) -> Panel:
        """Move both venues by the same factor from each hit on."""
        draft = Draft(panel)
        for hit in self.hits(panel) if self.move_pct else ():
            move = self.move_pct / 100
            move = 1 / (1 + move) - 1 if hit.long == "b" else move
            rows = slice(hit.row, len(panel))
            end = hit.ts + duration_ns(self.over)
            factor = 1 + move * ramp(panel.ts[rows], [(hit.ts, 0.0), (end, 1.0)])
            for leg in LEGS:
                draft.scale(leg, rows, factor)
        return draft.panel(f"scenario: {self.describe()}")

    def change(self, params: Params) -> Params:
        """Margin the leg at B, where it is not."""
        if self.move_pct == 0 or self.leverage <= 1 or params.leverage_b is not None:
            return params
        if params.pnl_model == "convergence":
            return params
        return params.replace(leverage_b=self.leverage)


@dataclass(frozen=True, kw_only=True)
class Split(Scenario):
    """The asset is split: prices on both venues times a power of two, sizes and lots divided by it.

    Both legs move together and nothing else happens, so nothing may change, to the last bit: the control,
    which shows that shocked panels are replayed as the others are.
    """

    name: ClassVar[str] = "split"
    summary: ClassVar[str] = "the asset is split two to one: the control, which may change nothing"
    control: ClassVar[bool] = True

    halvings: int = whole(1, "how often prices are halved", low=0)

    def describe(self) -> str:
        """Return what happens, with its numbers."""
        return f"control: the asset is split {2**self.halvings} to 1 at both venues"

    def shock(self, panel: Panel) -> Panel:
        """Divide all prices by a power of two and multiply all sizes by it, which loses no bit."""
        draft, factor = Draft(panel), 2.0**self.halvings
        if self.halvings == 0:
            return panel
        for leg in LEGS:
            draft.scale(leg, slice(None), 1 / factor)
            for side in ("bid", "ask") if panel.ladders is not None else ():
                sizes = draft.ladder(f"{side}_sz_{leg}")
                sizes *= factor
        return draft.panel(f"scenario: {self.describe()}")

    def change(self, params: Params) -> Params:
        """Split the lots too."""
        factor = 2.0**self.halvings
        if params.lot_a == params.lot_b == 0:
            return params
        return params.replace(lot_a=params.lot_a * factor, lot_b=params.lot_b * factor)


def log_ratio(panel: Panel, rows: slice) -> FloatArray:
    """Return the logarithm of A's mid over B's on some rows, NaN where not tradable."""
    with np.errstate(all="ignore"):
        ratio: Any = np.log(mid(panel, "a", rows) / mid(panel, "b", rows))
    return np.where(panel.tradable[rows], ratio, np.nan)
