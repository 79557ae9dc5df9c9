"""The plain twin on examples worked by hand.

Venue A mostly stands at 99 / 100. Buying A at 100 and selling B at 102 earns 200 bps; with 1,000 to spend
that is 10 units. Selling A back at 99 and buying B back at 110 then stands at -1,000 bps, a loss of 90.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from arbkit.config import Params
from tests.twin.market import Row
from tests.twin.results import EquityPoint, TwinResult, on_grid
from tests.twin.twin import run

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
RICH = (102.0, 110.0)  # s_ab = 200, s_ba = -1000
LOW = (99.0, 100.0)  # s_ab = -100, s_ba = -100


def params(**changes: Any) -> Params:
    base = Params(
        min_spread_bps=100, taker_fee_a_bps=0, taker_fee_b_bps=0, slippage_bps=0, max_position_usd=1_000
    )
    return base.replace(**changes)


def book(seconds: float, venue_b: tuple[float, float], **more: Any) -> Row:
    """Return a row with venue A at 99 / 100."""
    return Row(round(seconds * SECOND), 99.0, 100.0, *venue_b, **more)


def books(*venue_b: tuple[float, float]) -> list[Row]:
    """Return one row a second."""
    return [book(second, prices) for second, prices in enumerate(venue_b)]


def approx(value: float) -> Any:
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def reasons(result: TwinResult) -> list[str | None]:
    return [trade["exit_reason"] for trade in result.trades]


def entries(result: TwinResult) -> list[int]:
    return [trade["entry_index"] for trade in result.trades]


class TestExits:
    def test_spread_reversal_closes_when_the_signal_falls_below_the_exit_spread(self) -> None:
        trade = run(books(RICH, LOW), params()).trades[0]
        assert trade["side"] == "LONG_A_SHORT_B"
        assert (trade["entry_index"], trade["exit_index"], trade["exit_reason"]) == (0, 1, "spread_reversal")
        assert (trade["entry_ts"], trade["exit_ts"]) == (0, SECOND)
        assert trade["entry_spread_bps"] == trade["entry_signal_bps"] == approx(200)
        assert trade["exit_spread_bps"] == trade["unwind_bps"] == approx(-100)
        assert (trade["pnl_usd"], trade["pnl_bps"]) == (approx(10), approx(100))
        assert trade["mae_bps"] == trade["mfe_bps"] == approx(100)

    def test_a_signal_equal_to_the_exit_spread_does_not_reverse(self) -> None:
        assert reasons(run(books(RICH, LOW), params(exit_spread_bps=-100))) == [None]

    def test_stop_loss_closes_at_its_level_and_the_same_row_may_enter_again(self) -> None:
        # mark = 200 - 1000 = -800; 10 * (99 - 100 + 102 - 110) = -90
        result = run(books(RICH, RICH), params(stop_loss_bps=800))
        assert reasons(result) == ["stop_loss", None]
        assert entries(result) == [0, 1]
        assert result.trades[0]["pnl_usd"] == approx(-90)

    def test_stop_loss_beyond_the_mark_leaves_the_trade_open(self) -> None:
        assert reasons(run(books(RICH, RICH), params(stop_loss_bps=800.5))) == [None]

    def test_take_profit_comes_before_spread_reversal(self) -> None:
        # mark = 200 - 100 = 100, exactly the level; now = -100 would reverse as well
        assert reasons(run(books(RICH, LOW), params(take_profit_bps=100))) == ["take_profit"]
        assert reasons(run(books(RICH, LOW), params(take_profit_bps=100.5))) == ["spread_reversal"]

    def test_stop_loss_comes_before_timeout_and_does_not_wait(self) -> None:
        chosen = params(stop_loss_bps=1, max_hold_s=1, min_hold_s=1)
        assert reasons(run(books(RICH, RICH), chosen))[0] == "stop_loss"

    def test_take_profit_and_reversal_wait_for_min_hold(self) -> None:
        result = run(books(RICH, LOW, LOW, LOW), params(min_hold_s=2, take_profit_bps=50))
        assert (result.trades[0]["exit_index"], reasons(result)) == (2, ["take_profit"])

    def test_timeout_closes_when_the_hold_is_reached_to_the_nanosecond(self) -> None:
        rows = [book(0, RICH), replace(book(2, RICH), ts=2 * SECOND - 1), book(2, RICH)]
        result = run(rows, params(max_hold_s=2, close_on_spread_reversal=False))
        assert (result.trades[0]["exit_index"], result.trades[0]["exit_reason"]) == (2, "timeout")

    def test_a_trade_never_leaves_on_its_entry_row(self) -> None:
        # max_hold 0 holds at once, yet the entry row is passed over; the next row has the same stamp
        rows = [book(0, RICH), book(0, RICH)]
        result = run(rows, params(max_hold_s=0))
        assert [(t["entry_index"], t["exit_index"]) for t in result.trades] == [(0, 1), (1, None)]

    def test_close_at_end_closes_the_rest_and_enters_nothing_on_the_last_tradable_row(self) -> None:
        rows = [*books(RICH, RICH), book(2, (math.nan, 110.0))]
        result = run(rows, params(close_at_end=True, max_open_trades=2))
        assert [(t["entry_index"], t["exit_index"]) for t in result.trades] == [(0, 1)]
        assert reasons(result) == ["end_of_data"]
        assert result.metrics["final_balance_usd"] == approx(9_910)

    def test_without_close_at_end_the_rest_stays_open_and_is_marked(self) -> None:
        result = run(books(RICH, RICH), params())
        assert result.trades[0]["is_open"]
        assert result.trades[0]["exit_spread_bps"] is None
        assert result.trades[0]["pnl_usd"] == approx(-90)
        assert result.metrics["realized_pnl_usd"] == 0
        assert result.metrics["mtm_pnl_usd"] == result.metrics["unrealized_pnl_usd"] == approx(-90)


class TestEntry:
    def test_a_signal_exactly_at_the_threshold_enters_and_just_below_does_not(self) -> None:
        # 200 - (30 + 20 + 50) = 100
        costs = {"taker_fee_a_bps": 30, "taker_fee_b_bps": 20, "slippage_bps": 50}
        assert entries(run(books(RICH), params(**costs))) == [0]
        assert entries(run(books(RICH), params(**costs, min_spread_bps=100.000001))) == []

    def test_a_tie_goes_to_long_a_short_b(self) -> None:
        # both directions stand at -100
        both = run(books(LOW), params(min_spread_bps=-100))
        assert [trade["side"] for trade in both.trades] == ["LONG_A_SHORT_B"]
        only = run(books(LOW), params(min_spread_bps=-100, direction="long_b_short_a"))
        assert [trade["side"] for trade in only.trades] == ["LONG_B_SHORT_A"]

    def test_the_larger_signal_wins_and_the_mirror_trade_buys_b(self) -> None:
        # buy B at 100, sell A at 102: 10 units; close: sell B at 99, buy A at 100: 10 * (-1 + 2) = 10
        rows = [Row(0, 102.0, 110.0, 99.0, 100.0), Row(SECOND, 99.0, 100.0, 99.0, 100.0)]
        trade = run(rows, params()).trades[0]
        assert trade["side"] == "LONG_B_SHORT_A"
        assert (trade["entry_spread_bps"], trade["pnl_usd"]) == (approx(200), approx(10))

    def test_one_entry_per_row_up_to_the_limit(self) -> None:
        result = run(books(RICH, RICH, RICH, RICH), params(max_open_trades=3))
        assert entries(result) == [0, 1, 2]
        assert run(books(RICH, RICH), params(direction="long_b_short_a")).trades == []

    def test_entry_ok_false_denies_the_entry_but_not_the_exit(self) -> None:
        rows = [book(0, RICH, entry_ok=False), book(1, RICH), book(2, LOW, entry_ok=False)]
        result = run(rows, params())
        assert [(t["entry_index"], t["exit_index"]) for t in result.trades] == [(1, 2)]

    def test_signal_is_measured_from_the_fair_ratio_and_money_is_not(self) -> None:
        # bid_b * 0.5 = 102: x = 200, s = (204 - 100) / 100 = 10400 bps
        rows = [book(0, (204.0, 220.0), fair=0.5), book(1, (198.0, 200.0), fair=0.5)]
        trade = run(rows, params()).trades[0]
        assert (trade["entry_signal_bps"], trade["entry_spread_bps"]) == (approx(200), approx(10_400))
        assert trade["exit_spread_bps"] == approx(-100)
        assert trade["unwind_bps"] == approx((99 - 200) / 200 * 1e4)
        assert trade["pnl_usd"] == approx(10 * (99 - 100 + 204 - 200))

    def test_an_unknown_fair_ratio_neither_enters_nor_reverses(self) -> None:
        warming = [book(0, RICH, fair=math.nan), book(1, RICH), book(2, LOW, fair=math.nan), book(3, LOW)]
        result = run(warming, params())
        assert [(t["entry_index"], t["exit_index"]) for t in result.trades] == [(1, 3)]

    def test_the_exit_spread_is_null_where_the_fair_ratio_is_unknown(self) -> None:
        rows = [book(0, RICH), book(1, RICH, fair=math.nan)]
        trade = run(rows, params(max_hold_s=1)).trades[0]
        assert (trade["exit_reason"], trade["exit_spread_bps"]) == ("timeout", None)

    @pytest.mark.parametrize(
        "void",
        [
            replace(book(1, LOW), bid_a=math.nan),
            replace(book(1, LOW), ask_a=math.inf),
            replace(book(1, LOW), bid_b=0.0),
            replace(book(1, LOW), bid_b=-1.0),
            replace(book(1, LOW), bid_a=100.0),
            replace(book(1, LOW), bid_b=101.0),
            replace(book(1, LOW), fresh=False),
        ],
        ids=["nan", "infinite", "zero", "negative", "locked", "crossed", "stale"],
    )
    def test_nothing_happens_on_a_row_that_is_not_tradable(self, void: Row) -> None:
        result = run([book(0, RICH), void, book(2, RICH)], params())
        assert reasons(result) == [None]
        assert len(result.equity) == 2

    def test_time_that_runs_backwards_is_an_error_of_the_caller(self) -> None:
        with pytest.raises(ValueError, match="non-decreasing"):
            run([book(1, RICH), book(0, RICH)], params())


class TestBlocking:
    def test_cooldown_blocks_the_direction_until_its_last_nanosecond(self) -> None:
        rows = [*books(RICH, RICH, RICH), replace(book(3, RICH), ts=3 * SECOND - 1), book(3, RICH)]
        result = run(rows, params(stop_loss_bps=500, cooldown_s=2))
        assert entries(result) == [0, 4]

    def test_cooldown_leaves_the_other_direction_free(self) -> None:
        rows = [*books(RICH, RICH), Row(2 * SECOND, 102.0, 110.0, 99.0, 100.0)]
        result = run(rows, params(stop_loss_bps=500, cooldown_s=60))
        assert [trade["side"] for trade in result.trades] == ["LONG_A_SHORT_B", "LONG_B_SHORT_A"]

    def test_a_blocked_direction_gives_way_to_the_smaller_signal(self) -> None:
        # on row 2 A/B stands at 0 and B/A at -149; only B/A is free
        rows = books(RICH, RICH, (100.0, 100.5))
        chosen = params(stop_loss_bps=500, cooldown_s=60, min_spread_bps=-200, close_on_spread_reversal=False)
        assert [t["side"] for t in run(rows, chosen).trades] == ["LONG_A_SHORT_B", "LONG_B_SHORT_A"]

    def test_rearm_needs_a_row_after_the_exit_and_that_row_may_enter(self) -> None:
        # row 1 stops at 120 < 150 but is the exit row; row 2 stands at 200; row 3 at 140 lifts and enters
        rows = books(RICH, (101.2, 110.0), RICH, (101.4, 110.0))
        result = run(rows, params(stop_loss_bps=500, rearm_spread_bps=150))
        assert entries(result) == [0, 3]

    def test_rearm_exactly_at_its_level_stays_blocked(self) -> None:
        rows = books(RICH, RICH, (101.5, 110.0), RICH)
        assert entries(run(rows, params(stop_loss_bps=500, rearm_spread_bps=150))) == [0]

    def test_rearm_is_lifted_before_the_exits_of_the_row_that_block_anew(self) -> None:
        # two trades; the first times out on row 2, the second on row 3, which stands below the rearm level
        rows = books(RICH, RICH, RICH, (101.2, 110.0), RICH)
        result = run(rows, params(max_open_trades=2, max_hold_s=2, rearm_spread_bps=150))
        assert [(t["entry_index"], t["exit_index"]) for t in result.trades] == [(0, 2), (1, 3)]

    def test_both_conditions_must_be_met(self) -> None:
        rows = books(RICH, RICH, (101.2, 110.0), RICH, RICH)
        result = run(rows, params(stop_loss_bps=500, rearm_spread_bps=150, cooldown_s=3))
        assert entries(result) == [0, 4]

    def test_take_profit_and_reversal_do_not_block(self) -> None:
        result = run(books(RICH, LOW, RICH), params(cooldown_s=60, rearm_spread_bps=-500))
        assert entries(result) == [0, 2]


class TestMoney:
    fees = params(taker_fee_a_bps=10, taker_fee_b_bps=10)

    def test_executable_pays_four_fees(self) -> None:
        # gross 10; fees 10 * 0.001 * (100 + 99 + 102 + 100) = 4.01
        trade = run(books(RICH, LOW), self.fees).trades[0]
        assert (trade["fees_usd"], trade["pnl_usd"]) == (approx(4.01), approx(5.99))
        assert trade["pnl_bps"] == approx(59.9)

    def test_mark_bps_charges_a_whole_round_trip(self) -> None:
        # 200 - 100 - 2 * 20
        assert run(books(RICH, LOW), self.fees).trades[0]["mfe_bps"] == approx(60)

    def test_half_of_the_slippage_worsens_each_leg(self) -> None:
        # h = 0.001: 100.1 and 101.898 in, 98.901 and 100.1 out, q = 1000 / 100.1
        trade = run(books(RICH, LOW), params(slippage_bps=20)).trades[0]
        assert trade["pnl_usd"] == approx(1_000 / 100.1 * 0.599)
        assert trade["pnl_usd"] == pytest.approx(5.984015984, abs=1e-9)

    def test_convergence_assumes_a_free_unwind_on_reversal(self) -> None:
        # 200 - 0 - 20 = 180 bps where two accounts show 59.9
        result = run(books(RICH, LOW), self.fees.replace(pnl_model="convergence"))
        assert (result.trades[0]["pnl_bps"], result.trades[0]["pnl_usd"]) == (approx(180), approx(18))
        assert result.trades[0]["fees_usd"] == approx(2)
        assert result.metrics["turnover_usd"] == approx(4_010)

    def test_convergence_subtracts_what_is_left_otherwise_and_in_marks(self) -> None:
        # now = 150: 200 - 150 - 20 = 30
        chosen = self.fees.replace(pnl_model="convergence", max_hold_s=1, min_spread_bps=180)
        rows = books(RICH, (101.5, 110.0))
        assert run(rows, chosen).trades[0]["pnl_usd"] == approx(3)
        still_open = run(rows, chosen.replace(max_hold_s=None))
        assert still_open.trades[0]["pnl_usd"] == approx(3)
        # at the entry row: 200 - 200 - 20 = -20 bps
        assert [point.equity for point in still_open.equity] == [approx(9_998), approx(10_003)]

    def test_an_open_trade_has_paid_for_two_fills(self) -> None:
        # 10 * 0.001 * (100 + 102); its mark counts four fees: -90 - 10 * 0.001 * (100 + 99 + 102 + 110)
        result = run(books(RICH, RICH), self.fees)
        assert result.metrics["fees_usd"] == result.trades[0]["fees_usd"] == approx(2.02)
        assert result.metrics["turnover_usd"] == approx(2_020)
        assert result.metrics["unrealized_pnl_usd"] == approx(-94.11)

    def test_a_rebate_is_a_negative_fee(self) -> None:
        rebate = params(taker_fee_a_bps=-10, taker_fee_b_bps=0)
        assert run(books(RICH, LOW), rebate).trades[0]["fees_usd"] == approx(-1.99)

    def test_attribution_adds_up_to_the_pnl(self) -> None:
        # mids: A 99.5 -> 99.5, B 106 -> 99.5; halves 0.5 + 0.5 + 4 + 0.5
        part = run(books(RICH, LOW), self.fees).attribution[0]
        assert part["premium_usd"] == approx(65)
        assert part["book_usd"] == approx(-55)
        assert part["slippage_usd"] == 0
        assert part["fees_usd"] == approx(-4.01)
        assert part["pnl_usd"] == approx(65 - 55 - 4.01)

    def test_attribution_of_the_mirror_trade_with_slippage_adds_up(self) -> None:
        # h = 0.001, q = 1000 / 100.1; slippage -q h (100 + 99 + 102 + 100)
        rows = [Row(0, 102.0, 110.0, 99.0, 100.0), Row(SECOND, 99.0, 100.0, 99.0, 100.0)]
        part = run(rows, params(slippage_bps=20)).attribution[0]
        size = 1_000 / 100.1
        assert part["premium_usd"] == approx(size * 6.5)
        assert part["book_usd"] == approx(size * -5.5)
        assert part["slippage_usd"] == approx(size * -0.401)
        assert part["pnl_usd"] == approx(size * (6.5 - 5.5 - 0.401))


class TestDrawdown:
    def test_the_stop_ends_the_run_on_its_row_without_an_entry(self) -> None:
        # 1,000 - 90 = 910: exactly 9 %
        chosen = params(stop_loss_bps=500, initial_balance_usd=1_000, stop_on_drawdown_pct=9)
        result = run(books(RICH, RICH, RICH), chosen)
        assert reasons(result) == ["stop_loss"]
        assert result.metrics["stopped"]
        assert result.metrics["max_drawdown_pct"] == approx(9)
        assert [point.ts for point in result.equity] == [0, SECOND]

    def test_a_stop_leaves_trades_open_even_with_close_at_end(self) -> None:
        # the second trade, entered at 210, is at -790 and stays
        rows = books(RICH, (102.1, 109.0), RICH, LOW)
        chosen = params(
            stop_loss_bps=795, max_open_trades=2, initial_balance_usd=1_000, stop_on_drawdown_pct=9
        )
        result = run(rows, chosen.replace(close_at_end=True))
        assert reasons(result) == ["stop_loss", None]
        assert (result.metrics["closed_trades"], result.metrics["open_trades"]) == (1, 1)

    def test_the_balance_is_looked_at_once_after_all_exits_of_a_row(self) -> None:
        # 10 * (99 - 100 + 103 - 105) = -30, then 10 * (99 - 100 + 107 - 105) = 10: 1,000, 970, 980
        rows = [*books((103.0, 110.0), (107.0, 110.0)), book(2, (102.0, 105.0), entry_ok=False)]
        chosen = params(
            max_open_trades=2, exit_spread_bps=300, initial_balance_usd=1_000, stop_on_drawdown_pct=2.5
        )
        result = run(rows, chosen)
        assert [trade["pnl_usd"] for trade in result.trades] == [approx(-30), approx(10)]
        assert result.metrics["max_drawdown_pct"] == approx(2)
        assert not result.metrics["stopped"]

    def test_marked_drawdown_sees_what_the_balance_does_not(self) -> None:
        # equity 910 at the entry row (closing at once would cost 90), 1,010 after the gain
        result = run(books(RICH, LOW), params(initial_balance_usd=1_000))
        assert [point.equity for point in result.equity] == [approx(910), approx(1_010)]
        assert result.equity[0].drawdown_pct == approx(9)
        assert result.metrics["max_drawdown_mtm_pct"] == approx(9)
        assert result.metrics["max_drawdown_pct"] == 0

    def test_marked_drawdown_is_measured_from_the_running_peak(self) -> None:
        # +10 in the bank, then a trade 190 under water: 820 against a peak of 1,010
        result = run(books(RICH, LOW, (102.0, 120.0)), params(initial_balance_usd=1_000))
        assert result.metrics["max_drawdown_mtm_pct"] == approx(190 / 1_010 * 100)


class TestMetrics:
    def test_counts_holds_and_factors(self) -> None:
        # +10 after 1 s, then a stop at -90 after 2 s, then one open for 1 s
        rows = [book(0, RICH), book(1, LOW), book(2, RICH), book(4, RICH), book(5, (102.0, 103.0))]
        metrics = run(rows, params(stop_loss_bps=500)).metrics
        assert (metrics["total_trades"], metrics["closed_trades"], metrics["open_trades"]) == (3, 2, 1)
        assert (metrics["winning_trades"], metrics["losing_trades"], metrics["win_rate"]) == (1, 1, 0.5)
        assert metrics["profit_factor"] == approx(10 / 90)
        assert metrics["avg_pnl_per_trade_usd"] == approx(-40)
        assert metrics["realized_pnl_usd"] == approx(-80)
        # the open trade: 10 * (99 - 100 + 102 - 103) = -20
        assert metrics["unrealized_pnl_usd"] == approx(-20)
        assert metrics["mtm_pnl_usd"] == approx(-100)
        assert (metrics["avg_hold_s"], metrics["max_hold_seen_s"]) == (1.5, 2.0)
        assert (metrics["exits_stop_loss"], metrics["exits_spread_reversal"]) == (1, 1)

    def test_an_old_open_trade_counts_for_the_longest_hold_only(self) -> None:
        metrics = run([book(0, RICH), book(9, RICH)], params()).metrics
        assert (metrics["avg_hold_s"], metrics["max_hold_seen_s"]) == (0.0, 9.0)

    def test_a_trade_that_gains_nothing_is_neither_won_nor_lost(self) -> None:
        # 10 * (99 - 100 + 102 - 101) = 0
        metrics = run(books(RICH, (99.0, 101.0)), params()).metrics
        assert (metrics["winning_trades"], metrics["losing_trades"]) == (0, 0)
        assert metrics["win_rate"] == 0
        assert metrics["profit_factor"] is None

    def test_the_stop_row_counts_as_a_processed_row(self) -> None:
        # row 2 stops the run and begins a second excursion; row 4 would begin a third
        rows = books(RICH, (100.5, 101.5), RICH, LOW, RICH)
        chosen = params(stop_loss_bps=500, initial_balance_usd=1_000, stop_on_drawdown_pct=5)
        stopped = run(rows, chosen)
        assert (stopped.metrics["excursions"], len(stopped.equity)) == (2, 3)
        assert run(rows, chosen.replace(stop_on_drawdown_pct=None)).metrics["excursions"] == 3

    def test_no_rows_no_trades_no_ratios(self) -> None:
        metrics = run([], params()).metrics
        assert (metrics["total_trades"], metrics["win_rate"], metrics["exposure_pct"]) == (0, 0, 0)
        assert metrics["final_balance_usd"] == 10_000
        assert (metrics["profit_factor"], metrics["sharpe"], metrics["sortino"]) == (None, None, None)

    def test_worst_and_best_marks_leave_out_the_entry_row(self) -> None:
        # marks 200 - 1000, 200 - 1750, 200 - 100
        trade = run(books(RICH, RICH, (102.0, 120.0), LOW), params()).trades[0]
        assert (trade["mae_bps"], trade["mfe_bps"]) == (approx(-1_550), approx(100))
        alone = run(books(RICH), params()).trades[0]
        assert (alone["mae_bps"], alone["mfe_bps"]) == (None, None)

    def test_exposure_is_the_share_of_time_with_a_trade_open(self) -> None:
        # open from 10 to 30 of 0 to 40
        rows = [book(0, LOW), book(10, RICH), book(30, LOW), book(40, LOW)]
        assert run(rows, params()).metrics["exposure_pct"] == approx(50)
        assert run([book(5, RICH), book(5, RICH)], params()).metrics["exposure_pct"] == 0

    def test_excursions_are_runs_that_void_rows_do_not_break(self) -> None:
        void = (math.nan, 110.0)
        assert run(books(RICH, void, RICH, LOW, RICH), params()).metrics["excursions"] == 2

    def test_excursions_are_broken_by_an_unknown_fair_ratio(self) -> None:
        rows = [book(0, RICH), book(1, RICH, fair=math.nan), book(2, RICH)]
        assert run(rows, params()).metrics["excursions"] == 2

    def test_excursions_count_allowed_directions_each_on_its_own(self) -> None:
        # with a threshold of -100 both directions stand at it in the low book
        rows = books(LOW, RICH, LOW)
        assert run(rows, params(min_spread_bps=-100)).metrics["excursions"] == 3
        assert run(rows, params(min_spread_bps=-100, direction="long_b_short_a")).metrics["excursions"] == 2

    def test_the_grid_takes_the_last_row_at_or_before_each_multiple(self) -> None:
        stamps = [HOUR // 2, HOUR, HOUR, 2 * HOUR + 1, 3 * HOUR + 1]
        points = [EquityPoint(ts, 0.0, float(k), 0.0, False) for k, ts in enumerate(stamps)]
        grid = [(point.ts, point.equity) for point in on_grid(points, HOUR)]
        assert grid == [(HOUR, 2.0), (2 * HOUR, 2.0), (3 * HOUR, 3.0)]

    def test_sharpe_and_sortino_of_31_alternating_hours(self) -> None:
        # the value of 10 units moves by +10, -10, ... on 1,000: 16 times +1 %, 15 times -1 %
        asks = [110.0 if hour % 2 == 0 else 109.0 for hour in range(32)]
        rows = [book(3_600 * hour, (102.0, ask)) for hour, ask in enumerate(asks)]
        metrics = run(rows, params(initial_balance_usd=1_000)).metrics
        mean = 0.01 / 31
        deviation = math.sqrt((31 * 0.01**2 - 31 * mean**2) / 30)
        downside = math.sqrt(15 * 0.01**2 / 31)
        assert metrics["sharpe"] == pytest.approx(mean / deviation * math.sqrt(8_760), rel=1e-9)
        assert metrics["sharpe"] == pytest.approx(2.97164, abs=1e-5)
        assert metrics["sortino"] == pytest.approx(mean / downside * math.sqrt(8_760), rel=1e-9)
        short = run(rows[:30], params(initial_balance_usd=1_000)).metrics
        assert (short["sharpe"], short["sortino"]) == (None, None)
