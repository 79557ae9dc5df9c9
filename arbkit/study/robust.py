"""Objectives under scenarios: their worst value, or their mean, over the market as it was and as shocked.

The metrics that a study's objectives name are replaced by their worst value, or by their mean, over the
market and all scenarios; the other metrics are those of the market as it was. Each scenario is written into
the training panel once per reference, and kept as a store where processes share it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from arbkit._typing import FloatArray, IntArray, RecordArray
from arbkit.engine import run_sets
from arbkit.engine.sets import check_all, rules_of_all
from arbkit.errors import ConfigError
from arbkit.records import METRICS_DTYPE
from arbkit.stress.replay import Shocked, replayed, shocked
from arbkit.study.detail import Detail
from arbkit.study.evaluator import PanelEvaluator, Points, TrainingPanels
from arbkit.study.market import stored_panel
from arbkit.study.spec import StudySpec

if TYPE_CHECKING:
    import polars as pl

    from arbkit.panel import Panel
    from arbkit.stress import Scenario

__all__ = ["Robust", "RobustEvaluator", "ShockStores", "evaluator_for", "robust_of", "scenarios_frame"]

#: Reference and number of a scenario -> the stores of what is seen and of what orders are filled on. None is
#: the training panel itself, and a second one that is the first is the same panel.
ShockStores = Mapping[tuple[str, int], tuple[str | None, str | None]]
#: What is known of a run whose money comes from other books than those it saw.
_CORRECTED: Final = ("mtm_pnl_usd", "max_drawdown_mtm_pct", "total_trades")


@dataclass(frozen=True)
class Robust:
    """What a study asks of its objectives.

    Attributes:
        scenarios: in the order of the spec.
        rule: how their values become one.
        objectives: metric and direction of each.
    """

    scenarios: tuple[Scenario, ...]
    rule: Literal["worst", "mean"]
    objectives: tuple[tuple[str, Literal["maximize", "minimize"]], ...]

    def combined(self, metric: str, direction: str, values: Sequence[Any]) -> Any:
        """Return one value per point from one array (n,) for the market and for each scenario.

        Added up one by one: the bits of a point do not depend on how many are evaluated with it.
        """
        if self.rule == "worst":
            return (np.minimum if direction == "maximize" else np.maximum).reduce(list(values))
        total: FloatArray = np.zeros(values[0].size)
        for column in values:
            total = total + column
        return total / len(values)


def robust_of(spec: StudySpec) -> Robust | None:
    """Return what a spec asks of its objectives under scenarios; None where it names none.

    Raises:
        ConfigError: for an objective that cannot be taken over these scenarios.
    """
    if not spec.scenarios:
        return None
    scenarios = spec.parsed_scenarios
    for item in spec.objective:
        if spec.robust == "mean" and METRICS_DTYPE[item.metric].kind != "f":
            raise ConfigError(f"`robust: mean` takes no count, was {item.metric}; take worst")
        beside = [scenario.label for scenario in scenarios if _beside(scenario)]
        if beside and item.metric not in _CORRECTED:
            raise ConfigError(
                f"under the scenario {beside[0]!r} the objective must be one of {', '.join(_CORRECTED)}, "
                f"was {item.metric}; leave the scenario out"
            )
    objectives = tuple((item.metric, item.direction) for item in spec.objective)
    return Robust(scenarios, spec.robust, objectives)


def evaluator_for(spec: StudySpec, market: TrainingPanels, threads: int | None = None) -> PanelEvaluator:
    """Return what evaluates the points of a spec in this process, under its scenarios where it has some."""
    robust = robust_of(spec)
    if robust is None:
        return PanelEvaluator(market, spec.metrics, threads)
    return RobustEvaluator(market, robust, spec.metrics, threads)


class RobustEvaluator(PanelEvaluator):
    """Evaluates under scenarios, in this process.

    Args:
        market: the training panels.
        robust: what is asked.
        detail, threads: as in `PanelEvaluator`.
        stores: where scenarios were kept already.
    """

    def __init__(
        self,
        market: TrainingPanels,
        robust: Robust,
        detail: Detail = "all",
        threads: int | None = None,
        stores: ShockStores | None = None,
    ) -> None:
        super().__init__(market, detail, threads)
        self._robust = robust
        self._stores = stores or {}
        self._shocked: dict[tuple[str, int], Shocked] = {}
        self._folds: dict[tuple[str, int, int], Shocked] = {}

    def setup(self, references: Sequence[str]) -> Mapping[str, Any]:
        """Keep the shocked panels of references as stores, and go on with those."""
        stores: dict[tuple[str, int], tuple[str | None, str | None]] = {}
        for reference in references:
            for k in range(len(self._robust.scenarios)):
                market = self._market_under(reference, k)
                seen, actual = market.before, market.actual
                path = path_actual = None
                if market.seen is not market.before:
                    path, seen = stored_panel(market.seen)
                if actual is market.seen:
                    path_actual, actual = path, seen
                elif actual is not market.before:
                    path_actual, actual = stored_panel(actual)
                self._shocked[reference, k] = market._replace(seen=seen, actual=actual)
                stores[reference, k] = (path, path_actual)
        return {"robust": self._robust, "shocks": stores}

    def each(self, points: Points) -> list[RecordArray]:
        """Return the metrics of each point on the market as it was, then under each scenario.

        Where the money of a run has to be looked at trade by trade, all but PnL, drawdown and trades are 0.
        """
        found = [np.zeros(len(points), METRICS_DTYPE) for _ in range(1 + len(self._robust.scenarios))]
        for reference in np.unique(points.references):
            places = np.flatnonzero(points.references == reference)
            part, name = points.take(places), str(reference)
            found[0][places] = super()._run(part, name, None)
            for k, records in enumerate(found[1:]):
                records[places] = self._run_under(k, part, name, None)
        return found

    def _run(self, points: Points, reference: str, fold: int | None) -> RecordArray:
        records = super()._run(points, reference, fold)
        under = [self._run_under(k, points, reference, fold) for k in range(len(self._robust.scenarios))]
        for metric, direction in self._robust.objectives:
            values = [found[metric] for found in (records, *under)]
            records[metric] = self._robust.combined(metric, direction, values)
        return records

    def _run_under(self, k: int, points: Points, reference: str, fold: int | None) -> RecordArray:
        """Return the metrics of each point under one scenario."""
        scenario, sets = self._robust.scenarios[k], points.sets
        market = self._market_under(reference, k) if fold is None else self._fold_under(reference, k, fold)
        if _beside(scenario):
            found = np.zeros(len(points), METRICS_DTYPE)
            for row in range(len(points)):
                outcome = replayed(scenario, market, sets[row])
                for name in _CORRECTED:
                    found[name][row] = getattr(outcome, name)
            return found
        changed: Any = sets
        if any(_overrides(part, "change") for part in scenario.parts):
            changed = [scenario.change(sets[row]) for row in range(len(points))]
        check_all(market.seen, changed)
        return run_sets(market.seen, rules_of_all(changed), threads=self._threads, measure=self._measure)

    def _market_under(self, reference: str, k: int) -> Shocked:
        if (reference, k) not in self._shocked:
            before = self._market.panel_for(reference)
            if (reference, k) in self._stores:
                made = _opened(before, *self._stores[reference, k])
            else:
                made = shocked(self._robust.scenarios[k], before)
            self._shocked[reference, k] = made
        return self._shocked[reference, k]

    def _fold_under(self, reference: str, k: int, fold: int) -> Shocked:
        if (reference, k, fold) not in self._folds:
            whole, before = self._market_under(reference, k), self._market.fold(reference, fold)
            lo = int(np.searchsorted(whole.before.ts, before.start_ns))
            cut: dict[int, Panel] = {id(whole.before): before}
            for panel in (whole.seen, whole.actual):
                cut.setdefault(id(panel), panel.rows(lo, lo + len(before)))
            made = Shocked(before, cut[id(whole.seen)], cut[id(whole.actual)], whole.rows)
            self._folds[reference, k, fold] = made
        return self._folds[reference, k, fold]


def scenarios_frame(
    spec: StudySpec, market: TrainingPanels, points: Points, numbers: IntArray
) -> pl.DataFrame:
    """Return what trials came to on the training part as it was, and under each scenario of their study.

    A trial keeps what its objective was made of in no other form: it is simulated again, to the same bits.

    Args:
        spec: of the study.
        market: its training panels.
        points: the trials.
        numbers: of the trials, (n,).

    Returns:
        One row per trial and scenario: `number`, `scenario`, PnL, drawdown, trades, the objectives' metrics.

    Raises:
        ConfigError: when the study has no scenarios.
    """
    import polars as pl

    robust = robust_of(spec)
    if robust is None:
        raise ConfigError(
            f"a study must name `scenarios` to have values under them, {spec.name!r} names none"
        )
    found = RobustEvaluator(market, robust).each(points)
    names = tuple(dict.fromkeys((*_CORRECTED, *(metric for metric, _ in robust.objectives))))
    labels = ("as it was", *(scenario.label for scenario in robust.scenarios))
    rows = [
        {"number": int(numbers[k]), "scenario": label, **{name: records[name][k].item() for name in names}}
        for k in range(len(points))
        for label, records in zip(labels, found, strict=True)
    ]
    types: Any = {"number": pl.Int64, "scenario": pl.String}
    return pl.DataFrame(rows, schema_overrides=types, infer_schema_length=None)


def _opened(before: Panel, seen: str | None, actual: str | None) -> Shocked:
    from arbkit.panel import Panel

    shown = before if seen is None else Panel.open(seen)
    if actual is None:
        return Shocked(before, shown, before, -1)
    return Shocked(before, shown, shown if actual == seen else Panel.open(actual), -1)


def _overrides(scenario: Scenario, name: str) -> bool:
    from arbkit.stress import Scenario

    return getattr(type(scenario), name) is not getattr(Scenario, name)


def _beside(scenario: Scenario) -> bool:
    """Tell whether a run's money has to be looked at trade by trade: errors of the feed, and bookings."""
    return scenario.feed or any(_overrides(part, "bookings") for part in scenario.parts)
