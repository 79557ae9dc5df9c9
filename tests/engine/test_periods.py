"""What sets earn per day, and the walk forward over them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import arbkit
from arbkit import ConfigError, DataError, PeriodPnl, period_pnl, retune
from tests.engine.test_skip_against_scan import market, params

DAY = 86_400_000_000_000


@pytest.mark.parametrize("seed", range(25))
def test_periods_are_the_differences_of_the_equity(seed: int) -> None:
    rng = np.random.default_rng(seed + 900)
    panel = market(rng)
    sets = [params(rng, panel) for _ in range(4)]
    found = period_pnl(panel, sets, every="1h")
    for one, row in zip(sets, found.pnl_usd, strict=True):
        curve = arbkit.backtest(panel, one, engine="step").equity()
        ts = curve["ts"].to_physical().to_numpy()
        equity = np.concatenate(([one.initial_balance_usd], curve["equity_usd"].to_numpy()))
        ends = found.starts.astype(np.int64) + 3_600_000_000_000
        expected = np.diff(equity[np.searchsorted(ts, ends, side="left")], prepend=one.initial_balance_usd)
        assert row == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_periods_begin_at_midnight_and_add_up_to_the_pnl() -> None:
    rng = np.random.default_rng(7)
    panel = market(rng)
    one = params(rng, panel)
    found = period_pnl(panel, [one])
    assert (found.starts.astype(np.int64) % DAY == 0).all()
    assert found.pnl_usd.sum() == pytest.approx(arbkit.backtest(panel, one).metrics.mtm_pnl_usd)
    assert found.frame().columns == ["start", "set_0"]


def test_sets_as_columns_earn_what_the_same_sets_earn() -> None:
    rng = np.random.default_rng(8)
    panel = market(rng)
    base = params(rng, panel).replace(min_hold_s=0)
    levels, longest = [-5.0, 0, 3, 8, 20], [np.nan, 60, 600, 60, 1]
    many = arbkit.ParamSets(base, {"min_spread_bps": levels, "max_hold_s": longest})
    found = period_pnl(panel, many, every="1h")
    wanted = period_pnl(panel, [many[k] for k in range(len(many))], every="1h")
    assert found.pnl_usd.any()
    assert found.pnl_usd.tolist() == wanted.pnl_usd.tolist()


def test_sets_as_columns_are_checked_against_the_panel() -> None:
    rng = np.random.default_rng(8)
    panel = market(rng)
    many = arbkit.ParamSets(params(rng, panel), {"funding": [False, True]})
    with pytest.raises(ConfigError, match="funding"):
        period_pnl(panel, many)


def table(rows: list[list[float]]) -> PeriodPnl:
    pnl = np.array(rows, np.float64)
    return PeriodPnl((np.arange(pnl.shape[1]) * DAY).astype("datetime64[ns]"), pnl)


def test_each_period_trades_what_was_best_before_it() -> None:
    pnl = table([[5, 0, 0, 9, -1, 4], [0, 6, 0, 1, 2, 8]])
    walked = retune(pnl, window=2, refits=0)
    assert walked.choice.tolist() == [1, 1, 0, 0]
    assert walked.pnl_usd.tolist() == [0, 1, -1, 4]
    assert walked.total_usd == 4
    assert walked.frame().shape == (4, 3)


def test_the_steadier_set_wins_by_sharpe() -> None:
    pnl = table([[10, -8, 10, -8, 10, 0], [1, 1.5, 1, 1.5, 1, 2]])
    assert retune(pnl, window=5, objective="pnl", refits=0).choice.tolist() == [0]
    assert retune(pnl, window=5, objective="sharpe", refits=0).choice.tolist() == [1]


def test_ties_fall_to_the_first_set() -> None:
    assert retune(table([[1, 1, 1], [1, 1, 1]]), window=1, refits=0).choice.tolist() == [0, 0]


def test_refits_depend_on_seed_and_number_alone() -> None:
    rng = np.random.default_rng(0)
    pnl = table(rng.normal(0, 1, (12, 90)).tolist())
    one, many = retune(pnl, refits=40, threads=1), retune(pnl, refits=80, threads=2)
    assert many.refit_pnl_usd[:40].tolist() == one.refit_pnl_usd.tolist()
    assert retune(pnl, refits=40, seed=1).refit_pnl_usd.tolist() != one.refit_pnl_usd.tolist()
    low, high = many.interval()
    assert low < np.median(many.refit_pnl_usd) < high


def test_one_block_as_long_as_the_window_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    walked = retune(table(rng.normal(0, 1, (6, 60)).tolist()), window=20, block=20, refits=5)
    assert walked.refit_pnl_usd == pytest.approx([walked.total_usd] * 5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": 0}, "`window` must be a whole number, at least 1, was 0"),
        ({"block": 1.5}, "`block` must be a whole number"),
        ({"objective": "pln"}, "`objective` 'pln' does not exist; did you mean `pnl`"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        retune(table([[1.0] * 40]), **change)


def test_too_few_periods_are_refused() -> None:
    with pytest.raises(DataError, match="more periods than its window of 30, had 1 sets and 3 periods"):
        retune(table([[1, 2, 3]]))


def test_a_period_must_be_longer_than_nothing() -> None:
    rng = np.random.default_rng(7)
    panel = market(rng)
    with pytest.raises(ConfigError, match="`every` must be longer than 0"):
        period_pnl(panel, [params(rng, panel)], every="0s")
