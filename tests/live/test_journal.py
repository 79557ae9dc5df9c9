"""A journal keeps every whole line, drops one that was cut off, and refuses damage."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from arbkit.errors import DataError
from arbkit.live.ahead import WriteAhead
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


def test_what_was_put_onto_the_disk_beside_the_journal_comes_back(tmp_path: Path) -> None:
    path, disk = tmp_path / "journal.jsonl", tmp_path / "disk"
    journal = Journal(path)
    journal.append("start", sync=True)
    for n in range(5):
        journal.append("intent", n=n, sync=n == 3)
    disk.mkdir()
    # A power cut: of the journal there is only what was written through, beside it all that was synced.
    lines = path.read_bytes().splitlines(keepends=True)
    (disk / "journal.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:20])
    shutil.copy(tmp_path / "journal.jsonl.ahead", disk)
    journal.close()
    assert [item.name for item in tmp_path.iterdir() if item.is_file()] == ["journal.jsonl"]
    again = Journal(disk / "journal.jsonl")
    assert again.append("resume") == 6
    again.close()
    assert [line.get("n") for line in read_journal(disk / "journal.jsonl", "intent")] == [0, 1, 2, 3]
    assert [line["seq"] for line in read_journal(disk / "journal.jsonl")] == [1, 2, 3, 4, 5, 6]


def test_a_file_beside_the_journal_that_is_full_begins_again(tmp_path: Path) -> None:
    ahead = WriteAhead(tmp_path / "x", 100)
    first, second = b"a" * 59 + b"\n", b"b" * 49 + b"\n"
    assert ahead.put(first)
    assert not ahead.put(second)
    ahead.start_over()
    assert ahead.put(second)
    assert list(WriteAhead.lines(tmp_path / "x")) == [second, first[50:]]
    ahead.close()
    assert list(WriteAhead.lines(tmp_path / "x")) == []


def test_lines_that_nobody_asks_to_put_onto_the_disk_do_not_pile_up(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("start", sync=True)
    for _ in range(40):
        journal.append("feed", detail="x" * 30_000)
    assert len(journal._waiting or b"") < 1 << 20
    journal.append("intent", sync=True)
    journal.append("intent", sync=True)
    assert list(WriteAhead.lines(tmp_path / "journal.jsonl.ahead")) == [
        (tmp_path / "journal.jsonl").read_bytes().splitlines(keepends=True)[-1]
    ]
    journal.close()
