"""Every engine on one market: shown to give arbkit's trades first, timed then."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

import arbkit
from arbkit.engine import run_sets
from benchmarks.baselines import BASELINES, Found, differences, found_by_arbkit
from benchmarks.markets import calibrated, make_panel, rules_at
from benchmarks.peers.environments import PeerError, environment
from benchmarks.timing import cpu_in_turns

__all__ = ["INSIDE", "OUTSIDE", "PARAMS", "compare", "verdict", "write_market"]

Row = dict[str, Any]

#: As the other benchmarks, but no slippage, which not every engine knows: fees make up the same 10 bps.
PARAMS: Final = arbkit.Params(
    min_spread_bps=20, taker_fee_a_bps=5, taker_fee_b_bps=5, slippage_bps=0, max_position_usd=1000
)
#: In arbkit's own environment; the remaining baseline, a filter of spreads, is no peer but a part of arbkit.
INSIDE: Final = ("python loop", "polars", "careful numpy", "numba scan of prices")
#: Scripts and pins by these names stand beside this file.
OUTSIDE: Final = ("vectorbt", "hftbacktest", "nautilus", "backtesting")
_PRICES: Final = ("bid_a", "ask_a", "bid_b", "ask_b")
#: Engines round quantities to lots: that much may their PnL differ, relative to the money turned over.
_LOT_TOLERANCE: Final = 1e-8
_EQUAL: Final = "rows and PnL equal"
_EQUAL_ROWS: Final = "rows equal, no such PnL"
_SETS: Final = 32
_PEER_S: Final = 1800


def compare(
    rows: int,
    trades: int,
    folder: Path,
    *,
    inside: Sequence[str] = INSIDE,
    outside: Sequence[str] = OUTSIDE,
    rounds: int = 3,
    seconds: float = 20.0,
    sample_s: float = 0.02,
    interpreter: Callable[[str], Path] = environment,
) -> list[Row]:
    """Run one trial in every engine.

    Args:
        rows: of the market.
        trades: about how many.
        folder: for the file that the peers read.
        inside, outside: which engines.
        rounds, seconds: trials of a peer that are timed, fewer once these seconds are spent.
        sample_s: as for `cpu_in_turns`.
        interpreter: makes the environment of a peer.

    Returns:
        Per engine: version, trades, what was compared, CPU milliseconds per trial and its multiple of
        arbkit's with realised metrics; without times where an engine disagrees or does not run.

    Raises:
        ValueError: when the market does not have so many trades.
    """
    panel = make_panel(rows)
    thresholds = calibrated(panel, trades, _SETS)
    if thresholds is None:
        raise ValueError(f"a market of {rows} rows has no threshold with about {trades} trades")
    params = PARAMS.replace(min_spread_bps=float(np.median(thresholds)))
    ours = found_by_arbkit(panel, params)
    works: dict[str, Callable[[], object]] = {
        "arbkit": lambda: run_sets(panel, rules_at(thresholds, PARAMS), threads=1, measure=False),
        "arbkit, all metrics": lambda: run_sets(panel, rules_at(thresholds, PARAMS), threads=1),
    }
    found: list[Row] = [
        {"engine": name, "version": arbkit.__version__, "trades": ours.side.size, "compared": "the reference"}
        for name in works
    ]
    for name in inside:
        prepared = BASELINES[name].prepare(panel, params)
        theirs = BASELINES[name].run(prepared, params.min_spread_bps, params)
        found.append({"engine": name, **verdict(ours, theirs)})
        if found[-1]["compared"] == _EQUAL:
            works[name] = _trial(name, prepared, params)
    times = cpu_in_turns(works, rounds=rounds, sample_s=sample_s)
    for row in found:
        if row["engine"] in times:
            sets = _SETS if row["engine"].startswith("arbkit") else 1
            row["CPU ms"] = times[row["engine"]] / sets * 1e3
    market = write_market(folder, panel, params, rounds=rounds, seconds=seconds)
    for name in outside:
        found += _peer_rows(name, market, panel, ours, interpreter)
    base = found[0]["CPU ms"]
    return [row | ({"arbkit is faster by": row["CPU ms"] / base} if "CPU ms" in row else {}) for row in found]


def _trial(name: str, prepared: Any, params: arbkit.Params) -> Callable[[], object]:
    return lambda: BASELINES[name].run(prepared, params.min_spread_bps, params)


def write_market(
    folder: Path, panel: arbkit.Panel, params: arbkit.Params, *, rounds: int, seconds: float
) -> tuple[Path, Path]:
    """Write the tradable rows, which is what a careful user of an engine without that rule would keep.

    Returns:
        The file of the arrays and the file of the rules.
    """
    rows = np.flatnonzero(panel.tradable)
    arrays = {name: getattr(panel, name)[rows] for name in ("ts", *_PRICES)}
    np.savez(folder / "market.npz", row=rows, **arrays)
    rules = {
        "min_spread_bps": params.min_spread_bps, "exit_spread_bps": params.exit_spread_bps,
        "fee_a_bps": params.taker_fee_a_bps, "fee_b_bps": params.taker_fee_b_bps,
        "notional_usd": params.max_position_usd, "rounds": rounds, "seconds": seconds,
    }  # fmt: skip
    (folder / "rules.json").write_text(json.dumps(rules), encoding="utf-8")
    return folder / "market.npz", folder / "rules.json"


def verdict(ours: Found, theirs: Found, *, tolerance_usd: float = 0.0) -> Row:
    """Say whether an engine gave the same trades, and what could be compared.

    Args:
        ours: arbkit's trades.
        theirs: the engine's; with NaN for a PnL where its model has none.
        tolerance_usd: that much may the PnL differ on top of 1e-9.
    """
    said = _EQUAL
    if np.isnan(theirs.pnl_usd):
        theirs, said = theirs._replace(pnl_usd=ours.pnl_usd), _EQUAL_ROWS
    elif abs(theirs.pnl_usd - ours.pnl_usd) <= tolerance_usd:
        theirs = theirs._replace(pnl_usd=ours.pnl_usd)
    problem = differences(ours, theirs)
    return {"trades": theirs.side.size, "compared": f"disagrees: {problem}" if problem else said}


def _peer_rows(
    name: str,
    files: tuple[Path, Path],
    panel: arbkit.Panel,
    ours: Found,
    interpreter: Callable[[str], Path],
) -> Iterator[Row]:
    try:
        answer = _answer(interpreter(name), name, files)
    except PeerError as error:
        yield {"engine": name, "compared": f"not reached: {error}"}
        return
    rows = np.flatnonzero(panel.tradable)
    tolerance = _LOT_TOLERANCE * PARAMS.max_position_usd * 4 * ours.side.size
    for engine, given in answer["engines"].items():
        row = {"engine": engine, "version": answer["version"]}
        if "failed" in given:
            yield row | {"compared": f"not reached: {given['failed']}"}
            continue
        row |= verdict(ours, _found(given, rows), tolerance_usd=tolerance)
        agrees = row["compared"] in (_EQUAL, _EQUAL_ROWS)
        yield row | ({"CPU ms": statistics.median(given["cpu_s"]) * 1e3} if agrees else {})


def _found(given: Mapping[str, Any], rows: Any) -> Found:
    side, entry, leave = (np.array(given[name], np.int64) for name in ("side", "entry", "exit"))
    numbers = np.append(rows, -1)
    pnl = np.nan if given["pnl_usd"] is None else given["pnl_usd"]
    return Found(side, numbers[entry], numbers[leave], pnl)


def _answer(python: Path, name: str, files: tuple[Path, Path]) -> Any:
    script = Path(__file__).with_name(f"run_{name}.py")
    command = [str(python), str(script), *map(str, files)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_PEER_S)
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"took more than {_PEER_S} s") from error
    if done.returncode:
        raise PeerError(f"does not run: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
