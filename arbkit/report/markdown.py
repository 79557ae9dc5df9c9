"""The report as Markdown: the same sentences and tables, for a terminal, a chat or a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from arbkit.report import groups, tables, trust
from arbkit.report import numbers as n
from arbkit.report.comparison import comparison_tables, ground_of, title_of
from arbkit.report.figures.search import importance_numbers
from arbkit.report.html import brief, trial_state, versions
from arbkit.report.table import Row, Table
from arbkit.report.text import Text, load_text
from arbkit.report.validated import validation_notes, validation_table
from arbkit.report.verdict import verdict_of
from arbkit.report.view import StudyView

__all__ = ["render_comparison_markdown", "render_markdown", "table_lines"]


def render_markdown(view: StudyView, text: Text | None = None) -> str:
    """Return the report of a study as Markdown, without the pictures."""
    text = text or load_text()
    return "\n".join(_lines(view, text)) + "\n"


def render_comparison_markdown(views: Sequence[StudyView], text: Text | None = None) -> str:
    """Return a comparison of studies as Markdown."""
    text = text or load_text()
    lines = [f"# {_safe(title_of(views, text))}", f"\n> {_safe(ground_of(views, text))}"]
    for view in views:
        verdict = verdict_of(view, text)
        lines.append(f"\n## {_safe(view.name)}\n")
        lines += [f"**{_safe(line)}**\n" for line in verdict.first]
        lines.append(f"{_safe(verdict.sentence)}\n")
        lines += [f"- **{_safe(item.name)}: {_safe(item.value)}**" for item in tables.kpis(view, text)]
    for item in comparison_tables(views, text):
        lines += table_lines(item)
    return "\n".join(lines) + "\n"


def _lines(view: StudyView, text: Text) -> Iterator[str]:
    verdict = verdict_of(view, text)
    yield f"# {view.name}"
    for line in verdict.first:
        yield f"\n**{_safe(line)}**"
    yield f"\n> {_safe(verdict.sentence)}\n"
    for kpi in tables.kpis(view, text):
        yield f"- **{_safe(kpi.name)}: {_safe(kpi.value)}** ({_safe(kpi.note)})"
    for head, line in brief(view, text):
        yield f"\n**{_safe(head)}.** {_safe(line)}"
    yield f"\n**{_safe(text('brief.trust'))}**\n"
    for line in (*verdict.notes, *trust.trust_notes(view, text)):
        yield f"- {_safe(line)}"
    for name, items in _sections(view, text):
        yield f"\n## {_safe(text(f'section.{name}'))}"
        for item in items:
            if isinstance(item, str):
                if item:
                    yield f"\n{_safe(item)}"
            elif item is not None:
                yield from table_lines(item)
    yield f"\n```\n{view.command}\n```\n"
    yield f"{_safe(text('reproduce.glossary'))}\n"
    yield _safe(text("page.made", version=view.arbkit_version, created=view.created))


def _sections(view: StudyView, text: Text) -> Iterator[tuple[str, Iterable[Table | str | None]]]:
    yield (
        "compare",
        (validation_table(view, text), *validation_notes(view, text), tables.metrics_table(view, text)),
    )
    yield "chosen", (_parameters(view, text), tables.edge_note(view, text), tables.fixed_table(view, text))
    importance = tables.importance_table(view, importance_numbers(view), text) if view.supported else None
    yield "search", (trial_state(view, text), importance, tables.trials_table(view, text))
    yield "around", (trust.near_table(view, text), trust.finalists_table(view, text))
    yield (
        "trades",
        (
            tables.attribution_table(view, text),
            groups.open_note(view, text),
            groups.open_table(view, text),
            groups.capital_table(view, text),
        ),
    )
    yield (
        "groups",
        (groups.days_table(view, text), groups.sides_table(view, text), groups.exits_table(view, text)),
    )
    yield "checks", _checks(view, text)
    yield "data", (tables.data_table(view, text), tables.quality_table(view, text))
    yield "reproduce", (tables.identity_table(view, text, versions()), text("reproduce.intro"))


def _checks(view: StudyView, text: Text) -> tuple[Table | str | None, ...]:
    checks = view.checks
    if checks is None:
        return (text("checks.none"),)
    return (
        trust.checks_note(view, text),
        trust.audit_table(checks, text),
        "" if checks.latency is None else trust.latency_sentence(checks.latency, text),
        "" if checks.capacity is None else trust.capacity_sentence(checks.capacity, text),
        trust.fee_sentence(checks, text),
        trust.stress_table(checks, text),
    )


def _parameters(view: StudyView, text: Text) -> Table:
    head = tuple(text(f"params.{name}") for name in ("head", "chosen", "range", "place"))
    rows = tuple(
        Row(
            item.name,
            (item.chosen, item.searched, n.NOTHING if item.place is None else f"{item.place:.0f} %"),
        )
        for item in tables.parameters(view, text)
    )
    return Table(text("params.caption"), head, rows)


def table_lines(item: Table) -> Iterator[str]:
    """Yield the lines of a table, its caption above it."""
    yield f"\n{_safe(item.caption)}\n"
    yield "| " + " | ".join(_cell(name) for name in item.head) + " |"
    side = "---" if item.words else "---:"
    yield "| --- | " + " | ".join([side] * (len(item.head) - 1)) + " |"
    for row in item.rows:
        blank = [""] * (len(item.head) - 1 - len(row.cells))
        head = f"**{_cell(row.head)}**" if row.kind in ("group", "mark") else _cell(row.head)
        yield "| " + " | ".join([head, *(_cell(cell) for cell in row.cells), *blank]) + " |"


def _safe(text: str) -> str:
    """Keep text from being read as HTML or as emphasis."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("*", "\\*").replace(n.NBSP, " ")


def _cell(text: str) -> str:
    return _safe(text).replace("|", "\\|").replace("\n", " ")
