"""The columns in which a sampler of ours sees a study."""

from __future__ import annotations

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from arbkit.study.samplers import History, external, internal

SPACE = {
    "x": FloatDistribution(0.0, 1.0),
    "n": IntDistribution(1, 9),
    "kind": CategoricalDistribution(("a", None)),
}


def test_rows_and_parameters_turn_into_each_other_without_loss() -> None:
    params = {"x": 0.25, "n": 3, "kind": None}

    row = internal(SPACE, params)

    assert row == [0.25, 3.0, 1.0]
    assert external(SPACE, np.array(row)) == params
    assert isinstance(external(SPACE, np.array(row))["n"], int)


def test_a_parameter_that_is_not_part_of_a_trial_is_nan_and_stays_away() -> None:
    row = internal(SPACE, {"x": 0.25})

    assert np.isnan(row[1:]).all()
    assert external(SPACE, np.array(row)) == {"x": 0.25}


def test_a_history_grows_and_keeps_what_it_was_told() -> None:
    history = History(SPACE, ["maximize", "minimize"])
    params = np.arange(3000.0).reshape(1000, 3)
    values = np.arange(2000.0).reshape(1000, 2)
    for start in range(0, 1000, 7):
        history.append(params[start : start + 7], values[start : start + 7], violation=start)

    assert len(history) == 1000
    np.testing.assert_array_equal(history.params, params)
    np.testing.assert_array_equal(history.values, values)
    np.testing.assert_array_equal(history.violation, np.arange(1000) // 7 * 7)
    assert set(history.states) == {int(TrialState.COMPLETE)}
    assert np.isnan(history.progress).all()


def test_trials_of_optuna_become_rows() -> None:
    study = optuna.create_study()
    full = {"x": 0.5, "n": 2, "kind": "a"}
    study.add_trials(
        [
            create_trial(params=full, distributions=SPACE, value=1.5),
            create_trial(
                state=TrialState.PRUNED,
                params={"x": 0.1},
                distributions={"x": SPACE["x"]},
                intermediate_values={0: 1.0, 4: 2.0},
            ),
            create_trial(params={"n": 30}, distributions={"n": IntDistribution(1, 99)}, value=2.0),
        ]
    )
    broken = study.ask(SPACE)
    broken.set_constraint("a", 2.0)
    broken.set_constraint("b", -5.0)
    study.tell(broken, 3.0)
    history = History(SPACE, ["minimize"])

    history.append_trials(study.trials)

    assert history.states.tolist() == [1, 2, 1, 1]
    np.testing.assert_array_equal(history.values[:, 0], [1.5, np.nan, 2.0, 3.0])
    np.testing.assert_array_equal(history.violation, [0, 0, 0, 2.0])
    np.testing.assert_array_equal(history.progress[1], [4, 2.0])
    np.testing.assert_array_equal(history.params[0], [0.5, 2, 0])
    np.testing.assert_array_equal(history.params[1], [0.1, np.nan, np.nan])
    assert np.isnan(history.params[2]).all()  # 30 is outside the space of today
