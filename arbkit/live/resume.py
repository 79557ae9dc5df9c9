"""Going on with a run: its state as of the last line, then the rows of the tape that came after it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from arbkit.errors import ConfigError, DataError
from arbkit.live.config import LiveConfig
from arbkit.live.folder import RunFolder, read_json, write_json
from arbkit.live.journal import read_journal
from arbkit.live.session import Session
from arbkit.live.tape import read_tape
from arbkit.risk import VolatilityScale

__all__ = ["Resumed", "about_run", "check_same_run", "resume", "save_checkpoint"]


class Resumed(NamedTuple):
    """What a run took up: trades open, rows redone, and the stamp of its last row."""

    trades: int
    open_trades: int
    redone: int
    last_ts: int


def about_run(config: LiveConfig, created: str, version: str) -> dict[str, Any]:
    """Return what `run.json` says of a run."""
    pairs = [
        {
            "name": pair.name,
            "a": pair.legs[0],
            "b": pair.legs[1],
            "reference": pair.reference,
            "max_age_ns": list(pair.max_age_ns),
            "params": pair.params.to_dict(),
        }
        for pair in config.pairs
    ]
    fx = config.fx
    limits = {name: value for name, value in vars(config.limits).items() if value is not None}
    weights = {} if config.weights is None else {"weights": config.weights.to_dict()}
    return {
        "name": config.name,
        "created": created,
        "arbkit": version,
        "mode": config.mode,
        "currency": config.currency,
        "fills": config.execution.fills,
        "size_share": config.size_share,
        "limits": limits,
        "same": list(config.same),
        "fx": None
        if fx is None
        else {"leg": fx.leg, "executable": fx.executable, "max_age_ns": fx.max_age_ns},
        "pairs": pairs,
        **weights,
    }


def check_same_run(folder: RunFolder, about: dict[str, Any]) -> None:
    """Refuse to go on with a run whose pairs, parameters or mode were others.

    Raises:
        ConfigError: naming what differs.
    """
    before = folder.about()
    for key in ("mode", "currency", "fills", "limits", "pairs", "weights"):
        if before.get(key) != about.get(key):
            raise ConfigError(
                f"run {folder.name!r} was begun with other {key}; a run goes on as it began, "
                "give the changed one another `name`"
            )


def save_checkpoint(session: Session, folder: RunFolder) -> None:
    """Write the state of every pair, with what its reference remembers; the journal is on the disk before."""
    session.journal.settle()
    kept = [
        session.desk.snapshot(p) | {"reference": lane.rows.reference.state()}
        for p, lane in enumerate(session.lanes)
    ]
    shares = {} if session.shares is None else {"shares": session.shares.state()}
    write_json(folder.checkpoint, {"seq": session.journal.seq, "pairs": kept, **shares})


def resume(session: Session, folder: RunFolder, warm: Mapping[int, Sequence[Any]] | None = None) -> Resumed:
    """Bring a fresh session to where the run stopped, whichever way it did.

    Args:
        session: as it was made.
        folder: of the run.
        warm: rows that pairs were warmed up with, for those with a scale: stamp and the four prices.

    Raises:
        DataError: when journal, saved state or a tape is damaged, or the journal ends before that state.
    """
    for _, p, snapshot in sorted(_states(session, folder).values(), key=lambda item: item[0]):
        session.desk.restore(p, snapshot)
    _take_up_trades(session, folder)
    desk = session.desk
    redone, last_ts = _redo(session, folder, warm or {})
    opened = sum(len(lane.open) for lane in session.lanes)
    return Resumed(desk.n_trades, opened, redone, last_ts)


def _states(session: Session, folder: RunFolder) -> dict[int, tuple[int, int, Any]]:
    """Return the latest state of each pair, with the number of its line and the pair's."""
    place = {lane.config.name: p for p, lane in enumerate(session.lanes)}
    kept: dict[int, tuple[int, int, Any]] = {}
    saved = _saved(session, folder)
    for line in read_journal(folder.journal, "checkpoint", after=saved["seq"] if saved else 0):
        kept[place[line["pair"]]] = (line["seq"], place[line["pair"]], line)
    if saved is not None:
        if session.shares is not None:
            session.shares.restore(saved["shares"])
        for snapshot in saved["pairs"]:
            p = place[snapshot["pair"]]
            session.lanes[p].rows.reference.restore(snapshot["reference"])
            session.lanes[p].seen = int(snapshot["next_row"])
            kept.setdefault(p, (saved["seq"], p, snapshot))
    return kept


def _saved(session: Session, folder: RunFolder) -> dict[str, Any] | None:
    """Return the state that was saved last, None where there is none."""
    path = folder.checkpoint
    if not path.is_file():
        return None
    remedy = "put a copy back, or remove it: the run then goes on from its journal and tape"
    try:
        saved = read_json(path)
    except DataError as error:
        raise DataError(f"{error}; {remedy}") from error
    needed = ["seq", "pairs", *(["shares"] if session.shares is not None else [])]
    if missing := [key for key in needed if key not in saved]:
        raise DataError(f"{path} must hold the state of a run, it lacks {', '.join(missing)}; {remedy}")
    if saved["seq"] > session.journal.seq:
        raise DataError(
            f"{folder.journal} must reach the state of {path.name}, which was saved after line "
            f"{saved['seq']}, it ends with line {session.journal.seq}; put the journal back as it was, "
            "or begin a run of another name, which knows nothing of what this one holds"
        )
    return saved


def _take_up_trades(session: Session, folder: RunFolder) -> None:
    """Put the trades that are closed back into their places, and count them and what failed orders cost."""
    desk, place = session.desk, {lane.config.name: p for p, lane in enumerate(session.lanes)}
    desk.pair_of = [-1] * desk.n_trades
    closed: list[tuple[int, float]] = [(0, 0.0)] * len(place)
    for line in read_journal(folder.journal, "trade_opened", "trade_closed", "decision", "funding"):
        p = place[line["pair"]]
        if line["kind"] in ("decision", "funding"):
            late = [usd for _, usd, _ in line.get("late", ())]
            closed[p] = closed[p][0], closed[p][1] + line.get("usd", 0.0) + sum(late)
            continue
        trade = line["trade"]
        if trade < desk.n_trades:
            desk.pair_of[trade] = p
        if line["kind"] == "trade_closed":
            closed[p] = closed[p][0] + 1, closed[p][1] + line["record"]["pnl_usd"]
            if trade < desk.n_trades:
                _put(desk.trades, trade, line["record"])
    for p, (count, pnl) in enumerate(closed):
        session.take_up(p, count, pnl, desk.open_ids(p))


def _redo(session: Session, folder: RunFolder, warm: Mapping[int, Sequence[Any]]) -> tuple[int, int]:
    """Put the rows of the tapes that the state has not seen through the rules, in the order of time."""
    waiting: list[tuple[int, int, Any, Any]] = []
    unshared: list[tuple[int, int, Any, Any, float]] = []
    last_ts = 0
    for p, lane in enumerate(session.lanes):
        levels, done, told = lane.config.params.depth_levels, session.desk.row_number(p) + 1, lane.seen
        scaler = lane.rows.scaler
        # What a volatility remembers is not written down: it sees the whole tape again.
        first = 0 if scaler is not None else min(done, told)
        rows, ladders = read_tape(folder.tape(lane.config.name), levels, first=first)
        if first + rows.size < done:
            raise DataError(
                f"{folder.tape(lane.config.name)}: the tape must reach the state of the run, row {done}, "
                f"it ends at {first + rows.size}"
            )
        before = deque(warm.get(p, ()))
        for n, row in enumerate(rows, first):
            scale = 1.0
            if scaler is not None:
                while before and before[0][0] < row["ts"]:
                    _seen_again(scaler, before.popleft())
                scale = _seen_again(scaler, row.item())
            ladder = ladders[:, n - first] if levels else None
            if n >= told and session.shares is not None:
                unshared.append((int(row["ts"]), p, row, ladder, scale))
            if n >= told:
                lane.rows.reference.fair(int(row["ts"]))
                if _is_good(row):
                    ts, *prices = (row[name].item() for name in ("ts", "bid_a", "ask_a", "bid_b", "ask_b"))
                    lane.rows.reference.see(ts, *prices)
            if n >= done:
                waiting.append((int(row["ts"]), p, row, ladder))
        while scaler is not None and before:
            _seen_again(scaler, before.popleft())
        lane.seen = lane.tape.rows
        if rows.size:
            lane.rows.last_ts = int(rows[-1]["ts"])
        elif session.desk.row_number(p) >= 0:
            lane.rows.last_ts = int(session.desk.last_row(p)["ts"])
        last_ts = max(last_ts, lane.rows.last_ts)
    for _, p, row, ladder in sorted(waiting, key=lambda item: item[:2]):
        session.redo(p, row, ladder)
    if session.shares is not None:
        for _, p, row, ladder, scale in sorted(unshared, key=lambda item: item[:2]):
            session.shares.again(p, row.item(), ladder, scale)
    return len(waiting), last_ts


def _seen_again(scaler: VolatilityScale, row: Sequence[Any]) -> float:
    ts, bid_a, ask_a, bid_b, ask_b = row[:5]
    scale = scaler.at(ts)
    if 0 < bid_a < ask_a < math.inf and 0 < bid_b < ask_b < math.inf:
        scaler.see(ts, (bid_a + ask_a) / 2, (bid_b + ask_b) / 2)
    return scale


def _put(trades: Any, number: int, record: dict[str, Any]) -> None:
    for name, value in record.items():
        trades[number][name] = float("nan") if value is None else value


def _is_good(row: Any) -> bool:
    inf = float("inf")
    return bool(0 < row["bid_a"] < row["ask_a"] < inf and 0 < row["bid_b"] < row["ask_b"] < inf)
