"""Groups of trades hold every trade once."""

from __future__ import annotations

import pytest

from arbkit.report.breakdown import by_day, by_exit, by_hour, by_side, open_trades
from arbkit.report.groups import capital_table, days_table, open_note, open_table, sides_table
from arbkit.report.text import load_text

TEXT = load_text()


def test_every_grouping_holds_every_closed_trade_and_its_pnl(view):
    part = view.train
    pnl = part.closed["pnl_usd"].sum()
    for groups in (by_side(part), by_exit(part), by_day(part), by_day(part, 9.0)):
        assert sum(group.trades for group in groups.values()) == len(part.closed)
        assert sum(group.pnl for group in groups.values()) == pytest.approx(pnl)
    number, earned = by_hour(part)
    assert number.sum() == len(part.closed)
    assert earned.sum() == pytest.approx(pnl)


def test_hours_are_those_of_the_entries_in_utc(view):
    hours = view.train.closed["entry_ts"].dt.hour().to_list()
    number, _ = by_hour(view.train)
    assert [int(x) for x in number] == [hours.count(hour) for hour in range(24)]


def test_trades_closed_by_the_end_of_the_data_are_the_open_ones(view_with, panel):
    view = view_with(panel, {"min_spread_bps": 8.0, "exit_spread_bps": -500.0})
    found = [*open_trades("train", view.train), *open_trades("test", view.test)]
    assert len(found) == 2
    last = view.train.trades.row(-1, named=True)
    assert found[0].mark == last["pnl_usd"]
    assert found[0].age_s == pytest.approx(last["hold_s"])
    assert open_table(view, TEXT).rows[0].head == "In sample"
    assert open_note(view, TEXT).startswith("2 trades were still open")


def test_tables_name_pair_days_and_money(view):
    assert sides_table(view, TEXT).rows[0].head.startswith("buy upbit/KRW-BTC, sell binance_usdm")
    kinds = [row.kind for row in days_table(view, TEXT).rows]
    assert kinds == ["group", "", "", "group", "", ""]
    assert capital_table(view, TEXT).rows[-1].kind == "mark"
    assert open_table(view, TEXT) is None or open_note(view, TEXT) != TEXT("open.none")
