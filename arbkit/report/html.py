"""One self-contained HTML page from a study."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
from functools import cache
from importlib import metadata
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from arbkit._assets import UPLOT_CSS, UPLOT_JS, asset_text
from arbkit.report import groups, pictures, tables, trust
from arbkit.report import numbers as n
from arbkit.report.explorer import BUCKETS, chart_data, trade_data
from arbkit.report.facts import said_of, summary_of
from arbkit.report.figures.search import importance_numbers
from arbkit.report.text import Text, load_text
from arbkit.report.told import retold
from arbkit.report.validated import validation_notes, validation_table
from arbkit.report.verdict import verdict_of
from arbkit.report.view import StudyView
from arbkit.units import DAY_NS

__all__ = ["SECTIONS", "brief", "environment", "render", "trial_state", "versions"]

#: Of the page, in order.
SECTIONS: Final = (
    "compare", "chosen", "search", "around", "market", "trades", "groups", "checks", "data", "reproduce",
)  # fmt: skip


def render(view: StudyView, text: Text | None = None) -> str:
    """Return the report of a study as one HTML page that needs nothing else."""
    text = text or load_text()
    importance = importance_numbers(view)
    verdict = verdict_of(view, text)
    page = {
        "t": text,
        "view": view,
        "verdict": verdict,
        "brief": brief(view, text),
        "notes": (*verdict.notes, *trust.trust_notes(view, text)),
        "kpis": tables.kpis(view, text),
        "validation": validation_table(view, text),
        "validation_notes": validation_notes(view, text),
        "metrics": tables.metrics_table(view, text),
        "metrics_note": tables.metrics_note(view, text),
        "parameters": tables.parameters(view, text),
        "edge_note": tables.edge_note(view, text),
        "fixed": tables.fixed_table(view, text),
        "cost": _cost(view, text),
        "trials": tables.trials_table(view, text),
        "trial_state": trial_state(view, text),
        "importance": tables.importance_table(view, importance, text),
        "near": trust.near_table(view, text),
        "finalists": trust.finalists_table(view, text),
        "exits": groups.exits_table(view, text),
        "attribution": tables.attribution_table(view, text),
        "sides": groups.sides_table(view, text),
        "days": groups.days_table(view, text),
        "open": groups.open_table(view, text),
        "open_note": groups.open_note(view, text),
        "capital": groups.capital_table(view, text),
        "checks": _checks(view, text),
        "trades": _trades(view, text),
        "quality": tables.quality_table(view, text),
        "data": tables.data_table(view, text),
        "identity": tables.identity_table(view, text, versions()),
        "slices_caption": text("figure.slices.caption", metric=tables.metric_text(view, text)),
        "profiles_caption": text("figure.profiles.caption", metric=tables.metric_text(view, text)),
        "sections": SECTIONS,
        "pictures": _pictures(view, text)
        | {"importance": pictures.importance_picture(view, importance, text)},
        "slices": pictures.slice_pictures(view, text),
        "profiles": pictures.profile_pictures(view, text),
        "page_data": _page_data(view, text),
        "facts": _embedded(summary_of(view, text) | {"said": said_of(view)}),
        "explorer_caption": _explorer_caption(view, text),
    }
    return environment().get_template("report.html").render(page)


def _pictures(view: StudyView, text: Text) -> dict[str, Any]:
    found: dict[str, Any] = {
        "equity": pictures.equity_picture(view, text),
        "spread": pictures.spread_picture(view, text),
        "premium": pictures.premium_picture(view, text),
        "history": pictures.history_picture(view, text),
        "contour": pictures.contour_picture(view, text),
        "parallel": pictures.parallel_picture(view, text),
        "near": pictures.near_picture(view, text),
        "latency": pictures.latency_picture(view, text),
        "capacity": pictures.capacity_picture(view, text),
    }
    if len(view.train.closed) or len(view.test.closed):
        found["trade"] = pictures.trade_picture(view, text)
        found["pnl"] = pictures.pnl_picture(view, text)
        found["hold"] = pictures.hold_picture(view, text)
        found["excursion"] = pictures.excursion_picture(view, text)
        found["hours"] = pictures.hours_picture(view, text)
        if view.params.pnl_model != "convergence":
            found["waterfall"] = pictures.waterfall_picture(view, text)
    return found


def _checks(view: StudyView, text: Text) -> dict[str, Any]:
    """Return tables and sentences of the checks; only a sentence where they were not made."""
    if view.checks is None:
        blank = dict.fromkeys(("audit", "audit_sentence", "stress", "stress_sentence", "fee"))
        return {**blank, "note": text("checks.none"), "notes": []}
    made = view.checks
    notes = []
    if made.latency is None and made.panel.meta.fidelity == "candle":
        notes.append(text("latency.none"))
    if made.capacity is None and "capacity" not in made.skipped:
        notes.append(text("capacity.none"))
    notes += [text("checks.skipped", reason=retold(reason, text)) for reason in made.skipped.values()]
    return {
        "note": trust.checks_note(view, text),
        "audit": trust.audit_table(made, text),
        "audit_sentence": trust.audit_sentence(made.audit, text) if made.audit is not None else "",
        "stress": trust.stress_table(made, text),
        "stress_sentence": trust.stress_sentence(made, text) if made.stress is not None else "",
        "fee": trust.fee_sentence(made, text),
        "notes": notes,
    }


_LISTED = (
    "number", "part", "side", "reason", "entry", "exit", "held", "signal_in", "signal_out", "pnl", "bps",
    "worst", "fees",
)  # fmt: skip
_WITHOUT_SCRIPT = 25


def _trades(view: StudyView, text: Text) -> dict[str, Any] | None:
    """Return the head of the list of trades, and its first rows for readers without scripts."""
    found = trade_data(view)
    columns, total = found["columns"], found["total"]
    if not total:
        return None
    shown = len(columns["number"])
    rows = [
        [_listed(name, columns[name][k], text) for name in _LISTED]
        for k in range(min(shown, _WITHOUT_SCRIPT))
    ]
    caption = (
        text("list.caption")
        if shown == total
        else text("list.caption_cut", shown=n.count(shown), total=n.count(total))
    )
    heads = [(name, text(f"list.{name}", currency=view.currency)) for name in _LISTED]
    without = text("list.without_script", n=len(rows)) if shown > len(rows) else ""
    return {"caption": caption, "heads": heads, "rows": rows, "without": without}


def _listed(name: str, value: Any, text: Text) -> str:
    if name == "part":
        return text(f"segment.{value}")
    if name == "side":
        return text(f"list.side_{value}")
    if name == "reason":
        return text("list.open") if value is None else text(f"exits.{value}")
    if name in ("entry", "exit"):
        return n.NOTHING if value is None else n.clock(round(value * 1e9))
    if name == "held":
        return n.hold(value)
    if name == "pnl":
        return n.money(value, plus=True)
    return n.number(value, {"number": 0, "fees": 2}.get(name, 1), plus=name in ("bps", "worst"))


def _page_data(view: StudyView, text: Text) -> Markup:
    """Return what the page's script reads, as JSON that no text in it can end."""
    words = {name: text(f"explorer.{name}") for name in ("hint", "range", "at_trade", "reference", "to")}
    words |= {
        "premium": text("explorer.premium"),
        "premium_short": text("explorer.premium_short"),
        "gain": text("explorer.gain", currency=view.currency),
        "gain_short": text("explorer.gain_short"),
        "drawdown": text("explorer.drawdown"),
        "found": text("list.found"),
        "show": text("list.show"),
        "open": text("list.open"),
        **{name: text(f"segment.{name}") for name in ("train", "test")},
        **{f"exit_{reason}": text(f"exits.{reason}") for reason in _reasons(view)},
        **{f"short_{side}": text(f"list.side_{side}") for side in ("ab", "ba")},
        **{f"signal_{side}": text("explorer.signal", side=text(f"side.{side}")) for side in ("ab", "ba")},
    }
    data = {"words": words, "chart": chart_data(view), "trades": trade_data(view)}
    return _embedded(data)


def _embedded(data: Any) -> Markup:
    """Return JSON that no text in it can end."""
    made = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(made.replace("<", "\\u003c"))


def _reasons(view: StudyView) -> list[str]:
    both = [part.closed["exit_reason"].to_list() for part in (view.train, view.test)]
    return sorted({reason for part in both for reason in part})


def _explorer_caption(view: StudyView, text: Text) -> str:
    width = (view.test.panel.end_ns - view.train.panel.start_ns) / BUCKETS
    return text("explorer.caption", count=n.count(BUCKETS), bucket=n.hold(width / 1e9))


def brief(view: StudyView, text: Text) -> tuple[tuple[str, str], ...]:
    """Return what was tuned, on what, and what came out: a heading and a sentence each."""
    lede = _lede(view, text)
    parts = (("train", view.train), ("test", view.test))
    money = {name: n.money(part.result.metrics.mtm_pnl_usd, view.currency, plus=True) for name, part in parts}
    days = {f"{name}_days": n.period(round(part.days * DAY_NS), text) for name, part in parts}
    return (
        (text("brief.tuned"), lede[0]),
        (text("brief.data"), " ".join(lede[1:])),
        (text("brief.outcome"), text("brief.result", **money, **days)),
    )


def _lede(view: StudyView, text: Text) -> tuple[str, ...]:
    meta, params = view.train.panel.meta, view.params
    judged = text("objective.joined").join(
        text(f"objective.{'maximize' if item.maximize else 'minimize'}", metric=text(f"metric.{item.metric}"))
        for item in view.objectives
    )
    span = view.lockbox_end_ns - view.train.panel.start_ns
    when = n.date if span > 4 * 86_400 * 10**9 else n.stamp
    times = {
        "start": when(view.train.panel.start_ns),
        "cut": when(view.test.panel.start_ns),
        "sealed": when(view.test.panel.end_ns),
        "end": when(view.lockbox_end_ns),
    }
    many = "_many" if len(view.objectives) > 1 else ""
    return (
        text(
            "lede.tuned",
            parameters=text("unit.parameter", n=len(view.searched)),
            a=meta.leg_a,
            b=meta.leg_b,
            direction=text(f"direction.{params.direction}", a=meta.leg_a, b=meta.leg_b),
            sets=text("unit.set", n=view.sets_tried),
            sampler=text(f"sampler.{view.sampler}") if text.has(f"sampler.{view.sampler}") else view.sampler,
        ),
        text(
            f"lede.judged{many}",
            objective=judged,
            rows=text("unit.row", n=len(view.train.panel)),
            **times,
        ),
        text("lede.sealed" if view.validation is None else "lede.opened", **times),
    )


def _cost(view: StudyView, text: Text) -> str:
    entry = n.bps(view.params.min_spread_bps + view.params.cost_bps)
    return text("params.cost", cost=n.bps(view.params.cost_bps), entry=entry)


def trial_state(view: StudyView, text: Text) -> str:
    """Return what became of the trials, in a few sentences."""
    state, complete = view.trials["state"], view.trials["state"] == "COMPLETE"
    counts = {
        "complete": int(complete.sum()),
        "stopped": int(view.trials["stopped"].sum()),
        "pruned": int(((state == "PRUNED") & ~view.trials["stopped"]).sum()),
        "failed": int((state == "FAIL").sum()),
        "infeasible": int((complete & ~view.trials["feasible"]).sum()),
        "repeated": int((complete & view.trials["repeated"]).sum()),
    }
    return " ".join(text(f"trials.{name}", n=count) for name, count in counts.items() if count)


def versions() -> dict[str, str]:
    """Return the versions that a repetition must agree with."""
    return {"optuna": metadata.version("optuna"), "python": platform.python_version()}


@cache
def environment() -> Environment:
    """Return the templates, with the style sheet and the script of the pages and the hash of the latter."""
    made = Environment(
        loader=PackageLoader("arbkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["svg"] = Markup

    def source(name: str) -> str:
        return made.loader.get_source(made, name)[0]  # type: ignore[union-attr]

    script = asset_text(UPLOT_JS) + source("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made.globals["style"] = Markup(source("style.css"))
    made.globals["chart_style"] = Markup(asset_text(UPLOT_CSS))
    made.globals["script"] = Markup(script)
    made.globals["script_hash"] = f"sha256-{digest}"
    return made
