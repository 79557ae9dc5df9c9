"""`screen`: what each asset offered between two venues, measured the same way for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray, PathLike
from arbkit.errors import ConfigError, CoverageError
from arbkit.kernels.sized import crossings, sized_signals
from arbkit.panel import Panel, load_panel
from arbkit.realism import _words as words
from arbkit.screen.listed import Listed, listed_assets
from arbkit.screen.relative import Gridded, gridded, relative_premiums
from arbkit.screen.result import Screen
from arbkit.units import DAY_NS

if TYPE_CHECKING:
    import polars as pl

    from arbkit.data import Dataset

__all__ = ["Costs", "Progress", "screen"]

#: Called with the number of assets done, their total, and the asset that was measured.
Progress = Callable[[int, int, str], None]

_SIDES: Final = ("buy A, sell B", "buy B, sell A")


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What a crossing costs, bps; the same for every asset.

    Raises:
        ConfigError: for a cost that is not finite.
    """

    fee_a_bps: float
    fee_b_bps: float
    slippage_bps: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not np.isfinite(value):
                raise ConfigError(f"`{name}` must be finite, was {value!r}")

    @property
    def crossing_bps(self) -> float:
        """Both legs once."""
        return self.fee_a_bps + self.fee_b_bps + self.slippage_bps


class _Measured(NamedTuple):
    row: dict[str, Any]
    spreads: Gridded


def screen(
    dataset: PathLike | Dataset,
    *,
    size: float,
    costs: Costs,
    venue_a: str | None = None,
    venue_b: str | None = None,
    fx_symbol: str | None = None,
    same: Iterable[str] = (),
    reference: str = "none",
    level_bps: float = 0.0,
    days: float | None = None,
    half_spread_bps: float | None = None,
    progress: Progress | None = None,
) -> Screen:
    """Rank every asset that two venues list by the net bps per day that it offered at a size.

    One position of `size` lies at either venue. It crosses on the first row where the spread, filled down the
    books, leaves at least `level_bps` after the cost of a crossing; the next crossing in the same direction
    needs one back first. With a reference the spread that decides is measured from it, and a crossing counts
    when the one back has been made, with what both earned. Nothing is known in advance, and nobody else takes
    the liquidity: a bound, not a result.

    Args:
        dataset: its folder, or open.
        size: notional of one crossing, in the quote currency of B.
        costs: of one crossing.
        venue_a, venue_b, fx_symbol, same: as `listed_assets` takes them.
        reference: what a premium is measured from: "none", or as in `Panel.with_reference`.
        level_bps: what a crossing must leave.
        days: only so many, at the end.
        half_spread_bps: needed where legs are candles.
        progress: told after each asset.

    Raises:
        ConfigError: for a size, a number of days or a venue that breaks its rule.
        DataError: when no asset is listed on two venues, or nothing of them overlaps.
    """
    from arbkit.data import open_dataset

    for name, value in (("size", size), ("days", days)):
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ConfigError(f"`{name}` must be above 0, was {value!r}")
    source, merged = open_dataset(dataset), (same,) if isinstance(same, str) else tuple(same)
    assets = listed_assets(source, venue_a=venue_a, venue_b=venue_b, fx_symbol=fx_symbol, same=merged)
    start = None if days is None else max(item.end_ns for item in source.instruments) - round(days * DAY_NS)
    measured, notes = {}, []
    for number, item in enumerate(assets, start=1):
        try:
            panel = _panel(source, item, start, merged, reference, half_spread_bps)
        except CoverageError as error:
            notes.append(f"{item.asset} is left out: {error}")
        else:
            measured[item.asset] = _measure(panel, item, size, costs.crossing_bps, level_bps)
        if progress is not None:
            progress(number, len(assets), item.asset)
    if not measured:
        raise CoverageError(f"no asset of {source.name} could be measured: {notes[0]}")
    return _screen(measured, assets[0], size, costs, reference, notes)


def _panel(
    source: Dataset,
    item: Listed,
    start: int | None,
    same: tuple[str, ...],
    reference: str,
    half: float | None,
) -> Panel:
    depth = min(source.instrument(leg).levels for leg in (item.leg_a, item.leg_b))
    candles = [source.instrument(leg).is_candle for leg in (item.leg_a, item.leg_b)]
    return load_panel(
        source,
        {"a": item.leg_a, "b": item.leg_b},
        None if item.fx is None else {"symbol": item.fx},
        currency=item.currency,
        same=same,
        start=start,
        reference=reference,
        levels=0 if any(candles) else depth,
        half_spread_a_bps=half if candles[0] else None,
        half_spread_b_bps=half if candles[1] else None,
    )


def _measure(panel: Panel, item: Listed, size: float, cost: float, level: float) -> _Measured:
    x_ab, x_ba = sized_signals(panel.market, panel.levels, float(size))
    s_ab, s_ba = x_ab, x_ba
    rows, sides = crossings(x_ab, x_ba, cost, level)
    if panel.fair is not None:
        plain = panel.with_reference("none")
        s_ab, s_ba = sized_signals(plain.market, plain.levels, float(size))
        rows, sides = rows[: rows.size // 2 * 2], sides[: rows.size // 2 * 2]
    nets = np.where(sides == 0, s_ab[rows], s_ba[rows]) - cost
    days = (panel.end_ns - panel.start_ns) / DAY_NS
    per_day = float(nets.sum()) / days if days > 0 else 0.0
    live = np.flatnonzero(panel.tradable)
    row = {
        "asset": item.asset,
        "net_bps_per_day": per_day,
        "pnl_per_day": per_day * 1e-4 * size,
        "crossings_per_day": nets.size / days if days > 0 else 0.0,
        "net_bps_per_crossing": float(nets.mean()) if nets.size else None,
        **_premium(panel, live),
        **_now(x_ab, x_ba, live, cost),
        "open_pct": _percent(np.fmax(x_ab[live], x_ba[live]) - cost >= level),
        "filled_pct": _percent(np.isfinite(x_ab[live]) & np.isfinite(x_ba[live])) if panel.levels else None,
        "tradable_pct": _percent(panel.tradable),
        "days": days,
        "rows": len(panel),
        "leg_a": item.leg_a,
        "leg_b": item.leg_b,
    }
    return _Measured(row, gridded(panel.ts, s_ab, s_ba))


def _premium(panel: Panel, live: IntArray) -> dict[str, float | None]:
    """Mid of A over mid of B, minus one, bps: where it is, and where it was."""
    names = ("premium_bps", "premium_p05_bps", "premium_median_bps", "premium_p95_bps")
    if not live.size:
        return dict.fromkeys(names)
    ratio = (panel.bid_a[live] + panel.ask_a[live]) / (panel.bid_b[live] + panel.ask_b[live])
    premium: FloatArray = (ratio - 1.0) * 1e4
    return dict(
        zip(names, (float(premium[-1]), *np.quantile(premium, (0.05, 0.5, 0.95)).tolist()), strict=True)
    )


def _now(x_ab: FloatArray, x_ba: FloatArray, live: IntArray, cost: float) -> dict[str, Any]:
    """What the last tradable row leaves, in its better direction."""
    if not live.size or not np.isfinite(np.fmax(x_ab[live[-1]], x_ba[live[-1]])):
        return {"net_bps_now": None, "direction_now": None}
    last = (x_ab[live[-1]] - cost, x_ba[live[-1]] - cost)
    side = int(np.nanargmax(last))
    return {"net_bps_now": float(last[side]), "direction_now": _SIDES[side]}


def _percent(flags: Any) -> float:
    return float(100 * flags.mean()) if flags.size else 0.0


def _screen(
    measured: dict[str, _Measured], first: Listed, size: float, costs: Costs, reference: str, notes: list[str]
) -> Screen:
    import polars as pl

    frame = pl.DataFrame([item.row for item in measured.values()], infer_schema_length=None)
    frame = frame.sort("net_bps_per_day", "asset", descending=[True, False], maintain_order=True)
    venues = [leg.partition("/")[0] for leg in (first.leg_a, first.leg_b)]
    matrix = relative_premiums({name: item.spreads for name, item in measured.items()}, costs.crossing_bps)
    return Screen(
        frame=frame,
        matrix=matrix,
        finding=_finding(frame, matrix, size, first.currency, costs),
        notes=(*notes, *_limits(frame, reference)),
        pair=f"{venues[0]} x {venues[1]}",
        currency=first.currency,
        size=size,
        reference=reference,
        costs_bps=costs.crossing_bps,
    )


def _finding(frame: pl.DataFrame, matrix: pl.DataFrame, size: float, currency: str, costs: Costs) -> str:
    best = frame.row(0, named=True)
    assets = words.count(frame.height, "asset", "assets")
    said = f"{size:,.0f} {currency} a crossing at {costs.crossing_bps:g} bps: "
    if best["net_bps_per_day"] > 0:
        count = int((frame["net_bps_per_day"] > 0).sum())
        said += (
            f"{count} of {assets} offered something, most of all {best['asset']} with "
            f"{best['net_bps_per_day']:,.1f} bps a day in {best['crossings_per_day']:,.1f} crossings"
        )
    else:
        said += f"none of {assets} offered anything"
    widest = matrix.filter(matrix["now_bps"].is_not_null()).sort("now_bps", descending=True).head(1)
    if widest.height and (widest["now_bps"] > 0).item():
        row = widest.row(0, named=True)
        said += (
            f"; selling {row['sell']} and carrying back {row['carry']} leaves {row['now_bps']:,.1f} bps now"
        )
    elif widest.height:
        said += "; no loop of two assets pays now"
    return said


def _limits(frame: pl.DataFrame, reference: str) -> list[str]:
    notes = ["a bound: no delay, and nobody else takes the liquidity"]
    if reference == "none":
        notes.append("measured from parity: a premium that stays is one crossing, not many")
    else:
        notes.append(f"measured from {reference}: a crossing counts once the one back has been made")
    if frame["filled_pct"].null_count() == frame.height:
        notes.append("no sizes in the books: any size was filled at the best price")
    return notes
