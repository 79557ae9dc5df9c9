"""Draw the pictures of docs/real-data.md from the ingested datasets: `python docs/img/draw.py [FOLDER]`."""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter
from matplotlib.figure import Figure

import arbkit
from arbkit import Panel, Params
from arbkit.data import open_dataset
from arbkit.engine import BacktestResult, walk_forward

BLUE, ORANGE, GRAY, GREEN, RED = "#2563a8", "#d97706", "#8a8f98", "#2e7d4f", "#b3372f"
COINBASE = "datasets/coinbase_btcusd_btceur"
LINK = {"a": "binance/LINKUSDT", "b": "huobi/LINKUSDT"}
RAW = "datasets/binance_spot_usdm_cm"
FEES = (0, 0.5, 1, 2, 5, 10)
#: Thresholds that each fold of the kimchi premium chooses from.
FIXED_GRID = [(entry, end) for entry in range(-400, 301, 25) for end in range(-400, 201, 25) if end <= entry]
ROLLING_GRID = [(entry, end) for entry in range(0, 301, 25) for end in range(0, 101, 25) if end <= entry]


def link_panel() -> Panel:
    """LINK/USDT on two venues, one row a second."""
    return arbkit.load_panel("datasets/link_binance_huobi", pair=LINK)


def euro_panel(hours: int = 0, folder: Path = Path()) -> Panel:
    """BTC-USD against BTC-EUR on 2018-04-04, EUR/USD stamped `hours` too late."""
    rates = open_dataset(COINBASE).scan("oanda/EURUSD")
    file = folder / f"eurusd_{hours}h.parquet"
    rates.select(
        ts=pl.col("ts_event").dt.offset_by(f"{hours}h"), bid="bid_px_00", ask="ask_px_00"
    ).sink_parquet(file)
    return arbkit.load_panel(
        COINBASE,
        pair={"a": "coinbase/BTC-USD", "b": "coinbase/BTC-EUR"},
        fx={"file": str(file), "base": "EUR", "quote": "USD"},
        currency="USD",
        start="2018-04-04",
        end="2018-04-05",
        cache=False,
    )


def perpetual_panel(source: str = "") -> Panel:
    """BTC spot against the USD-M perpetual: rebuilt books, or the venue's own tickers (`_ticker`)."""
    return arbkit.load_panel(
        RAW, pair={"a": f"binance_spot{source}/BTCUSDT", "b": f"binance_usdm{source}/BTCUSDT"}
    )


def kimchi_panel(dataset: str = "kimchi_daily") -> Panel:
    """BTC on Upbit against BTC on Binance, in dollars, from candles."""
    return arbkit.load_panel(
        f"datasets/{dataset}",
        pair={"a": "upbit/KRW-BTC", "b": "binance/BTCUSDT"},
        fx={"symbol": "investing/USDKRW"},
        currency="USD",
        same=["USDT", "USD"],
        half_spread_a_bps=5,
        half_spread_b_bps=2,
    )


def fold_results(
    panel: Panel,
    grid: Sequence[tuple[int, int]],
    n_folds: int,
    first_train: float,
    direction: str = "long_a_short_b",
) -> list[tuple[BacktestResult, BacktestResult]]:
    """Choose thresholds on all that came before each fold, and run them on the fold.

    Args:
        panel: with its reference filled.
        grid: (min_spread_bps, exit_spread_bps) to choose from, by marked PnL in training.
        n_folds, first_train: as `arbkit.engine.walk_forward` takes them.
        direction: which entries are allowed.

    Returns:
        The training and the test run of the chosen thresholds, fold by fold.
    """
    sets = [
        Params(
            min_spread_bps=entry,
            exit_spread_bps=end,
            direction=direction,
            taker_fee_a_bps=5,
            taker_fee_b_bps=5,
            slippage_bps=10,
            max_position_usd=1000,
            close_at_end=True,
        )
        for entry, end in grid
    ]
    out = []
    for train, test in walk_forward(panel, n_folds, first_train=first_train):
        best = sets[int(np.argmax(arbkit.backtest_many(train, sets)["mtm_pnl_usd"].to_numpy()))]
        out.append((arbkit.backtest(train, best), arbkit.backtest(test, best.replace(close_at_end=False))))
    return out


def draw_link(axes: Sequence[Axes]) -> None:
    """How often the better side pays, and how many trades are left at each fee."""
    panel = link_panel()
    spreads = panel.spreads()
    better = np.maximum(spreads["s_ab_bps"].to_numpy(), spreads["s_ba_bps"].to_numpy())
    axes[0].hist(better, bins=[k / 4 for k in range(-24, 36)], color=BLUE)
    axes[0].set(yscale="log", xlabel="better of both directions, bps", ylabel="seconds")
    for fee, color in ((0, GRAY), (1, ORANGE), (2, RED)):
        axes[0].axvline(2 * fee, color=color, lw=1.2, label=f"one crossing at {fee} bps a leg")
    axes[0].legend(frameon=True, framealpha=1, edgecolor="none", fontsize=8)
    counts = [
        arbkit.backtest(
            panel,
            Params(
                min_spread_bps=0,
                taker_fee_a_bps=fee,
                taker_fee_b_bps=fee,
                slippage_bps=0,
                max_position_usd=1000,
            ),
        ).metrics.total_trades
        for fee in FEES
    ]
    bars = axes[1].bar([f"{fee:g}" for fee in FEES], counts, color=BLUE)
    axes[1].bar_label(bars, fontsize=9)
    axes[1].set(xlabel="taker fee, bps a leg", ylabel="trades in two hours")


def draw_euro(axes: Sequence[Axes], folder: Path) -> None:
    """The premium with the right and with a shifted EUR/USD, and its deviation by shift."""
    hours = range(13)
    panels = {h: euro_panel(h, folder) for h in hours}
    for h, color, label in ((4, ORANGE, "4 h late"), (0, BLUE, "as stamped")):
        frame = panels[h].spreads()
        axes[0].plot(frame["ts"], frame["premium_bps"], color=color, lw=0.7, label=f"EUR/USD {label}")
    axes[0].set(ylabel="BTC-USD over BTC-EUR, bps", xlabel="2018-04-04, UTC")
    axes[0].xaxis.set_major_formatter(_clock("%H:%M"))
    axes[0].legend(frameon=False, fontsize=8)
    deviations = [float(np.nanstd(panels[h].spreads()["premium_bps"].to_numpy())) for h in hours]
    bars = axes[1].bar(list(hours), deviations, color=[BLUE] + [GRAY] * 3 + [ORANGE] + [GRAY] * 8)
    axes[1].bar_label(bars, fmt="%.1f", fontsize=7)
    axes[1].set(xlabel="EUR/USD stamped too late by, hours", ylabel="standard deviation, bps")


def draw_perpetual(axis: Axes) -> None:
    """The executable basis over the recording, and what two crossings cost."""
    panel = perpetual_panel("_ticker")
    frame = panel.spreads()
    axis.plot(frame["ts"], frame["s_ba_bps"], color=BLUE, lw=0.5, label="sell spot, buy perpetual")
    axis.plot(frame["ts"], frame["s_ab_bps"], color=GRAY, lw=0.5, label="buy spot, sell perpetual")
    for fee in (2, 5):
        axis.axhline(4 * fee, color=RED, lw=1, ls="--")
        axis.text(frame["ts"][0], 4 * fee + 0.3, f"four fees of {fee} bps", color=RED, fontsize=8)
    axis.axhline(0, color="black", lw=0.6)
    axis.set(ylabel="executable spread, bps", xlabel="2024-08-08, UTC", ylim=(-12, 22))
    axis.xaxis.set_major_formatter(_clock("%H:%M:%S"))
    axis.legend(frameon=False, fontsize=8, loc="lower left", ncols=2)


def draw_kimchi(axes: Sequence[Axes]) -> None:
    """The premium, its reference, and the time in trades of both rules, out of sample."""
    panel = kimchi_panel()
    rolling = panel.with_reference("ewma:20d")
    fair = (np.asarray(rolling.fair) - 1) * 1e4
    time = panel.spreads()["ts"]
    runs = {
        "fixed thresholds": fold_results(panel, FIXED_GRID, 6, 0.2),
        "measured from ewma:20d": fold_results(rolling, ROLLING_GRID, 6, 0.2),
    }
    for axis, (label, folds) in zip(axes, runs.items(), strict=True):
        axis.plot(time, panel.spreads()["premium_bps"], color=BLUE, lw=0.7, label="premium")
        if label != "fixed thresholds":
            axis.plot(time, fair, color=ORANGE, lw=1, label="reference ewma:20d")
        longest = 0.0
        for _, test in folds:
            stamps = test.panel.spreads()["ts"]
            axis.axvline(stamps[0], color=GRAY, lw=0.6, ls=":")
            longest = max(longest, test.metrics.max_hold_seen_s / 86_400)
            for entry, end, is_open in test.trades.select("entry_ts", "exit_ts", "is_open").iter_rows():
                axis.axvspan(
                    entry, stamps[-1] if is_open else end, color=RED if is_open else GREEN, alpha=0.18, lw=0
                )
        axis.set(
            ylim=(-700, 2200),
            ylabel="bps",
            title=f"{label}: longest trade {longest:.0f} days",
            xlim=(dt.datetime(2018, 12, 1, tzinfo=dt.UTC), dt.datetime(2024, 6, 1, tzinfo=dt.UTC)),
        )
        axis.title.set_fontsize(10)
        axis.legend(frameon=False, fontsize=8, loc="upper right")


def _clock(pattern: str) -> DateFormatter:
    return DateFormatter(pattern)  # type: ignore[no-untyped-call]


def _sheet(rows: int, columns: int, height: float) -> tuple[Figure, list[Axes]]:
    figure, axes = plt.subplots(rows, columns, figsize=(10, height), layout="constrained", squeeze=False)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.25)
    return figure, list(axes.flat)


def main(folder: Path) -> None:
    """Write the four pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    sheets = {
        "link": _sheet(1, 2, 3.2),
        "btc-usd-eur": _sheet(1, 2, 3.2),
        "spot-perpetual": _sheet(1, 1, 3.4),
        "kimchi": _sheet(2, 1, 5.6),
    }
    draw_link(sheets["link"][1])
    with tempfile.TemporaryDirectory() as scratch:
        draw_euro(sheets["btc-usd-eur"][1], Path(scratch))
    draw_perpetual(sheets["spot-perpetual"][1][0])
    draw_kimchi(sheets["kimchi"][1])
    for name, (figure, _) in sheets.items():
        figure.savefig(folder / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
