"""Metrics of a simulated run."""

from __future__ import annotations

from arbkit.metrics.summary import METRIC_NAMES, Metrics, metric_columns

__all__ = ["METRIC_NAMES", "Metrics", "metric_columns"]
