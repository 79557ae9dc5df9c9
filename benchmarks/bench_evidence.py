"""How often each statistic of `arbkit.metrics` is right: coverage of intervals, size and power of the tests.

python -m benchmarks.bench_evidence [--histories 200] [--repetitions 400] [--seed 0]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from arbkit import Panel, Params, ParamSets, backtest, period_pnl
from arbkit._typing import FloatArray
from arbkit.metrics import (
    deflated_sharpe_ratio,
    mean_interval,
    newey_west_mean,
    newey_west_t,
    probability_of_overfitting,
    return_moments,
    superior_predictive_ability,
    t_quantile,
)
from arbkit.metrics.bootstrap import stationary_indices
from arbkit.records import ExitReason
from arbkit.synthetic import PanelShape, noise_panel, ou_panel
from arbkit.units import HOUR_NS
from benchmarks.tables import table

__all__ = ["MARKETS", "SERIES", "coverage", "main", "pieces"]

_DAY: Final = 6
_DRAWS: Final = 500
#: Of so many sets one is looked at trade by trade.
_EACH: Final = 7


def _trades(
    random: np.random.Generator, rate: FloatArray, draw: Callable[[tuple[int, ...]], FloatArray]
) -> FloatArray:
    """Return what trades make per bin, so many of them as a Poisson process of that rate has."""
    number = random.poisson(rate)
    total = np.zeros(rate.shape)
    for k in range(int(number.max(initial=0))):
        total += np.where(number > k, draw(rate.shape), 0.0)
    return total


def _dependent(random: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    shocks = random.standard_normal((shape[0], shape[1] + 50))
    for k in range(1, shocks.shape[1]):
        shocks[:, k] += 0.3 * shocks[:, k - 1]
    return shocks[:, 50:]


def _bouncing(random: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    shocks = random.standard_normal((shape[0], shape[1] + 1))
    return shocks[:, 1:] - 0.4 * shocks[:, :-1]


def _wins_and_rare_losses(random: np.random.Generator, rate: FloatArray) -> FloatArray:
    return _trades(
        random,
        rate,
        lambda shape: np.where(
            random.random(shape) < 0.9, random.exponential(1, shape), -random.exponential(4, shape)
        ),
    )


def _bursts(random: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Trades come in spells: the logarithm of their rate is an AR(1) process."""
    level = np.zeros((shape[0], shape[1] + 50))
    shocks = 0.5 * random.standard_normal(level.shape)
    for k in range(1, level.shape[1]):
        level[:, k] = 0.9 * level[:, k - 1] + shocks[:, k]
    return _wins_and_rare_losses(random, 0.5 * np.exp(level[:, 50:] - 0.5 * 0.25 / 0.19))


def _even(random: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return _wins_and_rare_losses(random, np.full(shape, 0.4))


def _wins(random: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return _trades(random, np.full(shape, 0.4), lambda size: random.lognormal(0, 0.7, size))


def _fat(random: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    return random.standard_t(3, shape)


Maker = Callable[[np.random.Generator, tuple[int, int]], FloatArray]
#: Name -> what makes (repetitions, periods) of a series, and its true mean.
SERIES: Final[dict[str, tuple[Maker, float]]] = {
    "normal, dependent (0.3)": (_dependent, 0.0),
    "normal, bouncing (-0.4)": (_bouncing, 0.0),
    "fat tails (t with 3 df)": (_fat, 0.0),
    "0.4 trades a bin, rare large losses": (_even, 0.2),
    "the same in spells": (_bursts, 0.25),
    "0.4 trades a bin, all won": (_wins, 0.4 * math.exp(0.245)),
}


def coverage(
    repetitions: int, *, periods: tuple[int, ...] = (54, 90, 216), seed: int = 0
) -> list[dict[str, Any]]:
    """Return in how many percent of repetitions each kind of 90 % interval holds the true mean."""
    rows = []
    for n in periods:
        for name, (make, truth) in SERIES.items():
            series = make(np.random.default_rng([seed, n]), (repetitions, n))
            ends = [_intervals(values, k) for k, values in enumerate(series)]
            row: dict[str, Any] = {"series": name, "bins": n}
            for method in ends[0]:
                row[method] = 100 * float(
                    np.mean([low <= truth <= high for low, high in (item[method] for item in ends)])
                )
            rows.append(row)
    return rows


def _intervals(values: FloatArray, seed: int) -> dict[str, tuple[float, float]]:
    found = {"Newey-West t": newey_west_mean(values, lags=_DAY).interval(0.9)}
    for method in ("percentile", "basic", "studentized"):
        interval = mean_interval(values, block=_DAY, draws=_DRAWS, seed=seed, method=method)  # type: ignore[arg-type]
        found[method] = (interval.low, interval.high)
    found["BCa"] = _bias_corrected(values, seed)
    return found


def _bias_corrected(values: FloatArray, seed: int) -> tuple[float, float]:
    """Return Efron's bias-corrected and accelerated interval, its jackknife over blocks of a day."""
    from scipy.special import ndtr, ndtri

    if np.ptp(values) == 0:
        return float(values[0]), float(values[0])
    draws = values[stationary_indices(np.random.default_rng(seed), values.size, _DAY, _DRAWS)].mean(axis=1)
    shift = ndtri(np.clip((draws < values.mean()).mean(), 0.005, 0.995))
    left_out = np.array(
        [np.delete(values, np.s_[k : k + _DAY]).mean() for k in range(0, values.size - _DAY + 1, _DAY)]
    )
    around = left_out.mean() - left_out
    acceleration = (around**3).sum() / (6 * (around**2).sum() ** 1.5)
    z = shift + ndtri(np.array([0.05, 0.95]))
    low, high = np.quantile(draws, ndtr(shift + z / (1 - acceleration * z)))
    return float(low), float(high)


#: Name -> half-life in seconds and deviation of the premium, which is a random walk where there is none.
MARKETS: Final = {
    "noise: the premium is a random walk": None,
    "edge: half-life 30 min, sd 5 bps": (1_800, 5.0),
    "edge: half-life 30 min, sd 6 bps": (1_800, 6.0),
    "edge: half-life 30 min, sd 8 bps": (1_800, 8.0),
    "edge: half-life 6 h, sd 12 bps": (21_600, 12.0),
}


def market(name: str, days: int, seed: int) -> Panel:
    """Return one history of a market, a row per minute."""
    shape, kind = PanelShape(rows=days * 1440, step_s=60), MARKETS[name]
    if kind is None:
        return Panel.from_frame(noise_panel(shape, seed=seed))
    return Panel.from_frame(ou_panel(shape, seed=seed, half_life_s=kind[0], sd_bps=kind[1]))


def threshold_sets() -> ParamSets:
    """Return a grid of thresholds, from sets that trade all the time to sets that hardly do."""
    entry, leave = (item.ravel() for item in np.meshgrid(np.arange(0, 40, 2.5), np.arange(-40.0, 5, 5)))
    base = Params(
        min_spread_bps=0, taker_fee_a_bps=4, taker_fee_b_bps=4, slippage_bps=0, max_position_usd=1000
    )
    return ParamSets(base, {"min_spread_bps": entry, "exit_spread_bps": leave})


def pieces(histories: int, *, days: int = 60, seed: int = 0) -> list[dict[str, Any]]:
    """Return in how many percent of histories each statistic alone would have claimed an edge."""
    sets = threshold_sets()
    rows: list[dict[str, Any]] = []
    for name in MARKETS:
        found = [_claims(market(name, days, seed + k), sets) for k in range(histories)]
        rows.append(
            {"market": name} | {key: float(np.mean([item[key] for item in found])) for key in found[0]}
        )
    return rows


def _claims(panel: Panel, sets: ParamSets) -> dict[str, float]:
    pnl = period_pnl(panel, sets, every="4h").pnl_usd.T
    pnl = pnl[:, np.ptp(pnl, axis=0) > 0]
    t = newey_west_t(pnl, lags=_DAY)
    critical = t_quantile(0.95, len(pnl) - 1)
    ratios = pnl.mean(axis=0) / pnl.std(axis=0, ddof=1)
    moments = return_moments(pnl[:, int(ratios.argmax())])
    shape = {"skewness": moments.skewness, "kurtosis": moments.kurtosis}
    spread = float(ratios.var(ddof=1))
    shown, published = (
        deflated_sharpe_ratio(moments.sharpe, len(pnl), len(sets), variance=variance, **shape).probability
        for variance in ("1/T", spread)
    )
    overfit = probability_of_overfitting(pnl, blocks=10)
    return {
        "t of the best": float(t.max()),
        "t": 100.0 * (t.max() > critical),
        "t, realised only": 100.0 * (_realised_t(panel, sets) > critical),
        "SPA": 100.0 * (superior_predictive_ability(pnl, block=_DAY).p_value < 0.05),
        "DSR, V = 1/T": 100.0 * (shown >= 0.95),
        "DSR, published": 100.0 * (published >= 0.95),
        "PBO < .05": 100.0 * (overfit.pbo < 0.05),
        "and P(loss) < .05": 100.0 * (overfit.pbo < 0.05 and overfit.p_loss < 0.05),
    }


def _realised_t(panel: Panel, sets: ParamSets) -> float:
    """Return the best t where a trade counts when it closes, and one that is still open not at all."""
    first, step = panel.start_ns // (4 * HOUR_NS), 4 * HOUR_NS
    bins = int(panel.end_ns // step - first) + 1
    columns = np.zeros((bins, len(sets)))
    for k in range(0, len(sets), _EACH):
        records = backtest(panel, sets[k]).records
        closed = records[(records["exit_index"] >= 0) & (records["reason"] != ExitReason.END_OF_DATA)]
        np.add.at(columns[:, k], closed["exit_ts"] // step - first, closed["pnl_usd"])
    return float(newey_west_t(columns, lags=_DAY).max())


def main(arguments: list[str] | None = None) -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--histories", type=int, default=200, help="markets of each kind")
    parser.add_argument("--repetitions", type=int, default=400, help="series of each kind")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    print("Percent of histories in which each statistic alone claims an edge\n")
    print(table(pieces(given.histories, seed=given.seed)))
    print("\nPercent of repetitions in which a 90 % interval holds the true mean\n")
    print(table(coverage(given.repetitions, seed=given.seed)))


if __name__ == "__main__":
    main()
