"""Latency and depth by hand: what a desk sees whose orders take time and walk the book (section 6)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from arbkit import ConfigError, DataError, Panel, Params, Portfolio, backtest
from arbkit.panel import Ladders

MS = 1_000_000
BASE: dict[str, Any] = {
    "min_spread_bps": 0,
    "taker_fee_a_bps": 0,
    "taker_fee_b_bps": 0,
    "slippage_bps": 0,
    "max_position_usd": 1_000,
}


def params(**changes: Any) -> Params:
    return Params.from_dict(BASE | changes)


def market(*rows: tuple[int, float, float], **extras: Any) -> Panel:
    """Rows of (milliseconds, ask of A, bid of B); both books are 1 wide."""
    ts, ask_a, bid_b = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    return Panel((ts * MS).astype(np.int64), ask_a - 1, ask_a, bid_b, bid_b + 1, **extras)


def ladders(panel: Panel, *sizes: float, step: float = 1.0) -> Ladders:
    """The same sizes on every side, each level `step` worse than the one before."""
    n, deeper = len(panel), np.arange(len(sizes)) * step
    size = np.tile(np.array(sizes, np.float64), (n, 1))

    def side(top: Any, sign: int) -> Any:
        return top[:, None] + sign * deeper

    return Ladders(
        side(panel.bid_a, -1), size, side(panel.ask_a, 1), size,
        side(panel.bid_b, -1), size, side(panel.ask_b, 1), size,
    )  # fmt: skip


ENGINES = pytest.mark.parametrize("engine", ["scan", "skip"])


@ENGINES
class TestLatency:
    def test_an_entry_fills_at_the_first_tradable_row_at_or_after_its_time(self, engine: str) -> None:
        panel = market((0, 100, 101), (9, 100, 102), (10, 100, 103), (11, 100, 104), (30, 100, 99))
        (trade,) = backtest(panel, params(latency_ms=10), engine=engine).trades.to_dicts()
        assert trade["entry_index"] == 2
        assert trade["entry_spread_bps"] == pytest.approx(300)
        # Decided on the last row, an exit has nowhere to go: the trade stays open.
        assert trade["is_open"]

    def test_a_row_that_cannot_be_traded_fills_nothing(self, engine: str) -> None:
        panel = market((0, 100, 101), (10, 100, np.nan), (12, 100, 101), (20, 100, 101))
        (trade,) = backtest(panel, params(latency_ms=10), engine=engine).trades.to_dicts()
        assert trade["entry_index"] == 2

    def test_equal_stamps_after_the_decision_are_late_enough_only_with_their_time(self, engine: str) -> None:
        panel = market((0, 100, 101), (0, 100, 102), (10, 100, 103), (10, 100, 104), (20, 100, 101))
        (trade,) = backtest(panel, params(latency_ms=10), engine=engine).trades.to_dicts()
        assert trade["entry_index"] == 2

    def test_legs_fill_apart_and_the_later_one_dates_the_trade(self, engine: str) -> None:
        panel = market((0, 100, 101), (10, 99, 101), (20, 98, 105), (30, 98, 105))
        run = backtest(panel, params(latency_a_ms=10, latency_b_ms=20), engine=engine)
        (trade,) = run.trades.to_dicts()
        assert trade["entry_index"] == 2
        record = run.records[0]
        assert (record["entry_long_px"], record["entry_short_px"]) == (99, 105)
        assert (record["entry_long_row"], record["entry_short_row"]) == (1, 2)

    def test_a_decided_exit_keeps_its_reason_and_its_slot(self, engine: str) -> None:
        panel = market((0, 100, 101), (10, 100, 101), (20, 100, 99), (25, 100, 103), (30, 100, 103))
        trades = backtest(panel, params(latency_ms=10), engine=engine).trades.to_dicts()
        assert [(t["entry_index"], t["exit_index"]) for t in trades] == [(1, 4)]
        assert trades[0]["exit_reason"] == "spread_reversal"

    def test_an_entry_that_slipped_too_far_is_abandoned_and_counted(self, engine: str) -> None:
        panel = market((0, 100, 101), (10, 100, 100.5), (20, 100, 99), (30, 100, 99))
        kept = backtest(panel, params(latency_ms=10, max_slip_bps=50), engine=engine).metrics
        lost = backtest(panel, params(latency_ms=10, max_slip_bps=49), engine=engine).metrics
        assert (kept.total_trades, kept.abandoned_entries) == (1, 0)
        # The row that should have filled the first one decides anew, in vain too.
        assert (lost.total_trades, lost.abandoned_entries) == (0, 2)

    def test_a_leg_that_was_sold_before_the_end_keeps_its_price(self, engine: str) -> None:
        panel = market((0, 100, 101), (10, 100, 101), (20, 100, 99), (25, 98, 98), (29, 90, 95))
        run = backtest(panel, params(latency_a_ms=5, latency_b_ms=10, close_at_end=True), engine=engine)
        record = run.records[0]
        assert run.trades["exit_reason"].to_list() == ["end_of_data"]
        assert (record["exit_long_px"], record["exit_short_px"]) == (97, 96)
        assert (record["exit_long_row"], record["exit_short_row"]) == (3, 4)
        parts = run.attribution().drop("trade").row(0, named=True)
        assert sum(v for name, v in parts.items() if name != "pnl_usd") == pytest.approx(parts["pnl_usd"])

    def test_no_row_late_enough_means_no_trade(self, engine: str) -> None:
        panel = market((0, 100, 101), (10, 100, 101))
        run = backtest(panel, params(latency_ms=9e12), engine=engine)
        assert run.metrics.total_trades == 0


@ENGINES
class TestDepth:
    def test_a_size_walks_the_ladder(self, engine: str) -> None:
        panel = market((0, 100, 110), (10, 100, 99))
        panel = panel.replace(ladders=ladders(panel, 4, 5))
        run = backtest(panel, params(depth_levels=2, max_position_usd=905, close_at_end=True), engine=engine)
        record = run.records[0]
        # 400 buys 4 at 100, 505 buys 5 at 101; B sells 4 at 110 and 5 at 109.
        assert record["size"] == 9
        assert record["entry_long_px"] == pytest.approx(905 / 9)
        assert record["entry_short_px"] == pytest.approx(985 / 9)
        parts = run.attribution().drop("trade").row(0, named=True)
        assert parts["depth_usd"] == pytest.approx(-20)
        assert sum(value for name, value in parts.items() if name != "pnl_usd") == pytest.approx(
            parts["pnl_usd"]
        )

    def test_what_the_short_ladder_lacks_is_not_bought(self, engine: str) -> None:
        panel = market((0, 100, 110), (10, 100, 110))
        thin = ladders(panel, 4, 5)._replace(bid_sz_b=np.full((2, 2), 1.0))
        run = backtest(panel.replace(ladders=thin), params(depth_levels=2), engine=engine)
        assert run.records[0]["size"] == 2
        assert run.trades["notional_usd"][0] == pytest.approx(200)

    def test_a_notional_that_is_filled_whole_is_exactly_what_was_asked_for(self, engine: str) -> None:
        panel = market(*((10 * k, 100 + k / 7, 110 + k / 3) for k in range(40)))
        panel = panel.replace(ladders=ladders(panel, 1, 2, 300))
        full = params(depth_levels=3, max_position_usd=1000 / 3, slippage_bps=0.7, max_open_trades=40)
        strict = full.replace(
            min_notional_usd=1000 / 3, guard={"min_fill_rate": 1.0, "max_position_usd": 1000 / 3}
        )
        run = backtest(panel, strict, engine=engine)
        assert run.trades["notional_usd"].to_list() == [1000 / 3] * 40
        assert run.trades.equals(backtest(panel, full, engine=engine).trades)

    def test_a_spread_that_the_ladders_eat_is_refused_once_per_excursion(self, engine: str) -> None:
        panel = market((0, 100, 101), (1, 100, 101), (2, 100, 99), (3, 100, 101))
        panel = panel.replace(ladders=ladders(panel, 1, 20))
        metrics = backtest(panel, params(depth_levels=2), engine=engine).metrics
        assert (metrics.total_trades, metrics.rejected_thin) == (0, 2)

    def test_an_exit_beyond_the_visible_book_is_priced_at_its_last_level_and_flagged(
        self, engine: str
    ) -> None:
        panel = market((0, 100, 110), (10, 100, 99))
        books = ladders(panel, 20, 20)
        sizes = books.bid_sz_a.copy()
        sizes[1] = (1, np.nan)
        run = backtest(
            panel.replace(ladders=books._replace(bid_sz_a=sizes)), params(depth_levels=2), engine=engine
        )
        assert run.metrics.beyond_book == 1
        assert run.trades["beyond_book"].to_list() == [True]
        assert run.records[0]["exit_long_px"] == 99

    def test_size_taken_is_gone_for_the_next_order_of_that_row_only(self, engine: str) -> None:
        rows = [(0, 100, 110), (0, 100, 110), (10, 100, 99), (20, 100, 99)]
        panel = market(*rows)
        panel = panel.replace(ladders=ladders(panel, 10, 10))
        run = backtest(panel, params(depth_levels=2, max_open_trades=2, max_position_usd=1000), engine=engine)
        first, second = run.records["exit_long_px"]
        assert (first, second) == (99, 98)
        assert run.records["entry_long_px"].tolist() == [100, 100]


class TestBadInput:
    def test_negative_latency(self) -> None:
        with pytest.raises(ConfigError, match=r"`latency_ms` must be at least 0, was -1"):
            params(latency_ms=-1)

    def test_depth_on_a_panel_without_sizes(self) -> None:
        with pytest.raises(ConfigError, match="`depth_levels` needs a panel with sizes"):
            backtest(market((0, 100, 101)), params(depth_levels=2))

    def test_more_levels_than_the_panel_has(self) -> None:
        panel = market((0, 100, 101))
        panel = panel.replace(ladders=ladders(panel, 1, 1))
        with pytest.raises(ConfigError, match="at most the levels of the panel, 2, was 3"):
            backtest(panel, params(depth_levels=3))

    @pytest.mark.parametrize(("field", "side"), [("bid_px_b", "fall"), ("ask_px_a", "rise")])
    def test_levels_out_of_order(self, field: str, side: str) -> None:
        panel = market((0, 100, 101), (1, 100, 101))
        books = ladders(panel, 1, 1)
        prices = getattr(books, field).copy()
        prices[1] = prices[1][::-1]
        wrong = panel.replace(ladders=books._replace(**{field: prices}))
        with pytest.raises(DataError, match=f"prices of `{field}` must {side} .* row 1 has"):
            backtest(wrong, params(depth_levels=2))
        assert backtest(wrong, params()).metrics.total_trades == 1

    def test_depth_with_the_convergence_model(self) -> None:
        panel = market((0, 100, 101))
        panel = panel.replace(ladders=ladders(panel, 1))
        with pytest.raises(ConfigError, match="has no place in `pnl_model` convergence"):
            backtest(panel, params(depth_levels=1, pnl_model="convergence"))

    @pytest.mark.parametrize("change", [{"latency_ms": 5.0}, {"latency_b_ms": 1.0}, {"depth_levels": 1}])
    def test_a_portfolio_says_that_it_fills_at_once(self, change: dict[str, Any]) -> None:
        portfolio = Portfolio({"X": market((0, 100, 101))})
        with pytest.raises(ConfigError, match=f"pair `X` has {next(iter(change))}="):
            portfolio.backtest(params(**change))


@ENGINES
@pytest.mark.parametrize("rows", [(), ((0, 100.0, 110.0),), ((0, np.nan, 110.0), (1, 100.0, np.nan))])
def test_no_row_one_row_and_no_tradable_row(engine: str, rows: tuple[Any, ...]) -> None:
    panel = market(*rows) if rows else Panel([], [], [], [], [])
    panel = panel.replace(ladders=ladders(panel, 5, 5))
    result = backtest(panel, params(latency_ms=1, depth_levels=2), engine=engine)
    assert result.metrics.total_trades == 0
    assert result.trades.is_empty()
