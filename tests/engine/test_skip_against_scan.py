"""Every engine gives the trades of the reference, bit for bit, on markets too long for the plain twin."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

from arbkit.config import Params
from arbkit.engine import backtest, backtest_many
from arbkit.panel import Funding, Ladders, Panel

PANELS = int(os.environ.get("ARBKIT_SKIP_PANELS", "60"))


def market(rng: np.random.Generator) -> Panel:
    """Return tick-rounded books with outages, ties, equal stamps and, often, a fair ratio that is not 1."""
    rows = int(rng.choice([1, 40, 63, 64, 65, 300, 1500, 6000]))
    tick = float(rng.choice([0.01, 0.05, 1000.0]))
    base = 1.5e8 if tick == 1000.0 else float(rng.choice([10.0, 100.0]))
    mid = np.abs(base + tick * np.round(np.cumsum(rng.normal(0, 2, rows)))) + tick
    other = np.abs(mid + tick * rng.integers(-6, 7, rows) * int(rng.choice([1, 5]))) + tick
    prices = [mid, mid + tick * rng.integers(1, 4, rows), other, other + tick * rng.integers(1, 3, rows)]
    void = rng.random(rows) < rng.choice([0, 0.1, 0.9])
    for start in np.flatnonzero(rng.random(rows) < rng.choice([0, 0.002])):
        void[start : start + int(rng.integers(1, 600))] = True
    prices[int(rng.integers(4))][void] = rng.choice([np.nan, 0, np.inf])
    ts = np.cumsum(rng.choice([0, 1, 10**9, 60 * 10**9, 3600 * 10**9], rows)) + 1_700_000_000 * 10**9
    extra: dict[str, Any] = {}
    if rng.random() < 0.3:
        extra["fair"] = np.where(rng.random(rows) < 0.1, np.nan, 1 + rng.normal(0, 2e-3, rows))
    if rng.random() < 0.4:
        extra["entry_ok"] = rng.random(rows) < 0.6
    if rng.random() < 0.5:
        times = np.unique(rng.choice(ts, 20) + rng.choice([0, 0, 1]))
        times = times[times <= ts[-1]]
        extra["funding"] = Funding(times, rng.integers(0, 2, times.size), rng.normal(0, 1e-3, times.size))
    if rng.random() < 0.5:
        extra["ladders"] = books(rng, prices, tick)
    panel = Panel(ts, *prices, **extra)
    return panel.with_reference("ewma:2m") if "fair" not in extra and rng.random() < 0.3 else panel


def books(rng: np.random.Generator, prices: list[Any], tick: float) -> Ladders:
    """Return three levels behind the tops, some of them void, often too small for an entry."""
    sides = {}
    for name, top, sign in zip(("bid_a", "ask_a", "bid_b", "ask_b"), prices, (-1, 1, -1, 1), strict=True):
        steps = np.cumsum(rng.integers(0, 3, (top.size, 3)), axis=1)
        sizes = rng.choice([0.0, 1e-5, 3.0, 50.0], (top.size, 3), p=[0.05, 0.15, 0.4, 0.4])
        kind, venue = name.split("_")
        px = top[:, None] + sign * tick * (steps - steps[:, :1])
        sides |= {f"{kind}_px_{venue}": px, f"{kind}_sz_{venue}": sizes}
    return Ladders(**sides)


def guard(rng: np.random.Generator) -> dict[str, Any]:
    """Return a few limits, most of them often reached."""
    limits = {
        "max_positions": 2,
        "max_daily_loss_usd": float(rng.choice([0.5, 3])),
        "max_total_loss_usd": float(rng.choice([2, 40])),
        "max_trades_per_hour": int(rng.choice([1, 5])),
        "max_trades_per_day": int(rng.choice([1, 20])),
        "min_spread_bps": 5.0,
        "breaker_loss_pct": float(rng.choice([0.001, 0.02, 0.2])),
        "breaker_cooldown_s": float(rng.choice([0, 60, 300, 90_000])),
        "utc_offset_h": float(rng.choice([9, -3.5])),
    }
    return {name: value for name, value in limits.items() if rng.random() < 0.4}


def params(rng: np.random.Generator, panel: Panel) -> Params:
    """Return parameters whose thresholds are taken from the panel, so that ties with them are common."""
    spreads = panel.spreads()
    seen = np.concatenate([spreads["x_ab_bps"].drop_nulls(), spreads["x_ba_bps"].drop_nulls(), [0.0]])

    def pick() -> float:
        return float(rng.choice(seen) + rng.choice([0, 0, 1e-9, -5, 5]))

    def maybe(value: float) -> float | None:
        return value if rng.random() < 0.5 else None

    model = "convergence" if panel.fair is None and rng.random() < 0.2 else "executable"
    delays = [0.0, 1e-6, 5.0, 1e3, 9e4, 4e6]
    deep = panel.ladders is not None and model == "executable" and rng.random() < 0.7
    simple = rng.random() < 0.5
    longest = maybe(float(rng.choice([0, 1, 60, 3600, 86400])))
    if simple:
        return Params(
            min_spread_bps=pick(),
            taker_fee_a_bps=float(rng.choice([0, 5, -1])),
            taker_fee_b_bps=0,
            slippage_bps=float(rng.choice([0, 3])),
            max_position_usd=1000,
            direction=str(rng.choice(["both", "long_a_short_b", "long_b_short_a"])),
            close_on_spread_reversal=bool(rng.random() < 0.7),
            exit_spread_bps=pick(),
            take_profit_bps=maybe(pick()),
            stop_loss_bps=maybe(abs(pick()) + 1e-6),
            max_hold_s=longest,
            cooldown_s=float(rng.choice([0, 60, 7200])),
            rearm_spread_bps=maybe(pick()),
            initial_balance_usd=float(rng.choice([1000, 10000])),
            stop_on_drawdown_pct=maybe(float(rng.choice([0.01, 1, 5]))),
            close_at_end=bool(rng.random() < 0.5),
            pnl_model=model,
        )
    return Params(
        min_spread_bps=pick(),
        taker_fee_a_bps=float(rng.choice([0, 5, -1])),
        taker_fee_b_bps=0,
        slippage_bps=float(rng.choice([0, 3])),
        max_position_usd=1000,
        max_open_trades=int(rng.choice([1, 2, 5, 50])),
        direction=str(rng.choice(["both", "long_a_short_b", "long_b_short_a"])),
        close_on_spread_reversal=bool(rng.random() < 0.7),
        exit_spread_bps=pick(),
        take_profit_bps=maybe(pick()),
        stop_loss_bps=maybe(abs(pick()) + 1e-6),
        max_hold_s=longest,
        min_hold_s=float(rng.choice([0, 1, 60])) if longest is None else min(longest, 1.0),
        cooldown_s=float(rng.choice([0, 60, 7200])),
        rearm_spread_bps=maybe(pick()),
        initial_balance_usd=float(rng.choice([1000, 10000])),
        stop_on_drawdown_pct=maybe(float(rng.choice([0.01, 1, 5]))),
        close_at_end=bool(rng.random() < 0.5),
        pnl_model=model,
        latency_ms=float(rng.choice(delays)) if rng.random() < 0.5 else 0.0,
        latency_a_ms=maybe(float(rng.choice(delays))) if rng.random() < 0.4 else None,
        max_slip_bps=maybe(abs(pick())),
        depth_levels=int(rng.choice([1, 3])) if deep else 0,
        min_notional_usd=float(rng.choice([0, 300])),
        lot_a=float(rng.choice([0, 0, 1e-4, 1.5])),
        entry_step_bps=float(rng.choice([0, 0, 2])),
        min_entry_gap_s=float(rng.choice([0, 0, 120])),
        inventory_a_usd=maybe(2500.0) if rng.random() < 0.4 else None,
        funding=panel.funding is not None and model == "executable" and bool(rng.random() < 0.7),
        leverage_b=maybe(float(rng.choice([3, 50, 400]))),
        maintenance_b=float(rng.choice([0.0001, 0.002])),
        liquidation_fee_bps=float(rng.choice([0, 15])),
        guard=guard(rng) if rng.random() < 0.5 else None,
        stop_on_drawdown_mtm_pct=maybe(float(rng.choice([0.01, 1, 5]))),
    )


@pytest.mark.parametrize("seed", range(PANELS))
def test_every_engine_equals_the_reference_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = market(rng)
    sets = [params(rng, panel) for _ in range(4)]
    for one in sets:
        stepped = backtest(panel, one, engine="step")
        for engine in ("scan", "skip", "auto"):
            run = backtest(panel, one, engine=engine)
            assert run.trades.equals(stepped.trades)
            assert run.metrics == stepped.metrics
    many = backtest_many(panel, sets, engine="skip")
    assert many.equals(backtest_many(panel, sets, engine="step"))
    assert many.equals(backtest_many(panel, sets, engine="scan"))
    realized = backtest_many(panel, sets, metrics="realized")
    assert realized.equals(many.select(realized.columns))


def test_the_comparison_can_fail() -> None:
    rng = np.random.default_rng(5)
    panel = market(rng)
    one = params(rng, panel)
    while backtest(panel, one).metrics.closed_trades == 0:
        one = params(rng, panel)
    other = one.replace(taker_fee_a_bps=one.taker_fee_a_bps + 0.5)
    assert backtest(panel, one, engine="skip").metrics != backtest(panel, other, engine="step").metrics


@pytest.mark.parametrize("seed", range(PANELS // 3))
def test_equity_on_a_grid_is_the_whole_curve_seen_at_its_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    panel = market(rng)
    result = backtest(panel, params(rng, panel))
    whole = result.equity()
    ts = whole["ts"].to_physical().to_numpy()
    for every in ("1h", "1m"):
        step = {"1h": 3600, "1m": 60}[every] * 10**9
        points = np.arange(-(-ts[0] // step), ts[-1] // step + 1) * step if ts.size else ts
        at = np.searchsorted(ts, points, side="right") - 1
        seen = result.equity(every=every)
        assert seen["ts"].to_physical().to_list() == points.tolist()
        assert seen.drop("ts").equals(whole.drop("ts")[at] if at.size else whole.drop("ts")[:0])
