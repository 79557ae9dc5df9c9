"""The twin's extensions on examples worked by hand, each off by default.

The books are those of `test_twin`: venue A at 99 / 100; RICH earns 200 bps by buying A and costs 90 to close
at once on 10 units; LOW closes such a trade with a gain of 10.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tests.engine.test_twin import LOW, RICH, SECOND, approx, book, books, params
from tests.twin.market import Row
from tests.twin.results import TwinResult
from tests.twin.twin import run, run_portfolio


def spans(result: TwinResult) -> list[tuple[int, int | None]]:
    return [(trade["entry_index"], trade["exit_index"]) for trade in result.trades]


def reasons(result: TwinResult) -> list[str | None]:
    return [trade["exit_reason"] for trade in result.trades]


class TestLatency:
    late = params(latency_ms=1_000)

    def test_an_entry_fills_at_the_first_tradable_row_after_its_latency(self) -> None:
        # decided at 0; 0.5 s is too early, the row at 1 s is void, the row at 1.2 s stands at 150
        rows = [book(0, RICH), book(0.5, RICH), book(1, (math.nan, 110.0)), book(1.2, (101.5, 110.0))]
        trade = run(rows, self.late).trades[0]
        assert (trade["entry_index"], trade["entry_ts"]) == (3, 1_200_000_000)
        assert trade["entry_spread_bps"] == approx(150)

    def test_a_latency_reached_to_the_nanosecond_fills(self) -> None:
        assert spans(run([book(0, RICH), book(1, RICH)], self.late)) == [(1, None)]
        early = replace(book(1, RICH), ts=SECOND - 1)
        assert spans(run([book(0, RICH), early], self.late)) == []

    def test_a_decided_exit_keeps_its_reason_whatever_the_price_has_become(self) -> None:
        # reversal decided on row 2, filled on row 3 at 99 / 110: a loss of 90
        result = run(books(RICH, RICH, LOW, RICH), self.late)
        trade = result.trades[0]
        assert (trade["exit_index"], trade["exit_reason"]) == (3, "spread_reversal")
        assert (trade["exit_spread_bps"], trade["pnl_usd"]) == (approx(200), approx(-90))

    def test_an_entry_in_flight_takes_a_slot(self) -> None:
        rows = [book(0, RICH), book(0.5, RICH), book(1, RICH), book(2, RICH)]
        assert spans(run(rows, self.late)) == [(2, None)]
        # with two slots the second decision is at 0.5 s and fills at 2 s
        assert spans(run(rows, self.late.replace(max_open_trades=2))) == [(2, None), (3, None)]

    def test_a_leaving_trade_keeps_its_slot_until_it_has_left(self) -> None:
        # leaves on row 3; only then a new entry is decided, which fills on row 4
        result = run(books(RICH, RICH, LOW, RICH, RICH), self.late)
        assert spans(result) == [(1, 3), (4, None)]

    def test_without_a_row_to_fill_at_there_is_no_trade_and_no_exit(self) -> None:
        assert spans(run(books(RICH), self.late)) == []
        assert spans(run(books(RICH, RICH, LOW), self.late)) == [(1, None)]

    def test_each_leg_fills_at_its_own_row_and_the_later_one_is_the_entry_row(self) -> None:
        # A is bought at 100 on row 0, B sold at 101.5 on row 1, where A stands at 99.5 / 101
        rows = [book(0, RICH), Row(SECOND, 99.5, 101.0, 101.5, 110.0)]
        result = run(rows, params(latency_a_ms=0, latency_b_ms=1_000))
        trade = result.trades[0]
        assert trade["entry_index"] == 1
        assert trade["entry_spread_bps"] == approx((101.5 - 101) / 101 * 1e4)
        assert trade["pnl_usd"] == approx(10 * (99.5 - 100 + 101.5 - 110))

    def test_the_own_latency_of_a_leg_replaces_the_common_one(self) -> None:
        rows = books(RICH, RICH, RICH)
        assert spans(run(rows, params(latency_ms=2_000, latency_a_ms=0, latency_b_ms=0))) == [(0, None)]
        assert spans(run(rows, params(latency_ms=2_000, latency_a_ms=0))) == [(2, None)]

    def test_an_entry_whose_spread_has_slipped_too_far_is_abandoned_and_counted(self) -> None:
        # 200 at the decision, 150 when executed
        rows = books(RICH, (101.5, 110.0))
        assert spans(run(rows, self.late.replace(max_slip_bps=50))) == [(1, None)]
        result = run(rows, self.late.replace(max_slip_bps=49))
        assert (spans(result), result.refusals) == ([], {"abandoned": 1})

    def test_a_stop_cancels_entries_in_flight_and_leaves_exits_in_flight_open(self) -> None:
        # the first trade's stop, decided at 2 s, fills at 3 s: -90 of 1,000. The second trade's stop and a
        # fourth entry, both decided at 2.5 s, never fill; the third entry fills at 3 s with the first exit.
        rows = [book(second, RICH) for second in (0, 1, 2, 2.5, 3, 4)]
        chosen = self.late.replace(
            max_open_trades=4, stop_loss_bps=500, initial_balance_usd=1_000, stop_on_drawdown_pct=9
        )
        result = run(rows, chosen)
        assert spans(result) == [(1, 4), (2, None), (4, None)]
        assert result.metrics["stopped"]

    def test_at_the_end_entries_in_flight_are_dropped_and_late_exits_are_closed(self) -> None:
        ending = self.late.replace(close_at_end=True)
        assert spans(run(books(RICH, RICH), ending)) == []
        # the exit is decided on row 2 and would be due half a second after the end
        rows = [book(0, RICH), book(1, RICH), book(1.5, LOW), book(2, LOW)]
        result = run(rows, ending)
        assert (spans(result), reasons(result)) == ([(1, 3)], ["end_of_data"])


def deep(row: Row, **sides: list[tuple[float, float]]) -> Row:
    """Give a row ladders: 1,000 units at the top of each side that is not named."""
    ladders: dict[str, Any] = {
        side: [(row.price(side), 1_000.0)] for side in ("bid_a", "ask_a", "bid_b", "ask_b")
    }
    return replace(row, ladders=ladders | sides)


class TestDepth:
    asks = ((100.0, 4.0), (101.0, 4.0), (102.0, 100.0))

    def test_an_entry_walks_the_long_ladder_with_its_notional(self) -> None:
        # 400 + 404 + 196: 4 + 4 + 196 / 102 units, sold at 102 for 1,012: 120 bps
        row = deep(book(0, RICH), ask_a=list(self.asks))
        trade = run([row], params(depth_levels=3)).trades[0]
        size = 8 + 196 / 102
        assert trade["notional_usd"] == approx(1_000)
        # marked at 99 and 110 without a limit: 99 q - 1000 + 102 q - 110 q
        assert trade["pnl_usd"] == approx(91 * size - 1_000)

    def test_a_spread_too_thin_at_the_ladder_is_refused_once_per_excursion(self) -> None:
        row = deep(book(0, RICH), ask_a=list(self.asks))
        rows = [row, replace(row, ts=1), deep(replace(book(0, LOW), ts=2)), replace(row, ts=3)]
        assert len(run([row], params(depth_levels=3, min_spread_bps=119)).trades) == 1
        result = run(rows, params(depth_levels=3, min_spread_bps=121))
        assert (result.trades, result.refusals) == ([], {"rejected_thin": 2})

    def test_the_visible_levels_limit_the_size_on_both_sides(self) -> None:
        row = deep(book(0, RICH), ask_a=list(self.asks))
        assert run([row], params(depth_levels=1)).trades[0]["notional_usd"] == approx(400)
        short = deep(book(0, RICH), bid_b=[(102.0, 3.0)])
        assert run([short], params(depth_levels=1)).trades[0]["notional_usd"] == approx(300)

    def test_less_than_the_smallest_notional_is_refused(self) -> None:
        short = deep(book(0, RICH), bid_b=[(102.0, 3.0)])
        assert run([short], params(depth_levels=1, min_notional_usd=300)).trades != []
        result = run([short], params(depth_levels=1, min_notional_usd=301))
        assert (result.trades, result.refusals) == ([], {"rejected_no_depth": 1})

    def test_an_exit_beyond_the_book_is_priced_at_the_last_level(self) -> None:
        # 3 units: sold at 99, 99, 98, bought back at 100 though only one is shown: 296 - 300 + 306 - 300
        rows = [
            deep(book(0, RICH), bid_b=[(102.0, 3.0)]),
            deep(book(1, LOW), bid_a=[(99.0, 2.0), (98.0, 1.0)], ask_b=[(100.0, 1.0)]),
        ]
        result = run(rows, params(depth_levels=2))
        assert result.trades[0]["pnl_usd"] == approx(2)
        part = result.attribution[0]
        assert part["depth_usd"] == approx(-1)
        names = ("premium_usd", "book_usd", "slippage_usd", "depth_usd", "fees_usd")
        assert sum(part[name] for name in names) == approx(2)

    def test_size_taken_is_gone_for_that_row_only(self) -> None:
        # two trades of one unit leave together: the first sells at 99, the second at 98
        one = [(102.0, 1.0)]
        rows = [deep(book(0, RICH), bid_b=one), deep(book(1, RICH), bid_b=one)]
        rows.append(deep(book(2, LOW), bid_a=[(99.0, 1.0), (98.0, 1.0)]))
        result = run(rows, params(depth_levels=2, max_open_trades=2))
        assert [trade["pnl_usd"] for trade in result.trades] == [approx(1), approx(0)]


class TestSize:
    def test_lots_round_down_to_the_larger_lot(self) -> None:
        assert run(books(RICH), params(lot_a=3, lot_b=4)).trades[0]["notional_usd"] == approx(800)
        result = run(books(RICH, RICH), params(lot_a=11))
        assert (result.trades, result.refusals) == ([], {"rejected_lot": 1})

    def test_a_scale_multiplies_the_position_and_zero_enters_nothing(self) -> None:
        rows = [book(0, RICH, scale=0.0), book(1, RICH, scale=0.5), book(2, LOW)]
        result = run(rows, params())
        assert spans(result) == [(1, 2)]
        assert (result.trades[0]["notional_usd"], result.trades[0]["pnl_usd"]) == (approx(500), approx(5))

    def test_inventory_limits_what_may_be_sold_short(self) -> None:
        result = run(books(RICH, RICH), params(max_open_trades=3, inventory_b_usd=1_999))
        assert (spans(result), result.refusals) == ([(0, None)], {"rejected_no_inventory": 1})
        assert len(run(books(RICH, RICH), params(max_open_trades=3, inventory_b_usd=2_000)).trades) == 2

    def test_inventory_comes_back_with_a_long_position_at_the_venue(self) -> None:
        # short B, long B, short B
        rich_a = Row(SECOND, 102.0, 110.0, 99.0, 100.0)
        rows = [book(0, RICH), rich_a, book(2, RICH)]
        chosen = params(max_open_trades=3, inventory_b_usd=1_000, close_on_spread_reversal=False)
        assert len(run(rows, chosen).trades) == 3
        assert len(run([rows[0], rows[2]], chosen).trades) == 1

    def test_each_further_entry_of_a_direction_needs_a_step_more(self) -> None:
        # 100, then 160, then 220 > 200
        result = run(books(RICH, RICH, RICH), params(max_open_trades=5, entry_step_bps=60))
        assert spans(result) == [(0, None), (1, None)]

    def test_entries_of_a_direction_keep_their_distance_in_time(self) -> None:
        result = run(books(*[RICH] * 5), params(max_open_trades=5, min_entry_gap_s=2))
        assert spans(result) == [(0, None), (2, None), (4, None)]


class TestCarry:
    def test_settling_fx_at_the_exit_carries_the_entry_price_to_that_rate(self) -> None:
        # A's currency gained 10 %: 10 * (99 - 110 + 102 - 100)
        rows = [book(0, RICH, fx_a=1.0), book(1, LOW, fx_a=1.1)]
        assert run(rows, params()).trades[0]["pnl_usd"] == approx(10)
        result = run(rows, params(fx_settlement="at_exit"))
        assert result.trades[0]["pnl_usd"] == approx(-90)
        assert result.attribution[0]["fx_usd"] == approx(-100)

    def test_a_short_perpetual_receives_funding_after_its_entry_up_to_its_exit(self) -> None:
        # at 0 s: not yet; at 1.5 s: 1 % of 10 * 106; at the exit: 1 % of 10 * 99.5; later: no more
        rows = books(RICH, RICH, LOW, LOW)
        due = [(0, "b", 0.01), (3 * SECOND // 2, "b", 0.01), (2 * SECOND, "b", 0.01), (3 * SECOND, "b", 0.01)]
        result = run(rows, params(funding=True), due)
        assert result.trades[0]["pnl_usd"] == approx(10 + 10.6 + 9.95)
        assert result.attribution[0]["funding_usd"] == approx(20.55)
        assert run(rows, params(), due).trades[0]["pnl_usd"] == approx(10)

    def test_funding_is_in_the_equity_when_it_happens_and_not_in_the_marks(self) -> None:
        result = run(books(RICH, RICH), params(funding=True), [(SECOND, "b", 0.01)])
        assert result.equity[1].equity == approx(10_000 - 90 + 10.6)
        assert result.metrics["final_balance_usd"] == 10_000
        assert result.trades[0]["mae_bps"] == approx(-800)

    def test_a_long_perpetual_pays(self) -> None:
        rows = [Row(0, 102.0, 110.0, 99.0, 100.0), Row(SECOND, 99.0, 100.0, 99.0, 100.0)]
        result = run(rows, params(funding=True), [(SECOND, "b", 0.01)])
        assert result.trades[0]["pnl_usd"] == approx(10 - 9.95)

    def test_a_short_perpetual_is_liquidated_before_any_other_exit(self) -> None:
        # 102 * 1.1 / 1.05 = 106.857 <= 110; the fee is 1 % of 10 * 110
        margin = {"leverage_b": 10, "maintenance_b": 0.05, "liquidation_fee_bps": 100}
        result = run(books(RICH, RICH), params(stop_loss_bps=1, min_hold_s=60, **margin))
        assert reasons(result)[0] == "liquidation"
        assert result.trades[0]["pnl_usd"] == approx(-90 - 11)
        assert result.trades[0]["fees_usd"] == approx(11)
        near = run(books(RICH, (102.0, 106.85)), params(**margin))
        assert reasons(near) == [None]

    def test_a_long_perpetual_is_liquidated_when_its_bid_falls(self) -> None:
        # 100 * 0.9 / 0.95 = 94.737
        margin = {"leverage_b": 10, "maintenance_b": 0.05}
        rows = [Row(0, 102.0, 110.0, 99.0, 100.0), Row(SECOND, 102.0, 110.0, 94.7, 100.0)]
        assert reasons(run(rows, params(**margin)))[0] == "liquidation"
        assert reasons(run([rows[0], replace(rows[1], bid_b=94.8)], params(**margin))) == [None]


class TestStopOnMarkedDrawdown:
    def test_the_stop_looks_at_equity_before_the_entry_of_a_row(self) -> None:
        # the entry on row 0 makes equity 910; the check that sees it is that of row 1
        chosen = params(initial_balance_usd=1_000, stop_on_drawdown_mtm_pct=9, max_open_trades=5)
        result = run(books(RICH, RICH, RICH), chosen)
        assert spans(result) == [(0, None)]
        assert result.metrics["stopped"]
        assert len(result.equity) == 2
        higher = run(books(RICH, RICH), chosen.replace(stop_on_drawdown_mtm_pct=9.001))
        assert not higher.metrics["stopped"]


class TestPortfolio:
    def test_pairs_share_one_balance_and_marks(self) -> None:
        # both enter at 0 s; the first gains 10 at 1 s while the second is still at its last row: -90
        first, second = books(RICH, LOW), [book(0, RICH), book(2, LOW)]
        results = run_portfolio([(first, params()), (second, params())], initial=1_000)
        assert [point.ts for point in results[0].equity] == [0, 0, SECOND, 2 * SECOND]
        assert [point.equity for point in results[0].equity] == [
            approx(910),
            approx(820),
            approx(920),
            approx(1_020),
        ]

    def test_limits_over_all_pairs_refuse_and_count(self) -> None:
        pairs = [(books(RICH), params()), (books(RICH), params())]
        first, second = run_portfolio(pairs, initial=1_000, max_total_trades=1)
        assert (len(first.trades), second.refusals) == (1, {"rejected_total_trades": 1})
        _, second = run_portfolio(pairs, initial=1_000, max_total_notional=1_999)
        assert second.refusals == {"rejected_total_notional": 1}
        _, second = run_portfolio(pairs, initial=1_000, max_total_notional=2_000)
        assert len(second.trades) == 1

    def test_a_stop_ends_all_pairs(self) -> None:
        losing = params(stop_loss_bps=500)
        rows = [book(1, RICH), book(2, LOW)]
        first, second = run_portfolio(
            [(books(RICH, RICH, RICH), losing), (rows, params())], initial=1_000, stop_pct=9
        )
        assert reasons(first) == ["stop_loss"]
        assert second.trades == []
        assert second.metrics["stopped"]
