"""FX rates: direction, side, age, coverage."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.errors import ConfigError, CoverageError
from arbkit.panel.align import LegQuotes
from arbkit.panel.fx import FxRates, FxSeries, converted, fx_rates, longest_gap_ns

TS = np.arange(100, dtype=np.int64)


def series(
    bid: float = 1_290.0, ask: float = 1_310.0, *, base: str = "USDT", quote: str = "KRW", n: int = 100
) -> FxSeries:
    return FxSeries("FX", base, quote, TS[:n], np.full(n, bid), np.full(n, ask))


def rates(
    one: FxSeries, price: str = "mid", max_age: int = -1, leg: str = "KRW", currency: str = "USDT"
) -> FxRates:
    return fx_rates(TS, one, leg=leg, currency=currency, price=price, max_age_ns=max_age)


def test_krw_per_usdt_divides_krw_prices() -> None:
    got = rates(series(), "executable")
    assert got.for_ask[0] == 1 / 1_290
    assert got.for_bid[0] == 1 / 1_310
    mid = rates(series())
    assert mid.for_ask[0] == mid.for_bid[0] == mid.mid[0] == 1 / 1_300


def test_usd_per_eur_multiplies_eur_prices() -> None:
    got = rates(series(1.19, 1.21, base="EUR", quote="USD"), "executable", leg="EUR", currency="USD")
    assert (got.for_bid[0], got.for_ask[0], got.mid[0]) == (1.19, 1.21, pytest.approx(1.2))


def test_executable_always_costs_and_mid_never_does() -> None:
    quotes = LegQuotes(TS, np.full(100, 130_000.0), np.full(100, 131_000.0))
    cheap, dear = converted(quotes, rates(series())), converted(quotes, rates(series(), "executable"))
    assert dear.bid[0] < cheap.bid[0] < cheap.ask[0] < dear.ask[0]
    assert converted(quotes, None) is quotes


def test_a_series_of_other_currencies_is_an_error() -> None:
    with pytest.raises(ConfigError, match="FX must convert EUR into USDT, FX is quoted in KRW per USDT"):
        rates(series(), leg="EUR")
    with pytest.raises(ConfigError, match="mid or executable"):
        rates(series(), "last")


@pytest.mark.parametrize(
    "bad", [(np.nan, 1.0), (1.0, np.nan), (2.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (1.0, np.inf)]
)
def test_a_void_rate_is_no_rate(bad: tuple[float, float]) -> None:
    one = series()
    one.bid[50], one.ask[50] = bad
    got = rates(one)
    assert np.flatnonzero(got.stale).tolist() == [50]
    assert np.isnan(got.for_bid[50])
    assert np.isnan(got.for_ask[50])


def test_exactly_five_percent_may_be_stale_and_more_may_not() -> None:
    one = series()
    one.bid[10:15] = np.nan
    assert rates(one).stale.sum() == 5
    one.bid[15] = np.nan
    with pytest.raises(CoverageError, match=r"at most 5% of the rows, FX was on 6\.0%"):
        rates(one)


def test_one_stale_row_at_the_end_is_an_error() -> None:
    with pytest.raises(CoverageError, match="cover the books to their end"):
        rates(series(n=99), max_age=0)
    assert not rates(series(n=99), max_age=1).stale.any()
    with pytest.raises(CoverageError, match="was last quoted never"):
        rates(series(n=0))


def test_rates_never_look_ahead() -> None:
    late = series()._replace(ts=TS + 3)
    late.bid[:] = late.ask[:] = np.arange(100.0) + 1
    got = rates(late)
    assert got.stale[:3].all()
    assert got.mid[3] == 1.0
    assert got.mid[50] == 1 / 48


def test_the_longest_gap_is_the_age_limit_where_none_is_given() -> None:
    assert longest_gap_ns(np.array([0, 5, 6])) == 5
    assert longest_gap_ns(np.array([3])) == longest_gap_ns(np.array([], np.int64)) == 0


def test_levels_are_converted_and_sizes_left() -> None:
    level = np.full((100, 2), 1_300.0)
    got = converted(LegQuotes(TS, level[:, 0], level[:, 0], (level,) * 4), rates(series()))
    assert got.levels is not None
    assert [side[0, 1] for side in got.levels] == pytest.approx([1, 1_300, 1, 1_300])
