"""Tables of what is on its way between a decision and its fill (section 6, Latency and Depth)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import RecordArray
from arbkit.kernels._jit import borrowed, inlined, inner
from arbkit.records import ORDER_DTYPE, TAKEN_DTYPE

__all__ = ["Flight", "borrowed_flight", "entries_of", "has_room", "latest_entry", "new_flight", "roomier"]


class Flight(NamedTuple):
    """Orders on their way, and what fills took off the ladders of rows that may still fill others.

    Attributes:
        orders: `ORDER_DTYPE` (capacity,), the first `state.n_orders` in the order of their decisions.
        taken: `TAKEN_DTYPE` (capacity,), the first `state.n_taken`.
    """

    orders: RecordArray
    taken: RecordArray


@inner
def new_flight(rules: Any) -> Flight:
    """Return empty tables, with room only where the rules use orders."""
    n = 8 if rules.ordered == 1 else 0
    return Flight(np.empty(n, ORDER_DTYPE), np.empty(8 * n, TAKEN_DTYPE))


@inlined
def borrowed_flight(flight: Flight) -> Flight:
    """Return the same tables without their owners, for loops that keep `flight` alive."""
    return Flight(borrowed(flight.orders), borrowed(flight.taken))


@inlined
def has_room(flight: Flight, rules: Any, state: Any) -> bool:
    """Tell whether one more row fits, whatever happens on it."""
    if rules.ordered == 0:
        return True
    most = state.n_orders + state.n_open + 1
    return most <= flight.orders.size and state.n_taken + 2 * most <= flight.taken.size  # type: ignore[no-any-return]


@inner
def roomier(flight: Flight, rules: Any, state: Any) -> Flight:
    """Return tables that have room for one more row."""
    orders, taken = flight.orders, flight.taken
    while not has_room(Flight(orders, taken), rules, state):
        orders = np.concatenate((orders, np.empty_like(orders)))
        taken = np.concatenate((taken, np.empty_like(taken)))
    return Flight(orders, taken)


@inlined
def entries_of(side: int, state: Any, flight: Flight) -> int:
    """Return how many entries of a side are on their way."""
    count = 0
    for k in range(state.n_orders):
        count += flight.orders[k].trade < 0 and flight.orders[k].side == side
    return count


@inlined
def latest_entry(side: int, state: Any, flight: Flight) -> int:
    """Return the stamp of the latest entry of a side, filled or on its way, or `LONG_AGO`."""
    latest = state.last_entry_ab if side == 0 else state.last_entry_ba
    for k in range(state.n_orders):
        if flight.orders[k].trade < 0 and flight.orders[k].side == side:
            latest = max(latest, flight.orders[k].ts)
    return latest  # type: ignore[no-any-return]
