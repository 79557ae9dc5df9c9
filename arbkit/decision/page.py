"""The page: sections of lines and tables, the same for the terminal and as plain text."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from arbkit.decision.canary import Canary
    from arbkit.decision.result import Decision, Rival
    from arbkit.validation import Part

__all__ = ["Section", "Table", "plain", "sections", "text_page"]

_SHOWN = ("training", "out_of_sample", "walk_forward", "lockbox")


class Table(NamedTuple):
    """Headings and rows; cells are text, empty ones None."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


class Section(NamedTuple):
    """A part of the page: its title, a table, and lines below it."""

    title: str
    table: Table | None
    lines: tuple[str, ...]


def sections(decision: Decision) -> tuple[Section, ...]:
    """Return the page of a decision, top to bottom."""
    found = [Section("", None, (_capital(decision.sentence) + ".",))]
    if not decision.parts:
        return (*found, Section("More data", None, (_capital(decision.days.sentence) + ".",)))
    return (
        *found,
        _choice(decision),
        _per_day(decision),
        _costs(decision),
        _next(decision),
        _written(decision),
    )


def text_page(decision: Decision) -> str:
    """Return the page as plain text."""
    blocks = []
    for section in sections(decision):
        lines = [section.title.upper()] if section.title else []
        if section.table is not None:
            lines += _grid(section.table)
        blocks.append("\n".join([*lines, *section.lines]))
    return "\n\n".join(blocks) + "\n"


def _grid(table: Table) -> list[str]:
    rows = [table.columns, *(tuple(cell or "-" for cell in row) for row in table.rows)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(table.columns))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _choice(decision: Decision) -> Section:
    rows = [_rival_row(rival) for rival in decision.rivals]
    cells = tuple(zip(*rows, strict=True))
    columns = ("the set", *(f"{rival.name} (trial {rival.number})" for rival in decision.rivals))
    table = Table(
        columns, tuple((name, *values) for name, values in zip(_labels(decision), cells, strict=True))
    )
    return Section("Which set, and why", table, (_capital(decision.choice) + ".",))


def _labels(decision: Decision) -> tuple[str, ...]:
    return (
        *decision.rivals[0].params,
        "training value",
        "three quarters around it keep",
        f"walk-forward, {decision.currency} per day",
        "its t, and what it needs",
        "worst scenario there",
        "scenarios that lose",
    )


def _rival_row(rival: Rival) -> tuple[str, ...]:
    worst = "nothing changed it" if rival.worst_usd is None else f"{rival.worst}: {_money(rival.worst_usd)}"
    walk = rival.walk
    return (
        *(_value(value) for value in rival.params.values()),
        f"{rival.value:,.6g}",
        "-" if rival.score is None else f"{rival.score:,.6g}",
        f"{_money(walk.per_day_usd)}{_interval(walk)}",
        _without_t(walk) if walk.t is None else f"{_number(walk.t)}, {walk.critical:.2f}",
        worst,
        f"{rival.lost} of {rival.tried}",
    )


def _without_t(part: Part) -> str:
    return "nothing moved" if part.pnl_usd == 0 else f"too few bins: {part.bins}"


def _per_day(decision: Decision) -> Section:
    columns = (
        "marked to market", "days", f"{decision.currency} per day", "90 % interval", "t", "closed",
        "open at end", "their value", "record needed, days",
    )  # fmt: skip
    rows = tuple(_part_row(decision.part(name)) for name in _SHOWN)
    return Section("What it earned", Table(columns, rows), ())


def _part_row(part: Part) -> tuple[str | None, ...]:
    return (
        part.name.replace("_", " "),
        f"{part.days:,.1f}",
        _money(part.per_day_usd),
        _interval(part).strip(" ()") or None,
        None if part.t is None else _number(part.t),
        f"{part.closed_trades:,}",
        f"{part.open_at_end:,}",
        _money(part.open_at_end_usd),
        _record(part),
    )


def _record(part: Part) -> str | None:
    """Return the minimum track record length; no length is enough for what earned nothing."""
    if part.track_record_days is None:
        return None if part.sharpe is None or part.sharpe > 0 else "none is enough"
    return f"{part.track_record_days:,.0f}"


def _costs(decision: Decision) -> Section:
    rows = tuple((item.what, item.tier, item.source) for item in decision.tiers)
    lines = [f"{_capital(item.name)}: {item.finding}" for item in decision.costs]
    return Section("If the costs are wrong", Table(("carried", "by", "data"), rows), tuple(lines))


def _next(decision: Decision) -> Section:
    lines = [_capital(decision.days.sentence) + "."]
    canary = decision.canary
    if canary is None:
        lines.append("Canary: nothing was traded out of sample, so there is nothing to try.")
    else:
        lines.append(
            f"Smallest canary: {canary.notional_usd:,.2f} {decision.currency} a trade ({canary.size:.6g} "
            f"base units, {canary.share:.2%} of what was studied) for {canary.days:,} days, about "
            f"{canary.closed_trades:,} closed trades. {_worst(decision, canary)}; "
            f"{_money(canary.expected_usd)} if out of sample is the truth."
        )
        lines += [f"  {_capital(note)}." for note in canary.notes]
    return Section("What next", None, tuple(lines))


def _worst(decision: Decision, canary: Canary) -> str:
    if canary.worst_usd is None or canary.deepest_usd is None:
        bins = decision.part("out_of_sample").bins
        return f"What it may cost cannot be told from {bins} bins out of sample"
    return (
        f"It costs at most {canary.worst_usd:,.2f} {decision.currency} in 95 of 100 cases, and is down at "
        f"most {canary.deepest_usd:,.2f} on the way"
    )


def _written(decision: Decision) -> Section:
    assert decision.guard is not None
    assert decision.envelope is not None
    guard = decision.guard
    limits = ", ".join(
        f"{name} {_value(value)}"
        for name, value in guard.limits.to_dict().items()
        if value is not None and name != "utc_offset_h"
    )
    effect = f"{guard.refused:,} entries refused in training, PnL changed by {_money(guard.pnl_change_usd)}"
    origin = "tuned with it" if guard.tuned else "derived from training"
    until = dt.datetime.fromtimestamp(decision.valid_until_ns // 10**9, dt.UTC)
    rows = tuple((name, *(_bound(bounds, end) for end in (0, 1))) for name, bounds in decision.envelope)
    lines = (
        f"Guard ({origin}; {effect}): {limits}.",
        f"Valid until {until:%Y-%m-%d %H:%M} UTC: the end of the data plus the length of the lockbox.",
        *(f"Note: {note}." for note in decision.notes),
    )
    return Section("What the file holds", Table(("envelope in training", "1 %", "99 %"), rows), lines)


def _bound(bounds: tuple[float, float] | None, end: int) -> str | None:
    return None if bounds is None else f"{bounds[end]:,.6g}"


def _interval(part: Part) -> str:
    if part.low_usd is None or part.high_usd is None:
        return ""
    return f" ({_money(part.low_usd)} to {_money(part.high_usd)})"


def _money(value: float) -> str:
    return _number(value, "+" if value > 0 else "")


def _number(value: float, sign: str = "") -> str:
    return f"{sign}{value:,.2f}".replace("-", "\N{MINUS SIGN}")


def _value(value: Any) -> str:
    return "none" if value is None else f"{value:,.6g}" if isinstance(value, float) else str(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def plain(value: Any) -> Any:
    """Turn tuples into lists and numbers that JSON does not know into None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
