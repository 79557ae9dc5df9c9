"""A portfolio gives the twin's trades, whichever rows it steps."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbkit import ConfigError, Panel, Params, Portfolio, backtest
from arbkit.engine import PortfolioResult
from arbkit.panel import PanelMeta
from tests.engine.test_against_twin import panel_of, records
from tests.engine.test_skip_against_scan import market
from tests.engine.test_skip_against_scan import params as random_params
from tests.strategies import FEATURES, Case, cases
from tests.twin.compare import (
    compare_attribution,
    compare_equity,
    compare_metrics,
    compare_trades,
    differences,
)
from tests.twin.results import TwinResult
from tests.twin.twin import run_portfolio

ENGINES = ("scan", "skip")
EXAMPLES = int(os.environ.get("ARBKIT_TWIN_EXAMPLES", "150"))
PORTFOLIOS = int(os.environ.get("ARBKIT_SKIP_PANELS", "60")) // 3

#: What a pair has of its own; the twin's summary of a pair shows the account's value for the rest.
OWN = (
    "total_trades", "closed_trades", "open_trades", "winning_trades", "losing_trades", "win_rate",
    "realized_pnl_usd", "unrealized_pnl_usd", "mtm_pnl_usd", "avg_pnl_per_trade_usd", "profit_factor",
    "fees_usd", "turnover_usd", "funding_usd", "avg_hold_s", "max_hold_seen_s", "excursions",
    "exits_stop_loss", "exits_take_profit", "exits_spread_reversal", "exits_timeout", "exits_end_of_data",
    "exits_liquidation", "rejected_no_inventory", "rejected_lot", "rejected_no_depth",
    "rejected_guard_breaker", "rejected_guard_daily_loss", "rejected_guard_total_loss",
    "rejected_guard_hour_trades", "rejected_total_trades", "rejected_total_notional",
)  # fmt: skip
SHARED = ("max_drawdown_pct", "max_drawdown_mtm_pct", "exposure_pct", "stopped", "sharpe", "sortino")
SUMS = (
    "total_trades", "closed_trades", "open_trades", "winning_trades", "losing_trades", "realized_pnl_usd",
    "unrealized_pnl_usd", "mtm_pnl_usd", "fees_usd", "turnover_usd", "funding_usd", "excursions",
    "exits_timeout", "rejected_total_trades", "rejected_total_notional",
)  # fmt: skip

limits = st.fixed_dictionaries(
    {
        "initial_balance_usd": st.sampled_from((10_000.0, 1_000.0)),
        "max_total_notional_usd": st.sampled_from((None, 1_000.0, 1_999.8, 2_500.0)),
        "max_open_trades_total": st.sampled_from((None, None, 1, 2, 5)),
        "stop_on_drawdown_pct": st.sampled_from((None, None, 0.01371, 0.2113)),
        "stop_on_drawdown_mtm_pct": st.sampled_from((None, None, 0.01371, 0.2113)),
    }
)
TWIN_NAMES = {
    "initial_balance_usd": "initial",
    "max_total_notional_usd": "max_total_notional",
    "max_open_trades_total": "max_total_trades",
    "stop_on_drawdown_pct": "stop_pct",
    "stop_on_drawdown_mtm_pct": "stop_mtm_pct",
}
#: A portfolio fills at once, at the tops of the books.
DRAWN = tuple(name for name in FEATURES if name not in ("latency", "depth"))
NO_STOPS: dict[str, Any] = {
    "initial_balance_usd": 10_000.0, "stop_on_drawdown_pct": None, "stop_on_drawdown_mtm_pct": None,
    "latency_ms": 0.0, "latency_a_ms": None, "depth_levels": 0,
}  # fmt: skip


def disagreements(result: PortfolioResult, twins: list[TwinResult]) -> list[str]:
    found = []
    own = result.pairs().to_dicts()
    attribution = result.attribution()
    for number, (name, twin) in enumerate(zip(result.panels, twins, strict=True)):
        trades = result.trades.filter(pl.col("pair") == name).drop("pair")
        found += compare_trades(twin, records(trades))
        found += differences(twin.metrics, own[number], OWN, f"{name} ")
        if result.params[name].pnl_model == "executable":
            parts = attribution.filter(pl.col("pair") == name)
            parts = parts[[column.name for column in parts if column.null_count() < max(1, len(parts))]]
            found += compare_attribution(twin, records(parts))
    found += compare_metrics(twins[0], result.metrics.to_dict(), SHARED)
    for name in SUMS:
        total = sum(twin.metrics[name] for twin in twins)
        if not np.isclose(total, getattr(result.metrics, name), rtol=1e-9, atol=1e-9):
            found.append(f"{name}: {total} != {getattr(result.metrics, name)}")
    found += compare_equity(twins[0], records(result.equity()))
    return found + compare_equity(twins[0], records(result.equity("1h")), 3_600_000_000_000)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(drawn=st.lists(cases(DRAWN), min_size=1, max_size=4), shared=limits)
def test_portfolio_and_twin_agree_to_the_last_trade(drawn: list[Case], shared: dict[str, Any]) -> None:
    pairs = [(case.rows, case.params.replace(**NO_STOPS), case.funding) for case in drawn]
    twins = run_portfolio(pairs, **{TWIN_NAMES[name]: value for name, value in shared.items()})
    panels = {
        f"P{n}": panel_of(case.rows, fair=case.fair, entry_ok=case.entry_ok, funding=case.funding)
        for n, case in enumerate(drawn)
    }
    portfolio = Portfolio(panels, **shared)
    params = {f"P{n}": pair[1] for n, pair in enumerate(pairs)}
    for engine in ENGINES:
        assert disagreements(portfolio.backtest(params, engine=engine), twins) == [], engine


@pytest.mark.parametrize("seed", range(PORTFOLIOS))
def test_skip_equals_scan_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed + 500)
    panels = {f"P{n}": market(rng) for n in range(int(rng.integers(1, 6)))}
    sets = [
        {name: random_params(rng, panel).replace(**NO_STOPS) for name, panel in panels.items()}
        for _ in range(3)
    ]
    portfolio = Portfolio(
        panels,
        initial_balance_usd=float(rng.choice([1_000, 10_000])),
        max_total_notional_usd=rng.choice([None, 1_000, 3_500]),
        max_open_trades_total=rng.choice([None, 1, 3, 6]),
        stop_on_drawdown_pct=rng.choice([None, 0.01, 3]),
        stop_on_drawdown_mtm_pct=rng.choice([None, None, 0.05, 3]),
    )
    for one in sets:
        scanned, skipped = portfolio.backtest(one, engine="scan"), portfolio.backtest(one, engine="skip")
        assert skipped.trades.equals(scanned.trades)
        assert skipped.pairs().equals(scanned.pairs())
        assert skipped.metrics == scanned.metrics
    many = portfolio.backtest_many(sets, engine="skip")
    assert many.equals(portfolio.backtest_many(sets, engine="scan", threads=1))
    assert many.row(0, named=True) == {"set": 0} | portfolio.backtest(sets[0]).metrics.to_dict()
    realized = portfolio.backtest_many(sets, metrics="realized")
    assert realized.equals(many.select(realized.columns))


def ticks(*premiums: float, start: int = 0, currency: str = "USD") -> Panel:
    """Return a row a second, venue B `premium` above the ask of A at 100."""
    n, b = len(premiums), 100.0 + np.array(premiums)
    ts = (np.arange(n) + start) * 1_000_000_000
    return Panel(ts, np.full(n, 99.9), np.full(n, 100.0), b, b + 0.1, meta=PanelMeta(currency=currency))


PARAMS = Params(
    min_spread_bps=20, taker_fee_a_bps=5, taker_fee_b_bps=5, slippage_bps=4, max_position_usd=1_000
)
WAVE = (1.0, 0.5, -0.2, 1.0, 0.9, -0.2)


def test_one_pair_alone_is_the_plain_backtest() -> None:
    panel = ticks(*WAVE)
    alone, shared = backtest(panel, PARAMS), Portfolio({"BTC": panel}).backtest(PARAMS)
    assert shared.trades.drop("pair").equals(alone.trades)
    assert shared.metrics == alone.metrics
    assert shared.attribution().drop("pair").equals(alone.attribution())


def test_a_slot_that_frees_up_is_taken_within_the_same_excursion() -> None:
    # BTC takes the only slot at 0 s and leaves at 2 s; ETH, refused at 0 and 1 s, enters at 2 s.
    panels = {"BTC": ticks(1.0, 1.0, -0.2, -0.2), "ETH": ticks(1.0, 1.0, 1.0, -0.2)}
    result = Portfolio(panels, max_open_trades_total=1).backtest(PARAMS, engine="skip")
    assert result.trades["pair"].to_list() == ["BTC", "ETH"]
    assert result.trades["entry_index"].to_list() == [0, 2]
    assert result.pairs()["rejected_total_trades"].to_list() == [0, 1]


def test_contributions_add_up_to_equity() -> None:
    panels = {"BTC": ticks(*WAVE * 20), "ETH": ticks(*WAVE[1:] * 20, start=1)}
    result = Portfolio(panels).backtest(PARAMS)
    equity, parts = result.equity("10s"), result.contributions("10s")
    assert parts["ts"].equals(equity["ts"])
    total = parts["BTC"] + parts["ETH"] + 10_000.0
    np.testing.assert_allclose(total, equity["equity_usd"], rtol=1e-12)
    assert result.pairs()["total_trades"].to_list() == [40, 40]


def test_no_rows_at_all_give_no_trades() -> None:
    result = Portfolio({"BTC": ticks(), "ETH": ticks()}).backtest(PARAMS)
    assert (result.metrics.total_trades, len(result.trades), len(result.equity())) == (0, 0, 0)
    assert len(result.contributions()) == len(result.attribution()) == 0


@pytest.mark.parametrize(
    ("panels", "given", "message"),
    [
        ({}, {}, "at least one, was an empty one"),
        ([1], {}, "mapping from pair to Panel with at least one, was list"),
        ({"BTC": 3}, {}, "pair `BTC` must be a Panel, was int"),
        ({"BTC": ticks(1.0), "ETH": ticks(1.0, currency="KRW")}, {}, "was BTC USD, ETH KRW"),
        ({"BTC": ticks(1.0)}, {"initial_balance_usd": 0}, "`initial_balance_usd` must be above 0, was 0"),
        ({"BTC": ticks(1.0)}, {"max_total_notional_usd": -5.0}, "`max_total_notional_usd` must be above 0"),
        ({"BTC": ticks(1.0)}, {"max_total_notional_usd": "x"}, "must be a number above 0, was 'x'"),
        ({"BTC": ticks(1.0)}, {"max_open_trades_total": 0}, "`max_open_trades_total` must be a whole number"),
        ({"BTC": ticks(1.0)}, {"stop_on_drawdown_pct": 0}, "`stop_on_drawdown_pct` must be above 0, was 0"),
    ],
)
def test_bad_portfolio_says_what_is_wrong(panels: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Portfolio(panels, **given)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"BTC": PARAMS, "EHT": PARAMS}, "`EHT` is no pair of this portfolio; did you mean `ETH`"),
        ({"BTC": PARAMS}, "every pair needs parameters, missing: ETH"),
        ({"BTC": PARAMS, "ETH": 3}, "was int for pair `ETH`"),
        ([PARAMS], "must be arbkit.Params or a mapping from pair to Params, was list"),
        (PARAMS.replace(initial_balance_usd=500), "pair `BTC` has initial_balance_usd=500"),
        (PARAMS.replace(stop_on_drawdown_pct=5), "portfolio and was None, but pair `BTC` has 5"),
        (PARAMS.replace(latency_ms=5), "a portfolio fills at the top"),
    ],
)
def test_bad_parameters_say_what_is_wrong(params: Any, message: str) -> None:
    portfolio = Portfolio({"BTC": ticks(1.0), "ETH": ticks(1.0)})
    with pytest.raises(ConfigError, match=message):
        portfolio.backtest(params)
    with pytest.raises(ConfigError, match=message):
        portfolio.backtest_many([params])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"engine": "scna"}, "`engine` 'scna' does not exist; did you mean `scan`"),
        ({"metrics": "some"}, "`metrics` 'some' does not exist"),
        ({"interval": "0s"}, "`interval` must be longer than 0"),
    ],
)
def test_bad_options_say_what_is_wrong(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Portfolio({"BTC": ticks(1.0)}).backtest_many([PARAMS], **given)


def test_no_sets_give_an_empty_frame() -> None:
    assert len(Portfolio({"BTC": ticks(1.0)}).backtest_many([])) == 0
