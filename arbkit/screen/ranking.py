"""`screen`: what each asset offered between two venues, measured the same way for all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from arbkit.units import DAY_NS, MINUTE_NS

if TYPE_CHECKING:
    import polars as pl

    from arbkit.data import Dataset

__all__ = ["Costs", "How", "Progress", "check_positive", "ranked", "screen"]

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


class How(NamedTuple):
    """How assets are measured, the same for all; most as `screen` takes it.

    Attributes:
        start_ns: of the panels, None for all there is.
        step_ns: of the loops of two assets.
        span_days: what "a day" is counted on; None takes the length of each asset's panel.
        cache: whether panels are kept.
    """

    size: float
    costs: Costs
    same: tuple[str, ...] = ()
    reference: str = "none"
    level_bps: float = 0.0
    half_spread_bps: float | None = None
    start_ns: int | None = None
    step_ns: int = MINUTE_NS
    span_days: float | None = None
    cache: bool = True


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

    check_positive(size=size, days=days)
    source, merged = open_dataset(dataset), (same,) if isinstance(same, str) else tuple(same)
    assets = listed_assets(source, venue_a=venue_a, venue_b=venue_b, fx_symbol=fx_symbol, same=merged)
    start = None if days is None else max(item.end_ns for item in source.instruments) - round(days * DAY_NS)
    how = How(size, costs, merged, reference, level_bps, half_spread_bps, start)
    return ranked(source, assets, how, progress)


def check_positive(**values: float | None) -> None:
    """Raise ConfigError for a value that is neither None nor a number above 0."""
    for name, value in values.items():
        if value is not None and not (np.isfinite(value) and value > 0):
            raise ConfigError(f"`{name}` must be above 0, was {value!r}")


def ranked(source: Dataset, assets: Sequence[Listed], how: How, progress: Progress | None = None) -> Screen:
    """Measure the assets of a dataset, and rank them.

    Raises:
        CoverageError: when no asset could be measured.
    """
    measured, notes = {}, []
    for number, item in enumerate(assets, start=1):
        try:
            panel = _panel(source, item, how)
        except CoverageError as error:
            notes.append(f"{item.asset} is left out: {error}")
        else:
            measured[item.asset] = _measure(panel, item, how)
        if progress is not None:
            progress(number, len(assets), item.asset)
    if not measured:
        raise CoverageError(f"no asset of {source.name} could be measured: {notes[0]}")
    return _screen(measured, assets[0], how, notes)


def _panel(source: Dataset, item: Listed, how: How) -> Panel:
    depth = min(source.instrument(leg).levels for leg in (item.leg_a, item.leg_b))
    candles = [source.instrument(leg).is_candle for leg in (item.leg_a, item.leg_b)]
    return load_panel(
        source,
        {"a": item.leg_a, "b": item.leg_b},
        None if item.fx is None else {"symbol": item.fx},
        currency=item.currency,
        same=how.same,
        start=how.start_ns,
        reference=how.reference,
        levels=0 if any(candles) else depth,
        half_spread_a_bps=how.half_spread_bps if candles[0] else None,
        half_spread_b_bps=how.half_spread_bps if candles[1] else None,
        cache=how.cache,
    )


def _measure(panel: Panel, item: Listed, how: How) -> _Measured:
    size, cost, level = float(how.size), how.costs.crossing_bps, how.level_bps
    x_ab, x_ba = sized_signals(panel.market, panel.levels, size)
    s_ab, s_ba = x_ab, x_ba
    rows, sides = crossings(x_ab, x_ba, cost, level)
    if panel.fair is not None:
        plain = panel.with_reference("none")
        s_ab, s_ba = sized_signals(plain.market, plain.levels, size)
        rows, sides = rows[: rows.size // 2 * 2], sides[: rows.size // 2 * 2]
    nets = np.where(sides == 0, s_ab[rows], s_ba[rows]) - cost
    days = (panel.end_ns - panel.start_ns) / DAY_NS
    span = days if how.span_days is None else how.span_days
    per_day = float(nets.sum()) / span if span > 0 else 0.0
    live = np.flatnonzero(panel.tradable)
    row = {
        "asset": item.asset,
        "net_bps_per_day": per_day,
        "pnl_per_day": per_day * 1e-4 * size,
        "crossings_per_day": nets.size / span if span > 0 else 0.0,
        "net_bps": float(nets.sum()),
        "crossings": nets.size,
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
    return _Measured(row, gridded(panel.ts, s_ab, s_ba, how.step_ns))


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


def _screen(measured: dict[str, _Measured], first: Listed, how: How, notes: list[str]) -> Screen:
    import polars as pl

    frame = pl.DataFrame([item.row for item in measured.values()], infer_schema_length=None)
    frame = frame.sort("net_bps_per_day", "asset", descending=[True, False], maintain_order=True)
    venues = [leg.partition("/")[0] for leg in (first.leg_a, first.leg_b)]
    spreads = {name: item.spreads for name, item in measured.items()}
    matrix = relative_premiums(spreads, how.costs.crossing_bps, how.step_ns)
    return Screen(
        frame=frame,
        matrix=matrix,
        finding=_finding(frame, matrix, how, first.currency),
        notes=(*notes, *_limits(frame, how)),
        pair=f"{venues[0]} x {venues[1]}",
        currency=first.currency,
        size=how.size,
        reference=how.reference,
        costs_bps=how.costs.crossing_bps,
    )


def _finding(frame: pl.DataFrame, matrix: pl.DataFrame, how: How, currency: str) -> str:
    said = f"{how.size:,.0f} {currency} a crossing at {how.costs.crossing_bps:g} bps: "
    if how.span_days is not None:
        said = f"in {_length(how.span_days)}, {said}"
    return said + _offered(frame, how) + _best_loop(matrix)


def _offered(frame: pl.DataFrame, how: How) -> str:
    best = frame.row(0, named=True)
    assets = words.count(frame.height, "asset", "assets")
    if best["net_bps_per_day"] <= 0:
        return f"none of {assets} offered anything"
    count = int((frame["net_bps_per_day"] > 0).sum())
    said = f"{count} of {assets} offered something, most of all {best['asset']} with "
    if how.span_days is None:
        return f"{said}{best['net_bps_per_day']:,.1f} bps a day in {best['crossings_per_day']:,.1f} crossings"
    crossings = words.count(best["crossings"], "crossing", "crossings")
    a_day = f"multiplied up, {best['net_bps_per_day']:,.0f} bps a day"
    return f"{said}{best['net_bps']:,.1f} bps in {crossings} ({a_day})"


def _length(days: float) -> str:
    seconds = 86_400 * days
    return f"{seconds:.3g} s" if seconds < 120 else f"{seconds / 60:.3g} min"


def _best_loop(matrix: pl.DataFrame) -> str:
    widest = matrix.filter(matrix["now_bps"].is_not_null()).sort("now_bps", descending=True).head(1)
    if not widest.height:
        return ""
    row = widest.row(0, named=True)
    if row["now_bps"] <= 0:
        return "; no loop of two assets pays now"
    return f"; selling {row['sell']} and carrying back {row['carry']} leaves {row['now_bps']:,.1f} bps now"


def _limits(frame: pl.DataFrame, how: How) -> list[str]:
    notes = ["a bound: no delay, and nobody else takes the liquidity"]
    if how.span_days is not None:
        notes.append(
            f"watched for {_length(how.span_days)} only: figures a day are what was seen multiplied by "
            f"{1 / how.span_days:,.0f}, and a day need not be like it"
        )
    if how.reference == "none":
        notes.append("measured from parity: a premium that stays is one crossing, not many")
    else:
        notes.append(f"measured from {how.reference}: a crossing counts once the one back has been made")
    if frame["filled_pct"].null_count() == frame.height:
        notes.append("no sizes in the books: any size was filled at the best price")
    return notes
