"""The page of a live run: what it did, what it earned, what kept it from trading, how its orders went."""

from __future__ import annotations

from arbkit.report.runs.page import render_run, write_run
from arbkit.report.runs.view import RunView, run_view_of

__all__ = ["RunView", "render_run", "run_view_of", "write_run"]
