"""The tables of a report: numbers written for people, with their captions and headings."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit.report import numbers as n
from arbkit.report.figures.search import ImportanceNumbers
from arbkit.report.quality import Quality, quality_of
from arbkit.report.table import Row, Table, words_table
from arbkit.report.text import Text
from arbkit.report.told import retold
from arbkit.report.verdict import ENOUGH_TRADES, edge_of, independent_trades, kept_share
from arbkit.report.view import Searched, Segment, StudyView
from arbkit.units import DAY_NS

__all__ = [
    "Kpi",
    "Parameter",
    "attribution_table",
    "data_table",
    "edge_note",
    "fixed_table",
    "identity_table",
    "importance_table",
    "kpis",
    "metric_text",
    "metrics_note",
    "metrics_table",
    "parameters",
    "quality_table",
    "trials_table",
]


class Kpi(NamedTuple):
    """One headline number: what it is, the number, and what to hold it against."""

    name: str
    value: str
    note: str
    tone: str


class Parameter(NamedTuple):
    """One searched parameter; `place` is 0 to 100 in its range, None for choices; `end` is "low" or "high"
    where the chosen value lies at that end of it."""

    name: str
    chosen: str
    detail: str
    searched: str
    place: float | None
    place_text: str
    edge: str
    end: str


def kpis(view: StudyView, text: Text) -> tuple[Kpi, ...]:
    """Return the four headline numbers, all out of sample."""
    train, test, unit = view.train.result.metrics, view.test.result.metrics, view.currency
    daily = {
        name: n.money(part.per_day(part.result.metrics.mtm_pnl_usd), plus=True)
        for name, part in (("train", view.train), ("test", view.test))
    }
    kept, enough = kept_share(view), independent_trades(view.test) >= ENOUGH_TRADES
    kept_note = "kpi.kept_note" if kept is not None else "kpi.kept_none_note"
    return (
        Kpi(
            text("kpi.pnl"),
            n.money(test.mtm_pnl_usd, unit, plus=True),
            text("kpi.pnl_note", day=daily["test"], train=daily["train"]),
            _tone(test.mtm_pnl_usd, enough),
        ),
        Kpi(
            text("kpi.kept"),
            n.share(kept, 0),
            text(kept_note, train=daily["train"] + n.NBSP + unit),
            _tone(kept or 0.0, enough),
        ),
        Kpi(
            text("kpi.trades"),
            n.count(test.closed_trades),
            text(
                "kpi.trades_note",
                episodes=text("unit.time", n=test.excursions),
                train=n.count(train.closed_trades),
            ),
            "",
        ),
        Kpi(
            text("kpi.drawdown"),
            n.percent(test.max_drawdown_mtm_pct),
            text("kpi.drawdown_note", train=n.percent(train.max_drawdown_mtm_pct)),
            "",
        ),
    )


def _tone(value: float, enough: bool) -> str:
    """Colour a loss always, a gain only when there is enough to believe it."""
    return "loss" if value < 0 else "gain" if value > 0 and enough else ""


def metrics_table(view: StudyView, text: Text) -> Table:
    """Return the metrics of both segments side by side, totals and per day."""
    columns = [_metric_cells(part, text) for part in (view.train, view.test)]
    rows = []
    for name in columns[0]:
        kind = "group" if name.startswith("group_") else "sub" if name.endswith(("_day", "_error")) else ""
        cells = () if kind == "group" else tuple(column[name] for column in columns)
        rows.append(Row(text(f"metrics.{name}"), cells, kind))
    head = (text("metrics.head"), text("segment.train"), text("segment.test"))
    return Table(text("metrics.caption", currency=view.currency), head, tuple(rows))


def _metric_cells(part: Segment, text: Text) -> dict[str, str]:
    m = part.result.metrics
    return {
        "length": n.period(round(part.days * DAY_NS), text),
        "group_money": "",
        "mtm_pnl": n.money(m.mtm_pnl_usd, plus=True),
        "mtm_pnl_day": n.money(part.per_day(m.mtm_pnl_usd), plus=True),
        "avg_trade": n.money(m.avg_pnl_per_trade_usd if m.closed_trades else None, plus=True),
        "avg_trade_error": _standard_error(part),
        "fees": n.money(m.fees_usd),
        "fees_day": n.money(part.per_day(m.fees_usd)),
        "turnover": n.money(m.turnover_usd),
        "turnover_day": n.money(part.per_day(m.turnover_usd)),
        "profit_factor": n.number(m.profit_factor),
        "group_trades": "",
        "closed": n.count(m.closed_trades),
        "closed_day": n.number(part.per_day(m.closed_trades)),
        "episodes": n.count(m.excursions),
        "win_rate": n.share(m.win_rate if m.closed_trades else None),
        "avg_hold": n.hold(m.avg_hold_s if m.closed_trades else None),
        "max_hold": n.hold(m.max_hold_seen_s if m.total_trades else None),
        "group_risk": "",
        "drawdown_mtm": n.percent(m.max_drawdown_mtm_pct),
        "drawdown": n.percent(m.max_drawdown_pct),
        "sharpe": n.number(None if part.is_coarse else m.sharpe),
        "sortino": n.number(None if part.is_coarse else m.sortino),
        "exposure": n.percent(m.exposure_pct),
    }


def _standard_error(part: Segment) -> str:
    pnl = part.closed["pnl_usd"].to_numpy()
    if pnl.size < 2:
        return n.NOTHING
    return "\N{PLUS-MINUS SIGN}" + n.NBSP + n.money(float(pnl.std(ddof=1) / np.sqrt(pnl.size)))


def parameters(view: StudyView, text: Text) -> tuple[Parameter, ...]:
    """Return the searched parameters with the chosen values."""
    return tuple(_parameter(item, text) for item in view.searched)


def _parameter(item: Searched, text: Text) -> Parameter:
    place = item.position
    if item.choices:
        searched = ", ".join(n.plain(choice) for choice in item.choices)
    else:
        searched = text("params.to", low=n.plain(item.low), high=n.plain(item.high))
        searched += f" ({text('params.log')})" if item.log else ""
    return Parameter(
        name=item.name,
        chosen=n.plain(item.chosen),
        detail=_duration(item.name, item.chosen),
        searched=searched,
        place=None if place is None else round(100 * min(max(place, 0.0), 1.0), 1),
        place_text="" if place is None else text("params.place_value", share=n.share(place, 0)),
        edge=text("params.edge") if edge_of(item) else "",
        end=edge_of(item),
    )


def edge_note(view: StudyView, text: Text) -> str:
    """Return what to do about values at the edge of their range; empty when there are none."""
    names = [item.name for item in view.searched if edge_of(item)]
    return text("params.edge_note", names=", ".join(names)) if names else ""


def metrics_note(view: StudyView, text: Text) -> str:
    """Return the note below the metrics; rows further apart than the grid of the ratios are named."""
    coarse = [part.median_step_ns for part in (view.train, view.test) if part.is_coarse]
    note = text("metrics.note")
    return f"{note} {text('metrics.coarse', step=n.period(max(coarse), text))}" if coarse else note


def _duration(name: str, value: Any) -> str:
    """Write a parameter in seconds as a duration, once it is a minute or more; else nothing."""
    long = name.endswith("_s") and isinstance(value, (int, float)) and value >= 60
    return n.hold(float(value)) if long else ""


def fixed_table(view: StudyView, text: Text) -> Table:
    """Return what the search did not touch."""
    rows = tuple(
        Row(name, (" · ".join(filter(None, (n.plain(value), _duration(name, value)))),))
        for name, value in view.fixed.items()
    )
    head = (text("params.fixed_head"), text("params.fixed_value"))
    return Table(text("params.fixed_caption"), head, rows)


def attribution_table(view: StudyView, text: Text) -> Table | None:
    """Return premium, book, slippage, fees and PnL of the closed trades; None for the convergence model."""
    if view.params.pnl_model == "convergence" or not (len(view.train.closed) or len(view.test.closed)):
        return None
    rows = tuple(
        Row(
            text(f"attribution.{name}"),
            tuple(n.money(part.attribution[name], plus=True) for part in (view.train, view.test)),
            "mark" if name == "pnl_usd" else "",
        )
        for name in view.train.attribution
    )
    head = (text("attribution.head"), text("segment.train"), text("segment.test"))
    return Table(text("attribution.caption", currency=view.currency), head, rows)


def metric_text(view: StudyView, text: Text) -> str:
    """Name the first objective with its unit, as an axis would."""
    name = text(f"metric.{view.objective.metric}")
    unit = view.currency if view.objective.metric.endswith("_usd") else ""
    return f"{_capital(name)}, {unit}" if unit else _capital(name)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def trials_table(view: StudyView, text: Text) -> Table:
    """Return the listed trials: objectives, then the searched parameters."""
    columns = [name for name in view.top.columns if name.startswith("objective")]
    names = [item.name for item in view.searched]
    rows = tuple(
        Row(
            n.count(record["number"]),
            (*(_value(record[name]) for name in columns), *(n.plain(record[name]) for name in names)),
            "mark" if record["number"] == view.chosen_number else "",
        )
        for record in view.top.iter_rows(named=True)
    )
    heads = [_capital(text(f"metric.{item.metric}")) for item in view.objectives]
    head = (text("trials.number"), *heads, *names)
    return Table(text("trials.caption", n=len(rows)), head, rows)


def _value(value: Any) -> str:
    return n.NOTHING if value is None else n.money(float(value))


def importance_table(view: StudyView, found: ImportanceNumbers, text: Text) -> Table:
    """Return the share each parameter explains, beside Optuna's figure."""
    rows = tuple(
        Row(
            name,
            (
                n.share(share),
                text("importance.above" if share > found.noise else "importance.below"),
                n.share(view.ped_anova.get(name)),
            ),
        )
        for name, share in zip(found.names, found.share.tolist(), strict=True)
    )
    keys = ("head", "share", "noise", "ped")
    return Table(text("importance.caption"), tuple(text(f"importance.{key}") for key in keys), rows)


def data_table(view: StudyView, text: Text) -> Table:
    """Return what went in: source, legs, FX, reference, clock, fidelity, segments, flags."""
    meta = view.train.panel.meta
    spot = {True: text("data.spot"), False: text("data.derivative")}
    flags = list(dict.fromkeys((*meta.flags, *view.test.panel.meta.flags)))
    pairs = [
        (text("data.source"), view.source),
        (text("data.leg_a"), f"{meta.leg_a} ({spot[meta.spot_a]})"),
        (text("data.leg_b"), f"{meta.leg_b} ({spot[meta.spot_b]})"),
        (text("data.currency"), meta.currency),
        (text("data.fx"), meta.fx or text("data.fx_none")),
        (text("data.reference"), text("data.reference_none") if view.reference == "none" else view.reference),
        (text("data.clock"), meta.clock),
        (text("data.fidelity"), text(f"data.fidelity_{meta.fidelity}")),
        *_segments(view, text),
        (text("data.flags"), "; ".join(retold(flag, text) for flag in flags) or text("data.flags_none")),
        (text("data.fingerprint"), meta.source_fingerprint or n.NOTHING),
    ]
    return words_table(text("data.caption"), text("data.head"), text("data.value"), pairs)


def _segments(view: StudyView, text: Text) -> list[tuple[str, str]]:
    pairs = []
    for name, part in (("train", view.train), ("test", view.test)):
        panel, span = part.panel, part.panel.end_ns - part.panel.start_ns
        value = text(
            "data.segment_value",
            start=n.stamp(panel.start_ns, span_ns=span),
            end=n.stamp(panel.end_ns, span_ns=span),
            length=n.period(span, text),
            rows=text("unit.row", n=len(panel)),
            tradable=n.share(float(panel.tradable.mean())),
        )
        pairs.append((text(f"segment.{name}"), value))
    start, end = view.test.panel.end_ns, view.lockbox_end_ns
    sealed = text(
        "data.sealed_value",
        start=n.stamp(start, span_ns=end - start),
        end=n.stamp(end, span_ns=end - start),
        length=n.period(end - start, text),
    )
    return [*pairs, (text("segment.lockbox"), sealed)]


def quality_table(view: StudyView, text: Text) -> Table:
    """Return how good the rows of both stretches are."""
    meta = view.train.panel.meta
    columns = [_quality_cells(quality_of(part.panel), text) for part in (view.train, view.test)]
    rows = tuple(
        Row(text(f"quality.{name}", a=meta.leg_a, b=meta.leg_b), tuple(column[name] for column in columns))
        for name in columns[0]
    )
    head = (text("quality.head"), text("segment.train"), text("segment.test"))
    return Table(text("quality.caption"), head, rows)


def _quality_cells(found: Quality, text: Text) -> dict[str, str]:
    def length(ns: int, at: int) -> str:
        return text("quality.at", length=n.hold(ns / 1e9), start=n.stamp(at, span_ns=0))

    shares = ("tradable", "missing_a", "missing_b", "crossed_a", "crossed_b", "repeated_stamps")
    return {
        "rows": n.count(found.rows),
        **{name: n.share(getattr(found, name), 2) for name in shares},
        "step": n.hold(found.step_ns / 1e9),
        "gaps": n.count(found.gaps),
        "longest_gap": length(found.longest_gap_ns, found.longest_gap_at_ns),
        "longest_dark": length(found.longest_dark_ns, found.longest_dark_at_ns),
        "width_a": n.bps(found.width_a_bps),
        "width_b": n.bps(found.width_b_bps),
        "largest_move": n.bps(found.largest_move_bps),
    }


def identity_table(view: StudyView, text: Text, versions: dict[str, str]) -> Table:
    """Return seed, fingerprint and versions: what a repetition must agree with."""
    pairs = [
        (text("reproduce.seed"), n.NOTHING if view.seed is None else str(view.seed)),
        (text("reproduce.sampler"), view.sampler),
        (text("reproduce.trials"), n.NOTHING if view.n_trials is None else n.count(view.n_trials)),
        (text("reproduce.storage"), view.storage),
        (text("reproduce.fingerprint"), view.fingerprint),
        (text("reproduce.created"), view.created),
        (text("reproduce.arbkit"), view.arbkit_version),
        (text("reproduce.code"), view.code_version),
        *((text(f"reproduce.{name}"), version) for name, version in versions.items()),
    ]
    return words_table(text("reproduce.caption"), text("reproduce.head"), text("reproduce.value"), pairs)
