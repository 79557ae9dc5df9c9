"""Warming up: what a run knows at its start is what a panel over recording and run knows there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import arbkit
from arbkit.errors import ConfigError
from arbkit.live import LiveRunner, RunResult, open_run
from arbkit.live.config import LiveConfig
from tests.live.conftest import Configure

PAIR = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
FX = {"symbol": "upbit/KRW-USDT", "max_age": "60s"}
#: In the middle of the recording, which lasts for under eight minutes.
START = "2026-01-05T00:04:00"
SCALE = "ewma:20s,target=15,step=1s"


def second_half(configure: Configure, recording: Path, **changes: Any) -> LiveConfig:
    replay = {"dataset": str(recording), "start": START}
    return configure(**{"replay": replay, "warm_up": str(recording), **changes})


def ran(config: LiveConfig, *stops: int) -> RunResult:
    for stop in stops:
        runner = LiveRunner(config)
        for _ in range(stop):
            runner.run_once()
        runner.close()
    return open_run(config.runs / config.name)


@pytest.mark.parametrize(
    ("reference", "scale"), [("ewma:1m", None), ("median:2m", None), ("ewma:90s", SCALE)]
)
def test_a_run_that_was_warmed_up_sees_the_bits_of_the_panel_over_recording_and_run(
    configure: Configure, recording: Path, reference: str, scale: str | None
) -> None:
    tape = ran(second_half(configure, recording, reference=reference, scale=scale), 400).panel("BTC")
    view = reference if scale is None else f"{reference}; scale={scale}"
    whole = arbkit.load_panel(recording, PAIR, FX, currency="USDT", max_age="5s", reference=view, cache=False)
    first = int(np.searchsorted(whole.ts, tape.ts[0]))
    panel = whole.slice(int(tape.ts[0]), int(tape.ts[-1]) + 1)
    assert first > 1_000
    np.testing.assert_array_equal(tape.ts, panel.ts)
    assert tape.fair is not None
    assert np.isfinite(tape.fair).all()
    np.testing.assert_array_equal(tape.fair, panel.fair)
    if scale is not None:
        assert tape.scale is not None
        assert 0 < tape.scale.min() < 1
        np.testing.assert_array_equal(tape.scale, panel.scale)


def test_a_run_that_goes_on_still_knows_what_it_was_warmed_up_with(
    configure: Configure, recording: Path
) -> None:
    whole, cut = (
        second_half(configure, recording, reference="ewma:1m", scale=SCALE, name=name)
        for name in ("whole", "cut")
    )
    panels = [ran(whole, 600).panel("BTC"), ran(cut, 250, 350).panel("BTC")]
    for name in ("ts", "fair", "scale"):
        np.testing.assert_array_equal(getattr(panels[0], name), getattr(panels[1], name), name)


def test_what_is_missing_is_said_at_the_start(configure: Configure, recording: Path) -> None:
    said: list[str] = []

    def start(**changes: Any) -> str:
        said.clear()
        config = second_half(configure, recording, name=f"run{changes['reference'][-2:]}", **changes)
        runner = LiveRunner(config, say=said.append)
        runner.open()
        runner.close()
        return said[0]

    assert start(reference="ewma:1m") == f"BTC: ewma:1m is warm (3m of {recording})"
    assert start(reference="ewma:3m") == (
        f"BTC: ewma:3m needs 6m, nothing is entered for 3m (3m of {recording})"
    )
    assert start(reference="median:5m", warm_up=None) == (
        "BTC: median:5m needs 5m, nothing is entered for 5m (no `warm_up`)"
    )


def test_a_warm_up_from_nowhere_is_one_clear_error(configure: Configure, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`warm_up` must hold books of upbit/KRW-BTC and binance_usdm"):
        LiveRunner(configure(warm_up=str(tmp_path / "nothing"))).open()
    with pytest.raises(ConfigError, match=r"`warm_up` must be the folder of a dataset, or false"):
        configure(warm_up=7)
