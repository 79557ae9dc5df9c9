"""What a run goes on from, and what it refuses to go on from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.errors import DataError
from arbkit.live import LiveRunner, open_run
from arbkit.live.journal import Journal
from tests.live.conftest import Configure


def begun(configure: Configure) -> Path:
    """Return the folder of a run that stopped in the middle of its data, with a trade behind it."""
    config = configure()
    runner = LiveRunner(config)
    runner.run_once()
    while runner.session.lanes[0].closed < 1:
        runner.run_once()
    runner.close()
    return config.runs / config.name


def test_a_run_whose_journal_lost_lines_does_not_go_on(configure: Configure) -> None:
    journal = begun(configure) / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:2]))
    with pytest.raises(DataError, match="it ends with line 2; put the journal back"):
        LiveRunner(configure()).open()
    journal.unlink()
    with pytest.raises(DataError, match="it ends with line 0; put the journal back"):
        LiveRunner(configure()).open()
    journal.write_bytes(b"".join(lines))
    runner = LiveRunner(configure())
    assert runner.open() is not None
    runner.close()


def test_a_run_goes_on_without_a_saved_state_and_not_with_a_damaged_one(configure: Configure) -> None:
    state = begun(configure) / "checkpoint.json"
    for text in ("", '{"seq": 1', "[]", "{}"):
        state.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=r"checkpoint\.json .*, or remove it: the run then goes on"):
            LiveRunner(configure()).open()
    state.unlink()
    LiveRunner(configure()).run_forever()
    whole = configure(name="whole")
    LiveRunner(whole).run_forever()
    assert open_run(whole.runs / "small").trades.equals(open_run(whole.runs / "whole").trades)


def test_what_failed_orders_and_late_funding_cost_stays_with_the_pair(configure: Configure) -> None:
    folder = begun(configure)
    earned = open_run(folder).trades["pnl_usd"].sum()
    journal = Journal(folder / "journal.jsonl")
    journal.append("decision", pair="BTC", row=1, row_ts=1, what="entry_failed", trade=-1, usd=-2.5)
    journal.append("decision", pair="BTC", row=1, row_ts=1, what="exit_failed", trade=0, usd=-0.25)
    journal.append("funding", pair="BTC", paid_ts=1, leg="b", trades=[], late=[[0, 0.5, 0.5], [1, 0.5, 0.5]])
    journal.close()
    runner = LiveRunner(configure())
    runner.open()
    (pair,) = runner.stats()["pairs"]
    assert pair["closed"] == 1
    assert pair["realized_pnl"] == pytest.approx(earned - 1.75, abs=1e-9)
    assert json.loads((folder / "checkpoint.json").read_text())["seq"] <= runner.session.journal.seq
    runner.close()
