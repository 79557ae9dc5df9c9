"""Reports: one self-contained HTML page from a study."""

from __future__ import annotations

from arbkit.report.from_study import view_of
from arbkit.report.html import render
from arbkit.report.screened import render_screen, write_screen
from arbkit.report.view import Objective, Searched, Segment, StudyView
from arbkit.report.write import write_report

__all__ = [
    "Objective",
    "Searched",
    "Segment",
    "StudyView",
    "render",
    "render_screen",
    "view_of",
    "write_report",
    "write_screen",
]
