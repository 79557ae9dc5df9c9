"""A run that records its books: the dataset beside it gives the rows of its tape."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import arbkit
from arbkit.data import open_dataset
from arbkit.errors import ConfigError
from arbkit.live import LiveRunner, open_run
from tests.live.conftest import Configure

PAIR = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
FX = {"symbol": "upbit/KRW-USDT", "max_age": "60s"}


def test_the_books_that_a_run_records_give_its_rows(configure: Configure, tmp_path: Path) -> None:
    config = configure(record={"to": str(tmp_path / "live"), "flush": "50ms"})
    interval = sys.getswitchinterval()
    final = LiveRunner(config).run_forever()
    assert sys.getswitchinterval() == interval
    source = open_dataset(tmp_path / "live")
    assert final["recorded"]["rows"] == sum(source.instrument(leg).rows for leg in config.legs)
    panel = arbkit.load_panel(
        source, PAIR, FX, currency="USDT", max_age="5s", reference="ewma:1m", cache=False
    )
    tape = open_run(config.runs / "small").panel("BTC")
    for name in ("ts", "bid_a", "ask_a", "bid_b", "ask_b", "fair", "fx_a"):
        np.testing.assert_array_equal(getattr(tape, name)[: len(panel)], getattr(panel, name), name)
    assert len(panel) >= len(tape) - 5
    with pytest.raises(ConfigError, match="a replay is recorded once"):
        LiveRunner(configure(record=str(tmp_path / "live"), name="again")).run_forever()


def test_a_full_disk_ends_the_recording_and_not_the_run(
    configure: Configure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arbkit.data.growing import GrowingDataset

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(GrowingDataset, "commit", refuse)
    monkeypatch.setattr("arbkit.record.recorder._WAITING_LIMIT", 10)
    said: list[str] = []
    config = configure(record={"to": str(tmp_path / "live"), "flush": "10ms"})
    final = LiveRunner(config, say=said.append).run_forever()
    assert final["why"] == "end of data"
    assert final["rows"] > 1_000
    assert any("the recording has ended, the run goes on" in text for text in said)
