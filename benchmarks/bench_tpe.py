"""Our TPE against Optuna's: how good the optima are after as many trials, and what a trial costs."""

from __future__ import annotations

import contextlib
import io
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

import arbkit
from arbkit.cli.main import main as shell
from arbkit.study import StudySpec, run_study
from arbkit.study.samplers import History, RandomSampler, external
from arbkit.study.samplers.tpe import TpeCore
from arbkit.study.schedule import batches
from benchmarks.markets import PARAMS, calibrated
from benchmarks.quiet import quiet

__all__ = ["FUNCTIONS", "Task", "TpeSizes", "optima", "panel_task", "shipped", "time_per_trial"]

Loss = Callable[[dict[str, Any]], float]
_DRAWS: Final = 2_000
#: The largest batch, as in a study by default.
_BATCH: Final = 64


class TpeSizes(NamedTuple):
    """Trials of each search, seeds, how many of the tasks, and trials of the timed search."""

    trials: int
    seeds: int
    tasks: int
    timed: int


class Task(NamedTuple):
    """Something to minimise; 0 is the best where the optimum is known."""

    name: str
    space: Mapping[str, BaseDistribution]
    loss: Loss


def _reals(dimensions: int, low: float, high: float) -> dict[str, BaseDistribution]:
    return {f"x{k}": FloatDistribution(low, high) for k in range(dimensions)}


_SHIFT: Final = np.array([0.31, -0.47, 0.13, 0.77, -0.61, 0.29])


def _values(params: dict[str, Any]) -> Any:
    return np.array(list(params.values()), np.float64)


def _sphere(params: dict[str, Any]) -> float:
    return float(((_values(params) - 3 * _SHIFT[:5]) ** 2).sum())


def _rosenbrock(params: dict[str, Any]) -> float:
    v = _values(params)
    return float((100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2).sum())


def _ackley(params: dict[str, Any]) -> float:
    v = _values(params) - 5 * _SHIFT
    around = np.exp(-0.2 * np.sqrt((v * v).mean()))
    return float(-20 * around - np.exp(np.cos(2 * np.pi * v).mean()) + 20 + np.e)


def _rastrigin(params: dict[str, Any]) -> float:
    v = _values(params) - 3 * _SHIFT[:3]
    return float(10 * v.size + (v * v - 10 * np.cos(2 * np.pi * v)).sum())


def _branin(params: dict[str, Any]) -> float:
    x, y = _values(params)
    valley = (y - 5.1 / (4 * np.pi**2) * x * x + 5 / np.pi * x - 6) ** 2
    return float(valley + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10 - 0.39788735772973816)


def _mixed(params: dict[str, Any]) -> float:
    base, target = {"a": (0.0, 0.2), "b": (1.0, -0.4), "c": (2.0, 0.7)}[params["k"]]
    return float(
        base
        + 10 * (params["x"] - target) ** 2
        + (np.log10(params["lr"]) + 2.3) ** 2
        + ((params["n"] - 37) / 20) ** 2
        + abs(params["s"] - 1.25)
        + 0.5 * (np.log(params["u"]) - np.log(20)) ** 2
    )


#: Test functions: smooth, bent, rugged, and of several kinds of parameters.
FUNCTIONS: Final = (
    Task("sphere, 5 reals", _reals(5, -5, 5), _sphere),
    Task("Branin, 2 reals", {"x": FloatDistribution(-5, 10), "y": FloatDistribution(0, 15)}, _branin),
    Task("Rosenbrock, 4 reals", _reals(4, -3, 3), _rosenbrock),
    Task("Ackley, 6 reals", _reals(6, -10, 10), _ackley),
    Task("Rastrigin, 3 reals", _reals(3, -5, 5), _rastrigin),
    Task(
        "mixed, 6 of all kinds",
        {
            "x": FloatDistribution(-1, 1),
            "lr": FloatDistribution(1e-5, 1, log=True),
            "n": IntDistribution(0, 100),
            "s": FloatDistribution(-5, 5, step=0.25),
            "u": IntDistribution(1, 1000, log=True),
            "k": CategoricalDistribution(("a", "b", "c")),
        },
        _mixed,
    ),
)


def panel_task(name: str, panel: arbkit.Panel) -> Task:
    """Return the search for the best thresholds of a panel: minus the PnL marked to market, in USD."""
    levels = calibrated(panel, 200, 8)
    low, high = (20.0, 60.0) if levels is None else (float(levels.min()) - 10, float(levels.max()) + 10)
    space: dict[str, BaseDistribution] = {
        "min_spread_bps": FloatDistribution(low, high),
        "exit_spread_bps": FloatDistribution(-20.0, 20.0),
        "stop_loss_bps": FloatDistribution(20.0, 400.0),
        "cooldown_s": IntDistribution(0, 600, step=10),
    }
    names = ("taker_fee_a_bps", "taker_fee_b_bps", "slippage_bps", "max_position_usd")
    fixed = {name: getattr(PARAMS, name) for name in names}

    def loss(params: dict[str, Any]) -> float:
        tried = arbkit.Params.from_dict({**fixed, **params, "close_at_end": True})
        return -float(arbkit.backtest_many(panel, [tried], metrics="realized")["mtm_pnl_usd"][0])

    return Task(name, space, loss)


def optima(tasks: tuple[Task, ...], sizes: TpeSizes) -> Iterator[dict[str, Any]]:
    """Search each task by both samplers over seeds: ours in batches of up to 64, Optuna's one by one.

    Yields:
        Per task: the median loss of the best trial of each; the mean difference in ranks (-1: ours is always
        better, 1: Optuna's) with a 90 % interval; and CPU milliseconds a trial.
    """
    for task in tasks[: sizes.tasks]:
        ours = [_ours(task, seed, sizes.trials) for seed in range(sizes.seeds)]
        theirs = [_theirs(task, seed, sizes.trials) for seed in range(sizes.seeds)]
        best = np.array([[item[0] for item in found] for found in (ours, theirs)])
        yield {
            "task": task.name,
            "trials": sizes.trials,
            **_compared(best),
            "ours ms/trial": float(np.mean([item[1] for item in ours])) / sizes.trials * 1e3,
            "Optuna ms/trial": float(np.mean([item[1] for item in theirs])) / sizes.trials * 1e3,
        }


def shipped(root: Path, folder: Path, sizes: TpeSizes) -> Iterator[dict[str, Any]]:
    """Run the studies that ship, on the demo market and on recorded ones, by both samplers over seeds.

    Both run in memory through the study's loop, ours in batches of 64 and Optuna's one by one.

    Args:
        root: the repository; recorded markets are read from `shared/data` beside it, where that is.
        folder: where the datasets are made.
        sizes: trials, seeds and how many of the studies.

    Yields:
        What `optima` does, of the best feasible value of each study: losses are minus that value.
    """
    os.environ.setdefault("ARBKIT_DATA", str((root.parent / "shared" / "data").resolve()))
    recorded = Path(os.environ["ARBKIT_DATA"]).is_dir()
    with contextlib.chdir(folder), contextlib.redirect_stdout(io.StringIO()):
        for name, made in list(_SHIPPED.items())[: sizes.tasks]:
            if made.startswith("ingest"):
                if not recorded:
                    continue
                made = made.replace("SPECS", str(root / "datasets" / "specs"))
            if shell(["data", *made.split()]) != 0:
                raise RuntimeError(f"`arbkit data {made}` failed")
            spec = StudySpec.load(root / "studies" / f"{name}.yaml")
            spec = spec.replace(storage="memory://", n_trials=sizes.trials)
            best = np.array(
                [
                    [_best(spec, seed, sampler, batch) for seed in range(sizes.seeds)]
                    for sampler, batch in (("tpe", _BATCH), ("optuna.tpe", 1))
                ]
            )
            yield {"task": f"studies/{name}.yaml", "trials": sizes.trials, **_compared(best)}


#: The studies that ship, and the command that makes the dataset of each.
_SHIPPED: Final = {
    "demo": "synth demo --out datasets/demo",
    "link": "ingest SPECS/link_binance_huobi.yaml",
    "btc-usd-eur": "ingest SPECS/coinbase_btcusd_btceur.yaml",
}


def _best(spec: StudySpec, seed: int, sampler: str, batch: int) -> float:
    """Return minus the best feasible value that a study finds."""
    named = spec.replace(name=f"{sampler}-{seed}", sampler=sampler, seed=seed, batch=batch)
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return -float(run_study(named).best_trials(1)["value"][0])


def _compared(best: Any) -> dict[str, Any]:
    """Compare losses (2, seeds), every seed of the one with every seed of the other: they are no pairs."""
    signs = np.sign(best[0][:, None] - best[1][None, :])
    low, high = _interval(signs)
    return {
        "seeds": best.shape[1],
        "ours, median loss": float(np.median(best[0])),
        "Optuna, median loss": float(np.median(best[1])),
        "rank difference": float(signs.mean()),
        "90 % from": low,
        "to": high,
    }


def _interval(signs: Any) -> tuple[float, float]:
    """Return a 90 % bootstrap interval of the mean of a matrix whose rows and columns are drawn again."""
    rng = np.random.default_rng(0)
    n, m = signs.shape
    means = [signs[rng.integers(0, n, n)][:, rng.integers(0, m, m)].mean() for _ in range(_DRAWS)]
    low, high = np.percentile(means, [5, 95])
    return float(low), float(high)


def _ours(task: Task, seed: int, trials: int) -> tuple[float, float]:
    """Return the best loss, and CPU seconds of proposing."""
    history, core, used = History(task.space, ["minimize"]), TpeCore(task.space, seed), 0.0
    for first, end in batches(_BATCH, trials):
        began = time.process_time()
        rows = core.propose(history, first, end - first)
        used += time.process_time() - began
        history.append(rows, [[task.loss(external(task.space, row))] for row in rows])
    return float(history.values.min()), used


def _theirs(task: Task, seed: int, trials: int) -> tuple[float, float]:
    with quiet():
        study, used = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed)), 0.0
        for _ in range(trials):
            began = time.process_time()
            trial = study.ask(dict(task.space))
            used += time.process_time() - began
            study.tell(trial, task.loss(trial.params))
        return study.best_value, used


def time_per_trial(task: Task, trials: int) -> dict[str, Any]:
    """Time both up to so many trials: ours as a whole, Optuna's at five places of the way.

    Optuna's costs grow evenly with the number of trials; timing all of 5,000 takes minutes.
    """
    space = dict(task.space)
    _ours(task, 0, min(trials, 128))
    _, ours = _ours(task, 1, trials)
    rows = [external(space, row) for row in RandomSampler(space, 2).rows(0, trials)]
    costs = []
    with quiet():
        for told in np.linspace(16, trials, 5).astype(int):
            study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
            study.add_trials(
                [
                    optuna.create_trial(params=row, distributions=space, value=task.loss(row))
                    for row in rows[:told]
                ]
            )
            study.tell(study.ask(space), 0.0)
            began = time.process_time()
            for _ in range(10):
                study.tell(study.ask(space), 0.0)
            costs.append((time.process_time() - began) / 10)
    theirs = float(np.trapezoid(costs, dx=0.25))
    return {
        "task": f"{task.name}: time",
        "trials": trials,
        "ours ms/trial": ours / trials * 1e3,
        "Optuna ms/trial": theirs * 1e3,
        "times faster": theirs / (ours / trials),
    }
