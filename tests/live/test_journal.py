"""A journal keeps every whole line, drops one that was cut off, and refuses damage."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from arbkit.errors import DataError
from arbkit.live.journal import Journal, plain_record, read_journal
from arbkit.records import TRADE_DTYPE


def written(path: Path, lines: int = 3) -> None:
    journal = Journal(path, clock=lambda: 7)
    for n in range(lines):
        journal.append("order", n=n, price=Decimal("0.10"), size=np.float64(0.1), sync=n == 1)
    journal.close()
    journal.close()


def test_lines_come_back_in_order_with_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    lines = list(read_journal(path))
    assert [(line["seq"], line["ts"], line["kind"], line["n"]) for line in lines] == [
        (1, 7, "order", 0), (2, 7, "order", 1), (3, 7, "order", 2),
    ]  # fmt: skip
    assert (lines[0]["price"], lines[0]["size"]) == ("0.10", 0.1)
    assert list(read_journal(path, "fill")) == []


def test_a_line_that_was_cut_off_is_dropped_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    whole = path.read_bytes()
    for cut in (1, 10, 30):
        path.write_bytes(whole[:-cut])
        assert [line["n"] for line in read_journal(path)] == [0, 1]
        journal = Journal(path)
        assert journal.append("fill", n=9) == 3
        journal.close()
        assert [line["n"] for line in read_journal(path)] == [0, 1, 9]


def test_a_damaged_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    path.write_bytes(path.read_bytes().replace(b'"n":1', b'"n":2', 1))
    with pytest.raises(DataError, match="line 2 is damaged"):
        list(read_journal(path))
    with pytest.raises(DataError, match="line 2 is damaged"):
        Journal(path)


def test_a_journal_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a journal must be readable"):
        list(read_journal(tmp_path / "none.jsonl"))


def test_a_record_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    record = np.zeros(1, TRADE_DTYPE)[0]
    record["entry_long_px"], record["pnl_usd"], record["entry_ts"] = 0.1 + 0.2, np.nan, 2**62 + 1
    journal = Journal(tmp_path / "j")
    journal.append("trade_opened", record=plain_record(record))
    journal.close()
    (line,) = read_journal(tmp_path / "j")
    assert line["record"]["entry_long_px"] == 0.1 + 0.2
    assert line["record"]["entry_ts"] == 2**62 + 1
    assert line["record"]["pnl_usd"] is None


def test_a_fill_is_found_by_venue_symbol_and_number(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    try:
        assert not journal.has_fill("upbit", "KRW-BTC", "t1")
        for k in range(20):
            journal.append("fill", venue="upbit", symbol="KRW-BTC", trade_id=f"t{k}", price="1")
        journal.append("outcome", venue="upbit", symbol="KRW-BTC", trade_id="t99")
        assert journal.has_fill("upbit", "KRW-BTC", "t1")
        assert not journal.has_fill("upbit", "KRW-ETH", "t1")
        assert not journal.has_fill("upbit", "KRW-BTC", "t99")
        assert not journal.has_fill("upbit", "KRW-BTC", "t")
    finally:
        journal.close()
