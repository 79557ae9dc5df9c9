"""The decisions of a run made anew: its tape through the rules, with the fills that the venues gave.

What the rules decide depends on what was open, and that on when and how venues filled. With the very fills of
the run the same rules must decide the same on every row: then every trade that the run has and an undelayed
backtest has not comes from the fills, and from nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from arbkit._typing import RecordArray
from arbkit.config import Params
from arbkit.kernels.live import LIVE_ROW_DTYPE, SENT
from arbkit.live.decide import Desk, DeskLimits, PairRules
from arbkit.live.result import RunResult
from arbkit.live.tape import read_tape
from arbkit.panel import Panel
from arbkit.records import Side

__all__ = ["desk_records", "undecided"]

_BOOKED = ("entry_filled", "entry_failed", "exit_filled", "exit_failed")
_SIDES = [side.name for side in Side]


class _Decision(NamedTuple):
    """One decision of the rules that was sent."""

    pair: str
    row: int
    what: str
    side: str
    trade: int


def undecided(run: RunResult) -> list[tuple[str, int]]:
    """Return pair and row of each decision that the run made and the rules do not, or the other way round.

    Args:
        run: a run whose orders venues filled.
    """
    booked: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    made: set[_Decision] = set()
    forced: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    paid: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for line in run.records("funding"):
        paid[line["pair"], line["row"]].append(line)
    for line in run.records("decision"):
        key = (line["pair"], line["row"])
        if line["what"] in _BOOKED:
            booked[key].append(line)
        elif line.get("why"):
            forced[key].append(line["trade"])
        elif line["what"] in ("entry", "exit"):
            made.add(_Decision(*key, line["what"], line["side"], line["trade"]))
    records = {
        (line["kind"], line["trade"]): line["record"] for line in run.records("trade_opened", "trade_closed")
    }
    anew = set(_decisions(run, booked, forced, records, paid))
    return sorted({(d.pair, d.row) for d in made ^ anew})


def desk_records(
    panels: Mapping[str, Panel], params: Mapping[str, Params], limits: DeskLimits
) -> dict[str, RecordArray]:
    """Return the trades of several pairs on one balance, orders with delays and depth among them.

    `Portfolio` fills at once, at the top of the book. Here every row goes through the compiled rules of one
    row, in the order (ts, pair, row).

    Args:
        panels: by pair.
        params: by pair.
        limits: what the pairs share.
    """
    names = list(panels)
    desk = Desk([PairRules(name, params[name]) for name in names], limits)
    stamps = np.concatenate([panel.ts for panel in panels.values()])
    owners = np.concatenate([np.full(len(panel), p) for p, panel in enumerate(panels.values())])
    places = np.concatenate([np.arange(len(panel)) for panel in panels.values()])
    rows = [_rows_of(panel) for panel in panels.values()]
    due = [_payments_of(panels[name], params[name]) for name in names]
    for k in np.lexsort((places, owners, stamps)).tolist():
        p, n = int(owners[k]), int(places[k])
        ladders = panels[names[p]].ladders if params[names[p]].depth_levels else None
        ladder = None if ladders is None else np.stack([side[n] for side in ladders])
        desk.push(p, rows[p][n].item(), ladder)
        for ts, leg, amount in due[p].get(n, ()):
            _pay(desk, p, ts, leg, amount)
        desk.decide(p)
    owner = np.array(desk.pair_of, np.int64)
    trades = desk.trades[: desk.n_trades]
    return {name: trades[owner == p].copy() for p, name in enumerate(names)}


def _rows_of(panel: Panel) -> RecordArray:
    rows = np.zeros(len(panel), LIVE_ROW_DTYPE)
    for name in ("ts", "bid_a", "ask_a", "bid_b", "ask_b"):
        rows[name] = getattr(panel, name)
    for name in ("fair", "scale", "fx_a", "fx_b", "entry_ok"):
        column = getattr(panel, name)
        rows[name] = 1 if column is None else column
    return rows


def _payments_of(panel: Panel, params: Params) -> dict[int, list[tuple[int, int, float]]]:
    found: dict[int, list[tuple[int, int, float]]] = {}
    for payment in panel.market.payments if params.funding else ():
        one = (int(payment["ts"]), int(payment["leg"]), float(payment["amount"]))
        found.setdefault(int(payment["row"]), []).append(one)
    return found


def _pay(desk: Desk, p: int, ts: int, leg: int, amount: float) -> None:
    for trade in desk.open_ids(p):
        record = desk.trades[trade]
        if record["entry_ts"] < ts:
            flow = amount * float(record["size"])
            desk.pay(p, trade, -flow if int(record["side"]) == leg else flow)


def _decisions(run: RunResult, booked: Any, forced: Any, records: Any, paid: Any) -> Iterator[_Decision]:
    pairs = run.pairs
    desk = Desk([PairRules(p, run.params(p), True) for p in pairs], DeskLimits(**run.about["limits"]))
    tapes = [read_tape(run.folder.tape(p), run.params(p).depth_levels) for p in pairs]
    order = sorted((int(ts), p, n) for p, tape in enumerate(tapes) for n, ts in enumerate(tape[0]["ts"]))
    for _, p, n in order:
        rows, ladders = tapes[p]
        desk.push(p, rows[n].item(), ladders[:, n] if ladders.shape[2] else None)
        for line in paid.get((pairs[p], n), ()):
            for trade, usd, _ in line["trades"]:
                desk.pay(p, trade, usd)
            desk.charge(-sum(usd for _, usd, _ in line["late"]))
        for line in booked.get((pairs[p], n), ()):
            _book(desk, p, line, records)
        for trade in forced.get((pairs[p], n), ()):
            desk.force_exit(p, trade, 5)
        if desk.decide(p) & SENT:
            yield from _sent(desk, p, n, pairs[p])


def _sent(desk: Desk, p: int, row: int, pair: str) -> Iterator[_Decision]:
    orders: RecordArray = desk.orders(p)
    for order in orders[orders["row"] == row]:
        what = "entry" if order["trade"] < 0 else "exit"
        yield _Decision(pair, row, what, _SIDES[int(order["side"])], int(order["trade"]))


def _book(desk: Desk, p: int, line: dict[str, Any], records: Any) -> None:
    """Book what the journal says of one decision, as the run did."""
    entry = line["what"].startswith("entry")
    k = desk.order_at(p, line["decided_row"], -1 if entry else line["trade"])
    if k < 0:
        return
    if line["what"].endswith("failed"):
        desk.dropped(p, k)
        desk.charge(-line["usd"])
        return
    if entry:
        record = records["trade_opened", line["trade"]]
        prices = (record["entry_long_px"], record["entry_short_px"])
        trade = desk.filled(p, k, (*prices, record["size"], record["notional_usd"]))
        desk.trades[trade]["funding_usd"] -= line["extra_fees_usd"] - line["beside_usd"]
        return
    record = records["trade_closed", line["trade"]]
    if line.get("kept_as") is not None:
        desk.split(p, line["trade"], record["size"])
    prices = (record["exit_long_px"], record["exit_short_px"])
    desk.filled(p, k, (*prices, line["extra_fees_usd"], -line["beside_usd"]))
