"""What the validation of a study measured, as the report shows it."""

from __future__ import annotations

import math

from arbkit.report import numbers as n
from arbkit.report.table import Row, Table
from arbkit.report.text import Text
from arbkit.report.view import StudyView
from arbkit.validation.result import Part, Validation

__all__ = ["validation_notes", "validation_sentence", "validation_table"]

_COLUMNS = ("days", "per_day", "interval", "t", "needs", "closed", "open", "open_usd", "record")


def validation_table(view: StudyView, text: Text) -> Table | None:
    """Return the stretches of time side by side; None without a validation of something."""
    found = view.validation
    if found is None or not found.parts:
        return None
    level = n.share(2 * found.settings["level"] - 1, 0)
    head = (text("validation.head"), *(text(f"validation.{name}") for name in _COLUMNS))
    rows = tuple(Row(text(f"validation.{part.name}"), _cells(part, found, text)) for part in found.parts)
    return Table(text("validation.caption", level=level), head, rows)


def validation_notes(view: StudyView, text: Text) -> tuple[str, ...]:
    """Return the figures over all sets, the openings of the lockbox and the settings of the rule."""
    found = view.validation
    if found is None or not found.parts:
        return ()
    tests, used = found.tests, found.settings
    together = text(
        "validation.together",
        spa=n.number(tests.spa_p, 3),
        sets=text("unit.set", n=tests.spa_sets),
        tried=n.count(tests.distinct_sets),
        dsr=n.number(tests.dsr, 3),
        published=n.number(tests.dsr_published, 3),
        pbo=n.number(tests.pbo, 3),
        loss=n.number(tests.p_loss, 3),
        times=text("unit.time", n=len(found.openings)),
    )
    rule = text(
        "validation.rule",
        training=n.share(used["training"], 0),
        walk=n.share(used["walk_forward"], 0),
        folds=used["folds"],
        lockbox=n.share(used["lockbox"], 0),
        bin=used["bin"],
        block=used["block"],
        trades=used["min_trades"],
        bins=used["min_bins"],
    )
    return together, rule


def validation_sentence(found: Validation, text: Text) -> str:
    """Return the outcome in one sentence: that of the validation, or the same in another language."""
    said = found.sentence if text.language == "en" else composed_sentence(found, text)
    return f"{said[:1].upper()}{said[1:]}"


def composed_sentence(found: Validation, text: Text) -> str:
    """Return the outcome in one sentence from the stored figures; in English it is the stored one."""
    if not found.parts:
        said = text("verdict.none", reasons=text("verdict.infeasible"))
    elif found.status == "too short":
        said = text("verdict.short", reasons=_joined(_lacking(found, text), text), more=_more(found, text))
    elif found.status == "not supported":
        said = text("verdict.none", reasons=_joined(_failed(found, text), text))
    else:
        said = _supported(found, text)
    return said


def _joined(items: list[str], text: Text) -> str:
    if len(items) < 2:
        return "".join(items)
    return text("verdict.and", first=", ".join(items[:-1]), last=items[-1])


def _lacking(found: Validation, text: Text) -> list[str]:
    out, used = found.part("out_of_sample"), found.settings
    lacking = []
    if out.closed_trades < used["min_trades"]:
        lacking.append(text("verdict.lacking_trades", found=out.closed_trades, needed=used["min_trades"]))
    if out.bins < used["min_bins"]:
        lacking.append(text("verdict.lacking_bins", found=out.bins, needed=used["min_bins"]))
    needed = out.track_record_days
    if out.pnl_usd > 0 and needed is not None and needed > out.days:
        lacking.append(text("verdict.lacking_days", found=f"{out.days:.0f}", needed=f"{needed:,.0f}"))
    return lacking


def _more(found: Validation, text: Text) -> str:
    if found.more_days is None:
        return text("verdict.more_never")
    return text("verdict.more", days=f"{max(math.ceil(found.more_days), 1):,}")


def _failed(found: Validation, text: Text) -> list[str]:
    alpha, p = round(1 - found.settings["level"], 12), found.tests.spa_p
    failed = []
    if p is None:
        failed.append(text("verdict.failed_nothing"))
    elif not p < alpha:
        failed.append(text("verdict.failed_spa", p=f"{p:.3f}", alpha=f"{alpha:.3g}"))
    for name in ("walk_forward", "lockbox"):
        part, where = found.part(name), text(f"verdict.where_{name}")
        if part.t is None:
            failed.append(text("verdict.failed_silent", where=where))
        elif not part.t > part.critical:
            values = {"where": where, "t": n.number(part.t), "needed": f"{part.critical:.2f}"}
            failed.append(text("verdict.failed_t", **values))
    return failed


def _supported(found: Validation, text: Text) -> str:
    out = found.part("out_of_sample")
    made = f"{out.per_day_usd:,.2f} {found.currency}"
    interval = ""
    if out.low_usd is not None and out.high_usd is not None:
        interval = text("verdict.interval", low=f"{out.low_usd:,.2f}", high=f"{out.high_usd:,.2f}")
    return text(
        "verdict.supported",
        made=made,
        interval=interval,
        p=f"{found.tests.spa_p:.3f}",
        walk=n.number(found.part("walk_forward").t),
        box=n.number(found.part("lockbox").t),
    )


def _cells(part: Part, found: Validation, text: Text) -> tuple[str, ...]:
    interval = n.NOTHING
    if part.low_usd is not None and part.high_usd is not None:
        interval = text("params.to", low=n.money(part.low_usd), high=n.money(part.high_usd))
    return (
        n.number(part.days, 1),
        n.money(part.per_day_usd, found.currency),
        interval,
        n.number(part.t),
        n.number(part.critical),
        n.count(part.closed_trades),
        n.count(part.open_at_end),
        n.money(part.open_at_end_usd, found.currency),
        n.NOTHING if part.track_record_days is None else n.number(part.track_record_days, 0),
    )
