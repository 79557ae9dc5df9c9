"""Parity: the tape of a run through the backtest, and each difference with its cause.

Two replays. The first is of the tape as it was run, trading state included, through the engine of
`arbkit.backtest` (several pairs: `Portfolio`): where the rules filled the orders themselves the trades must
be the same, to the last bit; where venues filled them, `differences` says what each trade earned otherwise
and why. The second is of the market alone, with neither kill switch nor envelope nor reconciliation: what
differs from the first is the guard's doing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from arbkit._typing import RecordArray
from arbkit.config import Params
from arbkit.engine import Portfolio, backtest
from arbkit.live.decide import DeskLimits
from arbkit.live.differences import CAUSES, Difference, alike, compare_fills, late_funding, pnl_of
from arbkit.live.redone import desk_records, undecided
from arbkit.live.result import RunResult
from arbkit.panel import Panel
from arbkit.records import ExitReason

__all__ = ["CAUSES", "Difference", "Parity", "compare_pair", "parity_of", "replayed"]


@dataclass(frozen=True)
class Parity:
    """What a run and its backtest have in common.

    Attributes:
        run: the run's name.
        rows: rows replayed.
        trades: closed and open trades of the run.
        same: how many of them the backtest has too, to the last bit.
        differences: the others, each with its cause.
    """

    run: str
    rows: int
    trades: int
    same: int
    differences: tuple[Difference, ...] = field(default=())

    @property
    def unattributed(self) -> int:
        """How many differences nothing known explains."""
        return sum(item.cause == "none" for item in self.differences)

    @property
    def ok(self) -> bool:
        """Whether every difference has a cause."""
        return self.unattributed == 0

    def by_cause(self) -> dict[str, tuple[int, float]]:
        """Return number and sum of the differences of each cause."""
        found = dict.fromkeys(CAUSES, (0, 0.0))
        for item in self.differences:
            count, usd = found[item.cause]
            found[item.cause] = (count + 1, usd + item.usd)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything by name, ready for JSON."""
        return {
            "run": self.run,
            "rows": self.rows,
            "trades": self.trades,
            "same": self.same,
            "ok": self.ok,
            "unattributed": self.unattributed,
            "by_cause": {
                cause: {"count": count, "usd": usd} for cause, (count, usd) in self.by_cause().items()
            },
            "differences": [vars(item) for item in self.differences],
        }


def parity_of(run: RunResult) -> Parity:
    """Replay a run's tape through the backtest and attribute each difference.

    Raises:
        DataError: when the journal or a tape is damaged.
    """
    panels = {pair: run.panel(pair) for pair in run.pairs}
    panels = {pair: panel for pair, panel in panels.items() if len(panel)}
    if not panels:
        return Parity(run.name, 0, len(run.trades), 0)
    known = replayed(run, panels)
    anew = undecided(run) if run.about["fills"] == "venue" else []
    differences: list[Difference] = []
    same = 0
    for pair in panels:
        strange = [row for name, row in anew if name == pair]
        found, equal = compare_pair(run, pair, panels[pair], known[pair], strange)
        differences += found
        same += equal
    differences += _guarded(run, known)
    rows = sum(len(panel) for panel in panels.values())
    return Parity(run.name, rows, len(run.trades), same, tuple(differences))


def compare_pair(
    run: RunResult, pair: str, panel: Panel, known: RecordArray, strange: Collection[int]
) -> tuple[list[Difference], int]:
    """Compare the trades of a pair with those of a backtest.

    Args:
        run: the run.
        pair: its name.
        panel: what the backtest ran on.
        known: trades of `replayed`.
        strange: rows whose decisions the rules do not make anew, where venues filled.

    Returns:
        The differences, and how many trades have none.
    """
    own = run.trade_records(pair)
    if run.about["fills"] == "venue":
        return compare_fills(run, pair, panel, own, strange)
    return _compare(pair, own, known, late_funding(run, pair))


def replayed(run: RunResult, panels: Mapping[str, Panel]) -> dict[str, RecordArray]:
    """Return the trades of the backtest of each pair, on one balance where there are several."""
    params = {pair: _as_run(run, pair) for pair in panels}
    limits = dict(run.about["limits"])
    stops = {name: limits.get(name) for name in ("stop_on_drawdown_pct", "stop_on_drawdown_mtm_pct")}
    shared = {name for name in ("max_total_notional_usd", "max_open_trades_total") if limits.get(name)}
    if len(panels) == 1 and not shared:
        ((pair, panel),) = panels.items()
        own = params[pair].replace(initial_balance_usd=limits["initial_balance_usd"], **stops)
        return {pair: backtest(panel, own, engine="scan").records}
    if any(own.depth_levels or _is_delayed(own) for own in params.values()):
        # A portfolio fills at once, at the top of the book.
        return desk_records(panels, params, DeskLimits(**limits))
    result = Portfolio(dict(panels), **limits).backtest(params, engine="scan")
    names = result.trades["pair"].to_numpy()
    return {pair: result.records[names == pair] for pair in panels}


def _as_run(run: RunResult, pair: str) -> Params:
    own = run.params(pair).replace(
        close_at_end=False, stop_on_drawdown_pct=None, stop_on_drawdown_mtm_pct=None
    )
    return own.replace(initial_balance_usd=10_000.0)


def _is_delayed(params: Params) -> bool:
    return any((params.latency_ms, params.latency_a_ms, params.latency_b_ms))


def _compare(
    pair: str, own: RecordArray, known: RecordArray, late: Mapping[int, float]
) -> tuple[list[Difference], int]:
    """Compare trades that the rules filled: the same rows must give the same numbers.

    `late` is the funding of trades, by their place, that was known when they were closed already.
    """
    differences = []
    theirs = {(int(t["entry_ts"]), int(t["side"])): t for t in known}
    same = 0
    for n, trade in enumerate(own):
        twin = theirs.pop((int(trade["entry_ts"]), int(trade["side"])), None)
        if twin is None:
            differences.append(Difference(pair, int(trade["entry_ts"]), "extra", "none", pnl_of(trade)))
        elif alike(trade, twin):
            same += 1
        else:
            usd = pnl_of(trade) - pnl_of(twin)
            lacks = abs(usd + late.get(n, 0.0)) <= 1e-9 * max(1.0, abs(pnl_of(twin)))
            cause = "guard" if _was_flattened(trade) else "funding" if n in late and lacks else "none"
            differences.append(Difference(pair, int(trade["entry_ts"]), "pnl", cause, usd))
    differences += [
        Difference(pair, int(twin["entry_ts"]), "missing", "none", -pnl_of(twin)) for twin in theirs.values()
    ]
    return differences, same


def _was_flattened(trade: Any) -> bool:
    return bool(trade["reason"] == ExitReason.END_OF_DATA)


def _guarded(run: RunResult, known: Mapping[str, RecordArray]) -> Iterator[Difference]:
    """Yield what the market alone would have given otherwise: the doing of guard and kill switch."""
    if not any(True for _ in run.records("guard")):
        return
    panels = {pair: run.panel(pair, as_run=False) for pair in known}
    plain = replayed(run, panels)
    for pair in known:
        ran = {(int(t["entry_ts"]), int(t["side"])): t for t in known[pair]}
        for trade in plain[pair]:
            twin = ran.pop((int(trade["entry_ts"]), int(trade["side"])), None)
            if twin is None:
                yield Difference(pair, int(trade["entry_ts"]), "missing", "guard", -pnl_of(trade))
            elif not alike(trade, twin):
                yield Difference(pair, int(trade["entry_ts"]), "pnl", "guard", pnl_of(twin) - pnl_of(trade))
        for twin in ran.values():
            yield Difference(pair, int(twin["entry_ts"]), "extra", "guard", pnl_of(twin))
