"""Faults at random."""

from __future__ import annotations

import asyncio

import pytest

from arbkit.errors import ConfigError
from arbkit.testing import PracticeExchange, ServerClock, random_faults
from arbkit.testing.chaos import CALM, Struck
from tests.testing.traders import MARKETS
from tests.testing.world_clients import run


def test_the_same_seed_strikes_the_same_faults_and_each_ends() -> None:
    async def main() -> None:
        runs = []
        for _ in range(2):
            clock = ServerClock(speed=3_000)
            async with PracticeExchange(MARKETS, clock=clock) as exchange:
                struck: list[Struck] = []
                task = asyncio.create_task(random_faults(exchange, per_minute=60, seed=5, struck=struck))
                while len(struck) < 25:
                    await asyncio.sleep(0.01)
                task.cancel()
                clock.advance(61)
                assert exchange.faults.active() == ()
                runs.append([(item.switch.fault.name, item.switch.venue) for item in struck[:25]])
        assert runs[0] == runs[1]
        assert {name for name, _ in runs[0]} <= set(CALM)
        assert len({name for name, _ in runs[0]}) > 10

    run(main())


def test_unknown_names_are_refused() -> None:
    async def main() -> None:
        async with PracticeExchange(MARKETS) as exchange:
            with pytest.raises(ConfigError, match="`names` must be faults"):
                await random_faults(exchange, names=["stall"])

    run(main())
