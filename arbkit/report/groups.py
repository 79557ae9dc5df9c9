"""Tables of what trades earned by direction, day and way out, of open trades, and of the money tied up."""

from __future__ import annotations

from collections.abc import Mapping

from arbkit.report import numbers as n
from arbkit.report.breakdown import KST_H, Group, OpenTrade, by_day, by_exit, by_side, open_trades
from arbkit.report.capital import Capital, capital_of
from arbkit.report.table import Row, Table
from arbkit.report.text import Text
from arbkit.report.view import StudyView

__all__ = ["capital_table", "days_table", "exits_table", "open_note", "open_table", "sides_table"]

_Pair = tuple[Group | None, Group | None]


def _head(text: Text, first: str) -> tuple[str, ...]:
    columns = ("trades", "pnl", "mean", "won")
    return (
        text(first),
        *(
            f"{text(f'groups.{column}')}, {text(f'segment.{name}').lower()}"
            for name in ("train", "test")
            for column in columns
        ),
    )


def _cells(pair: _Pair) -> tuple[str, ...]:
    return tuple(cell for group in pair for cell in _group_cells(group))


def _group_cells(group: Group | None) -> tuple[str, ...]:
    if group is None or not group.trades:
        return (n.count(0), n.NOTHING, n.NOTHING, n.NOTHING)
    return (
        n.count(group.trades),
        n.money(group.pnl, plus=True),
        n.number(group.mean_bps, 1, plus=True),
        n.share(group.won, 0),
    )


def _joined(train: Mapping[str, Group], test: Mapping[str, Group]) -> dict[str, _Pair]:
    names = dict.fromkeys((*train, *test))
    return {name: (train.get(name), test.get(name)) for name in names}


def sides_table(view: StudyView, text: Text) -> Table:
    """Return the closed trades by pair and direction."""
    meta = view.train.panel.meta
    legs = {"ab": (meta.leg_a, meta.leg_b), "ba": (meta.leg_b, meta.leg_a)}
    groups = _joined(by_side(view.train), by_side(view.test))
    rows = tuple(
        Row(text("groups.side", buy=legs[side][0], sell=legs[side][1]), _cells(pair))
        for side, pair in groups.items()
        if any(group is not None and group.trades for group in pair)
    )
    return Table(text("groups.sides_caption", currency=view.currency), _head(text, "groups.sides_head"), rows)


def days_table(view: StudyView, text: Text) -> Table:
    """Return the closed trades by kind of day, on two clocks, with what they made per such day."""
    rows = []
    for clock, offset in (("UTC", 0.0), ("KST", float(KST_H))):
        groups = _joined(by_day(view.train, offset), by_day(view.test, offset))
        rows.append(Row(text("groups.clock", clock=clock), (), "group"))
        for kind, pair in groups.items():
            cells = tuple(cell for group in pair for cell in _day_cells(group))
            rows.append(Row(text(f"groups.{kind}"), cells))
    head = (
        text("groups.days_head"),
        *(
            f"{text(f'groups.{column}')}, {text(f'segment.{name}').lower()}"
            for name in ("train", "test")
            for column in ("days", "trades", "per_day")
        ),
    )
    return Table(text("groups.days_caption", currency=view.currency), head, tuple(rows))


def _day_cells(group: Group | None) -> tuple[str, ...]:
    if group is None or group.days <= 0:
        return (n.number(0.0, 1), n.count(0), n.NOTHING)
    return (
        n.number(group.days, 1),
        n.count(group.trades),
        n.money(group.pnl / group.days, plus=True),
    )


def exits_table(view: StudyView, text: Text) -> Table | None:
    """Return the closed trades by the reason of their exit; None without one."""
    groups = _joined(by_exit(view.train), by_exit(view.test))
    if not groups:
        return None
    rows = tuple(Row(text(f"exits.{reason}"), _cells(pair)) for reason, pair in groups.items())
    return Table(text("exits.caption", currency=view.currency), _head(text, "exits.head"), rows)


def open_table(view: StudyView, text: Text) -> Table | None:
    """Return the trades that the end of a stretch found open; None where there are none."""
    found = [*open_trades("train", view.train), *open_trades("test", view.test)]
    if not found:
        return None
    keys = ("entry", "side", "age", "notional", "mark", "mark_bps", "worst")
    head = (text("open.head"), *(text(f"open.{key}") for key in keys))
    rows = tuple(Row(text(f"segment.{item.segment}"), _open_cells(item, text)) for item in found)
    return Table(text("open.caption", currency=view.currency), head, rows, texts=2)


def _open_cells(item: OpenTrade, text: Text) -> tuple[str, ...]:
    return (
        n.stamp(item.entry_ts),
        text(f"side.{item.side}"),
        n.hold(item.age_s),
        n.money(item.notional),
        n.money(item.mark, plus=True),
        n.number(item.mark_bps, 1, plus=True),
        n.number(item.worst_bps, 1, plus=True),
    )


def open_note(view: StudyView, text: Text) -> str:
    """Return the age and the mark of the open trades in a sentence."""
    found = [*open_trades("train", view.train), *open_trades("test", view.test)]
    if not found:
        return text("open.none")
    oldest = max(item.age_s for item in found)
    mark = n.money(sum(item.mark for item in found), view.currency, plus=True)
    return text("open.note", n=len(found), oldest=n.hold(oldest), mark=mark)


def capital_table(view: StudyView, text: Text) -> Table:
    """Return what the money tied up has earned, beside the hurdle rate."""
    columns = [_capital_cells(capital_of(part, view.hurdle_pct), text) for part in (view.train, view.test)]
    rows = tuple(
        Row(
            text(f"capital.{name}", hurdle=n.percent(view.hurdle_pct)),
            tuple(column[name] for column in columns),
            "mark" if name == "excess" else "",
        )
        for name in columns[0]
    )
    head = (text("capital.head"), text("segment.train"), text("segment.test"))
    return Table(text("capital.caption", currency=view.currency), head, rows)


def _capital_cells(found: Capital, text: Text) -> dict[str, str]:
    return {
        "peak": n.money(found.peak),
        "mean": n.money(found.mean),
        "pnl": n.money(found.pnl, plus=True),
        "on_mean": n.percent(found.on_mean_pct),
        "on_peak": n.percent(found.on_peak_pct),
        "on_balance": n.percent(found.on_balance_pct),
        "hurdle": n.money(found.hurdle_usd),
        "excess": n.money(found.excess_usd, plus=True),
    }
