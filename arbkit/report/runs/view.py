"""All that the page of a run shows, as a frozen value; read from its folder, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.errors import DataError
from arbkit.live import Parity, RunResult, parity_of
from arbkit.live.calibrate import Calibration, calibrate
from arbkit.live.picture import premium_band, premium_of, traded_most
from arbkit.live.story import Story
from arbkit.live.worth import Worth, marks_at

__all__ = ["MOST_PAIRS", "Market", "Open", "RunView", "run_view_of"]

#: So many pairs have a picture of their premium: those with the most trades.
MOST_PAIRS = 4
_BUCKETS = 420


class Market(NamedTuple):
    """The premium of a pair in stretches of time, and its trades at the premium of their rows.

    `low`, `high` and `fair` are float64 (b,) at `ts`, int64 (b,); marks are one per stretch at most.
    """

    pair: str
    ts: IntArray
    low: FloatArray
    high: FloatArray
    fair: FloatArray
    entry_ts: IntArray
    entry_bps: FloatArray
    exit_ts: IntArray
    exit_bps: FloatArray


class Open(NamedTuple):
    """A trade that is open at the last row: since when, how large, and what closing it then would bring."""

    pair: str
    side: str
    entry_ns: int
    age_s: float
    notional: float
    mark: float
    max_hold_s: float | None


class RunView(NamedTuple):
    """What a page says about a run.

    Attributes:
        name, mode, currency: of the run.
        by_venue: whether venues, also paper ones, filled its orders.
        legs: the two legs of each pair.
        story, worth: what it went through, and what it was worth.
        trades: as `RunResult.trades`.
        open: its open trades.
        markets: of the pairs traded most.
        parity: held against the backtest; None where that was not asked for.
        costs: what its orders cost; None where no venue filled one.
        deadline_s: how long something may be open on one side alone.
        summary: the latest statistics, empty where there are none.
        config: the configuration as it was read.
        about: `run.json`.
        running: whether a process runs it now.
        halted: what the kill switch says, where it is thrown.
    """

    name: str
    mode: str
    currency: str
    by_venue: bool
    legs: Mapping[str, tuple[str, str]]
    story: Story
    worth: Worth
    trades: pl.DataFrame
    open: tuple[Open, ...]
    markets: tuple[Market, ...]
    parity: Parity | None
    costs: Calibration | None
    deadline_s: float
    summary: Mapping[str, Any]
    config: str
    about: Mapping[str, Any]
    running: bool
    halted: Mapping[str, Any] | None

    @property
    def closed(self) -> pl.DataFrame:
        """The closed trades."""
        return self.trades.filter(~pl.col("is_open"))

    @property
    def gain(self) -> float:
        """What all pairs gained, open trades marked."""
        return float(self.worth.gain[-1]) if self.worth.ts.size else 0.0

    @property
    def late(self) -> int:
        """How many decisions left something open on one side for longer than the deadline."""
        return sum(item.worst_naked_s > self.deadline_s for item in self.story.outcomes)


def run_view_of(run: RunResult, *, parity: bool = True) -> RunView:
    """Read a run.

    Args:
        run: the run, also one that is still going on.
        parity: whether it is replayed through the backtest.

    Raises:
        DataError: when its journal or a tape is damaged.
    """
    return RunView(
        name=run.name,
        mode=run.mode,
        currency=run.currency,
        by_venue=run.about["fills"] == "venue",
        legs={item["name"]: (str(item["a"]), str(item["b"])) for item in run.about["pairs"]},
        story=run.story,
        worth=run.worth,
        trades=run.trades,
        open=tuple(item for pair in run.pairs for item in _open(run, pair)),
        markets=tuple(_market(run, pair) for pair in traded_most(run, MOST_PAIRS)),
        parity=parity_of(run) if parity else None,
        costs=_costs(run),
        deadline_s=run.deadline_s,
        summary=run.summary,
        config=run.folder.config.read_text(encoding="utf-8"),
        about=run.about,
        running=run.folder.running_pid() is not None,
        halted=run.folder.halted(),
    )


def _costs(run: RunResult) -> Calibration | None:
    if not run.story.outcomes:
        return None
    try:
        return calibrate(run)
    except DataError:
        return None


def _open(run: RunResult, pair: str) -> list[Open]:
    trades = run.trade_records(pair)
    trades = trades[trades["exit_index"] < 0]
    if not trades.size:
        return []
    rows, params = run.tape(pair), run.params(pair)
    now = int(rows["ts"][-1])
    marks = marks_at(rows, trades, params, now)
    names = ("LONG_A_SHORT_B", "LONG_B_SHORT_A")
    return [
        Open(
            pair=pair,
            side=names[int(trade["side"])],
            entry_ns=int(trade["entry_ts"]),
            age_s=(now - int(trade["entry_ts"])) / 1e9,
            notional=float(trade["notional_usd"]),
            mark=mark,
            max_hold_s=params.max_hold_s,
        )
        for trade, mark in zip(trades, marks, strict=True)
    ]


def _market(run: RunResult, pair: str) -> Market:
    rows, trades, story = run.tape(pair), run.trade_records(pair), run.story
    ts, band = premium_band(rows, story.start_ns, story.end_ns, _BUCKETS)
    premium = premium_of(rows)
    closed = trades[trades["exit_index"] >= 0]
    entered = _thin(np.ascontiguousarray(trades["entry_ts"]), ts)
    left = _thin(np.ascontiguousarray(closed["exit_ts"]), ts)
    return Market(
        pair=pair,
        ts=ts,
        low=band[0],
        high=band[1],
        fair=_at(rows, (rows["fair"] - 1) * 1e4, ts),
        entry_ts=entered,
        entry_bps=_at(rows, premium, entered),
        exit_ts=left,
        exit_bps=_at(rows, premium, left),
    )


def _thin(stamps: IntArray, columns: IntArray) -> IntArray:
    """Return one of the stamps that fall into each column of a picture, the first."""
    _, first = np.unique(np.searchsorted(columns, stamps), return_index=True)
    kept: IntArray = stamps[first]
    return kept


def _at(rows: RecordArray, values: FloatArray, stamps: IntArray) -> FloatArray:
    """Return values of the rows that hold at some moments; NaN before the first."""
    at = np.searchsorted(rows["ts"], stamps, side="right") - 1
    found: FloatArray = np.where(at >= 0, values[np.maximum(at, 0)], np.nan) if rows.size else np.empty(0)
    return found if rows.size else np.full(stamps.size, np.nan)
