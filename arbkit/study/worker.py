"""A worker: a process that evaluates points for the one that leads a study.

It gets everything through one connection: first what to evaluate on, then points; it answers with metrics. It
ends when the leader says so, or when the connection breaks.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Final, Literal

from arbkit.panel import Panel
from arbkit.study.detail import Detail
from arbkit.study.evaluator import PanelEvaluator

if TYPE_CHECKING:
    from arbkit.study.robust import Robust, ShockStores

__all__ = ["BROKEN", "Setup", "main", "serve"]

#: What a connection raises when the process at its other end is gone.
BROKEN: Final = (EOFError, ConnectionError, BrokenPipeError, OSError)


@dataclass(frozen=True)
class Setup:
    """What a worker evaluates on.

    Attributes:
        spec: tells one study from another.
        detail: which metrics are measured.
        stores: the folder of the training panel per reference; mapped, so that workers share its memory.
        fold_edges: where its folds begin, and the end of the last.
        robust: scenarios that the objectives are taken over; None without.
        shocks: where the panels under them are kept.
    """

    spec: str
    detail: Detail
    stores: Mapping[str, str]
    fold_edges: list[int]
    robust: Robust | None = None
    shocks: ShockStores = field(default_factory=dict)


class _StoredMarket:
    """The training panels, opened when they are first asked for."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._panels: dict[str, Panel] = {}
        self._folds: dict[tuple[str, int], Panel] = {}

    def panel_for(self, reference: str) -> Panel:
        """Return the training panel of a reference."""
        if reference not in self._panels:
            self._panels[reference] = Panel.open(self._setup.stores[reference])
        return self._panels[reference]

    def fold(self, reference: str, k: int) -> Panel:
        """Return one fold of it."""
        if (reference, k) not in self._folds:
            start, end = self._setup.fold_edges[k : k + 2]
            self._folds[reference, k] = self.panel_for(reference).slice(start, end)
        return self._folds[reference, k]


def _evaluator(setup: Setup, threads: int | None) -> PanelEvaluator:
    market = _StoredMarket(setup)
    if setup.robust is None:
        return PanelEvaluator(market, setup.detail, threads)
    from arbkit.study.robust import RobustEvaluator

    return RobustEvaluator(market, setup.robust, setup.detail, threads, setup.shocks)


def serve(
    connection: Connection, threads: int | None, spec: str | None = None
) -> Literal["ended", "lost", "other"]:
    """Evaluate for a leader until it has no more work.

    Args:
        connection: to the leader.
        threads: how many points run at once; default: one per core.
        spec: the spec that the leader must have; None for any.

    Returns:
        "ended" when the leader said so, "lost" when it is gone, "other" when it runs another spec.
    """
    try:
        setup: Setup = connection.recv()
        if spec is not None and setup.spec != spec:
            return "other"
        evaluator = _evaluator(setup, threads)
        while (task := connection.recv()) is not None:
            number, points, fold = task
            try:
                connection.send((number, evaluator.evaluate(points, fold)))
            except BROKEN:
                raise
            except Exception as error:
                connection.send((number, error))
        return "ended"
    except BROKEN:
        return "lost"


def main() -> None:
    """Serve on the connection that was handed down: its handle, and how many threads, are the arguments."""
    handle, threads = (int(word) for word in sys.argv[1:3])
    serve(Connection(handle), threads or None)
