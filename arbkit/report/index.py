"""One page that lists every report of a folder: verdict, data and numbers, read off the reports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from arbkit import __version__
from arbkit.report import numbers as n
from arbkit.report.facts import VERSION
from arbkit.report.html import environment
from arbkit.report.text import Text, load_text

__all__ = ["NAME", "Listed", "listed_reports", "render_index"]

#: Of the page in its folder.
NAME: Final = "index.html"
_FACTS: Final = re.compile(r'<script type="application/json" id="report-facts">(.*?)</script>', re.DOTALL)
#: The facts stand in the head of a page.
_HEAD: Final = 65_536


class Listed(NamedTuple):
    """One report: its file, and the summary that it holds."""

    file: str
    facts: dict[str, Any]


def listed_reports(folder: Path) -> tuple[Listed, ...]:
    """Return the reports of a folder, the latest study first; other pages are left out."""
    found = []
    for path in sorted(folder.glob("*.html")):
        facts = _facts_in(path)
        if facts is not None:
            found.append(Listed(path.name, facts))
    return tuple(sorted(found, key=lambda item: (item.facts["created"], item.file), reverse=True))


def _facts_in(path: Path) -> dict[str, Any] | None:
    try:
        with path.open(encoding="utf-8") as file:
            match = _FACTS.search(file.read(_HEAD))
        facts = json.loads(match[1]) if match else None
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and facts.get("version") == VERSION else None


def render_index(reports: tuple[Listed, ...], text: Text | None = None) -> str:
    """Return the page."""
    text = text or load_text()
    keys = ("study", "verdict", "data", "time", "pnl", "kept", "trades", "drawdown", "created")
    page = {
        "t": text,
        "heads": [text(f"index.{key}") for key in keys],
        "rows": [(item, _said(item.facts, text), _cells(item.facts, text)) for item in reports],
        "version": __version__,
    }
    return environment().get_template("index.html").render(page)


def _said(facts: dict[str, Any], text: Text) -> str:
    """Return the verdict in the language of the list, where the report has it."""
    found = (facts.get("said") or {}).get(text.language, facts)
    return " ".join([*found["first"], found["verdict"]])


def _cells(facts: dict[str, Any], text: Text) -> tuple[str, ...]:
    time = text("params.to", low=facts["start"][:10], high=facts["end"][:10])
    return (
        time,
        n.money(facts["mtm_pnl_usd"], facts["currency"], plus=True),
        n.share(facts["kept"], 0),
        n.count(facts["closed_trades"]),
        n.percent(facts["max_drawdown_mtm_pct"]),
        facts["created"][:10],
    )
