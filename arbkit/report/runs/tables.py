"""The tables of the page of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import fields
from typing import Any, Final

import numpy as np
import polars as pl

from arbkit.config import GuardLimits, Params
from arbkit.live.calibrate import LegCosts, Measured
from arbkit.report import numbers as n
from arbkit.report.runs.view import RunView
from arbkit.report.table import Row, Table, bars_of
from arbkit.report.text import Text

__all__ = [
    "causes_table",
    "costs_table",
    "days_table",
    "exits_table",
    "failures_table",
    "feeds_table",
    "holes_table",
    "loop_table",
    "open_table",
    "outcomes_table",
    "pairs_table",
    "params_table",
    "refusals_table",
    "states_table",
    "trades_table",
]

_MOST_DAYS: Final = 62
_MOST_TRADES: Final = 12
_MOST_CODES: Final = 24
_MOST_FAILURES: Final = 12
_MOST_COLUMNS: Final = 6


def _won(trades: pl.DataFrame) -> str:
    """Return the share of trades that made money."""
    return n.share(int((trades["pnl_usd"] > 0).sum()) / trades.height, 0) if trades.height else n.NOTHING


def _heads(table: str, names: tuple[str, ...], text: Text) -> tuple[str, ...]:
    return tuple(text(f"run.{table}.{name}") for name in names)


def _plus(value: float | None) -> str:
    return n.money(value, plus=True)


def _named(prefix: str, key: str, text: Text) -> str:
    """Return the words for a code, or the code itself where it has none, such as that of a venue."""
    return text(f"{prefix}.{key}") if text.has(f"{prefix}.{key}") else key


def pairs_table(view: RunView, text: Text) -> Table:
    """What each pair did and earned."""
    worth, rows, values = view.worth, [], []
    limited = dict.fromkeys(view.legs, 0)
    for item in view.story.states:
        if item.scope and item.state != "active":
            limited[item.scope] += item.end_ns - item.start_ns
    for k, pair in enumerate(view.legs):
        own = view.closed.filter(pl.col("pair") == pair)
        notional = float(own["notional_usd"].sum())
        pnl = float(own["pnl_usd"].sum())
        realized = float(worth.realized[k, -1]) if worth.ts.size else 0.0
        marked = float(worth.marked[k, -1]) if worth.ts.size else 0.0
        values.append(realized + marked)
        cells = (
            n.count(own.height),
            _won(own),
            _plus(realized),
            _plus(marked),
            n.number(pnl / notional * 1e4, 1, plus=True) if notional else n.NOTHING,
            n.money(float(own["fees_usd"].sum())),
            n.hold(limited[pair] / 1e9) if limited[pair] else n.NOTHING,
        )
        rows.append((pair, cells))
    bars = bars_of(values)
    heads = ("pair", "closed", "won", "realized", "marked", "bps", "fees", "limited")
    return Table(
        text("run.pairs_table.caption", currency=view.currency),
        _heads("pairs_table", heads, text),
        tuple(Row(pair, cells, bar=bar) for (pair, cells), bar in zip(rows, bars, strict=True)),
        bars=text("run.kpi.pnl"),
    )


def days_table(view: RunView, text: Text) -> Table | None:
    """PnL per UTC day and pair; None for a run that saw one day."""
    frame = view.closed.select(pl.col("exit_ts").dt.date().alias("day"), "pair", "pnl_usd")
    failed = [(item.at_ns, item.pair, item.usd) for item in view.story.failures]
    stamps = {"day": pl.Int64, "pair": pl.String, "pnl_usd": pl.Float64}
    day = pl.col("day").cast(pl.Datetime("ns")).dt.date()
    lost = pl.DataFrame(failed, schema=stamps, orient="row").with_columns(day)
    both = pl.concat([frame, lost])
    days = both["day"].unique().sort().to_list()[-_MOST_DAYS:]
    if len(days) < 2:
        return None
    shown = list(view.legs) if 1 < len(view.legs) <= _MOST_COLUMNS else []
    rows, values = [], []
    for day in days:
        own = both.filter(pl.col("day") == day)
        total = float(own["pnl_usd"].sum())
        parts = [_plus(float(own.filter(pl.col("pair") == pair)["pnl_usd"].sum())) for pair in shown]
        values.append(total)
        closed = frame.filter(pl.col("day") == day).height
        rows.append((str(day), (n.count(closed), _plus(total), *parts)))
    heads = (*_heads("days", ("day", "closed", "pnl"), text), *shown)
    bars = bars_of(values)
    found = tuple(Row(day, cells, bar=bar) for (day, cells), bar in zip(rows, bars, strict=True))
    return Table(text("run.days.caption", currency=view.currency), heads, found, bars=text("run.days.pnl"))


def exits_table(view: RunView, text: Text) -> Table:
    """Why trades were closed, and what that brought."""
    held = (pl.col("exit_ts") - pl.col("entry_ts")).median().alias("held")
    groups = view.closed.group_by("exit_reason").agg(pl.len().alias("n"), pl.col("pnl_usd").sum(), held)
    rows = groups.sort("n", descending=True).rows(named=True)
    bars = bars_of([row["pnl_usd"] for row in rows])
    return Table(
        text("run.exits.caption", currency=view.currency),
        _heads("exits", ("why", "trades", "held", "pnl"), text),
        tuple(
            Row(
                text(f"exits.{row['exit_reason']}"),
                (n.count(row["n"]), n.hold(row["held"].total_seconds()), _plus(row["pnl_usd"])),
                bar=bar,
            )
            for row, bar in zip(rows, bars, strict=True)
        ),
        bars=text("run.exits.pnl"),
    )


def trades_table(view: RunView, text: Text) -> Table:
    """The trades with the largest gains and losses."""
    chosen = view.closed.sort(pl.col("pnl_usd").abs(), descending=True).head(_MOST_TRADES).sort("entry_ts")
    rows = []
    for row in chosen.rows(named=True):
        held = (row["exit_ts"] - row["entry_ts"]).total_seconds()
        cells = (
            row["pair"],
            _bought(view, row["pair"], row["side"]),
            text(f"exits.{row['exit_reason']}"),
            n.hold(held),
            n.money(row["notional_usd"]),
            _plus(row["pnl_usd"]),
            n.number(row["pnl_bps"], 1, plus=True),
        )
        rows.append(Row(n.clock(int(row["entry_ts"].timestamp() * 1e9)), cells))
    heads = ("entered", "pair", "bought", "why", "held", "notional", "pnl", "bps")
    caption = text("run.trades.caption", n=len(rows), currency=view.currency)
    return Table(caption, _heads("trades", heads, text), tuple(rows), texts=3)


def _bought(view: RunView, pair: str, side: str) -> str:
    return view.legs[pair][0 if side == "LONG_A_SHORT_B" else 1].partition("/")[0]


def open_table(view: RunView, text: Text) -> Table:
    """Trades that are open at the last row."""
    rows = tuple(
        Row(
            item.pair,
            (
                _bought(view, item.pair, item.side),
                n.clock(item.entry_ns),
                n.hold(item.age_s),
                n.hold(item.max_hold_s),
                n.money(item.notional),
                _plus(item.mark),
                n.number(item.mark / item.notional * 1e4, 1, plus=True) if item.notional else n.NOTHING,
            ),
            "mark" if item.max_hold_s is not None and item.age_s > item.max_hold_s else "",
        )
        for item in sorted(view.open, key=lambda item: -item.age_s)
    )
    heads = ("pair", "bought", "entered", "age", "limit", "notional", "mark", "bps")
    caption = text("run.open_table.caption", currency=view.currency)
    return Table(caption, _heads("open_table", heads, text), rows, texts=2)


def states_table(view: RunView, text: Text) -> Table:
    """What kept the run, or a pair, from entering: how often and for how long."""
    spans: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for item in view.story.states:
        for reason in item.reasons:
            key = (item.state, reason.partition(":")[0], item.scope)
            spans[key].append(item.end_ns - item.start_ns)
    rows = tuple(
        Row(
            _named("run.reason", reason, text),
            (
                text(f"run.state.{state}"),
                scope or text("run.lanes.run"),
                n.count(len(times)),
                n.hold(sum(times) / 1e9),
                n.hold(max(times) / 1e9),
            ),
        )
        for (state, reason, scope), times in sorted(spans.items(), key=lambda item: -sum(item[1]))[
            :_MOST_CODES
        ]
    )
    heads = ("reason", "state", "scope", "times", "total", "longest")
    return Table(text("run.states.caption"), _heads("states", heads, text), rows, texts=2)


def refusals_table(view: RunView, text: Text) -> Table:
    """Entries that the rules refused, by code."""
    counts: Counter[str] = Counter()
    pairs: dict[str, list[str]] = defaultdict(list)
    for (pair, code), number in view.story.refusals.items():
        counts[code] += number
        pairs[code].append(pair)
    total = sum(counts.values())
    rows = tuple(
        Row(
            _named("run.refusal", code, text),
            (", ".join(sorted(pairs[code])), n.count(number), n.share(number / total)),
        )
        for code, number in counts.most_common(_MOST_CODES)
    )
    heads = ("code", "pairs", "times", "share")
    return Table(text("run.refused.caption"), _heads("refused", heads, text), rows, texts=1)


def failures_table(view: RunView, text: Text) -> Table:
    """Entries and exits that came to nothing at the venues, by the venue's codes and what was done."""
    groups: dict[tuple[bool, str, str], list[float]] = defaultdict(list)
    for item in view.story.failures:
        codes = ", ".join(sorted(item.codes)) or n.NOTHING
        groups[item.is_entry, codes, _named("run.action", item.action, text)].append(item.usd)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    rows = [
        Row(text("run.failed.entry" if entry else "run.failed.exit"), (codes, action, *_summed(costs)))
        for (entry, codes, action), costs in ordered[:_MOST_FAILURES]
    ]
    if rest := [cost for _, costs in ordered[_MOST_FAILURES:] for cost in costs]:
        rows.append(Row(text("run.failed.rest"), ("", "", *_summed(rest)), "sub"))
    heads = _heads("failed", ("what", "code", "action", "times", "pnl"), text)
    return Table(text("run.failed.caption", currency=view.currency), heads, tuple(rows), texts=2)


def _summed(costs: list[float]) -> tuple[str, str]:
    return n.count(len(costs)), _plus(sum(costs))


def outcomes_table(view: RunView, text: Text) -> Table:
    """What became of the decisions that went to venues."""
    outcomes = view.story.outcomes
    groups: dict[str, list[float]] = defaultdict(list)
    for item in outcomes:
        groups[item.action].append(item.worst_naked_s)
    rows = tuple(
        Row(
            _named("run.action", action, text),
            (
                n.count(len(naked)),
                n.share(len(naked) / len(outcomes)),
                n.hold(float(np.median(naked))),
                n.hold(float(np.percentile(naked, 99))),
                n.hold(max(naked)),
            ),
        )
        for action, naked in sorted(groups.items(), key=lambda item: -len(item[1]))
    )
    heads = ("action", "times", "share", "median", "p99", "longest")
    return Table(text("run.outcomes.caption"), _heads("outcomes", heads, text), rows)


def costs_table(view: RunView, text: Text) -> Table | None:
    """Latency, slippage, fees and fill rate per leg."""
    if view.costs is None:
        return None
    rows: list[Row] = []
    for pair in view.costs.pairs:
        if len(view.costs.pairs) > 1:
            rows.append(Row(pair.pair, (), "group"))
        rows += [_leg_row(leg) for leg in (pair.a, pair.b)]
    heads = ("leg", "orders", "latency", "slow", "slippage", "worst", "moved", "fee", "filled")
    return Table(text("run.costs.caption"), _heads("costs", heads, text), tuple(rows))


def _leg_row(leg: LegCosts) -> Row:
    def at(found: Measured | None, name: str) -> float | None:
        return None if found is None else float(getattr(found, name))

    latency, slippage = leg.latency_ms, leg.slippage_bps
    cells = (
        n.count(0 if latency is None else latency.n),
        n.number(at(latency, "median"), 0),
        n.number(at(latency, "p95"), 0),
        n.number(at(slippage, "mean"), 2, plus=True),
        n.number(at(slippage, "p95"), 2, plus=True),
        n.number(at(leg.moved_bps, "mean"), 2, plus=True),
        n.number(at(leg.fee_bps, "mean"), 2),
        n.share(leg.fill_rate),
    )
    return Row(leg.leg, cells)


def loop_table(view: RunView, text: Text) -> Table | None:
    """How long the run itself took, from its latest statistics."""
    rows = []
    for name in ("book_to_decision_us", "decide_us"):
        found = view.summary.get(name) or {}
        if found.get("n"):
            values = (n.number(found[key] / 1e3, 2) for key in ("p50", "p99", "max"))
            rows.append(Row(text(f"run.loop.{name}"), (n.count(found["n"]), *values)))
    heads = _heads("loop", ("what", "times", "median", "p99", "max"), text)
    return Table(text("run.loop.caption"), heads, tuple(rows)) if rows else None


def causes_table(view: RunView, text: Text) -> Table | None:
    """Where the run and its backtest differ, by cause."""
    if view.parity is None:
        return None
    found = [(cause, *item) for cause, item in view.parity.by_cause().items() if item[0]]
    bars = bars_of([usd for _, _, usd in found])
    words = [_named("run.cause", cause, text) for cause, _, _ in found]
    rows = tuple(
        Row(name, (n.count(times), _plus(usd)), "mark" if cause == "none" else "", bar)
        for name, (cause, times, usd), bar in zip(words, found, bars, strict=True)
    )
    heads = _heads("causes", ("cause", "times", "pnl"), text)
    return Table(text("run.causes.caption", currency=view.currency), heads, rows, bars=text("run.causes.pnl"))


def feeds_table(view: RunView, text: Text) -> Table | None:
    """What the feeds counted, and for how long venues were away."""
    feeds: dict[str, Any] = dict(view.summary.get("feeds") or {})
    away: dict[str, list[int]] = defaultdict(list)
    for item in view.story.absences:
        away[item.venue].append(item.end_ns - item.start_ns)
    rows = []
    for venue in dict.fromkeys([*feeds, *away]):
        counts, times = feeds.get(venue) or {}, away[venue]
        numbers = (
            counts.get(name) for name in ("messages", "books", "gaps", "reconnects", "malformed", "refused")
        )
        gone = (n.count(len(times)), n.hold(sum(times) / 1e9), n.hold(max(times) / 1e9 if times else None))
        rows.append(Row(venue, (*(n.count(value) for value in numbers), *gone)))
    heads = (
        "venue",
        "messages",
        "books",
        "gaps",
        "reconnects",
        "malformed",
        "refused",
        "away",
        "total",
        "longest",
    )
    return Table(text("run.feeds.caption"), _heads("feeds", heads, text), tuple(rows)) if rows else None


def holes_table(view: RunView, text: Text) -> Table | None:
    """Books that were lost, by venue and reason."""
    counts = Counter((item.venue, item.reason) for item in view.story.holes)
    books: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in view.story.holes:
        books[item.venue, item.reason].add(item.symbol)
    rows = tuple(
        Row(venue, (_named("run.hole", reason, text), n.count(len(books[venue, reason])), n.count(times)))
        for (venue, reason), times in counts.most_common(_MOST_CODES)
    )
    heads = _heads("holes", ("venue", "reason", "books", "times"), text)
    return Table(text("run.holes.caption"), heads, rows, texts=1) if rows else None


def params_table(view: RunView, text: Text) -> Table:
    """The parameters of the pairs that are not those of the default."""
    defaults = {item.name: item.default for item in fields(Params)}
    sets = {item["name"]: item["params"] for item in view.about["pairs"]}
    alike = all(own == next(iter(sets.values())) for own in sets.values())
    shown = dict(list(sets.items())[: 1 if alike else _MOST_COLUMNS])
    guards = [own.get("guard") or {} for own in shown.values()]
    usual = {item.name: item.default for item in fields(GuardLimits)}
    names = [
        name
        for name, plain in defaults.items()
        if name != "guard" and any(own.get(name, plain) != plain for own in sets.values())
    ]
    limits = dict.fromkeys(name for own in guards for name in own if own[name] != usual.get(name))
    rows = [
        *(Row(name, tuple(n.plain(own.get(name)) for own in shown.values())) for name in names),
        *(Row(f"guard.{name}", tuple(n.plain(own.get(name)) for own in guards)) for name in limits),
    ]
    pairs = (text("run.params.all"),) if alike and len(sets) > 1 else tuple(shown)
    return Table(text("run.params.caption"), (text("run.params.name"), *pairs), tuple(rows))
