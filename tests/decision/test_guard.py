"""The guard block: limits that training did not reach."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.config import GuardLimits
from arbkit.decision.guard import guard_of
from arbkit.engine import backtest, period_pnl
from arbkit.study import Study


def test_limits_leave_training_as_it_was_and_room_to_spare(study: Study) -> None:
    panel, params = study.panel_for("none"), study.spec.params_of(study.best_params())[0]
    found = guard_of(panel, params)
    limits = found.limits
    assert not found.tuned
    assert (found.refused, found.pnl_change_usd) == (0, 0.0)
    worst = -float(period_pnl(panel, [params], every="1d").pnl_usd.min())
    assert limits.max_daily_loss_usd is not None
    assert limits.max_daily_loss_usd >= max(1.5 * worst, 20.0)
    days = np.unique(backtest(panel, params).records["entry_ts"] // 86_400_000_000_000, return_counts=True)[1]
    assert limits.max_trades_per_day is not None
    assert limits.max_trades_per_day >= 1.5 * days.max()
    assert limits.max_position_usd == 1000


def test_a_guard_that_was_tuned_with_stays(study: Study) -> None:
    limits = GuardLimits(max_trades_per_day=1)
    panel, params = study.panel_for("none"), study.spec.params_of(study.best_params())[0]
    found = guard_of(panel, params.replace(guard=limits))
    assert (found.limits, found.tuned) == (limits, True)
    assert found.refused > 0
    assert found.pnl_change_usd != pytest.approx(0)
