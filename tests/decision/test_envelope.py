"""The envelope: percentiles of what training showed."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.decision.envelope import NAMES, Envelope, envelope_of
from arbkit.errors import ConfigError
from arbkit.panel import Panel


@pytest.fixture
def panel() -> Panel:
    """Three days by the hour: A is 1 wide at 100, B 2; fair rises by a bp an hour; FX moves twice a day."""
    n = 73
    ones, hours = np.ones(n), np.arange(n)
    return Panel(
        hours * 3_600 * 10**9, 99.5 * ones, 100.5 * ones, 99 * ones, 101 * ones,
        fair=1 + hours * 1e-4, fx_a=1 + (hours // 12) * 0.1,
    )  # fmt: skip


def test_bounds_are_first_and_last_percentile(panel: Panel) -> None:
    found = envelope_of(panel)
    assert found.fair_bps == pytest.approx((0.72, 71.28))
    assert found.width_a_bps == pytest.approx((100, 100))
    assert found.width_b_bps == pytest.approx((200, 200))
    assert found.fx_age_s is not None
    assert found.fx_age_s == pytest.approx((0, 11 * 3_600))
    assert found.fair_daily_change_bps is not None
    assert 23.8 < found.fair_daily_change_bps[0] < found.fair_daily_change_bps[1] < 24.01


def test_what_lies_outside_is_named(panel: Panel) -> None:
    found = envelope_of(panel)
    assert found.outside({"fair_bps": 30, "width_a_bps": 120}) == ("width_a_bps",)
    assert found.outside({"fair_bps": float("nan")}) == ("fair_bps",)
    with pytest.raises(ConfigError, match="did you mean `width_a_bps`"):
        found.outside({"width_a": 1})


def test_without_rate_and_rows_there_are_no_bounds(panel: Panel) -> None:
    assert envelope_of(panel.replace(fx_a=None)).fx_age_s is None
    empty = envelope_of(panel.rows(0, 0))
    assert all(bounds is None for _, bounds in empty)
    assert empty.outside(dict.fromkeys(NAMES, 0.0)) == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fair_bps": [2, 1]}, "must rise"),
        ({"fair_bps": [1]}, "two numbers"),
        ({"fair_bps": [1, None]}, "two numbers"),
        ({"other": [1, 2]}, "must hold x_ab_bps"),
    ],
)
def test_bounds_that_are_none_are_refused(panel: Panel, change: dict[str, object], message: str) -> None:
    values = envelope_of(panel).to_dict()
    assert Envelope.from_dict(values) == envelope_of(panel)
    with pytest.raises(ConfigError, match=message):
        Envelope.from_dict({**values, **change})
