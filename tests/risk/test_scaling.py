from __future__ import annotations

import numpy as np
import pytest

from arbkit.errors import ConfigError
from arbkit.risk.scaling import VolatilityScale, parse_scale, scale_of, volatility_bps_of
from arbkit.units import HOUR_NS, MINUTE_NS, SECOND_NS
from tests.risk.test_sampling import rows

RULES = ["ewma:3m,target=150", "ewma:1m,target=90,of=a,floor=0.25,step=7s", "ewma:5m,target=20,of=b,step=1m"]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_rows_at_once_and_one_by_one_have_the_same_bits(rule: str, seed: int) -> None:
    columns = rows(seed, 1_500)
    at_once = scale_of(rule, *columns, 60 * SECOND_NS)
    live = VolatilityScale(rule, 60 * SECOND_NS)
    by_row = [live.update(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    assert at_once.tolist() == by_row
    assert 0 < len(np.unique(at_once[at_once < 1])) < 1_500
    assert live.volatility_bps == volatility_bps_of(rule, *columns, 60 * SECOND_NS)[-1]


def test_garch_has_the_same_bits_too() -> None:
    ts = np.arange(0, 9 * HOUR_NS, MINUTE_NS)
    mid = np.exp(np.random.default_rng(5).normal(0, 1e-4, ts.size).cumsum())
    columns = ts, mid, np.ones(ts.size), np.ones(ts.size, bool)
    rule = "garch:4h,refit=4h,target=5"
    live = VolatilityScale(rule)
    by_row = [live.update(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    assert scale_of(rule, *columns).tolist() == by_row
    assert 0 < by_row[-1] < 1


def steady(change: float, step_ns: int = MINUTE_NS, n: int = 300) -> list[np.ndarray]:
    """Rows whose log ratio goes up and down by the same amount."""
    ts = np.arange(n) * step_ns
    return [ts, np.exp(change * (np.arange(n) % 2)), np.ones(n), np.ones(n, bool)]


def test_the_scale_is_target_over_volatility_per_square_root_of_an_hour() -> None:
    columns = steady(1e-3)
    bps = 10 * np.sqrt(60)
    assert volatility_bps_of("ewma:30m,target=1", *columns)[-1] == pytest.approx(bps)
    assert scale_of("ewma:30m,target=20", *columns)[-1] == pytest.approx(20 / bps)
    assert scale_of("ewma:30m,target=80", *columns)[-1] == 1.0
    assert scale_of("ewma:30m,target=20,floor=0.5", *columns)[-1] == 0.5


def test_nothing_is_taken_before_there_is_a_forecast_and_all_in_a_market_that_stands_still() -> None:
    scale = scale_of("ewma:30m,target=20", *steady(0.0))
    assert scale[:61].tolist() == [0.0] * 61
    assert scale[62:].tolist() == [1.0] * 238


def test_a_row_knows_of_earlier_rows_only() -> None:
    columns = steady(1e-4)
    before = scale_of("ewma:30m,target=5", *columns)
    changed = [column.copy() for column in columns]
    changed[1][200:] *= 1.5
    after = scale_of("ewma:30m,target=5", *changed)
    assert after[:201].tolist() == before[:201].tolist()
    assert after[202] < before[202]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ewma:30m", "needs `target`"),
        ("ewma:30m,target", "MODEL:TIME,target=BPS"),
        ("ewma:30m,target=0", "above 0"),
        ("ewma:30m,target=x", "must be a number"),
        ("ewma:30m,target=5,floor=2", r"in \[0, 1\]"),
        ("ewma:30m,target=5,of=c", "ratio, a or b"),
        ("ewma:30m,target=5,step=0", "longer than 0"),
        ("ewma:30m,target=5,target=6", "MODEL:TIME,target=BPS"),
        ("ewma:30m,target=5,span=3", "no option of the ewma volatility model"),
        ("median:30m,target=5", "no volatility model"),
        ("ewma,target=5", "half_life"),
        (",target=5", "MODEL:TIME,target=BPS"),
    ],
)
def test_a_scale_that_is_none_is_one_clear_error(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_scale(text)


def test_a_scale_knows_how_long_it_remembers() -> None:
    assert parse_scale("ewma:30m,target=5").memory_ns == 10 * HOUR_NS + 2 * MINUTE_NS
    assert parse_scale("garch:7d,refit=1d,step=5m,target=5").memory_ns == 8 * 24 * HOUR_NS + 10 * MINUTE_NS
