"""Checks asked for before a result is believed: each one call, one table, one picture, one sentence."""

from __future__ import annotations

from arbkit.realism.audit import Audit, optimism_audit
from arbkit.realism.fees import BreakEvenFee, break_even_fee
from arbkit.realism.latency import LatencyCurve, edge_vs_latency
from arbkit.realism.opportunity import Opportunities, opportunities
from arbkit.realism.result import Check
from arbkit.realism.size import Capacity, capacity

__all__ = [
    "Audit",
    "BreakEvenFee",
    "Capacity",
    "Check",
    "LatencyCurve",
    "Opportunities",
    "break_even_fee",
    "capacity",
    "edge_vs_latency",
    "opportunities",
    "optimism_audit",
]
