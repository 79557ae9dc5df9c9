"""Reports: one self-contained page from a study, or from several, and a list of them."""

from __future__ import annotations

from arbkit.report.from_study import view_of
from arbkit.report.html import render
from arbkit.report.runs import render_run, run_view_of, write_run
from arbkit.report.screened import render_screen, write_screen
from arbkit.report.view import Objective, Searched, Segment, StudyView
from arbkit.report.write import write_comparison, write_index, write_report

__all__ = [
    "Objective",
    "Searched",
    "Segment",
    "StudyView",
    "render",
    "render_run",
    "render_screen",
    "run_view_of",
    "view_of",
    "write_comparison",
    "write_index",
    "write_report",
    "write_run",
    "write_screen",
]
