"""Limits: counted here, corrected by the venue, obeyed after a ban."""

from __future__ import annotations

import asyncio

from arbkit.venues.limits import Limiter, Window
from arbkit.venues.protocol import VenueError


class Seconds:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def limiter(clock: Seconds, **fields: float) -> Limiter:
    return Limiter({"order": (Window(2, 1.0), Window(3, 10.0))}, clock=clock, **fields)


def refused_for(gate: Limiter, **costs: int) -> float:
    try:
        asyncio.run(gate.acquire(costs))
    except VenueError as error:
        return error.retry_after_s or -1.0 if error.code == "rate_limited" else -1.0
    return 0.0


def test_no_window_is_ever_exceeded() -> None:
    clock = Seconds()
    gate = limiter(clock, patience_s=0.0)
    assert [refused_for(gate, order=1) for _ in range(3)] == [0.0, 0.0, 1.0]
    clock.now += 1.0
    assert refused_for(gate, order=1) == 0.0
    assert refused_for(gate, order=1) == 9.0
    clock.now += 9.0
    assert refused_for(gate, order=1) == 0.0


def test_a_short_wait_is_waited() -> None:
    gate = Limiter({"order": (Window(1, 0.02),)})
    asyncio.run(_twice(gate))
    assert gate.waits >= 1


async def _twice(gate: Limiter) -> None:
    await gate.acquire({"order": 1})
    await gate.acquire({"order": 1})


def test_what_the_venue_counts_is_believed_where_it_is_more() -> None:
    gate = limiter(Seconds(), patience_s=0.0)
    gate.observe("order", 10.0, 3)
    gate.observe("order", 10.0, 1)
    assert refused_for(gate, order=1) == 10.0


def test_after_a_ban_nothing_leaves_until_it_is_over() -> None:
    clock = Seconds()
    gate = limiter(clock)
    gate.block(("order", "other"), 120.0)
    gate.block(("order",), 5.0)
    assert refused_for(gate, order=1) == 120.0
    assert refused_for(gate, other=1) == 120.0
    assert gate.blocked_s("order") == 120.0
    clock.now += 120.0
    assert refused_for(gate, order=1) == 0.0
    assert gate.refusals == 2


def test_a_group_without_windows_is_not_limited() -> None:
    gate = limiter(Seconds())
    assert [refused_for(gate, free=1) for _ in range(100)] == [0.0] * 100
