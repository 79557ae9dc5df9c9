"""Runs of many parameter sets, and the opportunities that a set is offered: what the checks share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray, IntArray
from arbkit.config import Params
from arbkit.engine import backtest_many
from arbkit.errors import ConfigError
from arbkit.kernels.opportunities import opportunity_rows
from arbkit.kernels.spread import signals
from arbkit.panel import Panel
from arbkit.realism.result import Progress

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Found",
    "checked_numbers",
    "find",
    "pair_of",
    "run_many",
    "sides_of",
    "signal_on",
    "without_latency",
]

#: Sets that run between two reports of progress.
_BATCH: Final = 16
SIDE_NAMES: Final = np.array(["LONG_A_SHORT_B", "LONG_B_SHORT_A"])


class Found(NamedTuple):
    """Opportunities of the allowed directions, int64 (m,) each, in order of time; see the kernel."""

    side: IntArray
    first: IntArray
    last: IntArray
    end: IntArray
    peak: IntArray
    rows: IntArray


def pair_of(panel: Panel) -> str:
    """Return the two legs of a panel as a title has them."""
    return f"{panel.meta.leg_a} x {panel.meta.leg_b}"


def sides_of(params: Params) -> tuple[int, ...]:
    """Return the directions that the parameters allow, as `Side` numbers them."""
    return {"both": (0, 1), "long_a_short_b": (0,), "long_b_short_a": (1,)}[params.direction]


def without_latency(params: Params, latency_ms: float = 0.0) -> Params:
    """Return the parameters with one delay for both legs."""
    return params.replace(latency_ms=latency_ms, latency_a_ms=None, latency_b_ms=None)


def check_inputs(panel: object, params: object) -> None:
    """Refuse what is no panel and no parameter set.

    Raises:
        ConfigError: naming what was received.
    """
    if not isinstance(panel, Panel):
        raise ConfigError(f"a check runs on a Panel, was {type(panel).__name__}; make one with load_panel")
    if not isinstance(params, Params):
        raise ConfigError(f"parameters must be arbkit.Params, was {type(params).__name__}")


def find(panel: Panel, params: Params) -> Found:
    """Return the opportunities that the metric `excursions` counts, one by one."""
    parts = [
        (side, opportunity_rows(panel.market, side, params.cost_bps, params.min_spread_bps))
        for side in sides_of(params)
    ]
    sides = np.concatenate([np.full(found[0].size, side, np.int64) for side, found in parts])
    columns = [np.concatenate([found[k] for _, found in parts]) for k in range(5)]
    order = np.argsort(columns[0], kind="stable")
    return Found(sides[order], *(column[order] for column in columns))


def signal_on(panel: Panel, rows: IntArray, side: IntArray) -> FloatArray:
    """Return x of a direction on some rows, bps; NaN for row -1."""
    there = rows >= 0
    at = np.where(there, rows, 0)
    if not len(panel):
        return np.full(rows.size, np.nan)
    fair = panel.market.fair
    ab, ba = signals(
        panel.bid_a[at],
        panel.ask_a[at],
        panel.bid_b[at],
        panel.ask_b[at],
        fair[at] if fair.size else np.empty(0),
        there & panel.tradable[at],
    )
    return np.where(side == 0, ab, ba)


def run_many(panel: Panel, sets: Sequence[Params], progress: Progress | None) -> pl.DataFrame:
    """Run the sets in batches, telling how far they are; one row of realised metrics per set."""
    import polars as pl

    frames = []
    for begin in range(0, len(sets), _BATCH):
        frames.append(backtest_many(panel, sets[begin : begin + _BATCH], metrics="realized"))
        if progress is not None:
            progress(min(begin + _BATCH, len(sets)), len(sets))
    return pl.concat(frames)


def checked_numbers(
    name: str, values: Any, *, low: float, high: float = np.inf, strict: bool = False
) -> list[float]:
    """Return a list of numbers in rising order, each once.

    Raises:
        ConfigError: when it is empty, or one is no number, not finite or outside the bounds.
    """
    try:
        numbers = sorted({float(value) for value in values})
    except (TypeError, ValueError):
        raise ConfigError(f"`{name}` must be a list of numbers, was {values!r}") from None
    rule = f"{'above' if strict else 'at least'} {low:g}"
    rule += f" and at most {high:g}" if high < np.inf else ""
    bad = [x for x in numbers if not np.isfinite(x) or x > high or (x <= low if strict else x < low)]
    if bad or not numbers:
        received = f"{bad[0]:g}" if bad else "empty"
        raise ConfigError(f"`{name}` must hold finite numbers {rule}, was {received}")
    return numbers
