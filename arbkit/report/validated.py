"""What the validation of a study measured, as the report shows it."""

from __future__ import annotations

from arbkit.report import numbers as n
from arbkit.report.tables import Row, Table
from arbkit.report.text import Text
from arbkit.report.view import StudyView
from arbkit.validation.result import Part, Validation

__all__ = ["validation_notes", "validation_table"]

_COLUMNS = ("days", "per_day", "interval", "t", "needs", "closed", "open", "open_usd", "record")


def validation_table(view: StudyView, text: Text) -> Table | None:
    """Return the stretches of time side by side; None without a validation of something."""
    found = view.validation
    if found is None or not found.parts:
        return None
    level = n.share(2 * found.settings["level"] - 1, 0)
    head = (text("validation.head"), *(text(f"validation.{name}") for name in _COLUMNS))
    rows = tuple(Row(text(f"validation.{part.name}"), _cells(part, found)) for part in found.parts)
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


def _cells(part: Part, found: Validation) -> tuple[str, ...]:
    interval = n.NOTHING
    if part.low_usd is not None and part.high_usd is not None:
        interval = f"{n.money(part.low_usd)} to {n.money(part.high_usd)}"
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
