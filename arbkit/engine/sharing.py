"""Weights over pairs on whole panels: the same numbers that a live run has row by row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from arbkit._typing import FloatArray
from arbkit.config import Params
from arbkit.engine.periods import period_pnl
from arbkit.panel import Panel
from arbkit.risk.sharing import PairScales, WeightRule

__all__ = ["shared_out", "whole_position"]


def whole_position(params: Params) -> Params:
    """Return the parameters by which a pair is measured: its whole position, and no limit of the account."""
    return params.replace(
        guard=None,
        stop_on_drawdown_pct=None,
        stop_on_drawdown_mtm_pct=None,
        close_at_end=False,
        funding=False,
    )


def shared_out(
    panels: Mapping[str, Panel], params: Mapping[str, Params], rule: WeightRule
) -> dict[str, Panel]:
    """Return the panels with `scale` multiplied by each pair's weight over time.

    A pair is measured by what its parameters earn per period on its own rows, marked to the market, at its
    whole position (times the panel's own scale). A row knows of the periods that ended before it.

    Args:
        panels: panel by name of the pair.
        params: parameters of each.
        rule: how the account is shared out.

    Raises:
        ConfigError: when a set cannot be simulated, or the bounds of the rule leave no room.
    """
    scales = PairScales([params[name].max_position_usd for name in panels], rule)
    first, table = _earned(panels, params, rule)
    known = [scales.scales]
    for k, earned in enumerate(table):
        scales.close(first + k, earned)
        known.append(scales.scales)
    by_period = np.array(known)
    return {
        name: _with_share(panel, by_period[:, p], first, rule.period_ns)
        for p, (name, panel) in enumerate(panels.items())
    }


def _earned(
    panels: Mapping[str, Panel], params: Mapping[str, Params], rule: WeightRule
) -> tuple[int, FloatArray]:
    """Return the number of the first period with a tradable row, and what each pair earned in each."""
    found = {
        name: period_pnl(panel, [whole_position(params[name])], every=f"{rule.period_ns}ns")
        for name, panel in panels.items()
    }
    starts = {name: one.starts.astype(np.int64) // rule.period_ns for name, one in found.items()}
    begun = [own for own in starts.values() if own.size]
    if not begun:
        return 0, np.zeros((0, len(panels)))
    first, last = min(int(own[0]) for own in begun), max(int(own[-1]) for own in begun)
    table = np.zeros((last - first + 1, len(panels)))
    for p, name in enumerate(panels):
        table[starts[name] - first, p] = found[name].pnl_usd[0]
    return first, table


def _with_share(panel: Panel, by_period: FloatArray, first: int, period_ns: int) -> Panel:
    shares = by_period[np.clip(panel.ts // period_ns - first, 0, by_period.size - 1)]
    return panel.replace(scale=shares if panel.scale is None else panel.scale * shares)
