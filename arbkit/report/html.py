"""One self-contained HTML page from a study."""

from __future__ import annotations

import platform
from functools import cache
from importlib import metadata
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from arbkit.report import numbers as n
from arbkit.report import pictures, tables
from arbkit.report.figures.search import importance_numbers
from arbkit.report.text import Text, load_text
from arbkit.report.validated import validation_notes, validation_table
from arbkit.report.verdict import verdict_of
from arbkit.report.view import StudyView

__all__ = ["render"]


def render(view: StudyView, text: Text | None = None) -> str:
    """Return the report of a study as one HTML page that needs nothing else."""
    text = text or load_text()
    importance = importance_numbers(view)
    page = {
        "t": text,
        "view": view,
        "verdict": verdict_of(view, text),
        "lede": _lede(view, text),
        "kpis": tables.kpis(view, text),
        "validation": validation_table(view, text),
        "validation_notes": validation_notes(view, text),
        "metrics": tables.metrics_table(view, text),
        "metrics_note": tables.metrics_note(view, text),
        "parameters": tables.parameters(view, text),
        "edge_note": tables.edge_note(view, text),
        "fixed": tables.fixed_table(view, text),
        "cost": _cost(view, text),
        "exits": tables.exits_table(view, text),
        "attribution": tables.attribution_table(view, text),
        "trials": tables.trials_table(view, text),
        "trial_state": _trial_state(view, text),
        "importance": tables.importance_table(view, importance, text),
        "data": tables.data_table(view, text),
        "identity": tables.identity_table(view, text, _versions()),
        "slices_caption": text("figure.slices.caption", metric=tables.metric_text(view, text)),
        "sections": ("compare", "chosen", "market", "trades", "search", "data", "reproduce"),
        "pictures": _pictures(view, text)
        | {"importance": pictures.importance_picture(view, importance, text)},
        "slices": pictures.slice_pictures(view, text),
    }
    return _environment().get_template("report.html").render(page)


def _pictures(view: StudyView, text: Text) -> dict[str, Any]:
    found: dict[str, Any] = {
        "equity": pictures.equity_picture(view, text),
        "spread": pictures.spread_picture(view, text),
        "history": pictures.history_picture(view, text),
    }
    if len(view.train.closed) or len(view.test.closed):
        found["trade"] = pictures.trade_picture(view, text)
        found["pnl"] = pictures.pnl_picture(view, text)
        found["hold"] = pictures.hold_picture(view, text)
        found["excursion"] = pictures.excursion_picture(view, text)
        if view.params.pnl_model != "convergence":
            found["waterfall"] = pictures.waterfall_picture(view, text)
    return found


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


def _trial_state(view: StudyView, text: Text) -> str:
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


def _versions() -> dict[str, str]:
    return {"optuna": metadata.version("optuna"), "python": platform.python_version()}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("arbkit.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["svg"] = Markup
    environment.globals["style"] = Markup(environment.loader.get_source(environment, "style.css")[0])  # type: ignore[union-attr]
    return environment
