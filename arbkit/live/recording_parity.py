"""Parity with a recording: a run's rows and trades against those that its books give when loaded again.

A recording that the run made itself has its stamps: then rows must be equal, column by column, and so must
the trades. Another process that recorded the same books read each of them at its own moment: its rows have
other stamps and may show the two venues in another order. Trades are then held against each other by time,
and a difference is `latency` where both saw the books of the trade, and `feed` where one of the two did not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from arbkit._typing import BoolArray, FloatArray, IntArray, PathLike, RecordArray
from arbkit.errors import DataError
from arbkit.kernels.live import ACTIVE, HALTED
from arbkit.live.differences import CAUSES, Difference, alike, pnl_of
from arbkit.live.parity import compare_pair, replayed
from arbkit.live.recorded import PairSource
from arbkit.live.redone import undecided
from arbkit.live.result import RunResult
from arbkit.live.tape import read_tape
from arbkit.live.warm_up import Samples, samples_of_recording, segments
from arbkit.panel import Ladders, Panel, PanelMeta, split_view
from arbkit.units import SECOND_NS

if TYPE_CHECKING:
    from arbkit.data import Dataset

__all__ = ["RecordedPair", "RecordedParity", "recorded_parity"]

_COLUMNS: Final = ("bid_a", "ask_a", "bid_b", "ask_b", "fair", "scale", "fx_a", "fx_b")
#: Books read by two processes are held against each other within so much time.
_NEAR_NS: Final = SECOND_NS
_SAME_PRICE: Final = 1e-9


@dataclass(frozen=True)
class RecordedPair:
    """The rows of one pair, in the run and in the recording.

    Attributes:
        pair: its name.
        rows: on the tape.
        recorded: in the recording, from the tape's first to its last row.
        same_stamps: whether the recording has the run's own stamps.
        equal: rows of one stamp with the same value in every column.
        columns: how many rows of one stamp differ in a column; those with none are left out.
        missing: rows that the recording lacks, by reason: `after_its_end` (where the books of a leg end),
            `not_recorded` (within them).
        extra: rows that the tape lacks, by reason: `not_running` (around a restart), `not_seen`.
        first: the first stamp at which something differs.
    """

    pair: str
    rows: int
    recorded: int
    same_stamps: bool
    equal: int = 0
    columns: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, int] = field(default_factory=dict)
    first: int | None = None


@dataclass(frozen=True)
class RecordedParity:
    """What a run has in common with a recording of its books.

    Attributes:
        run: the run's name.
        dataset: the recording's.
        pairs: the rows, pair by pair.
        trades: trades of the run.
        same: how many the backtest of the recording has too.
        differences: the others, each with its cause.
    """

    run: str
    dataset: str
    pairs: tuple[RecordedPair, ...]
    trades: int
    same: int
    differences: tuple[Difference, ...]

    @property
    def ok(self) -> bool:
        """Whether every difference has a cause."""
        return all(item.cause != "none" for item in self.differences)

    def by_cause(self) -> dict[str, tuple[int, float]]:
        """Return number and sum of the differences of each cause."""
        return {
            cause: (len(found), sum(found)) if found else (0, 0.0)
            for cause in CAUSES
            for found in [[item.usd for item in self.differences if item.cause == cause]]
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything by name, ready for JSON."""
        causes = {cause: {"count": count, "usd": usd} for cause, (count, usd) in self.by_cause().items()}
        return {
            "run": self.run,
            "dataset": self.dataset,
            "pairs": [vars(pair) for pair in self.pairs],
            "trades": self.trades,
            "same": self.same,
            "ok": self.ok,
            "by_cause": causes,
            "differences": [vars(item) for item in self.differences],
        }


@dataclass(frozen=True)
class _Pair:
    """One pair of a run: its tape, and the panel of the recording with and without the trading state."""

    tape: RecordArray
    panel: Panel
    ran: Panel
    rows: RecordedPair


def recorded_parity(run: RunResult, dataset: PathLike | Dataset) -> RecordedParity:
    """Load a run's period of a recording, compare its rows with the tape, and its trades with the run's.

    Args:
        run: the run.
        dataset: a recording of the same instruments, by the run itself or by another process.

    Raises:
        DataError: when the recording lacks the run's instruments in its period, or the run is damaged.
    """
    from arbkit.data import open_dataset

    source = open_dataset(dataset)
    found = {}
    for name in run.pairs:
        tape, ladders = read_tape(run.folder.tape(name), run.params(name).depth_levels)
        if tape.size:
            found[name] = _pair(run, name, source, tape, ladders)
    if not found:
        return RecordedParity(run.name, source.name, (), len(run.trades), 0, ())
    by_run = replayed(run, {name: run.panel(name) for name in found})
    known = replayed(run, {name: pair.ran for name, pair in found.items()})
    anew = undecided(run) if run.about["fills"] == "venue" else []
    differences: list[Difference] = []
    same = 0
    for name, pair in found.items():
        if pair.rows.same_stamps:
            items, equal = _own(run, name, pair, known[name], [row for own, row in anew if own == name])
        else:
            items, equal = _strange(run, name, pair, by_run[name], known[name])
        differences += items
        same += equal
    rows = tuple(pair.rows for pair in found.values())
    return RecordedParity(run.name, source.name, rows, len(run.trades), same, tuple(differences))


def _pair(run: RunResult, name: str, source: Dataset, tape: RecordArray, ladders: FloatArray) -> _Pair:
    about = next(pair for pair in run.about["pairs"] if pair["name"] == name)
    if "fx" not in run.about or "same" not in run.about:
        raise DataError(
            f"run {run.name} was begun by an older version, which did not note how rows are loaded"
        )
    wanted = PairSource.of_run(run.about, about)
    start, end = int(tape["ts"][0]), int(tape["ts"][-1])
    panel = wanted.load(source, start, end + 1)
    if panel is None:
        raise DataError(
            f"{source.name} must hold books of {wanted.a} and {wanted.b} in the period of run {run.name}"
        )
    panel = _referred(run, about, wanted, panel)
    rows = _rows(run, about, source, tape, ladders, panel)
    return _Pair(tape, panel, _as_run(run, about, tape, panel), rows)


def _referred(run: RunResult, about: Mapping[str, Any], wanted: PairSource, panel: Panel) -> Panel:
    """Return the panel with reference and scale, warmed up with what the run was warmed up with."""
    view, name = about["reference"], about["name"]
    if view == "none":
        return panel
    parts = [Samples(panel.ts, panel.bid_a, panel.ask_a, panel.bid_b, panel.ask_b)]
    for folder, start, end in segments(run.records("warm_up"), name):
        parts.append(samples_of_recording(folder, wanted, view, start, end))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[0], kind="stable")
    oldest = max(wanted.max_age_ns) if min(wanted.max_age_ns) >= 0 else -1
    whole = Panel(*(column[order] for column in columns), meta=PanelMeta(max_age_ns=oldest))
    whole = whole.with_reference(view)
    mine = order < len(panel)
    fair, scale = (None if column is None else column[mine] for column in (whole.fair, whole.scale))
    return panel.replace(fair=fair, scale=scale, reference=view)


def _as_run(run: RunResult, about: Mapping[str, Any], tape: RecordArray, panel: Panel) -> Panel:
    """Return the panel with the trading state of each moment in it, as `RunResult.panel` does."""
    at = np.maximum(np.searchsorted(tape["ts"], panel.ts, side="right") - 1, 0)
    entry_ok = np.ones(len(panel), np.bool_) if panel.entry_ok is None else panel.entry_ok
    changes: dict[str, Any] = {"entry_ok": entry_ok & (tape["state"][at] == ACTIVE)}
    if _is_sized(run, about, tape):
        changes["scale"] = np.ascontiguousarray(tape["scale"][at])
    made = panel.replace(**changes)
    halted = tape["state"][at] == HALTED
    if halted.any():
        made = _kept(made, np.flatnonzero(~halted))
    return run.with_payments(about["name"], made)


def _kept(panel: Panel, rows: IntArray) -> Panel:
    """Return some rows of a panel."""
    names = ("ts", "bid_a", "ask_a", "bid_b", "ask_b", "fair", "entry_ok", "scale", "fx_a", "fx_b")
    columns = {name: getattr(panel, name) for name in names}
    kept: dict[str, Any] = {name: column[rows] for name, column in columns.items() if column is not None}
    if panel.ladders is not None:
        kept["ladders"] = Ladders(*(side[rows] for side in panel.ladders))
    return panel.replace(**kept)


def _is_sized(run: RunResult, about: Mapping[str, Any], tape: RecordArray) -> bool:
    """Tell whether something beside a volatility scaled the positions, which a recording does not know."""
    return "weights" in run.about or (
        split_view(about["reference"])[1] == "none" and bool((tape["scale"] != 1).any())
    )


def _rows(
    run: RunResult,
    about: Mapping[str, Any],
    source: Dataset,
    tape: RecordArray,
    ladders: FloatArray,
    panel: Panel,
) -> RecordedPair:
    """Compare the rows of tape and recording, stamp by stamp."""
    common, at, to = np.intersect1d(tape["ts"], panel.ts, assume_unique=True, return_indices=True)
    name = about["name"]
    if common.size * 2 < min(tape.size, len(panel)):
        return RecordedPair(name, tape.size, len(panel), False)
    differs = {column: ~_equal(tape[column][at], _column(panel, column)[to]) for column in _COLUMNS}
    if _is_sized(run, about, tape):
        del differs["scale"]
    entry_ok = np.ones(len(panel), np.bool_) if panel.entry_ok is None else panel.entry_ok
    differs["entry_ok"] = (tape["entry_ok"][at] == 1) != entry_ok[to]
    if panel.ladders is not None:
        books = [~_equal(ladders[k][at], side[to]).all(axis=1) for k, side in enumerate(panel.ladders)]
        differs["ladders"] = np.any(books, axis=0)
    other: BoolArray = np.any(list(differs.values()), axis=0)
    missing, extra = np.setdiff1d(tape["ts"], common), np.setdiff1d(panel.ts, common)
    ends = min(source.instrument(leg).end_ns for leg in (about["a"], about["b"]))
    firsts = [stamps[0] for stamps in (common[other], missing, extra) if stamps.size]
    return RecordedPair(
        name,
        int(tape.size),
        len(panel),
        True,
        int((~other).sum()),
        {column: int(rows.sum()) for column, rows in differs.items() if rows.any()},
        _counted({"after_its_end": missing > ends, "not_recorded": missing <= ends}),
        _counted({"not_running": _away(run, tape, extra), "not_seen": ~_away(run, tape, extra)}),
        int(min(firsts)) if firsts else None,
    )


def _counted(kinds: Mapping[str, BoolArray]) -> dict[str, int]:
    return {name: int(rows.sum()) for name, rows in kinds.items() if rows.any()}


def _column(panel: Panel, name: str) -> FloatArray:
    found = getattr(panel, name)
    return np.ones(len(panel)) if found is None else found


def _equal(left: Any, right: Any) -> Any:
    return (left == right) | (np.isnan(left) & np.isnan(right))


def _away(run: RunResult, tape: RecordArray, stamps: IntArray) -> BoolArray:
    """Tell which stamps lie between the end of one life of the run and the first row of the next."""
    away = np.zeros(stamps.size, np.bool_)
    for line in run.records("resume"):
        n = int(np.searchsorted(tape["ts"], line["last_ts"], side="right"))
        until = tape["ts"][n] if n < tape.size else np.iinfo(np.int64).max
        away |= (stamps > line["last_ts"]) & (stamps < until)
    return away


def _own(
    run: RunResult, name: str, pair: _Pair, known: RecordArray, strange: list[int]
) -> tuple[list[Difference], int]:
    """Compare with a recording of the run's stamps; a row that differs explains what comes after it."""
    items, same = compare_pair(run, name, pair.ran, known, strange)
    first = pair.rows.first
    if first is None:
        return items, same
    exits = {int(t["entry_ts"]): int(t["exit_ts"]) for t in (*known, *run.trade_records(name))}
    return [
        Difference(item.pair, item.entry_ts, item.what, "feed", item.usd)
        if item.cause == "none" and first <= max(item.entry_ts, exits.get(item.entry_ts, 0))
        else item
        for item in items
    ], same


def _strange(
    run: RunResult, name: str, pair: _Pair, by_run: RecordArray, known: RecordArray
) -> tuple[list[Difference], int]:
    """Compare the backtest of the tape with that of a recording with other stamps, by time."""
    ran, there = _Seen(run.panel(name)), _Seen(pair.ran)
    same, items, waiting = 0, [], list(known)
    for trade in by_run:
        twin = _nearest(trade, waiting)
        if twin is None:
            usd = pnl_of(trade)
            items.append(Difference(name, int(trade["entry_ts"]), "extra", _why(trade, ran, there), usd))
            continue
        waiting = [item for item in waiting if item["entry_ts"] != twin["entry_ts"]]
        if _is_same(trade, twin):
            same += 1
            continue
        causes = {_why(trade, ran, there), _why(twin, there, ran)}
        cause = "feed" if "feed" in causes else "latency"
        usd = pnl_of(trade) - pnl_of(twin)
        items.append(Difference(name, int(trade["entry_ts"]), "pnl", cause, usd))
    for twin in waiting:
        cause = _why(twin, there, ran)
        items.append(Difference(name, int(twin["entry_ts"]), "missing", cause, -pnl_of(twin)))
    return items, same


def _nearest(trade: Any, among: list[Any]) -> Any:
    near = [
        (abs(int(item["entry_ts"]) - int(trade["entry_ts"])), n)
        for n, item in enumerate(among)
        if item["side"] == trade["side"]
    ]
    apart, n = min(near, default=(_NEAR_NS + 1, -1))
    return among[n] if apart <= _NEAR_NS else None


def _is_same(trade: Any, twin: Any) -> bool:
    """Tell whether two trades have the same prices, but for the moments at which they were seen."""
    moved = twin.copy()
    apart = abs(int(moved["exit_ts"]) - int(trade["exit_ts"]))
    moved["exit_ts"] = trade["exit_ts"] if apart <= _NEAR_NS else moved["exit_ts"]
    return alike(trade, moved)


class _Seen:
    """The books that one side saw, in the currency of each venue."""

    def __init__(self, panel: Panel) -> None:
        self.ts = panel.ts
        ones = np.ones(len(panel))
        fx_a, fx_b = (ones if fx is None else fx for fx in (panel.fx_a, panel.fx_b))
        self.legs = ((panel.bid_a / fx_a, panel.ask_a / fx_a), (panel.bid_b / fx_b, panel.ask_b / fx_b))

    def has(self, other: _Seen, ts: int) -> bool:
        """Tell whether both books that another saw at a stamp were seen here around that time."""
        row = int(np.searchsorted(other.ts, ts))
        if row >= other.ts.size or other.ts[row] != ts:
            return False
        near = slice(*np.searchsorted(self.ts, (ts - _NEAR_NS, ts + _NEAR_NS + 1)).tolist())
        return all(
            bool(
                np.any(
                    np.isclose(bid[near], theirs[0][row], _SAME_PRICE, 0)
                    & np.isclose(ask[near], theirs[1][row], _SAME_PRICE, 0)
                )
            )
            for (bid, ask), theirs in zip(self.legs, other.legs, strict=True)
        )


def _why(trade: Any, own: _Seen, other: _Seen) -> str:
    """Say why a trade is not the same on the other side, by the books on which it was entered and left."""
    stamps: Iterator[int] = (int(trade[name]) for name in ("entry_ts", "exit_ts") if trade[name] > 0)
    return "latency" if all(other.has(own, ts) for ts in stamps) else "feed"
