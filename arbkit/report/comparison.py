"""Several studies side by side on one page: what each may claim, its numbers, its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from arbkit.errors import ConfigError
from arbkit.report import numbers as n
from arbkit.report import tables
from arbkit.report.facts import facts_of, summary_of
from arbkit.report.figures.chart import NARROW, WIDE
from arbkit.report.figures.versus import draw_versus, versus_numbers
from arbkit.report.html import environment
from arbkit.report.pictures import Picture
from arbkit.report.table import Row, Table, words_table
from arbkit.report.text import Text, load_text
from arbkit.report.verdict import verdict_of
from arbkit.report.view import StudyView

__all__ = [
    "MOST",
    "check_comparable",
    "comparison_facts",
    "comparison_tables",
    "ground_of",
    "render_comparison",
    "title_of",
]

#: More columns no longer fit on a page.
MOST: Final = 4


def check_comparable(names: Sequence[str]) -> None:
    """Refuse what cannot be laid side by side.

    Raises:
        ConfigError: for fewer than two studies, more than `MOST`, or one named twice.
    """
    if not 2 <= len(names) <= MOST or len(set(names)) < len(names):
        raise ConfigError(
            f"a comparison takes 2 to {MOST} different studies, was {', '.join(names) or 'none'}; "
            "name them after --compare"
        )


def render_comparison(views: Sequence[StudyView], text: Text | None = None) -> str:
    """Return one page that holds studies against each other."""
    text = text or load_text()
    verdicts = [verdict_of(view, text) for view in views]
    names = [view.name for view in views]
    page: dict[str, Any] = {
        "t": text,
        "title": title_of(views, text),
        "cards": list(zip(names, verdicts, [tables.kpis(view, text) for view in views], strict=True)),
        "ground": ground_of(views, text),
        "picture": _picture(views, text),
        "tables": comparison_tables(views, text),
        "version": views[0].arbkit_version,
        "created": max(view.created for view in views),
        "summaries": [summary_of(view, text) for view in views],
    }
    return environment().get_template("compare.html").render(page)


def title_of(views: Sequence[StudyView], text: Text) -> str:
    """Return the names of the studies as a title."""
    names = [view.name for view in views]
    return text("compare.title", first=", ".join(names[:-1]), last=names[-1])


def ground_of(views: Sequence[StudyView], text: Text) -> str:
    """Say whether the studies stand on the same ground."""
    seen: dict[str, set[Any]] = {
        "data": {(view.source, view.train.panel.meta.source_fingerprint) for view in views},
        "time": {(view.test.panel.start_ns, view.test.panel.end_ns) for view in views},
        "currency": {view.currency for view in views},
    }
    different = [text(f"compare.differs_{name}") for name, values in seen.items() if len(values) > 1]
    return text("compare.differs", what=", ".join(different)) if different else text("compare.same")


def comparison_tables(views: Sequence[StudyView], text: Text) -> tuple[Table, ...]:
    """Return the tables of a comparison: numbers, parameters, and what each study stands on."""
    return _numbers(views, text), _params(views, text), *_inputs(views, text)


def _numbers(views: Sequence[StudyView], text: Text) -> Table:
    made = [tables.metrics_table(view, text) for view in views]
    head = [text("compare.head")]
    for part in ("test", "train"):
        head += [f"{view.name}, {text(f'segment.{part}').lower()}" for view in views]
    rows = []
    for lines in zip(*(item.rows for item in made), strict=True):
        cells = [line.cells[at] for at in (1, 0) for line in lines if line.cells]
        rows.append(Row(lines[0].head, tuple(cells), lines[0].kind))
    return Table(text("compare.numbers"), tuple(head), tuple(rows))


def _params(views: Sequence[StudyView], text: Text) -> Table:
    values = [{**view.params.to_dict(), "reference": view.reference} for view in views]
    searched = {item.name for view in views for item in view.searched}
    fixed = {name for view in views for name in view.fixed}
    rows = []
    for name in values[0]:
        cells = [n.plain(value[name]) for value in values]
        if name in searched | fixed or len(set(cells)) > 1:
            rows.append(Row(name, tuple(cells), "mark" if len(set(cells)) > 1 else ""))
    head = (text("params.head"), *(view.name for view in views))
    return Table(text("compare.params"), head, tuple(rows))


def _inputs(views: Sequence[StudyView], text: Text) -> tuple[Table, ...]:
    found = []
    for view in views:
        meta, part = view.train.panel.meta, view.test.panel
        pairs = [
            (text("data.source"), view.source),
            (text("data.leg_a"), meta.leg_a),
            (text("data.leg_b"), meta.leg_b),
            (text("compare.time"), f"{n.stamp(part.start_ns)} · {n.stamp(part.end_ns)}"),
            (text("compare.objective"), tables.metric_text(view, text)),
            (text("reproduce.sampler"), view.sampler),
            (text("compare.sets"), n.count(view.sets_tried)),
            (text("reproduce.seed"), n.NOTHING if view.seed is None else str(view.seed)),
            (text("reproduce.fingerprint"), view.fingerprint),
        ]
        caption = f"{view.name}: {text('compare.inputs')}"
        found.append(words_table(caption, text("data.head"), text("data.value"), pairs))
    return tuple(found)


def _picture(views: Sequence[StudyView], text: Text) -> Picture:
    found = versus_numbers(views)
    title = text("compare.equity")
    ends = ", ".join(
        f"{view.name} {n.money(view.test.result.metrics.mtm_pnl_usd, view.currency, plus=True)}"
        for view in views
    )
    description = text("compare.equity_desc", ends=ends)
    wide = draw_versus(found, text, WIDE).svg("versus-w", title, description)
    narrow = draw_versus(found, text, NARROW, narrow=True).svg("versus-n", title, description)
    return Picture("versus", title, text("compare.equity_caption"), wide, narrow)


def comparison_facts(views: Sequence[StudyView], text: Text) -> dict[str, Any]:
    """Return the facts of every study of a comparison by name."""
    return {view.name: facts_of(view, text) for view in views}
