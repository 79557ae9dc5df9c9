"""`arbkit record`, against the practice exchange: its ends, and what a killed one leaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from arbkit.cli.main import main as shell
from arbkit.data import open_dataset
from arbkit.record import Recorder
from arbkit.testing import practice_exchange

MARKETS = {"upbit": ["KRW-BTC", "KRW-USDT"], "binance_usdm": ["BTCUSDT"]}


@contextmanager
def exchange() -> Iterator[Any]:
    """A practice exchange whose books change a hundred times a second."""
    with practice_exchange(MARKETS) as running:
        ended = threading.Event()

        def push() -> None:
            number = 0
            while not ended.wait(0.01):
                number += 1
                for venue, symbols in MARKETS.items():
                    for symbol in symbols:
                        bids, asks = [(100_000.0, 1.0 + number % 7)], [(101_000.0, 2.0)]
                        getattr(running, venue).push_book(symbol, bids, asks)

        thread = threading.Thread(target=push, daemon=True)
        thread.start()
        try:
            yield running
        finally:
            ended.set()
            thread.join()


def arguments(running: Any, folder: Path, *more: str) -> list[str]:
    command = ["record", "--to", str(folder), "--flush", "50ms", *more]
    for venue in MARKETS:
        place = getattr(running, venue)
        command += ["--venue", venue, "--symbols", MARKETS[venue][0]]
        command += ["--rest-url", f"{venue}={place.rest_url}", "--ws-url", f"{venue}={place.ws_url}"]
    return command


def wait_for(true: Callable[[], Any]) -> None:
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < 60
        time.sleep(0.01)


def test_a_recording_ends_after_its_time_and_prints_what_it_brought(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "live"
    wait = Recorder._record

    async def from_the_first_books(self: Recorder, pool: Any, seconds: float | None) -> None:
        """Let the time that was asked for begin when there is something to record, on any machine."""

        async def begin() -> None:
            while not all(state.books for feed in self.feeds for state in feed.states.values()):
                await asyncio.sleep(0.01)
            await asyncio.sleep(seconds or 0.0)
            self.stop()

        begun = asyncio.ensure_future(begin())
        await wait(self, pool, None)
        await begun

    with exchange() as running:
        monkeypatch.setattr(Recorder, "_record", from_the_first_books)
        assert shell(arguments(running, folder, "--for", "200ms", "--raw")) == 0
        table = capsys.readouterr()
        assert shell(arguments(running, folder, "--for", "100ms", "--json")) == 0
        answer = json.loads(capsys.readouterr().out)
    assert table.out.splitlines()[0].split() == ["venue", "symbol", "books", "gaps", "lag", "ms"]
    assert "recorded" in table.out
    assert "MB of frames); 0 gaps" in table.out
    assert "upbit: connected, 2 symbols" in table.err
    assert answer["gaps"] == answer["events"]["gaps"] == 3
    assert answer["rows"] == answer["books"] + 3
    dataset = open_dataset(folder)
    assert dataset.tables == ("funding", "gaps", "instruments", "states")
    assert {info.leg for info in dataset.instruments} == {
        "upbit/KRW-BTC",
        "upbit/KRW-USDT",
        "binance_usdm/BTCUSDT",
    }


def test_a_venue_that_is_not_there_is_an_error_and_leaves_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as closed:  # Bound and not listening: nobody answers there.
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        words = ["--venue", "upbit", "--symbols", "KRW-BTC", "--for", "50ms"]
        words += ["--rest-url", f"upbit=http://127.0.0.1:{port}", "--ws-url", f"upbit=ws://127.0.0.1:{port}"]
        assert shell(["record", "--to", str(tmp_path / "a" / "live"), *words]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert f"upbit at ws://127.0.0.1:{port} sent nothing" in said.err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_sigterm_ends_a_recording_in_good_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "live"
    with exchange() as running:
        stopping = threading.Thread(
            target=lambda: (
                wait_for(lambda: (folder / "manifest.json").exists()),
                os.kill(os.getpid(), signal.SIGTERM),
            )
        )
        stopping.start()
        assert shell(arguments(running, folder, "--json")) == 0
        stopping.join()
    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert "SIGTERM: writing what was received" in said.err
    assert open_dataset(folder).manifest.rows == answer["rows"] == answer["books"]


def test_a_killed_recording_leaves_a_whole_dataset_that_is_continued(tmp_path: Path) -> None:
    folder = tmp_path / "live"
    with exchange() as running:
        process = subprocess.Popen(
            [sys.executable, "-m", "arbkit", *arguments(running, folder)], stderr=subprocess.DEVNULL
        )
        wait_for(lambda: (folder / "manifest.json").exists() and open_dataset(folder).manifest.rows > 100)
        process.kill()
        killed_ns = time.time_ns()
        process.wait()
        left = open_dataset(folder)
        # The flush interval, and what a machine under load needs to write.
        assert killed_ns - left.manifest.end_ns < 30 * 10**9
        height = {info.leg: left.scan(info.leg).collect().height for info in left.instruments}
        assert height == {info.leg: info.rows for info in left.instruments}
        assert shell(arguments(running, folder, "--for", "200ms", "--json")) == 0
    assert open_dataset(folder).manifest.rows > left.manifest.rows


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--venue", "upbit", "--venue", "bithumb", "--symbols", "KRW-BTC"], "each --venue needs one"),
        (["--venue", "upbitt", "--symbols", "KRW-BTC"], "did you mean `upbit`"),
        (["--venue", "upbit", "--symbols", "KRW-BTC", "--ws-url", "ws://x"], "--ws-url must be VENUE=URL"),
        (["--venue", "upbit", "--symbols", "KRW-BTC", "--ws-url", "a=ws://x"], "which is not recorded"),
        (["--venue", "upbit", "--symbols", "KRW-BTC", "--keys-of", "upbit"], "ARBKIT_UPBIT_KEY"),
        (["--venue", "upbit", "--symbols", "KRW-BTC", "--flush", "0s"], "`flush` must be longer than 0"),
        (["--venue", "upbit", "--symbols", ""], "at least one symbol"),
    ],
)
def test_bad_input_gets_one_message(
    given: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell(["record", "--to", str(tmp_path / "x"), *given]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "x").exists()
