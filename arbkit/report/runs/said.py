"""The sentences of the page of a run: the verdict, four numbers, what ran, and what speaks against it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from arbkit.report import numbers as n
from arbkit.report.runs.view import RunView
from arbkit.report.tables import Kpi
from arbkit.report.text import Text
from arbkit.report.verdict import Verdict
from arbkit.units import DAY_NS

__all__ = ["brief", "kpis", "notes", "sentence", "verdict"]

_FEW: Final = 30
_LOOPBACK: Final = re.compile(r"rest_url:\s*[\"']?https?://(localhost|127\.)")


def _money(view: RunView, value: float) -> str:
    return n.money(value, view.currency, plus=True)


def _period(view: RunView, text: Text) -> str:
    return n.period(view.story.end_ns - view.story.start_ns, text)


def verdict(view: RunView, text: Text) -> Verdict:
    """Return what must be known first, the sentence, and its tone."""
    first = []
    if view.halted is not None:
        first.append(text("run.first.halted", reason=str(view.halted.get("reason", ""))))
    if view.parity is not None and not view.parity.ok:
        first.append(text("run.first.unattributed", n=view.parity.unattributed))
    if not_booked := view.summary.get("not_booked"):
        first.append(text("run.first.not_booked", n=len(not_booked) if isinstance(not_booked, list) else 1))
    sure = view.closed.height >= _FEW and not view.story.is_replay
    tone = "loss" if view.gain < 0 else "gain" if view.gain > 0 and sure else "open"
    return Verdict(tone, tuple(first), sentence(view, text), ())


def sentence(view: RunView, text: Text) -> str:
    """Return what the run did, in one sentence."""
    where = text(f"run.mode.{view.mode}")
    pairs = text("run.pairs", n=len(view.legs))
    if not view.trades.height:
        return text("run.verdict.none", mode=where, period=_period(view, text), pairs=pairs)
    name = "gain" if view.gain > 0 else "loss" if view.gain < 0 else "flat"
    return text(
        f"run.verdict.{name}",
        mode=where,
        period=_period(view, text),
        pairs=pairs,
        pnl=n.money(abs(view.gain), view.currency),
        trades=text("unit.closed", n=view.closed.height),
    )


def kpis(view: RunView, text: Text) -> tuple[Kpi, ...]:
    """Return the four numbers."""
    balance = float(view.worth.balance[-1]) if view.worth.ts.size else 0.0
    tone = "gain" if view.gain > 0 else "loss" if view.gain < 0 else ""
    days = (view.story.end_ns - view.story.start_ns) / DAY_NS
    closed = view.closed
    won = int((closed["pnl_usd"] > 0).sum()) / closed.height if closed.height else None
    refused = sum(view.story.refusals.values())
    active = view.story.active_share
    return (
        Kpi(
            text("run.kpi.pnl"),
            _money(view, view.gain),
            text("run.kpi.pnl_note", realized=_money(view, balance), day=_money(view, view.gain / days))
            if days >= 1
            else text("run.kpi.pnl_short", realized=_money(view, balance)),
            tone,
        ),
        Kpi(
            text("run.kpi.trades"),
            n.count(closed.height),
            text("run.kpi.trades_note", won=n.share(won, 0), open=text("run.open", n=len(view.open))),
            "",
        ),
        Kpi(
            text("run.kpi.active"),
            n.share(active),
            text("run.refusals", n=refused),
            "",
        ),
        _parity_kpi(view, text),
    )


def _parity_kpi(view: RunView, text: Text) -> Kpi:
    found = view.parity
    if found is None:
        return Kpi(text("run.kpi.parity"), n.NOTHING, text("run.kpi.parity_none"), "")
    tone = "" if found.ok else "loss"
    if view.by_venue:
        note = text("run.kpi.strange_note", n=len(found.differences))
        return Kpi(text("run.kpi.strange"), n.count(found.unattributed), note, tone)
    value = f"{n.count(found.same)}{n.NBSP}/{n.NBSP}{n.count(found.trades)}"
    note = text("run.kpi.parity_ok") if found.ok else text("run.kpi.parity_bad", n=found.unattributed)
    return Kpi(text("run.kpi.parity"), value, note, tone)


def brief(view: RunView, text: Text) -> tuple[tuple[str, str], ...]:
    """Return what ran and when, each in a line."""
    legs = "; ".join(f"{pair} ({a}, {b})" for pair, (a, b) in list(view.legs.items())[:4])
    if len(view.legs) > 4:
        legs = text("run.brief.more", legs=legs, n=len(view.legs) - 4)
    fills = text(f"run.brief.{'venue' if view.by_venue else 'engine'}")
    story = view.story
    when = text(
        "run.brief.when_text",
        start=n.stamp(story.start_ns),
        end=n.stamp(story.end_ns),
        rows=text("unit.row", n=int(view.summary.get("rows", 0))),
        processes=text("run.processes", n=len(story.processes)),
    )
    why = story.processes[-1].why if story.processes else ""
    end = text("run.brief.running") if view.running else text("run.brief.ended", why=_why(why, text))
    return (
        (text("run.brief.what"), f"{fills} {legs}"),
        (text("run.brief.when"), when),
        (text("run.brief.end"), end),
    )


def _why(why: str, text: Text) -> str:
    name = {"": "silent", "end of data": "data", "stopped": "stopped"}.get(why)
    return why if name is None else text(f"run.why.{name}")


def notes(view: RunView, text: Text) -> Iterator[str]:
    """Yield what speaks against taking the result for more than it is."""
    story = view.story
    if story.is_replay:
        yield text("run.note.replay")
    if not view.by_venue:
        yield text("run.note.engine")
    elif view.mode == "paper":
        yield text("run.note.paper")
    if view.by_venue and _LOOPBACK.search(view.config):
        yield text("run.note.loopback")
    if view.closed.height < _FEW:
        yield text("run.note.few", trades=text("unit.closed", n=view.closed.height))
    if story.crashes:
        yield text("run.note.crashes", n=story.crashes)
    if view.late:
        share = n.share(view.late / len(story.outcomes))
        yield text("run.note.late", n=view.late, share=share, deadline=n.hold(view.deadline_s))
    if story.failures:
        lost = sum(item.usd for item in story.failures)
        yield text("run.note.failures", n=len(story.failures), pnl=_money(view, lost))
    if story.absences:
        away = sum(item.end_ns - item.start_ns for item in story.absences)
        yield text("run.note.absences", n=len(story.absences), time=n.hold(away / 1e9))
    if view.open:
        yield text("run.note.open", n=len(view.open), pnl=_money(view, sum(item.mark for item in view.open)))
    if story.errors:
        yield text("run.note.errors", n=sum(story.errors.values()))
