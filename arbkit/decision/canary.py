"""The smallest trial with money: how small the venues let it be, how long it takes, what it may cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.config import Params
from arbkit.panel import Panel
from arbkit.study.validation_spec import ValidationSpec
from arbkit.validation import Validation

__all__ = ["LEAST_DAYS", "LEAST_TRADES", "VENUE_MINIMUMS", "Canary", "Minimum", "canary_of", "minimums_of"]

#: A canary runs until it has so many closed trades, and at least so long.
LEAST_TRADES: Final = 30
LEAST_DAYS: Final = 14
_DRAWS: Final = 2_000
#: From fewer bins out of sample no worst cost is told: those that were seen may all have been good ones.
_LEAST_BINS: Final = 16
_MOST_CELLS: Final = 20_000_000
#: A price may fall between the decision and the fill; an order at exactly the minimum would then be refused.
_HEADROOM: Final = 1.1


class Minimum(NamedTuple):
    """The smallest order of a venue: its value in the venue's own currency, and the step of its size."""

    notional: float
    lot: float = 0.0


#: Smallest orders by venue. They differ by instrument and change: read the venue's own before an order.
VENUE_MINIMUMS: Final[Mapping[str, Minimum]] = {
    "upbit": Minimum(5_000.0, 1e-8),
    "bithumb": Minimum(5_000.0, 1e-8),
    "binance": Minimum(5.0, 1e-5),
    "binance_spot": Minimum(5.0, 1e-5),
    "binance_usdm": Minimum(100.0, 1e-3),
}
_SPOT: Final = "BTCUSDT in recorded exchangeInfo; others differ"
#: Where each of them comes from.
_SOURCES: Final[Mapping[str, str]] = {
    "upbit": "its guide to KRW markets, 2025",
    "bithumb": "an assumption: Upbit's",
    "binance": _SPOT,
    "binance_spot": _SPOT,
    "binance_usdm": "BTCUSDT in recorded exchangeInfo; most others take 5",
}


@dataclass(frozen=True)
class Canary:
    """The smallest trial with money that can tell something.

    Attributes:
        size: of one trade, base units.
        notional_usd: of one trade, account currency.
        share: of the size that was studied.
        days: how long it runs.
        closed_trades: how many it should see.
        expected_usd: what it earns if the out-of-sample mean is the truth.
        worst_usd: what it costs at most in 95 of 100 cases; at least 0; None with fewer than 16 bins.
        deepest_usd: what it may be down on the way in 95 of 100 cases; None likewise.
        draws: bootstrap draws.
        notes: what limits this.
    """

    size: float
    notional_usd: float
    share: float
    days: int
    closed_trades: int
    expected_usd: float
    worst_usd: float | None
    deepest_usd: float | None
    draws: int
    notes: tuple[str, ...]


def minimums_of(
    panel: Panel, params: Params, given: Mapping[str, Minimum] | None = None
) -> tuple[dict[str, Minimum], tuple[str, ...]]:
    """Return the smallest order of each leg ("a", "b") in the account currency, and what was assumed.

    Args:
        panel: whose legs and exchange rates count.
        params: their `lot_a`, `lot_b` and `min_notional_usd` count where they are larger.
        given: by leg, in the account currency; else what is known of the venues.
    """
    found, notes = {}, []
    for leg, name, lot in (("a", panel.meta.leg_a, params.lot_a), ("b", panel.meta.leg_b, params.lot_b)):
        venue = name.partition("/")[0]
        known = (given or {}).get(leg)
        if known is None:
            documented = VENUE_MINIMUMS.get(venue)
            if documented is None:
                notes.append(f"no smallest order is known of {name}")
                documented = Minimum(0.0)
            else:
                notes.append(
                    f"smallest order of {name}: {documented.notional:,.10g} of its currency, steps of "
                    f"{documented.lot:.10g} ({_SOURCES[venue]})"
                )
            known = Minimum(documented.notional * _rate(panel, leg), documented.lot)
        found[leg] = Minimum(max(known.notional, params.min_notional_usd), max(known.lot, lot))
    return found, tuple(notes)


def _rate(panel: Panel, leg: str) -> float:
    """Return the last known account currency per unit of the leg's."""
    rates = panel.fx_a if leg == "a" else panel.fx_b
    if rates is None:
        return 1.0
    known = rates[np.isfinite(rates)]
    return float(known[-1]) if known.size else 1.0


def canary_of(
    found: Validation,
    spec: ValidationSpec,
    panel: Panel,
    params: Params,
    *,
    seed: int,
    given: Mapping[str, Minimum] | None = None,
) -> Canary | None:
    """Return the smallest canary; None where nothing was traded out of sample.

    Its size is the smallest that both venues take, on the coarser of the two grids of sizes, with a tenth to
    spare. It runs until 30 trades are closed at the out-of-sample rate, and at least 14 days. Its worst cost
    is the 5th percentile of the total over that time: bins of the out-of-sample time are drawn in blocks
    (stationary bootstrap, Politis and Romano 1994), scaled to the canary's size. The same draws give the
    deepest point on the way. That a small order pays the same basis points is assumed.

    Args:
        found: the validation.
        spec: its settings.
        panel: the last market seen: its last price counts.
        params: the chosen set.
        seed: of the draws.
        given: smallest orders by leg, account currency.
    """
    if not found.parts:
        return None
    out = found.part("out_of_sample")
    starts = np.array(found.bin_starts, np.int64)
    pnl = np.array(found.bin_pnl)[-out.bins :] if out.bins else np.zeros(0)
    price = _last_price(panel)
    if not out.closed_trades or price is None or starts.size < out.bins or not pnl.any():
        return None
    minimums, notes = minimums_of(panel, params, given)
    size = _smallest(minimums, price)
    if size is None:
        size = params.max_position_usd / 100 / price
        notes = (*notes, "no venue names a smallest order: a hundredth of the studied size is taken")
    notional = size * price
    share = notional / params.max_position_usd
    if share > 1:
        notes = (*notes, f"the venues' smallest order is {share:.1f} times the size that was studied")
    per_day = out.closed_trades / out.days
    days = max(LEAST_DAYS, math.ceil(LEAST_TRADES / per_day))
    n = max(1, round(days * spec.bins_per_day))
    if _LEAST_BINS <= out.bins < spec.min_bins:
        few = f"the worst cost is drawn from {out.bins} bins where {spec.min_bins} are needed"
        notes = (f"{few}: it may well be higher", *notes)
    worst = deepest = None
    draws = 0
    if out.bins >= _LEAST_BINS:
        totals, lowest = _drawn(pnl * share, n, spec.block_bins, seed)
        worst, deepest = (max(0.0, -float(np.quantile(item, 0.05))) for item in (totals, lowest))
        draws = totals.size
    return Canary(
        size=size,
        notional_usd=notional,
        share=share,
        days=days,
        closed_trades=math.floor(per_day * days),
        expected_usd=out.per_day_usd * share * days,
        worst_usd=worst,
        deepest_usd=deepest,
        draws=draws,
        notes=notes,
    )


def _last_price(panel: Panel) -> float | None:
    rows = np.flatnonzero(panel.tradable)
    if not rows.size:
        return None
    return float(max(panel.ask_a[rows[-1]], panel.ask_b[rows[-1]]))


def _smallest(minimums: Mapping[str, Minimum], price: float) -> float | None:
    """Return the smallest size that both venues take; None where neither has a limit."""
    lot = max(item.lot for item in minimums.values())
    least = max(max(item.notional * _HEADROOM / price, item.lot) for item in minimums.values())
    if least <= 0:
        return None
    return least if lot <= 0 else float(f"{math.ceil(round(least / lot, 9)) * lot:.12g}")


def _drawn(pnl: FloatArray, n: int, block: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Return the totals of resamples of n bins, and the lowest point of each on its way."""
    random = np.random.default_rng(seed)
    draws = max(200, min(_DRAWS, _MOST_CELLS // n))
    totals, lowest = np.empty(draws), np.empty(draws)
    at = np.arange(n)
    for k in range(draws):
        begins = random.random(n) * block < 1
        begins[0] = True
        start = random.integers(0, pnl.size, n)
        begun = np.maximum.accumulate(np.where(begins, at, 0))
        path = np.cumsum(pnl[(start[begun] + at - begun) % pnl.size])
        totals[k], lowest[k] = path[-1], path.min()
    return totals, lowest
