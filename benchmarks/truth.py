"""What the rule says on markets whose truth is known; `make truth` runs this, minutes on two cores.

Seeds 0 to 299 of each kind of noise and of edges of four sizes: how often is a set claimed to be supported,
and how often does a 90 % interval hold the true mean, that of 1,000 fresh days? The seeds were fixed
beforehand, and nothing here or in the rule was chosen by looking at them.

    python -m benchmarks.truth [--seeds N] [--first N] [--kinds KIND ...] [--processes N] [--page]
                               [--json FILE] [--read FILE ...] [--calibrate]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from arbkit._typing import FloatArray
from arbkit.engine import backtest_many, period_pnl
from arbkit.metrics import newey_west_t
from arbkit.panel import Panel
from arbkit.study import Market, StudySpec
from arbkit.synthetic import EDGE_SD_BPS, NOISE_KINDS, PanelShape, edge_panel, noise_panel, ou_panel
from arbkit.validation import Part, Tried, Validation, examine, tune
from arbkit.validation.tuning import evaluator_before
from benchmarks import machine
from benchmarks.page import README, replace_section
from benchmarks.tables import table

__all__ = [
    "KINDS",
    "Outcome",
    "alone_rows",
    "calibrated",
    "examined",
    "main",
    "panel_of",
    "rows_of",
    "spec_of",
    "truths",
]

_FREE: Final = "free "
#: Noise at 5 bps a crossing, where hardly any set trades; noise where a crossing is free and all sets trade;
#: and edges named by the lockbox t of their oracle set. (White noise at no cost would be an edge.)
KINDS: Final = (
    "random_walk",
    "white",
    *(_FREE + kind for kind in NOISE_KINDS if kind != "white"),
    *(f"edge {t}" for t in EDGE_SD_BPS),
)
SEEDS: Final = 300
#: Histories of which nothing is judged: what is true of a set is measured on these.
_FRESH_SEED: Final = 1_000_000
_FRESH_DAYS, _DAYS, _STEP_S = 1_000, 60, 60
_LOCKBOX_BINS: Final = 54
_ALPHA: Final = 0.05

SPEC: Final[dict[str, Any]] = {
    "name": "truth",
    "panel": "made here",
    "sampler": "random",
    "seed": 1,
    "n_trials": 256,
    "batch": 256,
    "space": {
        "min_spread_bps": {"type": "float", "low": 0, "high": 20},
        "exit_spread_bps": {"type": "float", "low": -10, "high": 10},
        "stop_loss_bps": {"type": "categorical", "choices": ["none", 40]},
        "max_hold_s": {"type": "categorical", "choices": ["none", 14_400]},
    },
    "fixed": {"taker_fee_a_bps": 2, "taker_fee_b_bps": 2, "slippage_bps": 1, "max_position_usd": 1_000},
    # Of its 12,870 splits the probability of overfitting takes 6: the rule does not ask for it.
    "validation": {"pbo_blocks": 4},
}


#: What is searched where a crossing costs nothing: no set expects anything, and all of them trade.
FREE_SPEC: Final[dict[str, Any]] = {
    **SPEC,
    "space": {
        "min_spread_bps": {"type": "float", "low": 0, "high": 20},
        "exit_spread_bps": {"type": "float", "low": -10, "high": 10},
        "take_profit_bps": {"type": "categorical", "choices": ["none", 10]},
        "stop_loss_bps": {"type": "categorical", "choices": ["none", 40]},
        "max_hold_s": {"type": "categorical", "choices": ["none", 14_400]},
        "reference": {"type": "categorical", "choices": ["none", "ewma:1h", "ewma:6h"]},
    },
    "fixed": {"taker_fee_a_bps": 0, "taker_fee_b_bps": 0, "slippage_bps": 0, "max_position_usd": 1_000},
}
#: Median width of the books there: a tick, and for books that lean what hides the fair price.
_FREE_WIDTHS: Final = {"random_walk": 0.0, "spells": 0.0, "bounce": 10.0}
#: What a set pays there depends on how far the premium has wandered: a thousand days are no truth for nine.
_WANDERING: Final = (_FREE + "bounce",)
_MARTINGALES: Final = tuple(_FREE + kind for kind, width in _FREE_WIDTHS.items() if width == 0)


class Outcome(NamedTuple):
    """One history: what was said, and what is needed to hold its intervals against the truth.

    `said` tells what each figure alone would have claimed, whatever the minimum of data says. `intervals`,
    `pnl` and `weights` are by stretch of time: low and high per day; what each bin earned; days by parameter
    set, as JSON.
    """

    kind: str
    seed: int
    status: str
    said: dict[str, bool]
    lockbox_t: float | None
    closed: int
    intervals: dict[str, tuple[float | None, float | None]]
    pnl: dict[str, list[float]]
    weights: dict[str, dict[str, float]]

    @property
    def conditions(self) -> bool:
        """Whether the three conditions hold."""
        return all(self.said[name] for name in _CONDITIONS)


_CONDITIONS: Final = ("SPA", "walk-forward t", "lockbox t")


def spec_of(kind: str) -> StudySpec:
    """Return what is searched on histories of a kind."""
    return StudySpec.from_dict(FREE_SPEC if kind.startswith(_FREE) else SPEC)


def panel_of(kind: str, seed: int, days: int = _DAYS) -> Panel:
    """Make a history of one kind."""
    shape = PanelShape(rows=days * 86_400 // _STEP_S, step_s=_STEP_S)
    if kind.startswith(_FREE):
        noise = kind.removeprefix(_FREE)
        shape = dataclasses.replace(shape, spread_bps=_FREE_WIDTHS[noise])
        return Panel.from_frame(noise_panel(shape, seed=seed, kind=noise))
    if kind.startswith("edge "):
        return Panel.from_frame(edge_panel(shape, seed=seed, lockbox_t=int(kind.removeprefix("edge "))))
    return Panel.from_frame(noise_panel(shape, seed=seed, kind=kind))


def examined(kind: str, seed: int, days: int = _DAYS, spec: StudySpec | None = None) -> Outcome:
    """Search one history and examine what was found."""
    spec = spec_of(kind) if spec is None else spec
    market = Market(panel_of(kind, seed, days), spec.split)
    block = tune(spec, evaluator_before(market, market.cuts[0], spec, 1), spec.n_trials)
    found = examine(spec, market, block, tried=_counted, open_lockbox=lambda params: (), threads=1)
    return _outcome(kind, seed, found)


def _counted(own: list[FloatArray]) -> Tried:
    return Tried(len(np.unique(np.concatenate(own), axis=0)), 1, 0)


def _outcome(kind: str, seed: int, found: Validation) -> Outcome:
    walk: dict[str, float] = {}
    for fold in found.folds:
        _add(walk, fold.params, (fold.end_ns - fold.start_ns) / 86_400e9)
    box: dict[str, float] = {}
    _add(box, found.params, found.part("lockbox").days)
    both = {key: walk.get(key, 0.0) + box.get(key, 0.0) for key in {*walk, *box}}
    weights = {"walk_forward": walk, "lockbox": box, "out_of_sample": both}
    parts = {name: found.part(name) for name in weights}
    return Outcome(
        kind,
        seed,
        found.status,
        _said(found),
        parts["lockbox"].t,
        parts["out_of_sample"].closed_trades,
        {name: (part.low_usd, part.high_usd) for name, part in parts.items()},
        {name: list(found.bin_pnl[place]) for name, place in _places(parts).items()},
        weights,
    )


def _places(parts: Mapping[str, Part]) -> dict[str, slice]:
    """Return where the bins of each stretch out of sample stand: the lockbox is the end of all."""
    box, out = parts["lockbox"].bins, parts["out_of_sample"].bins
    return {"walk_forward": slice(-out, -box), "lockbox": slice(-box, None)}


def _said(found: Validation) -> dict[str, bool]:
    """Return what each figure alone would have claimed; one that could not be computed claims nothing."""
    tests, level = found.tests, 1 - _ALPHA
    out, walk, box = (found.part(name) for name in ("out_of_sample", "walk_forward", "lockbox"))
    return {
        "SPA": _below(tests.spa_p),
        "walk-forward t": walk.t is not None and walk.t > walk.critical,
        "lockbox t": box.t is not None and box.t > box.critical,
        "PSR, training": _above(found.part("training").psr, level),
        "PSR, out of sample": _above(out.psr, level),
        "DSR, V = 1/T": _above(tests.dsr, level),
        "DSR, published": _above(tests.dsr_published, level),
        "PBO < .05": _below(tests.pbo),
        "and P(loss) < .05": _below(tests.pbo) and _below(tests.p_loss),
    }


def _above(value: float | None, level: float) -> bool:
    return value is not None and value > level


def _below(value: float | None) -> bool:
    return value is not None and value < _ALPHA


def _add(weights: dict[str, float], params: Mapping[str, Any] | None, days: float) -> None:
    key = json.dumps(params, sort_keys=True)
    weights[key] = weights.get(key, 0.0) + days


def truths(kind: str, sets: Sequence[str], days: int = _FRESH_DAYS) -> dict[str, float]:
    """Return what each set earns per day in the mean over fresh days.

    Nothing is earned without a set, and by any set where the premium is a martingale and a crossing is free:
    a thousand days would measure luck.
    """
    true = {"null": 0.0}
    if kind in _MARTINGALES:
        return {**true, **dict.fromkeys(sets, 0.0)}
    spec = spec_of(kind)
    known = [text for text in dict.fromkeys(sets) if text != "null"]
    named = [spec.params_of(json.loads(text)) for text in known]
    panel = panel_of(kind, _FRESH_SEED, days)
    for reference in dict.fromkeys(reference for _, reference in named):
        own = [k for k, item in enumerate(named) if item[1] == reference]
        metrics = backtest_many(panel.with_reference(reference), [named[k][0] for k in own])
        earned = metrics["mtm_pnl_usd"].to_numpy() / days
        true |= dict(zip([known[k] for k in own], earned.tolist(), strict=True))
    return true


def rows_of(outcomes: Sequence[Outcome], fresh_days: int = _FRESH_DAYS) -> list[dict[str, Any]]:
    """Return one row per kind: claims, what else was said, and the coverage of the intervals."""
    rows = []
    for kind in dict.fromkeys(item.kind for item in outcomes):
        own = [item for item in outcomes if item.kind == kind]
        keys = [key for item in own for key in item.weights["out_of_sample"]]
        true = None if kind in _WANDERING else truths(kind, keys, fresh_days)
        count = {status: sum(item.status == status for item in own) for status in _STATUSES}
        ts = [item.lockbox_t for item in own if item.lockbox_t is not None]
        rows.append(
            {
                "market": kind,
                "histories": len(own),
                "claims": count["supported"],
                "the three conditions alone": sum(item.conditions for item in own),
                "not supported": count["not supported"],
                "too short": count["too short"],
                "median trades out of sample": int(np.median([item.closed for item in own])),
                "median lockbox t": float(np.median(ts)) if ts else None,
                "lockbox interval holds": _coverage(own, "lockbox", true),
                "out-of-sample interval holds": _coverage(own, "out_of_sample", true),
            }
        )
    return rows


def alone_rows(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return one row per kind: in how many histories each figure alone would have claimed an edge."""
    rows = []
    for kind in dict.fromkeys(item.kind for item in outcomes):
        own = [item for item in outcomes if item.kind == kind]
        counts = {name: sum(item.said[name] for item in own) for name in own[0].said}
        rows.append({"market": kind, "histories": len(own), **counts})
    return rows


_STATUSES: Final = ("supported", "not supported", "too short")


def _coverage(outcomes: Sequence[Outcome], part: str, true: Mapping[str, float] | None) -> str:
    """Return the share of intervals that hold the truth, and their number; none is made where nothing moved.

    All of them count: those with many trades are those whose luck was good, where each trade earns.
    """
    held = []
    for item in outcomes if true is not None else ():
        assert true is not None
        low, high = item.intervals[part]
        if low is None or high is None:
            continue
        days = item.weights[part]
        mean = sum(true[key] * share for key, share in days.items()) / sum(days.values())
        held.append(low <= mean <= high)
    return f"{np.mean(held):.1%} of {len(held)}" if held else "-"


def calibrated(half_life_s: float = 1_800, days: int = _FRESH_DAYS, per_range: int = 12) -> dict[int, float]:
    """Find the size of the premium at which the oracle set has each lockbox t.

    The oracle set is that of a grid over the space with the highest mean; its t is the mean of those that
    the rule takes in the lockboxes which 1,000 fresh days make.
    """
    sizes = np.arange(2.0, 7.01, 0.25)
    ts = [_oracle_t(half_life_s, float(sd), days, per_range) for sd in sizes]
    return {t: float(np.interp(t, ts, sizes)) for t in EDGE_SD_BPS}


def _oracle_t(half_life_s: float, sd_bps: float, days: int, per_range: int) -> float:
    spec = StudySpec.from_dict(SPEC)
    shape = PanelShape(rows=days * 86_400 // _STEP_S, step_s=_STEP_S)
    frame = ou_panel(shape, seed=_FRESH_SEED, half_life_s=half_life_s, sd_bps=sd_bps)
    space = SPEC["space"]
    ends = [(space[name]["low"], space[name]["high"]) for name in ("min_spread_bps", "exit_spread_bps")]
    sets = [
        spec.params_of(
            {"min_spread_bps": enter, "exit_spread_bps": leave, "stop_loss_bps": None, "max_hold_s": None}
        )[0]
        for enter in np.linspace(*ends[0], per_range).tolist()
        for leave in np.linspace(*ends[1], per_range).tolist()
    ]
    pnl = period_pnl(Panel.from_frame(frame), sets, every="4h").pnl_usd
    oracle = pnl[pnl.mean(axis=1).argmax()]
    boxes = oracle[: oracle.size // _LOCKBOX_BINS * _LOCKBOX_BINS].reshape(-1, _LOCKBOX_BINS)
    return float(newey_west_t(boxes.T, lags=spec.validation.block_bins).mean())


def _all(kinds: Sequence[str], seeds: Sequence[int], processes: int) -> Iterator[Outcome]:
    """Examine all histories, several at once; yield each when it is done."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        tasks = [pool.submit(examined, kind, seed) for kind in kinds for seed in seeds]
        for task in as_completed(tasks):
            yield task.result()


def main(arguments: Sequence[str] | None = None) -> int:
    """Examine, say how far it is, print the table and write it to the page."""
    given = _parsed(arguments)
    if given.calibrate:
        sys.stdout.write(f"{calibrated()}\n")
        return 0
    about = machine.describe()
    outcomes = _read(given.read) if given.read else _run(given)
    outcomes.sort(key=lambda item: (KINDS.index(item.kind), item.seed))
    rows = rows_of(outcomes)
    tables = f"{table(rows)}\n\n{_ALONE}\n\n{table(alone_rows(outcomes))}\n"
    sys.stdout.write(tables)
    if given.json:
        Path(given.json).write_text(json.dumps([item._asdict() for item in outcomes]), encoding="utf-8")
    if given.page:
        how = "kind by kind" if given.read else f"load {about['load']} at the start"
        when = f"`make truth`, {about['date']}, {how}."
        replace_section(README, "truth", f"\n{when}\n\n{tables}\n")
    return 0


def _read(files: Sequence[str]) -> list[Outcome]:
    """Return what earlier runs wrote with `--json`."""
    return [Outcome(**item) for file in files for item in json.loads(Path(file).read_text(encoding="utf-8"))]


def _run(given: argparse.Namespace) -> list[Outcome]:
    """Examine all histories that are asked for, and say how far it is."""
    seeds = range(given.first, given.first + given.seeds)
    total, began, outcomes = len(given.kinds) * given.seeds, time.monotonic(), []
    for outcome in _all(given.kinds, seeds, given.processes):
        outcomes.append(outcome)
        if len(outcomes) % 25 == 0 or len(outcomes) == total:
            passed = time.monotonic() - began
            left = passed / len(outcomes) * (total - len(outcomes))
            sys.stderr.write(f"histories {len(outcomes)}/{total}  {passed:,.0f} s, {left:,.0f} s left\n")
            sys.stderr.flush()
    return outcomes


_ALONE: Final = "In how many histories each figure alone would have claimed an edge:"


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="histories of each kind")
    parser.add_argument("--first", type=int, default=0, help="first seed; above 299 to try things on")
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page", action="store_true", help="write the table to benchmarks/README.md")
    parser.add_argument("--json", help="file for all outcomes")
    parser.add_argument("--read", nargs="+", help="read what earlier runs wrote with --json; run nothing")
    parser.add_argument("--calibrate", action="store_true", help="find the sizes of the edges anew")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
