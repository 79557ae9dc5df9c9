"""`Metrics`: names, order, nulls."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from arbkit.metrics import METRIC_NAMES, Metrics, metric_columns
from arbkit.records import METRICS_DTYPE


def record(**values: Any) -> Any:
    one = np.zeros(1, METRICS_DTYPE)
    for name, value in values.items():
        one[name] = value
    return one


def test_names_are_those_of_the_record_in_its_order() -> None:
    assert METRICS_DTYPE.names == METRIC_NAMES
    assert {
        "total_trades",
        "closed_trades",
        "open_trades",
        "winning_trades",
        "losing_trades",
        "win_rate",
        "realized_pnl_usd",
        "final_balance_usd",
        "avg_pnl_per_trade_usd",
        "max_drawdown_pct",
        "fees_usd",
        "turnover_usd",
        "profit_factor",
        "exposure_pct",
        "avg_hold_s",
        "max_hold_seen_s",
        "stopped",
        "unrealized_pnl_usd",
        "mtm_pnl_usd",
        "max_drawdown_mtm_pct",
        "sharpe",
        "sortino",
        "excursions",
    } <= set(METRIC_NAMES)


@pytest.mark.parametrize("name", ["sharpe", "sortino", "profit_factor"])
def test_undefined_ratios_are_none(name: str) -> None:
    assert getattr(Metrics.from_record(record(**{name: math.nan})[0]), name) is None
    assert getattr(Metrics.from_record(record(**{name: 1.5})[0]), name) == 1.5


def test_values_are_plain_python_and_frozen() -> None:
    metrics = Metrics.from_record(record(total_trades=3, win_rate=0.5, stopped=1)[0])
    assert {type(value) for value in metrics.to_dict().values()} <= {int, float, bool, type(None)}
    assert (metrics.total_trades, metrics.win_rate, metrics.stopped) == (3, 0.5, True)
    assert list(metrics.to_dict()) == list(METRIC_NAMES)
    with pytest.raises(dataclasses.FrozenInstanceError):
        metrics.sharpe = 1.0  # type: ignore[misc]


def test_columns_are_contiguous_and_stopped_is_a_flag() -> None:
    records = np.concatenate([record(stopped=1), record(win_rate=0.5)])
    columns = metric_columns(records)
    assert tuple(columns) == METRIC_NAMES
    assert columns["stopped"].tolist() == [True, False]
    assert columns["win_rate"].flags.c_contiguous
    with pytest.raises(TypeError, match="METRICS_DTYPE"):
        metric_columns(np.zeros(2))
