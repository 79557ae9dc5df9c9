"""What is written before an order leaves: several intents wait for one write to the disk."""

from __future__ import annotations

import asyncio

from arbkit.venues.intents import SharedSync


def test_intents_of_one_turn_are_put_on_the_disk_together() -> None:
    written: list[int] = []
    synced: list[int] = []

    async def write(shared: SharedSync, number: int) -> int:
        written.append(number)
        await shared.wait()
        assert synced[-1] >= len(written[: written.index(number) + 1])
        return synced[-1]

    async def both() -> None:
        shared = SharedSync(lambda: synced.append(len(written)))
        assert await asyncio.gather(write(shared, 1), write(shared, 2)) == [2, 2]
        late = asyncio.create_task(write(shared, 3))
        await asyncio.sleep(0)
        late.cancel()
        assert await write(shared, 4) == 4

    asyncio.run(both())
    assert synced[0] == 2
