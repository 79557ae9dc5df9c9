"""What would be left if the world were less kind: latency, fees, size, stress, and the optimism audit.

All of it is the engine's own work (`arbkit.realism`, `arbkit.stress`), on the time out of sample before the
lockbox, with the ladders that the dataset has.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from arbkit.config import Params
from arbkit.decision.market import judged_panel
from arbkit.errors import ArbkitError
from arbkit.panel import Panel
from arbkit.realism import (
    Audit,
    BreakEvenFee,
    Capacity,
    LatencyCurve,
    break_even_fee,
    capacity,
    edge_vs_latency,
    optimism_audit,
)
from arbkit.stress import Scenario, Stress, parse_scenarios, stress_test
from arbkit.study import Study

__all__ = ["AUDIT_GRID", "AUDIT_LATENCY_MS", "CHECK_NAMES", "Checks", "checks_of"]

#: What the audit puts in the place of fills without delay, and of acting on every update.
AUDIT_LATENCY_MS: Final = 200.0
AUDIT_GRID: Final = "1s"
#: Longer stretches are checked on their last rows: a hundred runs over ten million rows would take minutes.
_MOST_ROWS: Final = 1_000_000
#: The checks, in the order in which a page says why one is missing.
CHECK_NAMES: Final = ("latency", "fee", "capacity", "audit", "stress")


@dataclass(frozen=True)
class Checks:
    """The checks of a chosen set; one that could not be made is None, with the reason in `skipped`.

    Attributes:
        panel: what they ran on.
        shortened: whether that is only the end of the time out of sample.
        scenarios: of the stress test, in the order of its rows after the first.
    """

    panel: Panel
    shortened: bool
    latency: LatencyCurve | None
    fee: BreakEvenFee | None
    capacity: Capacity | None
    audit: Audit | None
    stress: Stress | None
    scenarios: tuple[Scenario, ...]
    skipped: dict[str, str]


def checks_of(
    study: Study, params: Params, reference: str, told: Callable[[str], None] | None = None
) -> Checks:
    """Make the checks of a set out of sample.

    Args:
        study: whose data are used.
        params: the set.
        reference: its fair ratio.
        told: called with the name of each check that is done.

    Raises:
        StudyError: when the data changed since the study began.
    """
    panel = _books(study, reference)
    shortened = len(panel) > _MOST_ROWS
    return checks_on(
        panel.rows(len(panel) - _MOST_ROWS, len(panel)) if shortened else panel, params, shortened, told
    )


def _books(study: Study, reference: str) -> Panel:
    """Return the time out of sample before the lockbox, with the ladders that the dataset has.

    The fair ratio is the study's own, warm from all that went before.
    """
    plain = study.panel_for(reference, "test")
    books = judged_panel(study, "none")
    same = books.levels > 0 and np.array_equal(books.ts, plain.ts)
    if not same or not np.array_equal(books.tradable, plain.tradable):
        return plain
    return books.replace(fair=plain.fair, entry_ok=plain.entry_ok, meta=plain.meta)


def checks_on(
    panel: Panel, params: Params, shortened: bool = False, told: Callable[[str], None] | None = None
) -> Checks:
    """Make the checks of a set on a panel, several at once: the engine's kernels release the interpreter."""
    scenarios = parse_scenarios("standard")
    audit: dict[str, Any] = {"latency_ms": AUDIT_LATENCY_MS, "grid": AUDIT_GRID}
    # The longest one first.
    makers: dict[str, Callable[[], Any]] = {
        "stress": lambda: stress_test(panel, params, scenarios=scenarios),
        "fee": lambda: break_even_fee(panel, params),
        "audit": lambda: optimism_audit(panel, params, **audit),
    }
    if panel.meta.fidelity == "book":
        makers["latency"] = lambda: edge_vs_latency(panel, params)
    if panel.ladders is not None and panel.levels > 0:
        makers["capacity"] = lambda: capacity(panel, params)
    with ThreadPoolExecutor(min(len(makers), os.cpu_count() or 1)) as pool:
        waiting = {pool.submit(_tried, make): name for name, make in makers.items()}
        for done in as_completed(waiting):
            if told is not None:
                told(waiting[done])
        found = {name: done.result() for done, name in waiting.items()}
    skipped = {name: str(found.pop(name)) for name in CHECK_NAMES if isinstance(found.get(name), ArbkitError)}
    made = {name: found.get(name) for name in CHECK_NAMES}
    return Checks(panel=panel, shortened=shortened, scenarios=scenarios, skipped=skipped, **made)


def _tried(make: Callable[[], Any]) -> Any:
    """Return what a check found, or why it could not be made."""
    try:
        return make()
    except ArbkitError as error:
        return error
