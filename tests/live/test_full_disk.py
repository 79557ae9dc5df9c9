"""A disk that is full in the middle of a run: nothing is sent that is not written, and the run says why."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from arbkit.errors import StorageError
from arbkit.live import LiveRunner, ReplayLoop, open_run, parity_of
from arbkit.live.journal import Journal, read_journal
from tests.live.conftest import Configure


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let the system refuse every write beyond so many bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_run_whose_folder_takes_no_more_ends_with_one_error_and_goes_on_later(configure: Configure) -> None:
    config = configure(
        execution={"fills": "venue", "max_slip_bps": 30},
        params={"min_spread_bps": -1_000, "max_hold_s": 2},
        guard={"max_trades_per_hour": 3},
        reference="none",
    )
    runner = LiveRunner(config)
    journal = runner.folder.journal

    async def run() -> None:
        task = asyncio.ensure_future(runner.run())
        while not task.done() and not (runner._session and runner._session.lanes[0].opened):
            await asyncio.sleep(0.01)
        with no_file_beyond(journal.stat().st_size + 100):
            await task

    text = r"must be writable, .*journal.jsonl is not: File too large; .* Make room"
    with pytest.raises(StorageError, match=text), asyncio.Runner(loop_factory=ReplayLoop) as loop:
        loop.run(run())
    assert runner._session is None
    before = sum(1 for _ in read_journal(journal))
    final = LiveRunner(config).run_forever()
    run_ = open_run(runner.folder.path)
    kinds = [line["kind"] for line in run_.records()]
    assert kinds.index("resume") >= before
    assert "stop" not in kinds[:before]
    assert final["trades_closed"] >= 2
    assert parity_of(run_).ok


def test_after_a_line_that_was_cut_off_nothing_more_is_written(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append("first")
    size = path.stat().st_size
    with no_file_beyond(size + 10), pytest.raises(StorageError, match="must be writable"):
        journal.append("second")
    assert path.stat().st_size == size + 10
    with pytest.raises(StorageError, match="must be writable"):
        journal.append("third")
    journal.close()
    assert path.stat().st_size == size + 10
    again = Journal(path)
    again.append("fourth")
    again.close()
    assert [line["kind"] for line in read_journal(path)] == ["first", "fourth"]
