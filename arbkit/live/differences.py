"""Where a run's trades and those of the backtest differ, and why.

A trade that venues filled is held against the trade that the rules would have had at once at the prices of
the row that decided it. What it earned otherwise is split by replacing one thing after the other: the size
that was filled, the prices of the fills (latency), the exchange rate of the row on which they were booked,
the fees; the parts add up, and what they leave over has no known cause.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import RecordArray
from arbkit.config import Params
from arbkit.engine import backtest
from arbkit.live.fills import Outcome
from arbkit.live.result import RunResult
from arbkit.panel import Panel

__all__ = ["CAUSES", "Difference", "alike", "compare_fills", "late_funding", "pnl_of"]

#: What a difference can come from.
CAUSES: Final = ("latency", "fill", "fee", "fx", "funding", "feed", "guard", "none")
_EXACT: Final = 1e-9
#: Of the notional: what is left over by rounding.
_CRUMB: Final = 1e-7


@dataclass(frozen=True)
class Difference:
    """One difference between a run and its backtest.

    Attributes:
        pair: the pair.
        entry_ts: when the trade was decided, in the run or, where it has none, in the backtest.
        what: `missing` (the run has no such trade), `extra` (the backtest has none) or `pnl`.
        cause: one of `CAUSES`; `none` where nothing known explains it.
        usd: PnL of the run less that of the backtest.
    """

    pair: str
    entry_ts: int
    what: str
    cause: str
    usd: float


def pnl_of(trade: Any) -> float:
    """Return the PnL of a trade that is closed, else 0."""
    value = float(trade["pnl_usd"])
    return value if trade["exit_index"] >= 0 and np.isfinite(value) else 0.0


def alike(trade: Any, twin: Any) -> bool:
    """Tell whether two trades are one: the same moments, prices, reasons and, once closed, the same PnL."""
    still = trade["exit_index"] < 0 and twin["exit_index"] < 0
    if trade["entry_long_px"] != twin["entry_long_px"] or trade["size"] != twin["size"]:
        return False
    if still:
        return True
    return bool(
        trade["exit_ts"] == twin["exit_ts"]
        and trade["reason"] == twin["reason"]
        and abs(trade["pnl_usd"] - twin["pnl_usd"]) <= _EXACT * max(1.0, abs(twin["pnl_usd"]))
    )


def _numbers(run: RunResult, pair: str) -> list[int]:
    """Return the numbers of a pair's trades, in the order of `RunResult.trade_records`."""
    lines = run.records("trade_opened", "trade_closed")
    return sorted({line["trade"] for line in lines if line["pair"] == pair})


def late_funding(run: RunResult, pair: str) -> dict[int, float]:
    """Return what funding was known only after a trade was closed, by its place in the records."""
    place = {number: n for n, number in enumerate(_numbers(run, pair))}
    return {place[number]: usd for number, (usd, _) in _funding(run, pair, "late").items()}


def _funding(run: RunResult, pair: str, what: str) -> dict[int, tuple[float, float]]:
    """Return what funding each trade got, and by the rule would have: of `trades` in their PnL, or `late`."""
    found: dict[int, tuple[float, float]] = {}
    for line in run.records("funding"):
        for number, usd, rule in line[what] if line["pair"] == pair else ():
            before = found.get(number, (0.0, 0.0))
            found[number] = (before[0] + usd, before[1] + rule)
    return found


class _Filled(NamedTuple):
    """One trade of a run with what decided and filled it."""

    number: int
    record: Any
    entry: Mapping[str, Any]
    exits: list[Mapping[str, Any]]
    parts: list[Any]
    failed: int


def compare_fills(
    run: RunResult, pair: str, panel: Panel, own: RecordArray, strange: Collection[int]
) -> tuple[list[Difference], int]:
    """Compare trades that venues filled with those of the rules at no delay.

    Args:
        run: the run.
        pair: which pair.
        panel: its tape, as run.
        own: its trades.
        strange: rows whose decisions the rules do not make anew with the same fills.

    Returns:
        The differences, and how many trades have none.
    """
    params = run.params(pair).replace(
        close_at_end=False, latency_ms=0.0, latency_a_ms=None, latency_b_ms=None
    )
    known = backtest(panel, params, engine="scan").records
    twins = {(int(t["entry_ts"]), int(t["side"])): t for t in known}
    outcomes = {
        (line["row"], line["trade"]): Outcome.read(line)
        for line in run.records("outcome")
        if line["pair"] == pair
    }
    paid = _funding(run, pair, "trades")
    filled, lost = _filled(run, pair, own)
    differences = [Difference(pair, ts, "missing", "fill", usd) for ts, usd in lost]
    same = 0
    for trade in filled:
        key = (int(trade.entry["decided_ts"]), int(trade.record["side"]))
        twin = twins.pop(key, None)
        if twin is None:
            rows = {int(line["decided_row"]) for line in (trade.entry, *trade.exits)}
            cause = "none" if rows & set(strange) else "fill" if trade.failed else "latency"
            otherwise = _otherwise(trade, paid)
            if abs(otherwise) > _EXACT:
                differences.append(Difference(pair, key[0], "pnl", "funding", otherwise))
            differences.append(Difference(pair, key[0], "extra", cause, _earned(trade) - otherwise))
            continue
        found = list(_causes(pair, trade, twin, outcomes, params, panel, paid))
        differences += found
        same += not found
    failed = {ts for ts, _ in lost}
    stamps = run.panel(pair, as_run=False).ts if strange else panel.ts
    beyond = {int(stamps[row]) for row in strange if row < stamps.size}
    for (ts, _), twin in twins.items():
        cause = "fill" if ts in failed else "none" if ts in beyond else "latency"
        differences.append(Difference(pair, ts, "missing", cause, -pnl_of(twin)))
    return differences, same


def _filled(run: RunResult, pair: str, own: RecordArray) -> tuple[list[_Filled], list[tuple[int, float]]]:
    """Return the trades with the lines that tell of their fills, and what failed entries cost."""
    lines = [line for line in run.records("decision") if line["pair"] == pair]
    records = dict(zip(_numbers(run, pair), own, strict=True))
    trades: dict[int, _Filled] = {}
    origin: dict[int, int] = {}
    lost: list[tuple[int, float]] = []
    for line in lines:
        what, number = line["what"], line.get("trade", -1)
        first = origin.get(number, number)
        if what == "entry_filled":
            trades[number] = _Filled(number, records[number], line, [], [], 0)
        elif what == "entry_failed":
            lost.append((line["decided_ts"], line["usd"]))
        elif what == "exit_filled":
            trades[first].exits.append(line)
            if line.get("kept_as") is not None:
                origin[line["kept_as"]] = first
                trades[first].parts.append(records[line["kept_as"]])
        elif what == "exit_failed" and first in trades:
            trades[first] = trades[first]._replace(failed=trades[first].failed + 1)
    return list(trades.values()), lost


def _otherwise(trade: _Filled, paid: Mapping[int, tuple[float, float]]) -> float:
    """Return what funding a trade got above what the rule gives it."""
    booked, by_rule = paid.get(trade.number, (0.0, 0.0))
    return booked - by_rule


def _earned(trade: _Filled) -> float:
    return sum(pnl_of(record) for record in (trade.record, *trade.parts))


def _causes(
    pair: str,
    trade: _Filled,
    twin: Any,
    outcomes: Mapping[tuple[int, int], Outcome],
    params: Params,
    panel: Panel,
    paid: Mapping[int, tuple[float, float]],
) -> Iterator[Difference]:
    """Yield the parts of the difference between a filled trade and its twin."""
    ts = int(trade.entry["decided_ts"])
    total = _earned(trade) - pnl_of(twin)
    whole = len(trade.exits) == 1 and not trade.parts and twin["exit_index"] >= 0
    if not whole or int(trade.exits[0]["decided_ts"]) != int(twin["exit_ts"]):
        otherwise = _otherwise(trade, paid)
        if abs(otherwise) > _EXACT:
            yield Difference(pair, ts, "pnl", "funding", otherwise)
        total -= otherwise
        if abs(total) > _EXACT:
            cause = "fill" if trade.parts or trade.failed else "latency"
            yield Difference(pair, ts, "pnl", cause, total)
        return
    record = trade.record
    number = int(trade.exits[0]["trade"])
    into = outcomes[int(trade.entry["decided_row"]), -1]
    out = outcomes[int(trade.exits[0]["decided_row"]), number]
    rows = (_row_at(panel, into.decided_ns), _row_at(panel, out.decided_ns))
    if any(r >= len(panel) or panel.ts[r] != o.decided_ns for r, o in zip(rows, (into, out), strict=True)):
        yield Difference(pair, ts, "pnl", "feed", total)
        return
    size, on_ab = float(record["size"]), record["side"] == 0
    decided = _prices_of(panel, rows, on_ab, params.slippage_bps / 2 / 1e4)
    before = _native(panel, rows, into, out, on_ab)
    booked = _native_at(trade, into, out, on_ab)
    m1 = _value(decided, size, params, on_ab)
    m2 = _value(before, size, params, on_ab)
    m3 = _value(booked, size, params, on_ab)
    fees = -(float(trade.entry["extra_fees_usd"]) + float(trade.exits[0]["extra_fees_usd"]))
    beside = float(trade.entry["beside_usd"]) + float(trade.exits[0]["beside_usd"])
    due = float(twin["funding_usd"])
    parts = {"fill": m1 - (pnl_of(twin) - due) + beside, "latency": m2 - m1, "fx": m3 - m2, "fee": fees}
    parts["funding"] = paid.get(trade.number, (0.0, 0.0))[0] - due
    rest = total - sum(parts.values())
    if params.fx_settlement == "at_exit":
        parts["fx"] += rest
    else:
        parts["none"] = rest
    least = _CRUMB * float(record["notional_usd"])
    for cause, usd in parts.items():
        if abs(usd) > least:
            yield Difference(pair, ts, "pnl", cause, usd)


def _row_at(panel: Panel, ts: int) -> int:
    return int(np.searchsorted(panel.ts, ts))


#: Long and short price in, long and short price out, account currency.
_Prices = tuple[float, float, float, float]


def _prices_of(panel: Panel, rows: tuple[int, int], on_ab: bool, half: float) -> _Prices:
    """Return what the rules would have paid at the tops of the rows that decided."""
    i, j = rows
    long_bid, long_ask = (panel.bid_a, panel.ask_a) if on_ab else (panel.bid_b, panel.ask_b)
    short_bid, short_ask = (panel.bid_b, panel.ask_b) if on_ab else (panel.bid_a, panel.ask_a)
    return (
        float(long_ask[i]) * (1 + half),
        float(short_bid[i]) * (1 - half),
        float(long_bid[j]) * (1 - half),
        float(short_ask[j]) * (1 + half),
    )


def _native(panel: Panel, rows: tuple[int, int], into: Outcome, out: Outcome, on_ab: bool) -> _Prices:
    """Return the prices of the fills at the exchange rates of the rows that decided."""
    rates = [(_rate(panel.fx_a, row), _rate(panel.fx_b, row)) for row in rows]
    return _converted(into, out, rates, on_ab)


def _native_at(trade: _Filled, into: Outcome, out: Outcome, on_ab: bool) -> _Prices:
    """Return the prices of the fills at the exchange rates at which they were booked."""
    rates = [(float(line["fx_a"]), float(line["fx_b"])) for line in (trade.entry, trade.exits[0])]
    return _converted(into, out, rates, on_ab)


def _converted(into: Outcome, out: Outcome, rates: list[tuple[float, float]], on_ab: bool) -> _Prices:
    (a0, b0), (a1, b1) = rates
    long0, short0, long1, short1 = (a0, b0, a1, b1) if on_ab else (b0, a0, b1, a1)
    return (
        into.long.average_price * long0,
        into.short.average_price * short0,
        out.long.average_price * long1,
        out.short.average_price * short1,
    )


def _rate(rates: Any, row: int) -> float:
    return 1.0 if rates is None else float(rates[row])


def _value(prices: _Prices, size: float, params: Params, on_ab: bool) -> float:
    """Return the PnL of a round trip at these prices with the fees of the rules."""
    fee_a, fee_b = params.taker_fee_a_bps / 1e4, params.taker_fee_b_bps / 1e4
    fee_long, fee_short = (fee_a, fee_b) if on_ab else (fee_b, fee_a)
    long_in, short_in, long_out, short_out = prices
    fees = size * (fee_long * (long_in + long_out) + fee_short * (short_in + short_out))
    return size * (long_out - long_in + short_in - short_out) - fees
