"""Limits on the loss to expect, kept while a run goes on: PnL per period, and what it means for the next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from arbkit.live.folder import read_json, write_json
from arbkit.live.risk_block import LossConfig
from arbkit.risk import LossVerdict

__all__ = ["LossWatch"]


class LossWatch:
    """Cuts the equity of a run into periods and judges the one that runs.

    Periods begin at multiples of their length since the epoch, UTC. A breaker that has tripped stays so until
    its period ends. What is known is kept in a file, so that it outlives the process.

    Args:
        config: the limits.
        path: the file.
    """

    def __init__(self, config: LossConfig, path: Path) -> None:
        self._config = config
        self._path = path
        self._limit = config.limit()
        self._pnl: list[float] = []
        self._period: int | None = None
        self._opening = 0.0
        self._tripped = False
        if path.is_file():
            self._restore(read_json(path))

    def see(self, ts: int, equity: float) -> LossVerdict:
        """Take the equity of a moment, nanoseconds, and judge the period that it is in."""
        period = ts // self._config.period_ns
        if self._period is None or period > self._period:
            if self._period is not None:
                self._pnl.append(equity - self._opening)
                self._limit.update(self._pnl[-1])
            self._period, self._opening, self._tripped = period, equity, False
            self._save()
        verdict = self._limit.verdict(equity - self._opening)
        if verdict.state == "tripped" and not self._tripped:
            self._tripped = True
            self._save()
        return verdict._replace(state="tripped", reason="breaker") if self._tripped else verdict

    def _save(self) -> None:
        kept = self._pnl[-int(self._config.options["window"]) :]
        now = {"period": self._period, "opening": self._opening, "tripped": self._tripped}
        write_json(self._path, {"period_ns": self._config.period_ns, "pnl": kept, **now})

    def _restore(self, kept: dict[str, Any]) -> None:
        if kept.get("period_ns") != self._config.period_ns:
            return
        self._pnl = [float(value) for value in kept["pnl"]]
        for value in self._pnl:
            self._limit.update(value)
        self._period, self._opening = kept["period"], float(kept["opening"])
        self._tripped = bool(kept["tripped"])
