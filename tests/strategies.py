"""Hypothesis strategies: small panels in which interesting things happen, and every parameter.

Prices sit on few tick levels and thresholds are often taken from values that the panel itself realises,
so that exact ties with a threshold are common. A row is drawn whole from a table, so examples shrink to
few rows and simple parameters.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from arbkit.config import Params
from tests.twin.market import DIRECTIONS, Row, is_tradable, opposite, s_of, x_of

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND  # 2,800 s before a whole hour
GAPS = (SECOND, 0, 1, SECOND + 1, 30 * SECOND, 1_200 * SECOND, 3_600 * SECOND, 18_000 * SECOND)
LONG_GAPS = (3_600 * SECOND, 1_800 * SECOND, 7_200 * SECOND, 3_600 * SECOND + 1)
VOIDS = (math.nan, 0.0, math.inf, -math.inf, -100.0)
#: Everything of section 6 that these strategies can switch on.
FEATURES = (
    "latency",
    "depth",
    "lots",
    "inventory",
    "ladder",
    "fx_settlement",
    "scale",
    "funding",
    "margin",
    "guard",
    "stop_mtm",
)


@dataclass(frozen=True)
class Case:
    """One panel (`fair` and `entry_ok` tell whether it has the column) with its parameters."""

    rows: tuple[Row, ...]
    params: Params
    fair: bool = False
    entry_ok: bool = False
    funding: tuple[tuple[int, str, float], ...] = ()


def _books(tick: float) -> list[tuple[float, float, float, float]]:
    """List the books a row may show: venue B 0 to 8 ticks from venue A, tight or wide, then void ones."""
    books = []
    for offset in (0, 4, -4, 0, 2, -2, 6, -6, 1, -1, 3, -3, 5, -5, 8, -8):
        for width_a, width_b in ((1, 1), (1, 3), (2, 2), (2, 1)):
            bid_a, bid_b = 2_000, 2_000 + offset
            ticks = (bid_a, bid_a + width_a, bid_b, bid_b + width_b)
            books.append(tuple(count * tick for count in ticks))
    plain = books[0]
    for place in range(4):
        voids = VOIDS[: 2 if place else 5]
        books += [(*plain[:place], void, *plain[place + 1 :]) for void in voids]
    books.append((plain[0], plain[0], plain[2], plain[3]))
    books.append((plain[0], plain[1], plain[3] + tick, plain[3]))
    return books  # type: ignore[return-value]


BOOKS = {tick: _books(tick) for tick in (0.05, 0.0625, 0.1, 50_000.0)}


@st.composite
def panels(draw: st.DrawFn, features: Collection[str] = ()) -> tuple[tuple[Row, ...], bool, bool]:
    """Draw 0 to 60 rows, and whether they have a `fair` and an `entry_ok` column."""
    books = BOOKS[draw(st.sampled_from(tuple(BOOKS)))]
    gaps = draw(st.sampled_from((GAPS, (SECOND,), LONG_GAPS)))
    instant = st.tuples(st.sampled_from(gaps), st.sampled_from(books))
    few, many = st.lists(instant, max_size=12), st.lists(instant, min_size=12, max_size=60)
    instants = draw(st.one_of(few, many))
    fair = draw(st.sampled_from((None, None, (1.0, 1.001, 0.9985, math.nan), (1.001, math.nan))))
    has_entry_ok = draw(st.booleans())
    ts = START + draw(st.sampled_from((0, 1, 2_800 * SECOND)))
    rows = []
    for gap, book in instants:
        ts += gap
        ratio = 1.0 if fair is None else draw(st.sampled_from(fair))
        entry_ok = draw(st.sampled_from((True, True, False))) if has_entry_ok else True
        rows.append(_extended(draw, Row(ts, *book, fair=ratio, entry_ok=entry_ok), features))
    return tuple(rows), fair is not None, has_entry_ok


def _extended(draw: st.DrawFn, row: Row, features: Collection[str]) -> Row:
    """Give a row the extra columns of the features asked for."""
    if "scale" in features:
        row = replace(row, scale=draw(st.sampled_from((1.0, 0.5, 0.0, 0.3))))
    if "fx_settlement" in features:
        row = replace(
            row, fx_a=draw(st.sampled_from((1.0, 1.01, 0.99))), fx_b=draw(st.sampled_from((1.0, 0.5)))
        )
    if "depth" in features and is_tradable(row):
        sizes = draw(st.tuples(*[st.sampled_from((20.0, 3.0, 1.0, 0.25))] * 4))
        row = replace(
            row, ladders=dict(zip(("bid_a", "ask_a", "bid_b", "ask_b"), _ladders(row, sizes), strict=True))
        )
    return row


def _ladders(row: Row, sizes: tuple[float, ...]) -> list[list[tuple[float, float]]]:
    sides = (("bid_a", -0.05), ("ask_a", 0.05), ("bid_b", -0.05), ("ask_b", 0.05))
    return [
        [(row.price(side) + level * step, size * (1 + level)) for level in range(3)]
        for (side, step), size in zip(sides, sizes, strict=True)
    ]


def _some(values: list[float]) -> list[float]:
    """Return at most 40 distinct finite values, in order of appearance."""
    return list(dict.fromkeys(value for value in values if math.isfinite(value)))[:40]


@st.composite
def _costs(draw: st.DrawFn) -> dict[str, float]:
    fees = st.sampled_from((5.0, 0.0, 2.5, -1.0, 10.0, 0.1))
    return {
        "taker_fee_a_bps": draw(fees),
        "taker_fee_b_bps": draw(fees),
        "slippage_bps": draw(st.sampled_from((0.0, 5.0, 3.0, 0.7))),
    }


@st.composite
def parameters(
    draw: st.DrawFn, rows: tuple[Row, ...], features: Collection[str] = (), fair: bool = False
) -> Params:
    """Draw every parameter, thresholds often equal to a value that the rows realise."""
    costs = draw(_costs())
    cost = costs["taker_fee_a_bps"] + costs["taker_fee_b_bps"] + costs["slippage_bps"]
    live = [row for row in rows if is_tradable(row)]
    xs = _some([x_of(row, side) for row in live for side in DIRECTIONS])
    marks = _some(
        [
            s_of(a, side) + s_of(b, opposite(side)) - 2 * cost
            for a in live[:9]
            for b in live[:9]
            for side in DIRECTIONS
        ]
    )
    spans = _some([(row.ts - live[0].ts) / 1e9 for row in live[:20]])

    def level(known: list[float], *others: float) -> st.SearchStrategy[float]:
        return st.sampled_from((*others, *known))

    def maybe(strategy: st.SearchStrategy[float]) -> st.SearchStrategy[float | None]:
        return st.one_of(st.none(), strategy)

    max_hold = draw(maybe(level(spans, 0.0, 1.0, 2.0, 3_600.0)))
    min_hold = draw(st.one_of(st.just(0.0), level(spans, 1.0, 1.5)))
    chosen: dict[str, Any] = costs | {
        "min_spread_bps": draw(level([x - cost for x in xs], 0.0, -20.0, -40.0, 10.0)),
        "max_position_usd": draw(st.sampled_from((1_000.0, 333.3))),
        "max_open_trades": draw(st.sampled_from((1, 2, 3, 7))),
        "direction": draw(st.sampled_from(("both", "both", "long_a_short_b", "long_b_short_a"))),
        "close_on_spread_reversal": draw(st.sampled_from((True, True, False))),
        "exit_spread_bps": draw(level(xs, 0.0, -15.0, 10.0)),
        "take_profit_bps": draw(maybe(level(marks, 5.0, -10.0))),
        "stop_loss_bps": draw(maybe(level([-mark for mark in marks if mark < 0], 20.0, 5.0))),
        "min_hold_s": min_hold if max_hold is None else min(min_hold, max_hold),
        "max_hold_s": max_hold,
        "cooldown_s": draw(st.one_of(st.just(0.0), level(spans, 1.0, 1e-9))),
        "rearm_spread_bps": draw(maybe(level(xs, 0.0, 5.0))),
        "initial_balance_usd": draw(st.sampled_from((10_000.0, 1_000.0))),
        "stop_on_drawdown_pct": draw(st.sampled_from((None, None, 0.01371, 0.2113, 0.9319))),
        "close_at_end": draw(st.booleans()),
        "pnl_model": "executable"
        if fair
        else draw(st.sampled_from(("executable", "executable", "convergence"))),
    }
    chosen |= draw(_extensions(features))
    if chosen.get("depth_levels") or chosen.get("funding"):
        chosen["pnl_model"] = "executable"
    return Params.from_dict(chosen)


def _guards() -> st.SearchStrategy[dict[str, Any]]:
    """Draw a block of limits: few set at once, so that a later one is reached too."""
    limits = {
        "max_position_usd": st.sampled_from((400.0, 1_000.0)),
        "max_positions": st.sampled_from((1, 2)),
        "max_daily_loss_usd": st.sampled_from((0.1371, 1.2345)),
        "max_total_loss_usd": st.sampled_from((0.1371, 2.3456)),
        "max_trades_per_hour": st.sampled_from((1, 2)),
        "max_trades_per_day": st.sampled_from((1, 3)),
        "min_spread_bps": st.sampled_from((5.0, 30.0)),
        "max_slippage_bps": st.sampled_from((0.0, 3.3)),
        "min_fill_rate": st.sampled_from((0.5, 0.9)),
        "breaker_loss_pct": st.sampled_from((0.001371, 0.02113)),
        "breaker_cooldown_s": st.sampled_from((0.0, 2.0, 3_600.0)),
        "utc_offset_h": st.sampled_from((9.0, -3.5)),
    }
    return st.lists(st.sampled_from(tuple(limits)), max_size=4, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: limits[name] for name in names})
    )


@st.composite
def _extensions(draw: st.DrawFn, features: Collection[str]) -> dict[str, Any]:
    latency = st.sampled_from((0.0, 1.0, 1_000.0, 30_000.0))
    space: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "latency": {
            "latency_ms": latency,
            "latency_a_ms": st.one_of(st.none(), latency),
            "latency_b_ms": st.one_of(st.none(), latency),
            "max_slip_bps": st.sampled_from((None, 0.0, 4.3)),
        },
        "depth": {
            "depth_levels": st.sampled_from((0, 1, 3)),
            "min_notional_usd": st.sampled_from((0.0, 150.0)),
        },
        "lots": {"lot_a": st.sampled_from((0.0, 0.5, 3.0)), "lot_b": st.sampled_from((0.0, 0.7, 30.0))},
        "inventory": {
            "inventory_a_usd": st.sampled_from((None, 0.0, 1_500.0)),
            "inventory_b_usd": st.sampled_from((None, 0.0, 1_500.0)),
        },
        "ladder": {
            "entry_step_bps": st.sampled_from((0.0, 5.0)),
            "min_entry_gap_s": st.sampled_from((0.0, 2.0)),
        },
        "fx_settlement": {"fx_settlement": st.sampled_from(("per_fill", "at_exit"))},
        "funding": {"funding": st.booleans()},
        "margin": {
            "leverage_b": st.sampled_from((None, 500.0, 1_500.0)),
            "maintenance_b": st.sampled_from((0.0001, 0.005)),
            "liquidation_fee_bps": st.sampled_from((0.0, 10.0)),
        },
        "guard": {"guard": st.one_of(st.none(), _guards())},
        "stop_mtm": {"stop_on_drawdown_mtm_pct": st.sampled_from((None, 0.01371, 0.2113))},
    }
    return {name: draw(strategy) for feature in features for name, strategy in space.get(feature, {}).items()}


@st.composite
def cases(draw: st.DrawFn, features: Collection[str] = ()) -> Case:
    """Draw a panel and parameters for it; `features` switches extensions of section 6 on."""
    rows, fair, entry_ok = draw(panels(features))
    params = draw(parameters(rows, features, fair))
    funding: list[tuple[int, str, float]] = []
    if "funding" in features and rows:
        times = st.sampled_from([row.ts for row in rows] + [row.ts + 1 for row in rows])
        entry = st.tuples(times, st.sampled_from("bba"), st.sampled_from((1e-4, -3e-4)))
        funding = draw(st.lists(entry, max_size=4, unique_by=lambda each: each[:2]))
    return Case(rows, params, fair, entry_ok, tuple(sorted(funding)))
