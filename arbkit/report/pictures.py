"""The figures of a report with their titles, captions and spoken descriptions."""

from __future__ import annotations

from typing import Any, NamedTuple

from arbkit.report import numbers as n
from arbkit.report.figures import around, checks, equity, hours, landscape, premium, search, spread, trades
from arbkit.report.figures.chart import HALF, NARROW, WIDE, Draw
from arbkit.report.tables import metric_text
from arbkit.report.text import Text
from arbkit.report.trust import capacity_sentence, latency_sentence
from arbkit.report.view import Segment, StudyView

__all__ = [
    "SLICE",
    "Picture",
    "capacity_picture",
    "contour_picture",
    "equity_picture",
    "excursion_picture",
    "history_picture",
    "hold_picture",
    "hours_picture",
    "importance_picture",
    "latency_picture",
    "near_picture",
    "parallel_picture",
    "pnl_picture",
    "premium_picture",
    "profile_pictures",
    "slice_pictures",
    "spread_picture",
    "trade_picture",
    "waterfall_picture",
]

SLICE = 290


class Picture(NamedTuple):
    """One figure ready for the page: `wide` and `narrow` are SVG; `narrow` is empty when one fits both."""

    name: str
    title: str
    caption: str
    wide: str
    narrow: str


def _picture(
    name: str, draw: Draw, numbers: Any, text: Text, title: str, caption: str, description: str,
    *, width: int = HALF,
) -> Picture:  # fmt: skip
    wide = draw(numbers, text, width).svg(f"{name}-w", title, description)
    narrow = ""
    if width > HALF:
        narrow = draw(numbers, text, NARROW, narrow=True).svg(f"{name}-n", title, description)
    return Picture(name, title, caption, wide, narrow)


def equity_picture(view: StudyView, text: Text) -> Picture:
    """Equity and drawdown of both segments."""
    train, test = view.train.result.metrics, view.test.result.metrics
    return _picture(
        "equity",
        equity.draw_equity,
        equity.equity_numbers(view),
        text,
        text("figure.equity.title"),
        text("figure.equity.caption", balance=n.money(view.params.initial_balance_usd, view.currency)),
        text(
            "figure.equity.desc",
            train=n.money(train.mtm_pnl_usd, view.currency, plus=True),
            test=n.money(test.mtm_pnl_usd, view.currency, plus=True),
            train_dd=n.percent(train.max_drawdown_mtm_pct),
            test_dd=n.percent(test.max_drawdown_mtm_pct),
        ),
        width=WIDE,
    )


def spread_picture(view: StudyView, text: Text) -> Picture:
    """The signal of the allowed directions through time, with the trades."""
    found = spread.spread_numbers(view)
    drawn = text("figure.spread.none_drawn")
    if found.trades_total:
        drawn = text("figure.spread.all_drawn", n=text("unit.trade", n=found.trades_total))
    if found.trades_drawn < found.trades_total:
        drawn = text(
            "figure.spread.some_drawn",
            n=n.count(found.trades_drawn),
            total=text("unit.trade", n=found.trades_total),
        )
    level = "" if found.exit_bps is None else text("figure.spread.exit_level", exit=n.bps(found.exit_bps))
    bucket = n.hold(float(found.bands[0].ts[1] - found.bands[0].ts[0]) / 1e9)
    return _picture(
        "spread",
        spread.draw_spread,
        found,
        text,
        text("figure.spread.title"),
        text(
            "figure.spread.caption",
            bucket=bucket,
            entry=n.bps(found.entry_bps),
            exit_level=level,
            marks=text("figure.spread.marks") if found.trades_drawn else "",
            drawn=drawn,
        ),
        text("figure.spread.desc", n=n.count(found.trades_drawn), entry=n.bps(found.entry_bps)),
        width=WIDE,
    )


def trade_picture(view: StudyView, text: Text) -> Picture | None:
    """One trade from near; None when nothing was closed."""
    found = spread.trade_numbers(view)
    if found is None:
        return None
    span = int(found.ts[-1] - found.ts[0])
    entry, leave = n.stamp(found.entry_ts, span_ns=span), n.stamp(found.exit_ts, span_ns=span)
    caption = text(
        "figure.trade.caption",
        segment=text(f"segment.{found.segment}").lower(),
        entry=entry,
        exit=leave,
        reason=text(f"exits.{found.reason}").lower(),
        pnl=n.money(found.pnl_usd, view.currency, plus=True),
        bps=n.bps(found.pnl_bps, plus=True),
    )
    description = text("figure.trade.desc", entry=entry, exit=leave)
    title = text("figure.trade.title")
    return _picture("trade", spread.draw_trade, found, text, title, caption, description, width=WIDE)


def _median(segment: Segment, column: str) -> float | None:
    value = segment.closed[column].median()
    return value if isinstance(value, float) else None


def pnl_picture(view: StudyView, text: Text) -> Picture:
    """How PnL per trade is spread."""
    found = trades.pnl_numbers(view)
    outside = found.below + found.above
    said = text("figure.pnl.outside", n=text("unit.trade", n=outside)) if outside else ""
    medians = {name: n.bps(_median(part, "pnl_bps"), plus=True) for name, part in _parts(view)}
    title, caption = text("figure.pnl.title"), text("figure.pnl.caption", outside=said).strip()
    return _picture("pnl", trades.draw_pnl, found, text, title, caption, text("figure.pnl.desc", **medians))


def hold_picture(view: StudyView, text: Text) -> Picture:
    """How holding times are spread."""
    medians = {name: n.hold(_median(part, "hold_s")) for name, part in _parts(view)}
    title, caption = text("figure.hold.title"), text("figure.hold.caption")
    found = trades.hold_numbers(view)
    return _picture(
        "hold", trades.draw_hold, found, text, title, caption, text("figure.hold.desc", **medians)
    )


def _parts(view: StudyView) -> tuple[tuple[str, Segment], ...]:
    return ("train", view.train), ("test", view.test)


def excursion_picture(view: StudyView, text: Text) -> Picture:
    """Worst mark on the way against the result."""
    found = trades.excursion_numbers(view)
    description = text("figure.excursion.desc", n=n.count(found.total))
    title, caption = text("figure.excursion.title"), text("figure.excursion.caption")
    return _picture("excursion", trades.draw_excursion, found, text, title, caption, description)


def waterfall_picture(view: StudyView, text: Text) -> Picture:
    """From the premium caught, through every cost, to what is left."""
    found = trades.waterfall_numbers(view)
    totals = {name: n.bps(float(getattr(found, name)[-1])) for name in ("train", "test")}
    title = text("figure.waterfall.title")
    caption = text("figure.waterfall.caption")
    description = text("figure.waterfall.desc", **totals)
    return _picture("waterfall", trades.draw_waterfall, found, text, title, caption, description)


def history_picture(view: StudyView, text: Text) -> Picture:
    """The search, trial by trial."""
    found = search.history_numbers(view)
    hidden = text("figure.history.hidden", n=n.count(found.hidden)) if found.hidden else ""
    caption = text("figure.history.caption", metric=metric_text(view, text), hidden=hidden).strip()
    description = text(
        "figure.history.desc", n=n.count(found.total), value=n.money(float(found.front_value[-1]))
    )
    title = text("figure.history.title")
    return _picture("history", search.draw_history, found, text, title, caption, description)


def importance_picture(view: StudyView, found: search.ImportanceNumbers, text: Text) -> Picture:
    """What each parameter explains alone."""
    description = text("figure.importance.desc", n=len(found.names), noise=n.share(found.noise))
    title, caption = text("figure.importance.title"), text("figure.importance.caption")
    return _picture("importance", search.draw_importance, found, text, title, caption, description)


def slice_pictures(view: StudyView, text: Text) -> list[Picture]:
    """One small figure per searched parameter."""
    return [
        _picture(
            f"slice{place}",
            search.draw_slice,
            search.slice_numbers(view, item),
            text,
            text("figure.slice.title", name=item.name),
            "",
            text(
                "figure.slice.desc",
                metric=metric_text(view, text),
                name=item.name,
                chosen=n.plain(item.chosen),
            ),
            width=SLICE,
        )
        for place, item in enumerate(view.searched)
    ]


def premium_picture(view: StudyView, text: Text) -> Picture:
    """The premium, its reference, the levels around it and the trades."""
    found = premium.premium_numbers(view)
    params = view.params
    leave = n.bps(params.exit_spread_bps) if params.close_on_spread_reversal else n.NOTHING
    caption = text("figure.premium.caption", entry=n.bps(params.min_spread_bps + params.cost_bps), exit=leave)
    description = text("figure.premium.desc", n=n.count(found.entry_ts.size))
    title = text("figure.premium.title")
    return _picture("premium", premium.draw_premium, found, text, title, caption, description, width=WIDE)


def contour_picture(view: StudyView, text: Text) -> Picture | None:
    """Two parameters against the objective; None where there are not two numbers to draw."""
    found = landscape.contour_numbers(view)
    if found is None:
        return None
    title, caption = text("figure.contour.title"), text("figure.contour.caption")
    description = text("figure.contour.desc", x=found.x, y=found.y)
    return _picture("contour", landscape.draw_contour, found, text, title, caption, description)


def parallel_picture(view: StudyView, text: Text) -> Picture:
    """All parameters at once, one line per trial."""
    found = landscape.parallel_numbers(view)
    title, caption = text("figure.parallel.title"), text("figure.parallel.caption")
    description = text("figure.parallel.desc", n=n.count(found.total), axes=len(found.names))
    return _picture("parallel", landscape.draw_parallel, found, text, title, caption, description, width=WIDE)


def near_picture(view: StudyView, text: Text) -> Picture | None:
    """The sets around the chosen one; None where they were not run."""
    if view.around is None or not view.around.train.size:
        return None
    found = around.near_numbers(view.around, view)
    title = text("figure.near.title")
    caption = text("figure.near.caption", metric=metric_text(view, text))
    description = text("figure.near.desc", n=n.count(view.around.train.size))
    return _picture("near", around.draw_near, found, text, title, caption, description, width=WIDE)


def profile_pictures(view: StudyView, text: Text) -> list[Picture]:
    """One small figure per parameter: what happens when it moves alone."""
    if view.around is None:
        return []
    items = {item.name: item for item in view.searched}
    return [
        _picture(
            f"profile{place}",
            around.draw_profile,
            around.profile_numbers(profile, items[profile.name]),
            text,
            text("figure.slice.title", name=profile.name),
            "",
            text("figure.profiles.desc", name=profile.name, chosen=n.plain(items[profile.name].chosen)),
            width=SLICE,
        )
        for place, profile in enumerate(view.around.profiles)
    ]


def hours_picture(view: StudyView, text: Text) -> Picture:
    """What was earned by hour of entry."""
    found = hours.hour_numbers(view)
    title, caption = text("figure.hours.title"), text("figure.hours.caption")
    best = {name: f"{int(getattr(found, f'{name}_pnl').argmax()):02d}" for name in ("train", "test")}
    description = text("figure.hours.desc", **best)
    return _picture("hours", hours.draw_hours, found, text, title, caption, description, width=WIDE)


def latency_picture(view: StudyView, text: Text) -> Picture | None:
    """What a delay leaves; None where that was not measured."""
    if view.checks is None or view.checks.latency is None:
        return None
    found = checks.latency_numbers(view.checks.latency)
    title, caption = text("figure.latency.title"), latency_sentence(view.checks.latency, text)
    return _picture("latency", checks.draw_latency, found, text, title, caption, text("figure.latency.desc"))


def capacity_picture(view: StudyView, text: Text) -> Picture | None:
    """What larger trades earn; None where that was not measured."""
    if view.checks is None or view.checks.capacity is None:
        return None
    found = checks.capacity_numbers(view.checks.capacity, view.params.max_position_usd)
    title, caption = text("figure.capacity.title"), capacity_sentence(view.checks.capacity, text)
    return _picture(
        "capacity", checks.draw_capacity, found, text, title, caption, text("figure.capacity.desc")
    )
