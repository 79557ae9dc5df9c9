"""Draw the pictures of docs/engine.md: `python docs/img/draw_engine.py`.

Every market is made up, a row a second or a minute; every spread, mark, trade, balance and refusal is what
arbkit computes on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
import polars as pl
from matplotlib.axes import Axes

import arbkit
from arbkit.show.look import AB, BA, GAIN, GREY, INK, LOSS, plain_numbers, stacked

Array = Any
BASE = arbkit.Params(
    min_spread_bps=10,
    taker_fee_a_bps=4,
    taker_fee_b_bps=4,
    slippage_bps=2,
    max_position_usd=1_000,
    direction="long_a_short_b",
)
#: A soft ground for stretches of time.
SHADE = "#F1F3F6"


def market(
    s_ab: Array, *, step_s: float = 1.0, width_bps: float = 1.0, seed: int = 0, **more: Any
) -> arbkit.Panel:
    """Make books of which crossing from A to B earns `s_ab` bps on each row."""
    s_ab = np.asarray(s_ab, np.float64)
    rng = np.random.default_rng(seed)
    ask_a = 100.0 * np.exp(np.cumsum(rng.normal(0, 2e-5, s_ab.size)))
    bid_b = ask_a * (1 + s_ab / 1e4)
    columns = {
        "ts": (np.arange(s_ab.size) * step_s * 1e9).astype(np.int64) + 1_767_571_200 * 10**9,
        "bid_a": ask_a * (1 - width_bps / 1e4),
        "ask_a": ask_a,
        "bid_b": bid_b,
        "ask_b": bid_b * (1 + width_bps / 1e4),
    }
    return arbkit.Panel.from_frame(pl.DataFrame({**columns, **more}))


def smooth(points: Sequence[tuple[float, float]], n: int, noise: float = 0.0, seed: int = 1) -> Array:
    """Lead a line through points (place, value), with some noise that is pulled back."""
    places, values = zip(*points, strict=True)
    line = np.interp(np.arange(n), places, values)
    shocks, rest = np.random.default_rng(seed).normal(0, noise, n) if noise else np.zeros(n), 0.0
    for k in range(n):
        rest = 0.7 * rest + shocks[k]
        line[k] += rest
    return line


def level(ax: Axes, value: float, text: str, color: str, *, dashed: bool = False) -> None:
    """Draw a threshold across, with its name at the right of the axes."""
    ax.axhline(value, color=color, lw=1.1, ls=(0, (5, 4)) if dashed else "-")
    ax.annotate(
        text, (1, value), (6, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points", color=color,
        ha="left", va="center", fontsize=8.5,
    )  # fmt: skip


def note(ax: Axes, at: tuple[float, float], text: str, away: tuple[float, float], color: str = INK) -> None:
    """Write a remark beside a point, with a thin line to it."""
    ax.annotate(
        text, at, away, textcoords="offset points", fontsize=8.5, color=color, ha="center", va="center",
        arrowprops={"arrowstyle": "-", "color": GREY, "lw": 0.8, "shrinkB": 3},
    )  # fmt: skip


def entry_mark(ax: Axes, row: float, value: float) -> None:
    """Mark an entry."""
    ax.plot([row], [value], "^", color=GAIN, mec="white", mew=0.8, ms=9, zorder=5)


def exit_mark(ax: Axes, row: float, value: float, *, lost: bool = False) -> None:
    """Mark an exit."""
    ax.plot([row], [value], "X", color=LOSS if lost else INK, mec="white", mew=0.8, ms=9, zorder=5)


def trades(result: arbkit.BacktestResult) -> list[dict[str, Any]]:
    """Return the trades, one mapping each."""
    return list(result.trades.iter_rows(named=True))


def draw_spreads(folder: Path) -> None:
    """Books, the spreads that crossing them earns, thresholds and trades."""
    n = 160
    path = smooth([(0, 4), (30, 28), (45, 24), (80, -4), (110, 2), (128, 27), (150, -6), (160, -2)], n, 1.3)
    panel = market(path, width_bps=4, seed=3)
    params = BASE.replace(direction="both", min_spread_bps=10, exit_spread_bps=0)
    result, found = arbkit.backtest(panel, params), panel.spreads()
    title = "What crossing both books earns, and where it is entered and left"
    with stacked(title, (1.7, 2.6)) as (figure, (books, ax)):
        for bid, ask, color, name in (
            (panel.bid_a, panel.ask_a, AB, "A: bid to ask"),
            (panel.bid_b, panel.ask_b, BA, "B: bid to ask"),
        ):
            books.fill_between(range(n), bid, ask, color=color, alpha=0.35, lw=0, step="mid", label=name)
            books.plot(bid, color=color, lw=0.8, drawstyle="steps-mid")
            books.plot(ask, color=color, lw=0.8, drawstyle="steps-mid")
        books.set_title("prices")
        books.legend(loc="upper center", bbox_to_anchor=(0.56, 1))
        ax.plot(found["s_ab_bps"], color=AB, label="s_ab: buy at A's ask, sell at B's bid")
        ax.plot(found["s_ba_bps"], color=BA, label="s_ba: buy at B's ask, sell at A's bid")
        level(ax, params.min_spread_bps + params.cost_bps, "enter at\nmin_spread_bps\n+ cost = 20", GAIN)
        level(ax, params.exit_spread_bps, "leave below\nexit_spread_bps = 0", GREY, dashed=True)
        for trade in trades(result):
            entry_mark(ax, trade["entry_index"], trade["entry_spread_bps"])
            exit_mark(ax, trade["exit_index"], trade["exit_spread_bps"])
            ax.axvspan(trade["entry_index"], trade["exit_index"], color=SHADE, zorder=0)
        ax.set_title("bps; triangles enter, crosses leave, shaded while a trade is open")
        ax.legend(loc="lower center", bbox_to_anchor=(0.6, 0))
        ax.set_xlim(0, n)
        ax.set_xlabel("row")
        figure.savefig(folder / "engine-spreads.png")


def draw_fair(folder: Path) -> None:
    """A premium that sits: an opportunity in s on every row, and none in x but for its swings."""
    n = 6 * 60 * 3
    rng = np.random.default_rng(5)
    swing = smooth([(0, 0), (n, 0)], n, 5.0, 11)
    path = 150 + 12 * np.sin(np.arange(n) / 160) + swing + np.where(np.arange(n) % 331 > 316, 26, 0)
    panel = market(path + rng.normal(0, 1, n), step_s=60)
    measured = panel.with_reference("ewma:1h")
    params = BASE.replace(min_spread_bps=10, exit_spread_bps=-5)
    plain, result = arbkit.backtest(panel, params), arbkit.backtest(measured, params)
    hours = np.arange(n) / 60
    title = "A premium that sits: s is an opportunity on every row, x only where it moves away from normal"
    with stacked(title, (2.0, 2.0)) as (figure, (top, ax)):
        top.plot(hours, panel.spreads()["s_ab_bps"], color=AB, label="s_ab, which money is made of")
        top.plot(
            hours,
            (1 / measured.fair - 1) * 1e4,
            color=INK,
            lw=1.6,
            label="what is believed normal: ewma:1h, not known in its first two hours",
        )
        level(top, params.min_spread_bps + params.cost_bps, "enter at 20", GAIN)
        one = trades(plain)[0]
        entry_mark(top, hours[one["entry_index"]], one["entry_spread_bps"])
        note(
            top,
            (hours[one["entry_index"]], one["entry_spread_bps"]),
            "without a reference entered\non the first row, and never left",
            (100, -52),
        )
        top.set_ylim(0, 230)
        top.set_title("bps")
        top.legend(loc="lower right", bbox_to_anchor=(1, 0.12))
        ax.plot(hours, measured.spreads()["x_ab_bps"], color=AB, label="x_ab, which decides")
        level(ax, params.min_spread_bps + params.cost_bps, "enter at 20", GAIN)
        level(ax, params.exit_spread_bps, "leave below \N{MINUS SIGN}5", GREY, dashed=True)
        for trade in trades(result):
            entry_mark(ax, hours[trade["entry_index"]], trade["entry_signal_bps"])
            if not trade["is_open"]:
                exit_mark(ax, hours[trade["exit_index"]], trade["exit_spread_bps"])
        ax.set_title(f"bps from the fair ratio: {len(trades(result))} trades")
        ax.set_xlim(0, n / 60)
        ax.set_xlabel("hours")
        figure.savefig(folder / "engine-fair.png")


def exit_cases() -> Iterator[tuple[arbkit.Panel, arbkit.Params, dict[str, Any], str]]:
    """Run one trade for each rule that can end it, and one for which two rules hold on the same row."""
    up = [(0, 5), (5, 6), (6, 30)]
    cases: tuple[tuple[str, list[tuple[float, float]], dict[str, Any], str], ...] = (
        ("stop_loss", [*up, (40, 52), (60, 58)], {}, ""),
        ("take_profit", [*up, (42, -13), (60, -20)], {"exit_spread_bps": -24}, ""),
        ("spread_reversal", [*up, (44, -1), (60, -4)], {}, ""),
        ("timeout", [*up, (30, 24), (60, 26)], {}, ""),
        (
            "take_profit",
            [*up, (30, 20), (31, -16), (60, -18)],
            {},
            " (spread_reversal holds on the same row, and comes later in the table)",
        ),
    )
    shared = {
        "stop_loss_bps": 40,
        "take_profit_bps": 20,
        "max_hold_s": 45,
        "min_hold_s": 10,
        "exit_spread_bps": 0,
    }
    for reason, points, changes, why in cases:
        params = BASE.replace(**{**shared, **changes})
        panel = market(smooth(points, 60, 0.7, 4))
        trade = trades(arbkit.backtest(panel, params))[0]
        assert trade["exit_reason"] == reason, (reason, trade)
        yield panel, params, trade, why


def draw_exits(folder: Path) -> None:
    """One entry and the four rules that end it, on the same axes."""
    title = (
        "The same rules on five markets; the first that holds, from the top of the table, closes the trade"
    )
    with stacked(title, (1.45,) * 5) as (figure, axes):
        for ax, case in zip(axes, exit_cases(), strict=True):
            draw_exit(ax, *case)
        axes[-1].legend(loc="upper right", ncols=2)
        axes[-1].set_xlabel("seconds; shaded: min_hold_s, dotted: max_hold_s")
        figure.savefig(folder / "engine-exits.png")


def draw_exit(ax: Axes, panel: arbkit.Panel, params: arbkit.Params, trade: dict[str, Any], why: str) -> None:
    """One trade: the signal, its mark, the levels of the rules, and which of them ended it."""
    found, into, out = panel.spreads(), trade["entry_index"], trade["exit_index"]
    mark = trade["entry_spread_bps"] + found["s_ba_bps"].to_numpy() - 2 * params.cost_bps
    ax.axvspan(into, into + params.min_hold_s, color=SHADE, zorder=0)
    ax.plot(found["x_ab_bps"], color=AB, label="now (x_ab)")
    ax.plot(
        range(into, out + 1), mark[into : out + 1], color=BA, label="mark_bps, what closing now would leave"
    )
    level(ax, -params.stop_loss_bps, "mark: stop_loss_bps", LOSS, dashed=True)
    level(ax, params.take_profit_bps, "mark: take_profit_bps", GAIN, dashed=True)
    level(ax, params.exit_spread_bps, "now: exit_spread_bps", GREY, dashed=True)
    ax.axvline(into + params.max_hold_s, color=GREY, lw=0.9, ls=(0, (1, 2)))
    entry_mark(ax, into, trade["entry_spread_bps"])
    reason = trade["exit_reason"]
    by_mark = reason in ("stop_loss", "take_profit")
    exit_mark(ax, out, mark[out] if by_mark else trade["exit_spread_bps"], lost=trade["pnl_usd"] < 0)
    ax.set_title(f"{reason}: {trade['pnl_usd']:+.2f} USD{why}".replace("-", "\N{MINUS SIGN}"), color=INK)
    ax.set_xlim(0, len(panel))
    ax.set_ylim(-54, 64)


def draw_block(folder: Path) -> None:
    """After a stop nothing is entered until the cooldown is over and the signal was below the rearm level."""
    n = 240
    points = [
        (0, 6),
        (12, 26),
        (30, 62),
        (60, 34),
        (84, 27),
        (120, 30),
        (140, 8),
        (160, 24),
        (200, -4),
        (240, 2),
    ]
    panel = market(smooth(points, n, 0.9, 6))
    rules = {"stop_loss_bps": 45, "exit_spread_bps": 0}
    cases = (
        ("without a block a stop may enter again on the very row that stopped it", {}),
        ("cooldown_s = 60: blocked for a minute (shaded)", {"cooldown_s": 60}),
        (
            "cooldown_s = 60, rearm_spread_bps = 12: and until the signal has been below 12 bps",
            {"cooldown_s": 60, "rearm_spread_bps": 12},
        ),
    )
    with stacked("What a stop blocks, in its own direction", (1.7,) * 3) as (figure, axes):
        for ax, (name, changes) in zip(axes, cases, strict=True):
            params = BASE.replace(**rules, **changes)
            made = trades(arbkit.backtest(panel, params))
            ax.plot(panel.spreads()["x_ab_bps"], color=AB)
            level(ax, params.min_spread_bps + params.cost_bps, "enter at 20", GAIN)
            if "rearm_spread_bps" in changes:
                level(ax, 12, "rearm below 12", GREY, dashed=True)
            for k, trade in enumerate(made):
                entry_mark(ax, trade["entry_index"], trade["entry_signal_bps"])
                exit_mark(ax, trade["exit_index"], trade["exit_spread_bps"], lost=trade["pnl_usd"] < 0)
                if trade["exit_reason"] == "stop_loss" and changes:
                    until = (
                        made[k + 1]["entry_index"]
                        if "rearm_spread_bps" in changes
                        else trade["exit_index"] + 60
                    )
                    ax.axvspan(trade["exit_index"], until, color=SHADE, zorder=0)
            if not changes:
                at = (made[1]["entry_index"], made[1]["entry_signal_bps"])
                note(ax, at, "stopped and entered again", (140, 14))
            ax.set_title(f"{name}: {len(made)} trades")
            ax.set_xlim(0, n)
        axes[-1].set_xlabel("seconds")
        figure.savefig(folder / "engine-block.png")


def draw_equity(folder: Path) -> None:
    """What the balance hides and the equity shows."""
    n = 400
    points = [
        (0, 4),
        (20, 26),
        (45, -3),
        (70, 24),
        (95, -4),
        (130, 27),
        (200, 120),
        (260, 150),
        (330, 90),
        (390, -5),
        (400, -4),
    ]
    panel = market(smooth(points, n, 1.2, 8), step_s=60)
    params = BASE.replace(exit_spread_bps=0, initial_balance_usd=1_000)
    result = arbkit.backtest(panel, params)
    curve, metrics = result.equity(), result.metrics
    hours, balance = np.arange(n) / 60, curve["balance_usd"].to_numpy()
    title = "A rule that waits for its losers: every trade wins, and the equity tells what it took"
    with stacked(title, (1.5, 1.7, 1.2)) as (figure, (signal, money, down)):
        signal.plot(hours, panel.spreads()["x_ab_bps"], color=AB)
        for trade in trades(result):
            entry_mark(signal, hours[trade["entry_index"]], trade["entry_signal_bps"])
            exit_mark(signal, hours[trade["exit_index"]], trade["exit_spread_bps"])
        signal.set_title("signal, bps")
        money.plot(hours, balance, color=INK, lw=1.6, label="balance: closed trades only")
        money.plot(hours, curve["equity_usd"], color=AB, label="equity: open trades as if closed now")
        money.set_title("USD")
        plain_numbers(money.yaxis)
        money.legend(loc="lower left")
        peak = np.maximum(np.maximum.accumulate(balance), params.initial_balance_usd)
        down.fill_between(hours, -curve["drawdown_pct"], 0, color=AB, alpha=0.35, lw=0)
        down.plot(hours, -(peak - balance) / peak * 100, color=INK, lw=1.6)
        names = ("max_drawdown_mtm_pct", "max_drawdown_pct")
        worst = "\n".join(f"{name} {getattr(metrics, name):.2f}" for name in names)
        down.text(0.02, 0.12, worst, transform=down.transAxes, fontsize=8.5)
        down.set_title("below the highest so far, %")
        down.set_xlim(0, n / 60)
        down.set_xlabel("hours")
        figure.savefig(folder / "engine-equity.png")


def draw_latency(folder: Path) -> None:
    """A decision, and the row that fills it."""
    n = 44
    path = smooth(
        [(0, 8), (9, 12), (10, 26), (13, 25), (16, 17), (30, 3), (31, -2), (34, -6), (44, -1)], n, 0.4, 2
    )
    panel = market(path)
    late = {"latency_ms": 4_000.0}
    cases: tuple[tuple[str, dict[str, Any]], ...] = (
        ("latency_ms = 0", {}),
        ("latency_ms = 4,000", late),
        ("latency_ms = 4,000, max_slip_bps = 3", {**late, "max_slip_bps": 3.0}),
    )
    with stacked("What is decided on one row is filled on a later one, at that row's prices", (1.7,) * 3) as (
        figure,
        axes,
    ):
        decided = trades(arbkit.backtest(panel, BASE))[0]
        for ax, (name, changes) in zip(axes, cases, strict=True):
            result = arbkit.backtest(panel, BASE.replace(**changes))
            made = trades(result)
            s = panel.spreads()["s_ab_bps"].to_numpy()
            ax.plot(s, color=AB, marker=".", ms=4, lw=1, drawstyle="steps-post")
            level(ax, 20, "enter at 20", GAIN)
            level(ax, 0, "leave below 0", GREY, dashed=True)
            for trade in made:
                if changes:
                    arrow(ax, decided["entry_index"], trade["entry_index"], s)
                    arrow(ax, decided["exit_index"], trade["exit_index"], s)
                entry_mark(ax, trade["entry_index"], trade["entry_spread_bps"])
                exit_mark(ax, trade["exit_index"], s[trade["exit_index"]], lost=trade["pnl_usd"] < 0)
            told = (
                f"{made[0]['pnl_usd']:+.2f} USD"
                if made
                else f"given up: the fill is {s[10] - s[14]:.1f} bps below the decision"
            )
            ax.set_title(f"{name}: {told}".replace("-", "\N{MINUS SIGN}"))
            if not made:
                arrow(ax, decided["entry_index"], decided["entry_index"] + 4, s)
                ax.plot(
                    [decided["entry_index"] + 4],
                    [s[decided["entry_index"] + 4]],
                    "o",
                    mfc="white",
                    mec=LOSS,
                    ms=8,
                )
            ax.set_xlim(0, n - 1)
        axes[-1].set_xlabel("seconds")
        figure.savefig(folder / "engine-latency.png")


def arrow(ax: Axes, start: int, end: int, values: Array) -> None:
    """Lead from the row that decides to the row that fills."""
    ax.plot([start], [values[start]], "o", mfc="white", mec=INK, ms=7, zorder=5)
    style = {
        "arrowstyle": "->",
        "color": INK,
        "lw": 1.1,
        "connectionstyle": "arc3,rad=-0.35",
        "shrinkA": 5,
        "shrinkB": 6,
    }
    ax.annotate("", (end, values[end]), (start, values[start]), arrowprops=style)


def draw_depth(folder: Path) -> None:
    """How far a notional walks into both ladders."""
    asks = np.array([100.00, 100.02, 100.05, 100.09, 100.14])
    bids = np.array([100.32, 100.30, 100.26, 100.21, 100.15])
    sizes_a, sizes_b = np.array([3.0, 4.0, 6.0, 9.0, 12.0]), np.array([2.0, 5.0, 5.0, 10.0, 12.0])
    panel = laddered(asks, sizes_a, bids, sizes_b)
    notionals = np.linspace(50, 3_300, 400)
    sets = [BASE.replace(max_position_usd=float(x), depth_levels=5, slippage_bps=0.0) for x in notionals]
    filled = [arbkit.backtest(panel, one) for one in sets]
    records = [trades(one)[0] if one.metrics.total_trades else None for one in filled]
    with stacked("With depth a trade pays for the levels that it walks", (2.1, 1.9), share_x=False) as (
        figure,
        (ladder, ax),
    ):
        for prices, sizes, color, name in (
            (asks, sizes_a, AB, "asks of A, bought"),
            (bids, sizes_b, BA, "bids of B, sold"),
        ):
            edges = np.append(0, np.cumsum(sizes))
            ladder.stairs(prices, edges, baseline=None, color=color, lw=1.8, label=name)
        size = 12.0
        ladder.fill_between([0, size], 99.98, 100.34, color=SHADE, zorder=0)
        ladder.set(xlim=(0, 34), ylim=(99.98, 100.34))
        ladder.set_title("price by size in coins; shaded: what 12 coins walk through")
        ladder.legend(loc="upper right")
        kept = [k for k, one in enumerate(records) if one is not None]
        signal = [entry_signal(filled[k]) for k in kept]
        ax.plot(notionals[kept], signal, color=INK, lw=1.8, label="spread at the prices of both ladders")
        top = (bids[0] - asks[0]) / asks[0] * 1e4
        level(ax, top, "spread of the tops:\nwhat decides", AB, dashed=True)
        level(ax, 18, "min_spread_bps + cost:\nbelow it refused\n(rejected_thin)", GAIN)
        ax.axvspan(notionals[kept[-1]], notionals[-1], color=SHADE, zorder=0)
        ax.set(xlim=(0, notionals[-1]), ylim=(14, 35))
        ax.set_title("bps by notional, USD; shaded: refused")
        ax.legend(loc="lower left")
        figure.savefig(folder / "engine-depth.png")


def laddered(asks: Array, sizes_a: Array, bids: Array, sizes_b: Array) -> arbkit.Panel:
    """Make three rows with the same five levels at each venue."""
    rows, away = 3, 0.01 * (1 + np.arange(5))
    sides = {
        "bid_a": (asks[0] - away, sizes_a), "ask_a": (asks, sizes_a),
        "bid_b": (bids, sizes_b), "ask_b": (bids[0] + away, sizes_b),
    }  # fmt: skip
    columns: dict[str, Any] = {"ts": (np.arange(rows) + 1_767_571_200) * 10**9}
    for name, (prices, sizes) in sides.items():
        for k in range(5):
            side, venue = name.split("_")
            place = f"_{k:02}" if k else ""
            columns[f"{side}_px_{venue}{place}"] = np.full(rows, prices[k])
            columns[f"{side}_sz_{venue}{place}"] = np.full(rows, sizes[k])
        columns[name] = np.full(rows, prices[0])
    return arbkit.Panel.from_frame(pl.DataFrame(columns))


def entry_signal(result: arbkit.BacktestResult) -> float:
    """Return the spread of the prices at which both legs were filled."""
    one = result.records[0]
    return float((one["entry_short_px"] - one["entry_long_px"]) / one["entry_long_px"] * 1e4)


def draw_guard(folder: Path) -> None:
    """Which entries a guard lets through."""
    n = 300
    hours = np.arange(n)
    path = np.where(hours % 20 < 8, 26.0, -4.0) + smooth([(0, 0), (n, 0)], n, 0.8, 9)
    panel = market(path, step_s=60)
    cases: tuple[tuple[str, dict[str, Any]], ...] = (
        ("no guard", {}),
        ("max_trades_per_hour = 2", {"guard": {"max_trades_per_hour": 2}}),
    )
    wanted = trades(arbkit.backtest(panel, BASE.replace(exit_spread_bps=0)))
    with stacked("A guard is asked last, about an entry that all other rules allow", (1.8, 1.8)) as (
        figure,
        axes,
    ):
        for ax, (name, changes) in zip(axes, cases, strict=True):
            result = arbkit.backtest(panel, BASE.replace(exit_spread_bps=0, **changes))
            ax.plot(hours / 60, panel.spreads()["x_ab_bps"], color=AB, lw=1)
            level(ax, 20, "enter at 20", GAIN)
            for trade in trades(result):
                entry_mark(ax, hours[trade["entry_index"]] / 60, trade["entry_signal_bps"])
            kept = {trade["entry_index"] for trade in trades(result)}
            for trade in wanted:
                if trade["entry_index"] not in kept:
                    ax.plot(
                        [trade["entry_index"] / 60],
                        [trade["entry_signal_bps"]],
                        "o",
                        mfc="white",
                        mec=LOSS,
                        ms=7,
                    )
            for hour in range(1, 5):
                ax.axvline(hour, color=GREY, lw=0.8)
            refused = getattr(result.metrics, "rejected_guard_hour_trades", 0)
            ax.set_title(
                f"{name}: {result.metrics.total_trades} entries"
                + (f", {refused} refused (circles)" if changes else "")
            )
            ax.set(xlim=(0, n / 60), ylim=(-9, 38))
        axes[-1].set_xlabel("calendar hour")
        figure.savefig(folder / "engine-guard.png")


PICTURES: tuple[Callable[[Path], None], ...] = (
    draw_spreads, draw_fair, draw_exits, draw_block, draw_equity, draw_latency, draw_depth, draw_guard,
)  # fmt: skip


def main(folder: Path) -> None:
    """Write the pictures."""
    for draw in PICTURES:
        draw(folder)


if __name__ == "__main__":
    main(Path(__file__).parent)
