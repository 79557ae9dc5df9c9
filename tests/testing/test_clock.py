"""The exchange's clock: speed, jumps, sleepers that wake and can be cancelled."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from arbkit.errors import ConfigError
from arbkit.testing import ServerClock
from tests.testing.world_clients import run


def test_time_runs_at_its_speed_and_jumps() -> None:
    clock = ServerClock(speed=1e-6, start_ns=5_000_000_000)
    assert 5_000 <= clock.now_ms() <= 5_001
    clock.advance(60)
    assert 65_000 <= clock.now_ms() <= 65_001
    clock.run_at(1000)
    before = clock.now_ns()
    time.sleep(0.01)
    assert clock.now_ns() - before >= 10 * 10**9
    with pytest.raises(ConfigError, match="`speed` of a clock must be above 0"):
        ServerClock(speed=0)


def test_a_jump_from_another_thread_wakes_who_sleeps() -> None:
    async def main() -> None:
        clock = ServerClock(speed=1e-3)
        sleeper = asyncio.create_task(clock.sleep(100))
        await asyncio.sleep(0.01)
        threading.Thread(target=clock.advance, args=(50,)).start()
        await asyncio.sleep(0.03)
        assert not sleeper.done()
        threading.Thread(target=clock.advance, args=(51,)).start()
        await asyncio.wait_for(sleeper, 2)

    run(main())


def test_a_sleeper_that_is_woken_and_cancelled_at_once_ends() -> None:
    async def main() -> None:
        clock = ServerClock(speed=1e-3)

        async def for_ever() -> None:
            while True:
                await clock.sleep(10)

        sleeper = asyncio.create_task(for_ever())
        await asyncio.sleep(0)
        clock.advance(11)
        await asyncio.sleep(0)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper

    run(main())
