"""What the scripts of all peers share; needs numpy only, for it runs in the environment of each.

A script is started as `python run_NAME.py MARKET.npz RULES.json` and prints one JSON document: per engine its
version, its trades and the CPU seconds of each timed trial, or why there are none.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Market", "Rules", "Trades", "fill_pnl", "legs_of", "main"]

Trial = Callable[[], "Trades"]


class Market(NamedTuple):
    """The tradable rows: their number in the panel, time in nanoseconds, and prices."""

    row: np.ndarray
    ts: np.ndarray
    bid_a: np.ndarray
    ask_a: np.ndarray
    bid_b: np.ndarray
    ask_b: np.ndarray

    def spreads(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what crossing earns in either direction, bps."""
        return (
            (self.bid_b - self.ask_a) / self.ask_a * 1e4,
            (self.bid_a - self.ask_b) / self.ask_b * 1e4,
        )


class Rules(NamedTuple):
    """Enter on spread - cost >= min_spread, leave on spread < exit_spread; fees of takers, no slippage."""

    min_spread_bps: float
    exit_spread_bps: float
    fee_a_bps: float
    fee_b_bps: float
    notional_usd: float

    @property
    def cost_bps(self) -> float:
        """One crossing of both legs."""
        return self.fee_a_bps + self.fee_b_bps


class Trades(NamedTuple):
    """Side (0 long A, 1 long B), entry and exit tradable row (-1 open); PnL of the closed, or None."""

    side: Any
    entry: Any
    exit: Any
    pnl_usd: float | None


def legs_of(market: Market, rules: Rules) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where A is the better one to buy, where a trade pays, and the quantity of a trade."""
    s_ab, s_ba = market.spreads()
    long_a = s_ab >= s_ba
    pays = np.maximum(s_ab, s_ba) - rules.cost_bps >= rules.min_spread_bps
    return long_a, pays, rules.notional_usd / np.where(long_a, market.ask_a, market.ask_b)


def fill_pnl(fills: np.ndarray, rules: Rules) -> Trades:
    """Make trades of the fills an engine reports.

    Args:
        fills: float64 (n, 5) in order of time: row, leg (0 A, 1 B), quantity (positive bought), price, fee.
        rules: of the run.

    Returns:
        Trades, each of two fills at entry and two at exit; the PnL of the closed ones.
    """
    side, entry, leave, pnl = [], [], [], 0.0
    whole = len(fills) // 4 * 4
    for k in range(0, len(fills) - 1, 4):
        four = fills[k : k + 4]
        first = four[four[:, 1] == 0][0]
        side.append(0 if first[2] > 0 else 1)
        entry.append(int(four[0, 0]))
        leave.append(int(four[2, 0]) if k < whole else -1)
        if k < whole:
            pnl -= float((four[:, 2] * four[:, 3]).sum() + four[:, 4].sum())
    return Trades(side, entry, leave, pnl)


def main(engines: Mapping[str, Callable[[Market, Rules], Trial]], version: str) -> None:
    """Run every engine on the market and the rules named on the command line, and print what they gave.

    Args:
        engines: by name, what prepares the data (not timed) and returns a trial (timed, after a first one).
        version: of the library.
    """
    with np.load(sys.argv[1]) as arrays:
        market = Market(*(arrays[name] for name in Market._fields))
    given = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    rules = Rules(*(given[name] for name in Rules._fields))
    found = {}
    for name, prepare in engines.items():
        try:
            found[name] = _measured(prepare(market, rules), given["rounds"], given["seconds"])
        except Exception as error:
            found[name] = {"failed": f"{type(error).__name__}: {error}"}
    sys.stdout.write("\n" + json.dumps({"version": version, "engines": found}) + "\n")


def _measured(trial: Trial, rounds: int, seconds: float) -> dict[str, Any]:
    trades = trial()
    samples: list[float] = []
    while len(samples) < rounds and (not samples or sum(samples) < seconds):
        began = time.process_time()
        trial()
        samples.append(time.process_time() - began)
    columns = {name: np.asarray(getattr(trades, name)).tolist() for name in ("side", "entry", "exit")}
    pnl = None if trades.pnl_usd is None else float(trades.pnl_usd)
    return {**columns, "pnl_usd": pnl, "cpu_s": samples}
