"""Validation of a dataset: everything that is odd about it, counted, with the worst examples."""

from __future__ import annotations

from arbkit.data.validate.findings import CHECKS, Finding, Limits, ValidationReport
from arbkit.data.validate.run import validate

__all__ = ["CHECKS", "Finding", "Limits", "ValidationReport", "validate"]
