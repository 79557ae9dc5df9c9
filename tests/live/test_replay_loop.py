"""A loop whose time is that of a recording: what happens in it does not depend on the machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from arbkit.errors import ConfigError
from arbkit.live import LiveRunner, ReplayFeed, ReplayLoop, open_run
from arbkit.live.config import LiveConfig
from tests.live.conftest import Configure


def ran(work: Coroutine[Any, Any, Any], speed: float = 0.0) -> Any:
    with asyncio.Runner(loop_factory=lambda: ReplayLoop(speed)) as loop:
        return loop.run(work)


async def told(said: list[tuple[str, float]], name: str, *pauses: float) -> None:
    for pause in pauses:
        await asyncio.sleep(pause)
        said.append((name, round(asyncio.get_running_loop().time(), 6)))


@pytest.mark.parametrize("speed", [0.0, 1e6])
def test_what_waits_goes_on_in_the_order_of_its_times(speed: float) -> None:
    said: list[tuple[str, float]] = []

    async def work() -> None:
        await asyncio.gather(told(said, "slow", 3_600.0, 0.5), told(said, "fast", 100.0, 3_500.2))

    ran(work(), speed)
    assert said == [("fast", 100.0), ("slow", 3_600.0), ("fast", 3_600.2), ("slow", 3_600.5)]


def test_all_that_can_happen_at_an_instant_happens_before_the_time_goes_on() -> None:
    turns: list[float] = []

    async def busy() -> None:
        for _ in range(500):
            await asyncio.sleep(0)
            turns.append(asyncio.get_running_loop().time())

    async def work() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ReplayLoop)
        task = asyncio.ensure_future(busy())
        await loop.until(loop.time())
        done = len(turns)
        await task
        return done

    assert ran(work()) == 500
    assert set(turns) == {0.0}


def test_time_is_skipped_only_where_nobody_waits_for_an_earlier_one() -> None:
    said: list[tuple[str, float]] = []

    async def work() -> list[bool]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ReplayLoop)
        task = asyncio.ensure_future(told(said, "one", 5.0))
        await loop.until(1.0)
        skipped = [loop.skip(4.0), loop.skip(6.0)]
        await loop.until(6.0)
        skipped.append(loop.skip(7.0))
        await task
        return [*skipped, loop.time() == 7.0]

    assert ran(work()) == [True, False, True, True]
    assert said == [("one", 5.0)]


def test_a_speed_makes_time_last_and_the_wall_clock_is_there_too() -> None:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ReplayLoop)
        await asyncio.sleep(5.0)
        sleeper = asyncio.ensure_future(asyncio.sleep(1e9))
        await loop.wall_sleep(0.02)
        sleeper.cancel()
        return loop.time()

    began = time.monotonic()
    assert ran(work(), 100.0) == pytest.approx(5.0)
    assert time.monotonic() - began >= 0.07


def test_times_that_are_over_leave_memory() -> None:
    async def work() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ReplayLoop)
        for moment in range(1_000):
            await loop.until(float(moment))
        return len(loop._due)

    assert ran(work()) == 1


def test_work_on_a_thread_takes_no_time() -> None:
    async def work() -> tuple[float, float]:
        await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.05), 0.01)
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(1.0)
        return now, asyncio.get_running_loop().time()

    assert ran(work()) == (0.0, 1.0)


def test_a_replay_needs_such_a_loop(configure: Configure) -> None:
    config = configure()
    assert config.replay is not None
    with pytest.raises(ConfigError, match=r"use `LiveRunner\.run_forever`"):
        asyncio.run(ReplayFeed(config.replay.dataset, config.legs).run(LiveRunner(config)))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"use `LiveRunner\.run_forever`"):
        asyncio.run(LiveRunner(config).run())


def test_a_replay_at_venues_is_the_same_at_any_speed(configure: Configure, recording: Path) -> None:
    def outcomes(name: str, speed: float) -> list[dict[str, Any]]:
        config: LiveConfig = configure(
            name=name,
            execution={"fills": "venue", "legs": "lead_a"},
            reference="none",
            params={"min_spread_bps": -1_000, "max_hold_s": 3, "latency_a_ms": 120, "latency_b_ms": 70},
            replay={"dataset": str(recording), "speed": speed, "end": "2026-01-05T00:02:30"},
        )
        LiveRunner(config).run_forever()
        found = [dict(line) for line in open_run(config.runs / name).records("outcome")]
        for line in found:
            del line["seq"], line["ts"], line["a"]["ids"], line["b"]["ids"]
        return found

    first = outcomes("first", 0.0)
    assert len(first) > 5
    assert outcomes("paced", 1_000.0) == first
