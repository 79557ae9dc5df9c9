"""After any fault the keeper's books are the exchange's: some here, all by `python -m benchmarks.faults`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from arbkit.testing import FAULTS
from benchmarks import faults

SOME = [
    ("reset_after", "upbit"),
    ("reset_after", "binance_usdm"),
    ("reset_after", "binance_spot"),
    ("truncated_body", "binance_spot"),
    ("unavailable_503", "binance_usdm"),
    ("timeout_error, placed", "upbit"),
    ("refuse, no money", "binance_usdm"),
    ("reset_after; invisible, fills unsent", "binance_spot"),
    ("cancel_loses", "upbit"),
    ("partial_fill", "binance_usdm"),
    ("fill_before_answer", "upbit"),
    ("duplicate_fill", "binance_usdm"),
    ("missing_fill", "upbit"),
    ("expire_listen_key", "binance_usdm"),
    ("auto_deleverage", "binance_usdm"),
    ("clock_offset, ahead", "binance_spot"),
    ("close_sockets", "upbit"),
    ("junk_frame", "binance_spot"),
    ("killed, resumed from the log", "upbit"),
    ("killed, resumed from the log", "binance_spot"),
]
BY_LABEL = {case.label: case for case in faults.CASES}


@pytest.mark.parametrize(("label", "venue"), SOME, ids=lambda value: value.replace(" ", "_"))
def test_after_a_fault_nothing_is_lost_and_nothing_doubled(tmp_path: Path, label: str, venue: str) -> None:
    outcome = asyncio.run(faults.run_case(BY_LABEL[label], venue, 1, tmp_path, seed=1))
    assert outcome.wrong == []
    assert outcome.runs == 1
    if label.startswith("killed"):  # at any moment, so that an intent may never have become a request
        assert 0 < outcome.sent <= outcome.orders
    else:
        assert outcome.sent == outcome.orders
    assert outcome.orders > 0
    written = (tmp_path / "orders.jsonl").read_text()
    assert '"intent"' in written
    assert not any(
        f"practice-{name}-{part}" in written for name in faults.SYMBOLS for part in ("key", "secret")
    )


def test_every_fault_that_orders_can_meet_is_in_the_table() -> None:
    elsewhere = {"stale_snapshot", "change_funding_interval"}
    orders = {name for name, fault in FAULTS.items() if fault.scope in ("rest", "order", "account", "clock")}
    tried = {case.name for case in faults.CASES} | {name for case in faults.CASES for name, _ in case.also}
    assert orders - tried - elsewhere == set()


def test_the_comparison_notices_what_is_lost_and_what_is_invented(tmp_path: Path) -> None:
    async def run() -> tuple[list[str], list[str], list[str]]:
        async with faults.World(tmp_path) as world:
            order = await world.rest_and_cancel("upbit")
            nothing = world.differences()
            for stream in world.streams:
                stream.cancel()
            world.keeper.ledger.flows["upbit", "KRW"] += 1
            money = world.differences()
            world.keeper.ledger.flows["upbit", "KRW"] -= 1
            client = world.clients["binance_usdm"]
            await client.submit(faults.market_order("binance_usdm", "not-kept-1"))
            lost = world.differences()
            assert order.filled == 0
            return nothing, money, lost

    nothing, money, lost = asyncio.run(run())
    assert nothing == []
    assert money == ["upbit KRW: 1 counted, 0.000000 in the books"]
    assert any("BTCUSDT: 0 counted" in text for text in lost)
    assert any("lost" in text for text in lost)


def test_the_table_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "out.json"
    given = ["--runs", "1", "--only", "duplicate_fill", "--venue", "upbit", "--json", str(answers)]
    assert faults.main(given) == 0
    shown = capsys.readouterr().out
    assert "1 runs, 1 of 1 rows equal" in shown
    assert "duplicate_fill" in answers.read_text()
