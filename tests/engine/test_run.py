"""One run and many: the same bits, and what is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl
import pytest

from arbkit.config import Params
from arbkit.engine import Portfolio, backtest, backtest_many, period_pnl, retune
from arbkit.errors import ConfigError
from arbkit.metrics import METRIC_NAMES
from arbkit.panel import Panel

SECOND = 1_000_000_000


def params(**changes: Any) -> Params:
    base = Params(
        min_spread_bps=1, taker_fee_a_bps=1, taker_fee_b_bps=1, slippage_bps=1, max_position_usd=1_000
    )
    return base.replace(**changes)


def market(n: int = 20_000, seed: int = 0, **more: Any) -> Panel:
    rng = np.random.default_rng(seed)
    a = 100 + np.round(np.cumsum(rng.normal(0, 0.01, n)), 2)
    b = np.round(a + rng.choice([-0.2, -0.1, 0.0, 0.1, 0.2], n), 2)
    b[rng.random(n) < 0.05] = np.nan
    ts = np.cumsum(rng.integers(0, 120, n)) * SECOND
    return Panel(ts, a, a + 0.01, b, b + 0.01, **more)


def sets(n: int, seed: int = 0) -> list[Params]:
    rng = np.random.default_rng(seed)
    return [
        params(
            min_spread_bps=float(rng.uniform(-5, 15)),
            exit_spread_bps=float(rng.uniform(-15, 5)),
            stop_loss_bps=float(rng.uniform(5, 40)) if rng.random() < 0.5 else None,
            take_profit_bps=float(rng.uniform(0, 20)) if rng.random() < 0.5 else None,
            max_hold_s=float(rng.uniform(60, 9_000)) if rng.random() < 0.5 else None,
            cooldown_s=float(rng.uniform(0, 900)),
            max_open_trades=int(rng.integers(1, 5)),
            close_at_end=bool(rng.random() < 0.5),
            direction=str(rng.choice(["both", "long_a_short_b", "long_b_short_a"])),
            stop_on_drawdown_pct=0.5 if rng.random() < 0.2 else None,
        )
        for _ in range(n)
    ]


@pytest.fixture(scope="module")
def panel() -> Panel:
    return market()


def test_many_gives_the_bits_of_one_by_one(panel: Panel) -> None:
    chosen = sets(12)
    frame = backtest_many(panel, chosen)
    assert frame.columns == ["set", *METRIC_NAMES]
    assert frame["set"].to_list() == list(range(12))
    assert frame.drop("set").to_dicts() == [backtest(panel, one).metrics.to_dict() for one in chosen]
    assert frame["closed_trades"].min() > 0


def test_threads_and_repetition_change_no_bit(panel: Panel) -> None:
    chosen = sets(25)
    first = backtest_many(panel, chosen, threads=1)
    for threads in (1, 2, 7, None):
        assert backtest_many(panel, chosen, threads=threads).equals(first)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_a_number_of_threads_below_one_is_refused(panel: Panel, threads: Any) -> None:
    portfolio = Portfolio({"one": panel})
    said = f"`threads` must be a whole number, at least 1, was {threads!r}; leave it out for one per core"
    for run in (backtest_many, period_pnl):
        with pytest.raises(ConfigError, match=re.escape(said)):
            run(panel, sets(2), threads=threads)
    with pytest.raises(ConfigError, match=re.escape(said)):
        portfolio.backtest_many([], threads=threads)
    with pytest.raises(ConfigError, match=re.escape(said)):
        retune(period_pnl(panel, sets(2), every="10m"), window=1, refits=1, threads=threads)


def test_the_order_of_the_sets_changes_no_bit(panel: Panel) -> None:
    chosen = sets(9)
    frame, backwards = backtest_many(panel, chosen), backtest_many(panel, chosen[::-1])
    assert frame.drop("set").equals(backwards.drop("set").reverse())


def test_one_run_repeats_to_the_bit(panel: Panel) -> None:
    one = sets(1, seed=3)[0]
    first, again = backtest(panel, one), backtest(panel, one)
    assert first.metrics == again.metrics
    assert first.trades.equals(again.trades)
    assert first.equity().equals(again.equity())


def test_auto_and_the_plain_scan_agree(panel: Panel) -> None:
    for one in sets(10, seed=5):
        auto, plain = backtest(panel, one), backtest(panel, one, engine="scan")
        assert auto.trades.equals(plain.trades)
        assert auto.metrics == plain.metrics


def test_no_sets_give_a_frame_without_rows(panel: Panel) -> None:
    frame = backtest_many(panel, [])
    assert frame.height == 0
    assert frame.columns == ["set", *METRIC_NAMES]


@pytest.mark.parametrize("n", [0, 1])
def test_a_panel_of_no_or_one_row_runs(n: int) -> None:
    frame = backtest_many(market(n), sets(3))
    assert frame.height == 3
    assert frame["closed_trades"].to_list() == [0, 0, 0]


def test_undefined_ratios_are_null_not_nan() -> None:
    frame = backtest_many(market(10), sets(2))
    assert frame["sharpe"].null_count() == 2
    assert not any(frame[name].is_nan().any() for name, kind in frame.schema.items() if kind == pl.Float64)


def test_the_input_arrays_are_left_alone(panel: Panel) -> None:
    before = panel.fingerprint
    backtest_many(panel, sets(3))
    assert market().fingerprint == before


def test_entry_ok_and_an_unknown_fair_ratio_forbid_entries(panel: Panel) -> None:
    n = len(panel)
    assert backtest(panel.replace(entry_ok=np.zeros(n, bool)), params()).metrics.total_trades == 0
    assert backtest(panel.replace(fair=np.full(n, np.nan)), params()).metrics.total_trades == 0
    same = backtest(panel.replace(fair=np.ones(n)), params()).metrics
    assert same == backtest(panel, params()).metrics


class TestRefused:
    def test_convergence_on_a_panel_with_a_fair_ratio(self, panel):
        one = params(pnl_model="convergence")
        with pytest.raises(
            ConfigError, match="convergence needs a fair ratio of 1, was a panel with reference 'fixed:5'"
        ):
            backtest(panel.with_reference("fixed:5"), one)
        with pytest.raises(ConfigError, match="convergence needs"):
            backtest_many(panel.with_reference("fixed:5"), [params(), one])
        assert backtest(panel, one).metrics.closed_trades > 0

    @pytest.mark.parametrize("engine", ["fast", "", None])
    def test_an_engine_that_does_not_exist(self, panel, engine):
        with pytest.raises(ConfigError, match="`engine`"):
            backtest(panel, params(), engine=engine)

    @pytest.mark.parametrize("interval", ["0s", "hourly"])
    def test_a_bad_interval(self, panel, interval):
        for call in (
            lambda: backtest(panel, params(), interval=interval),
            lambda: backtest_many(panel, [params()], interval=interval),
        ):
            with pytest.raises(ConfigError, match="`interval` must be"):
                call()


def test_a_frame_or_a_mapping_in_place_of_panel_and_params_is_named() -> None:
    import polars as pl

    panel = Panel([0], [1.0], [2.0], [1.0], [2.0])
    params = Params(
        min_spread_bps=1, taker_fee_a_bps=0, taker_fee_b_bps=0, slippage_bps=0, max_position_usd=1
    )
    with pytest.raises(ConfigError, match=r"a backtest runs on a Panel, was DataFrame"):
        backtest(pl.DataFrame(), params)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"parameters must be arbkit.Params, was dict"):
        backtest_many(panel, [params.to_dict()])  # type: ignore[list-item]
