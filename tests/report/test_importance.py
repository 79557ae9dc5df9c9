"""Parameter importance from columns, against Optuna's own."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from arbkit.report.importance import ped_anova
from arbkit.study.block import TrialBlock

SPACE: dict[str, Any] = {
    "plain": FloatDistribution(-2.0, 3.0),
    "log": FloatDistribution(0.1, 100.0, log=True),
    "step": FloatDistribution(0.0, 1.0, step=0.25),
    "whole": IntDistribution(1, 9),
    "whole_log": IntDistribution(1, 64, log=True),
    "choice": CategoricalDistribution(["a", "b", None]),
    "single": IntDistribution(4, 4),
    "sometimes": FloatDistribution(0.0, 1.0),
}


def study_of(direction: str, n: int = 120) -> optuna.Study:
    """Trials with an infinite value, pruned ones, and a parameter that is not part of all of them."""
    rng = np.random.default_rng(3)
    study = optuna.create_study(direction=direction)
    for row in range(n):
        params = {name: item.to_external_repr(_drawn(item, rng)) for name, item in SPACE.items()}
        if params["choice"] != "a":
            del params["sometimes"]
        value = (
            params["plain"] ** 2 + 0.3 * params["whole"] + params.get("sometimes", 0.5) + rng.normal(0, 0.1)
        )
        pruned = row % 11 == 0
        study.add_trial(
            optuna.trial.create_trial(
                params=params,
                distributions={name: SPACE[name] for name in params},
                value=None if pruned else np.inf if row == 5 else value,
                state=optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE,
            )
        )
    return study


def _drawn(item: Any, rng: np.random.Generator) -> float:
    if isinstance(item, CategoricalDistribution):
        return float(rng.integers(len(item.choices)))
    if isinstance(item, IntDistribution):
        return float(rng.integers(item.low, item.high + 1))
    return (
        float(np.round(rng.uniform(item.low, item.high) * 4) / 4)
        if item.step
        else rng.uniform(item.low, item.high)
    )


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_importance_from_columns_is_that_of_optuna(direction: str) -> None:
    study = study_of(direction)
    sign = -1.0 if direction == "maximize" else 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = optuna.importance.get_param_importances(
            study,
            evaluator=optuna.importance.PedAnovaImportanceEvaluator(),
            target=lambda trial: sign * trial.values[0],
        )

    ours = ped_anova(TrialBlock.from_frozen(study.trials, SPACE, 1), maximize=sign < 0)

    assert ours == pytest.approx(theirs, rel=1e-12)
    assert list(ours.values()) == sorted(ours.values(), reverse=True)


def test_a_few_trials_say_nothing_of_importance() -> None:
    block = TrialBlock.from_frozen(study_of("minimize", 9).trials, SPACE, 1)
    assert ped_anova(block, maximize=False) == {}
