"""Entries that venues refuse do not repeat on every row."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from arbkit.kernels.live import ACTIVE, REDUCING
from arbkit.live import LiveRunner, open_run
from arbkit.live.fills import LegFills, Outcome
from arbkit.live.guard import TradingGuard
from arbkit.live.rejections import ExitPauses, Rejections
from tests.live.conftest import Configure


def outcome(filled: float = 0.0, trade: int = -1, reasons: tuple[str, ...] = ("no_money:a",)) -> Outcome:
    a, b = (LegFills((), side, filled, 1.0, 0.0, 0.0) for side in ("buy", "sell"))
    return Outcome("BTC", 1, trade, 0, a, b, "done", 0.0, 0.0, 1, 2, reasons)


def test_five_refused_entries_in_a_row_let_the_pair_wait() -> None:
    told: list[Any] = []
    guard, counts = TradingGuard(lambda *change: told.append(change)), Counter[str]()
    rejections = Rejections(guard, counts, 60.0)
    for what in (*4 * [outcome()], outcome(filled=1.0, reasons=()), *4 * [outcome()], outcome(trade=3)):
        assert not rejections.see(what, 5)
    assert guard.state_of("BTC") == ACTIVE
    assert rejections.see(outcome(reasons=("-2019:b",)), 5)
    assert list(guard.reasons("BTC")) == ["rejected_orders: -2019"]
    assert (guard.state_of("BTC"), guard.state_of("ETH")) == (REDUCING, ACTIVE)
    rejections.look("BTC", 60_000_000_004)
    assert guard.state_of("BTC") == REDUCING
    rejections.look("BTC", 60_000_000_005)
    assert guard.state_of("BTC") == ACTIVE
    assert counts == {"no_money": 8, "-2019": 1}


def test_exits_of_which_nothing_came_wait_ever_longer() -> None:
    pauses, missed, refused = ExitPauses(2), outcome(trade=7, reasons=()), outcome(trade=7)
    assert [pauses[0], pauses[1]] == [0, 0]
    seen = []
    for _ in range(8):
        pauses.see(0, missed)
        seen.append(pauses[0])
    assert seen == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    pauses.see(0, refused)
    assert pauses[0] == 30
    pauses.see(0, outcome())  # an entry that fails says nothing of exits
    assert [pauses[0], pauses[1]] == [30, 0]
    pauses.see(0, outcome(filled=1.0, trade=7, reasons=()))
    assert pauses[0] == 0
    pauses.see(0, refused)
    assert pauses[0] == 0.5


def test_a_run_without_money_says_so_and_waits(configure: Configure) -> None:
    venues = {"upbit": {"paper_balances": {"KRW": 1, "BTC": 0}}}
    config = configure(
        execution={"fills": "venue", "cooldown": "1m"},
        params={"min_spread_bps": -1_000},
        guard={"max_trades_per_hour": 100_000},
        venues=venues,
        reference="none",
    )
    final = LiveRunner(config).run_forever()
    run = open_run(config.runs / "small")
    failed = [line["decided_ns"] for line in run.records("outcome")]
    assert final["refusals"]["insufficient_funds"] == len(failed)
    assert final["guard_counts"]["rejected_orders"] == len(failed) // 5 >= 2
    waits = [later - earlier for earlier, later in pairwise(failed)]
    assert all((wait >= 60_000_000_000) == (k % 5 == 0) for k, wait in enumerate(waits, 1))
    lines = [line for line in run.records("guard") if "rejected_orders" in str(line["reasons"])]
    assert lines[0]["pair"] == "BTC"
    assert lines[0]["reasons"][-1] == "rejected_orders: insufficient_funds"
