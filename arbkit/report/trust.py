"""Tables and sentences of the checks: what latency, fees, size and stress leave, and the optimism audit."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from arbkit.realism import Audit, Capacity, LatencyCurve
from arbkit.report import numbers as n
from arbkit.report.checks import AUDIT_GRID, AUDIT_LATENCY_MS, Checks
from arbkit.report.table import Row, Table, bars_of
from arbkit.report.text import Text
from arbkit.report.view import StudyView
from arbkit.stress import Scenario
from arbkit.units import DAY_NS

__all__ = [
    "audit_table",
    "capacity_sentence",
    "checks_note",
    "fee_sentence",
    "finalists_table",
    "latency_sentence",
    "near_table",
    "scenario_words",
    "stress_sentence",
    "stress_table",
    "trust_notes",
]

_NEGATIVE: Final = re.compile(r"(?<![\w-])-(?=\d)")
#: The audit's names for what flatters, and the messages that say them in the reader's language.
AUDITED: Final[Mapping[str, str]] = {
    "fills without delay": "delay",
    "any size at the best price": "depth",
    "perpetuals without funding": "funding",
    "convergence PnL": "convergence",
    "convergence PnL, not used": "convergence",
    "spot sold short": "short",
    "currency converted at each fill": "currency",
    "acting on every update": "clock",
    "closes as prices": "closes",
    "the venues' own clocks": "stamps",
    "quotes of any age": "age",
    "as configured": "base",
    "all together": "all",
    "all, but with inventory to sell": "held",
}


def audit_table(checks: Checks, text: Text) -> Table | None:
    """Return the PnL that each flattering assumption leaves; None where the audit was not made."""
    if checks.audit is None:
        return None
    rows = list(checks.audit.frame.iter_rows(named=True))
    bars = bars_of([row["mtm_pnl_usd"] for row in rows])
    levels = text("unit.level", n=max(checks.panel.levels, 1))
    words = {"latency": n.hold(AUDIT_LATENCY_MS / 1e3), "levels": levels, "grid": AUDIT_GRID}
    found = []
    for row, bar in zip(rows, bars, strict=True):
        key, status = AUDITED.get(row["assumption"], ""), row["status"]
        instead = f"audit.{key}.instead"
        done = text(instead, **words) if status in ("tested", "claim") and text.has(instead) else ""
        cells = (
            done or _why(key, status, text),
            text(f"audit.status_{status}"),
            n.money(row["mtm_pnl_usd"], plus=True),
            n.money(row["effect_usd"], plus=True),
        )
        name = text(f"audit.{key}.name") if key else row["assumption"]
        found.append(Row(name, cells, "mark" if status in ("base", "all") else "", bar))
    keys = ("head", "instead", "status", "pnl", "effect")
    head = tuple(text(f"audit.{name}") for name in keys)
    caption = text("audit.caption", currency=checks.audit.currency)
    return Table(caption, head, tuple(found), bars=text("audit.pnl"), texts=2)


def _why(key: str, status: str, text: Text) -> str:
    name = f"audit.{key}.untestable"
    return text(name) if status == "untestable" and text.has(name) else ""


def audit_sentence(audit: Audit, text: Text) -> str:
    """Say how much of the PnL survives without all that flatters it."""
    frame = audit.frame
    base = frame.row(0, named=True)
    before = n.money(base["mtm_pnl_usd"], audit.currency, plus=True)
    ends = frame.filter(frame["status"] == "all")
    tested = frame.filter(frame["status"] == "tested")
    if not base["total_trades"] or not tested.height or audit.survives is None:
        return text("audit.nothing", before=before)
    after = n.money(ends["mtm_pnl_usd"][0], audit.currency, plus=True)
    worst = tested.row(int(tested["effect_usd"].arg_min() or 0), named=True)
    said = text("audit.sentence", share=n.share(max(audit.survives, 0.0), 0), before=before, after=after)
    if worst["effect_usd"] >= 0:
        return said
    name = text(f"audit.{AUDITED[worst['assumption']]}.name") if worst["assumption"] in AUDITED else ""
    return f"{said} {text('audit.dearest', name=name)}" if name else said


def scenario_words(scenario: Scenario, text: Text) -> tuple[str, str]:
    """Return what a scenario is called and what happens in it, in the reader's language."""
    key = f"scenario.{scenario.name}"
    if not text.has(f"{key}.name"):
        return scenario.label, scenario.describe()
    values: dict[str, Any] = {
        item.name: getattr(scenario, item.name) for item in dataclasses.fields(scenario)
    }
    values["share_pct"] = 100 * values.get("share", 0.0)
    values["parts"] = 2 ** values.get("halvings", 0)
    values["leg"] = str(values.get("leg", "")).upper()
    name, what = (_NEGATIVE.sub(n.MINUS, text(f"{key}.{part}", **values)) for part in ("name", "what"))
    return name, what


def stress_table(checks: Checks, text: Text) -> Table | None:
    """Return PnL and drawdown under each scenario; None where the stress test was not made."""
    if checks.stress is None:
        return None
    rows = list(checks.stress.frame.iter_rows(named=True))
    bars = bars_of([row["mtm_pnl_usd"] for row in rows])
    said = [(text("audit.base.name"), ""), *(scenario_words(item, text) for item in checks.scenarios)]
    found = tuple(
        Row(name, (what, *_stress_cells(row, text)), "mark" if row["status"] == "base" else "", bar)
        for row, bar, (name, what) in zip(rows, bars, said, strict=True)
    )
    keys = ("head", "what", "pnl", "change", "drawdown")
    head = tuple(text(f"stress.{name}") for name in keys)
    caption = text("stress.caption", currency=checks.stress.currency)
    return Table(caption, head, found, bars=text("stress.pnl"), texts=1)


def _stress_cells(row: Mapping[str, Any], text: Text) -> tuple[str, ...]:
    if row["status"] in ("idle", "refused"):
        return (text(f"stress.{row['status']}"), n.NOTHING, n.NOTHING)
    return (
        n.money(row["mtm_pnl_usd"], plus=True),
        n.money(row["change_usd"], plus=True),
        n.percent(row["max_drawdown_mtm_pct"]),
    )


def stress_sentence(checks: Checks, text: Text) -> str:
    """Say under how many scenarios the set loses, and which costs most."""
    assert checks.stress is not None
    rows = list(checks.stress.frame.iter_rows(named=True))[1:]
    tried = [
        (row, item)
        for row, item in zip(rows, checks.scenarios, strict=True)
        if row["status"] in ("changed", "same")
    ]
    if not tried:
        return text("stress.nothing")
    lost = sum(row["mtm_pnl_usd"] < 0 for row, _ in tried)
    worst, scenario = min(tried, key=lambda pair: pair[0]["mtm_pnl_usd"])
    return text(
        "stress.sentence",
        lost=n.count(lost),
        tried=text("unit.scenario", n=len(tried)),
        name=scenario_words(scenario, text)[0],
        pnl=n.money(worst["mtm_pnl_usd"], checks.stress.currency, plus=True),
    )


def latency_sentence(found: LatencyCurve, text: Text) -> str:
    """Say what is left when orders arrive late."""
    frame = found.frame
    if not frame["opportunities"][0]:
        return text("latency.nothing")
    judged = frame.filter(frame["latency_ms"] == 200.0)
    row = (judged if judged.height else frame.tail(1)).row(0, named=True)
    lost = frame.filter(frame["mtm_pnl_usd"] <= 0)
    said = text(
        "latency.sentence",
        latency=n.hold(row["latency_ms"] / 1e3),
        there=n.percent(row["there_pct"], 0),
        total=text("unit.opportunity", n=int(frame["opportunities"][0])),
        before=n.money(frame["mtm_pnl_usd"][0], found.currency, plus=True),
        after=n.money(row["mtm_pnl_usd"], found.currency, plus=True),
    )
    if frame["mtm_pnl_usd"][0] > 0 and lost.height:
        said += " " + text("latency.lost", latency=n.hold(float(lost["latency_ms"][0]) / 1e3))
    step = n.hold(found.step_ms / 1e3)
    return said + " " + text("latency.step", step=step) if found.step_ms > 1 else said


def fee_sentence(checks: Checks, text: Text) -> str:
    """Say at which fee nothing is left."""
    if checks.fee is None:
        return ""
    own, zero = n.bps(checks.fee.own_fee_bps), checks.fee.break_even_bps
    if zero is None:
        return text("fee.never", own=own)
    return text("fee.sentence", own=own, zero=n.bps(zero))


def capacity_sentence(found: Capacity, text: Text) -> str:
    """Say how much money the strategy can carry."""
    frame = found.frame
    pnl = frame["mtm_pnl_usd"].to_numpy()
    best = frame.row(int(np.nanargmax(pnl)), named=True)
    if best["mtm_pnl_usd"] <= 0:
        return text("capacity.nothing", levels=text("unit.level", n=found.levels))
    return text(
        "capacity.sentence",
        notional=n.money(best["notional_usd"], found.currency),
        pnl=n.money(best["mtm_pnl_usd"], found.currency, plus=True),
        bps=n.bps(best["pnl_bps"]),
        levels=text("unit.level", n=found.levels),
    )


def checks_note(view: StudyView, text: Text) -> str:
    """Say on what the checks ran."""
    assert view.checks is not None
    panel = view.checks.panel
    return text(
        "checks.shortened" if view.checks.shortened else "checks.note",
        start=n.stamp(panel.start_ns),
        end=n.stamp(panel.end_ns),
        rows=text("unit.row", n=len(panel)),
        length=n.period(panel.end_ns - panel.start_ns, text) if len(panel) else n.hold(DAY_NS / 1e9),
        levels=text("unit.level", n=panel.levels) if panel.levels else text("checks.tops"),
    )


def near_table(view: StudyView, text: Text) -> Table | None:
    """Return how the sets near the chosen one did, in and out of sample; None where none were run."""
    if view.around is None or not view.around.train.size:
        return None
    metric = view.objective.metric
    columns = []
    for name, values in (("train", view.around.train), ("test", view.around.test)):
        own = getattr(getattr(view, name).result.metrics, metric)
        known = values[np.isfinite(values)]
        columns.append(_near_cells(own, known if view.objective.maximize else -known, view))
    rows = tuple(
        Row(text(f"near.{key}"), tuple(column[key] for column in columns), "mark" if key == "own" else "")
        for key in columns[0]
    )
    head = (text("near.head"), text("segment.train"), text("segment.test"))
    caption = text("near.caption", n=view.around.train.size, step=n.share(view.around.step, 0))
    return Table(caption, head, rows)


def _near_cells(own: float | None, known: Any, view: StudyView) -> dict[str, str]:
    sign = 1.0 if view.objective.maximize else -1.0

    def at(share: float) -> str:
        return n.money(sign * float(np.quantile(known, share))) if known.size else n.NOTHING

    above = float((sign * known > 0).mean()) if known.size else float("nan")
    return {
        "own": n.NOTHING if own is None else n.money(float(own)),
        "median": at(0.5),
        "quarter": at(0.25),
        "worst": at(0.0),
        "above": n.share(above, 0),
    }


def finalists_table(view: StudyView, text: Text) -> Table | None:
    """Return the finalists of the validation by what their neighbourhood keeps; None without them."""
    found = view.validation
    if found is None or not found.finalists:
        return None
    names = [item.name for item in view.searched]
    rows = tuple(
        Row(
            n.count(item.number),
            (
                n.money(item.value),
                n.money(item.score),
                *(n.plain(item.params.get(name)) for name in names),
            ),
            "mark" if item.number == view.chosen_number else "",
        )
        for item in found.finalists[:6]
    )
    head = (text("trials.number"), text("near.value"), text("near.score"), *names)
    return Table(text("near.finalists"), head, rows)


def trust_notes(view: StudyView, text: Text) -> list[str]:
    """Return in a sentence each what neighbourhood, audit, fees and stress say."""
    lines = []
    if view.around is not None and view.objective.metric.endswith("_usd"):
        known = view.around.test[np.isfinite(view.around.test)]
        if known.size:
            lines.append(
                text(
                    "near.note",
                    share=n.share(float((known > 0).mean()), 0),
                    sets=text("unit.set", n=known.size),
                    quarter=n.money(float(np.quantile(known, 0.25)), view.currency, plus=True),
                )
            )
    checks = view.checks
    if checks is not None:
        if checks.audit is not None:
            lines.append(audit_sentence(checks.audit, text))
        if checks.fee is not None:
            lines.append(fee_sentence(checks, text))
        if checks.stress is not None:
            lines.append(stress_sentence(checks, text))
    return lines
