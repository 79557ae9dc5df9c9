"""From studies to files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from arbkit._typing import PathLike
from arbkit.errors import ConfigError, nearest_names
from arbkit.report.checks import CHECK_NAMES
from arbkit.report.comparison import check_comparable, comparison_facts, render_comparison
from arbkit.report.facts import facts_of
from arbkit.report.from_study import view_of
from arbkit.report.html import render
from arbkit.report.index import NAME, listed_reports, render_index
from arbkit.report.markdown import render_comparison_markdown, render_markdown
from arbkit.report.place import check_place, write_file
from arbkit.report.text import Text, load_text
from arbkit.report.view import HURDLE_PCT
from arbkit.study import Study, load_study

__all__ = ["FORMATS", "REPORTS", "write_comparison", "write_index", "write_report"]

#: What a report can be written as.
FORMATS: Final = ("html", "md", "json")

#: Where reports go, from the folder arbkit is started in.
REPORTS: Final = Path("reports")

#: What is told of a report as it is made.
_STEPS: Final = ("trials", "runs")
_CHECK_STEPS: Final = ("neighbourhood", *CHECK_NAMES)


def write_report(
    study: Study | str,
    path: PathLike | None = None,
    *,
    format: str = "html",
    lang: str = "en",
    hurdle_pct: float = HURDLE_PCT,
    checks: bool = True,
    progress: Callable[[int, int, str], None] | None = None,
) -> Path:
    """Write the report of a study: one file that needs no network.

    Args:
        study: a study, or what `load_study` takes: a name, a spec or storage file, a storage URL.
        path: where to write; by default `reports/NAME.html`, with the ending of the format.
        format: html, md or json.
        lang: language of the words, en or ko.
        hurdle_pct: what money earns elsewhere, per cent a year.
        checks: whether neighbourhood, latency, fees, size, stress and audit are measured: some 200 runs.
        progress: called with the steps done, all of them, and what was done last.

    Returns:
        The path written; the file appears whole or not at all.

    Raises:
        StudyError: when there is no such study, or no completed trial to report.
        ConfigError: when the path cannot be written, or an option has no such value.
    """
    text = _checked(format, lang, hurdle_pct)
    opened = load_study(study) if isinstance(study, str) else study
    target = REPORTS / f"{opened.name}.{format}" if path is None else Path(path)
    check_place(target)
    steps = (*_STEPS, *(_CHECK_STEPS if checks else ()), "page")
    done: list[str] = []

    def told(step: str) -> None:
        done.append(step)
        if progress is not None:
            progress(len(done), len(steps), step)

    view = view_of(opened, hurdle_pct=hurdle_pct, checks=checks, told=told)
    makers = {"html": render, "md": render_markdown, "json": lambda *given: _json(facts_of(*given))}
    path = write_file(makers[format](view, text), target)
    if progress is not None:
        progress(len(steps), len(steps), "page")
    return path


def write_comparison(
    studies: Sequence[Study | str],
    path: PathLike | None = None,
    *,
    format: str = "html",
    lang: str = "en",
    hurdle_pct: float = HURDLE_PCT,
) -> Path:
    """Write one page that holds studies against each other.

    Args:
        studies: two to four of them, as `write_report` takes one.
        path: where to write; by default `reports/A-B.html`, with the ending of the format.
        format: html, md or json.
        lang: language of the words, en or ko.
        hurdle_pct: what money earns elsewhere, per cent a year.

    Raises:
        StudyError: when there is no such study, or no completed trial to report.
        ConfigError: for fewer or more studies, a path that cannot be written, or an option without such a
            value.
    """
    text = _checked(format, lang, hurdle_pct)
    check_comparable([item if isinstance(item, str) else item.name for item in studies])
    opened = [load_study(item) if isinstance(item, str) else item for item in studies]
    check_comparable([item.name for item in opened])
    names = "-".join(item.name for item in opened)
    target = REPORTS / f"{names}.{format}" if path is None else Path(path)
    check_place(target)
    views = [view_of(item, hurdle_pct=hurdle_pct, checks=False) for item in opened]
    if format == "json":
        return write_file(_json(comparison_facts(views, text)), target)
    if format == "md":
        return write_file(render_comparison_markdown(views, text), target)
    return write_file(render_comparison(views, text), target)


def write_index(folder: PathLike = REPORTS, path: PathLike | None = None, *, lang: str = "en") -> Path:
    """Write one page that lists every report of a folder.

    Args:
        folder: with reports.
        path: where to write; by default `index.html` in the folder.
        lang: language of the words, en or ko, whatever the reports were written in.

    Raises:
        ConfigError: when the path cannot be written, or there is no such language.
    """
    text, home = load_text(lang), Path(folder)
    target = home / NAME if path is None else Path(path)
    check_place(target)
    return write_file(render_index(listed_reports(home), text), target)


def _checked(format: str, lang: str, hurdle_pct: float) -> Text:
    if format not in FORMATS:
        raise ConfigError(
            f"`format` must be {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, was {format!r}; "
            f"{nearest_names(format, FORMATS)}"
        )
    if not (isinstance(hurdle_pct, (int, float)) and math.isfinite(hurdle_pct)):
        raise ConfigError(f"`hurdle_pct` must be a finite number, was {hurdle_pct!r}")
    return load_text(lang)


def _json(facts: Any) -> str:
    return json.dumps(facts, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
