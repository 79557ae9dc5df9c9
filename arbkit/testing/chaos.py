"""Faults at random, for long runs: which, where and for how long a seed says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from arbkit.errors import ConfigError
from arbkit.testing.clock import ServerClock
from arbkit.testing.faults import FAULTS, Faults, Switch

__all__ = ["CALM", "Struck", "random_faults"]

#: What strikes by default: all that an account survives without a person. Left out is what changes it for
#: good (a revoked key, a liquidation, another tick), and bans and maintenance, which only stop a run.
CALM: Final = tuple(
    name
    for name, fault in FAULTS.items()
    if name
    not in (
        "auto_deleverage",
        "banned",
        "change_funding_interval",
        "change_leverage",
        "change_ticks",
        "liquidate",
        "maintenance",
        "revoke_key",
    )
)
_SECONDS: Final = (0.5, 5.0)


class Struck(NamedTuple):
    """One fault that was switched on, and when on the exchange's clock."""

    ts_ns: int
    switch: Switch


class _Exchange(Protocol):
    clock: ServerClock
    venues: Any

    @property
    def faults(self) -> Faults:
        """The switches."""


async def random_faults(
    exchange: _Exchange,
    *,
    per_minute: float = 6.0,
    seed: int = 1,
    names: Sequence[str] = CALM,
    struck: list[Struck] | None = None,
) -> None:
    """Switch on one fault after another, at one venue each, until cancelled.

    Waiting times are exponential on the exchange's clock. States last half a second to 5 s; faults of
    answers, orders and single messages strike one to three times within a minute.

    Args:
        exchange: a `PracticeExchange`.
        per_minute: how many, on the average.
        seed: which ones.
        names: from which they are taken.
        struck: a list that each is appended to.

    Raises:
        ConfigError: when a name is none of `FAULTS`, or the rate is not above 0.
    """
    wrong = [name for name in names if name not in FAULTS]
    if wrong or not names or not per_minute > 0:
        raise ConfigError(
            f"`names` must be faults and `per_minute` above 0, was {wrong or list(names)!r}, {per_minute!r}"
        )
    chance = random.Random(seed)
    while True:
        await exchange.clock.sleep(chance.expovariate(per_minute / 60))
        fault = FAULTS[chance.choice(list(names))]
        venues = [venue for venue in fault.venues if venue in exchange.venues]
        if not venues:
            continue
        given: dict[str, Any] = {"venue": chance.choice(venues)}
        if fault.scope in ("rest", "order", "book") or fault.name.endswith(("_book", "_frame")):
            given |= {"count": chance.randint(1, 3), "seconds": 60.0}
        elif not fault.once:
            given["seconds"] = chance.uniform(*_SECONDS)
        switch = exchange.faults.on(fault.name, **given)
        if struck is not None:
            struck.append(Struck(exchange.clock.now_ns(), switch))
