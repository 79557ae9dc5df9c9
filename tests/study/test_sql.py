"""SQL over a study: the same tables whatever the storage, and nothing that could change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from arbkit.errors import ConfigError
from arbkit.study import Study, StudySpec, best_runs, run_study
from arbkit.study.kept import best_folder


@pytest.fixture
def study(spec: StudySpec) -> Study:
    """A finished study on disk."""
    return run_study(spec)


def test_trials_have_the_columns_of_the_frame(study: Study) -> None:
    assert_frame_equal(study.sql("select * from trials order by number"), study.trials())
    best = study.sql("select number from trials where feasible order by value desc, number limit 3")
    assert best["number"].to_list() == study.best_trials(3)["number"].to_list()


def test_params_are_one_row_per_trial_and_parameter(study: Study) -> None:
    found = study.sql(
        "select name, count(*) as n, count(value) as numbers, count(text) from params group by name"
    )
    rows = {name: row for name, *row in found.iter_rows()}

    trials, none = 20, study.trials()["stop_loss_bps"].null_count()
    assert set(rows) == set(study.spec.space)
    assert rows["reference"] == [trials, 0, trials]
    assert rows["stop_loss_bps"] == [trials, trials - none, trials - none]


def test_metrics_are_those_of_each_fold(values: dict[str, Any]) -> None:
    study = run_study(StudySpec.from_dict({**values, "folds": 3}))
    simulated = study.trials().filter((pl.col("state") == "COMPLETE") & pl.col("duplicate_of").is_null())

    found = study.sql(
        "select number, count(*) as folds, sum(total_trades) from metrics group by 1 order by 1"
    )

    assert set(found["folds"]) == {3}
    assert set(simulated["number"]) <= set(found["number"])


def test_without_folds_the_table_of_metrics_is_empty(study: Study) -> None:
    assert study.sql("select * from metrics").height == 0


def test_trades_of_the_best_trials_add_up_to_their_result(study: Study) -> None:
    found = study.sql("select number, count(*) as trades from trades group by all order by min(rank)", best=4)
    best = study.best_trials(4).filter(pl.col("metric_total_trades") > 0)

    assert found["number"].to_list() == best["number"].to_list()
    assert found["trades"].to_list() == best["metric_total_trades"].to_list()
    ends = study.sql("select number, last(balance_usd order by ts) as usd from equity group by 1", best=4)
    assert ends.height == 4


def test_the_best_runs_are_kept_beside_the_study_until_another_is_best(study: Study, spec: StudySpec) -> None:
    folder = best_folder(study.url, study.name)
    assert folder == Path("studies/small.best")

    runs = best_runs(study, 3)
    files = sorted(folder.iterdir())
    stamps = [file.stat().st_mtime_ns for file in files]
    again = best_runs(study, 3)

    assert [file.name.partition("-")[0] for file in files] == ["equity", "trades"]
    assert [file.stat().st_mtime_ns for file in files] == stamps
    assert_frame_equal(runs.trades, again.trades)
    best_runs(study, 2)
    assert set(folder.iterdir()).isdisjoint(files)


def test_a_study_in_memory_is_asked_too(spec: StudySpec) -> None:
    study = run_study(spec.replace(storage="memory://"))

    assert study.sql("select count(*) as n from trials")["n"][0] == 20
    assert study.sql("select max(rank) as n from equity", best=2)["n"][0] == 2
    assert not Path("studies/small.best").exists()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("selec 1", "syntax error"),
        ("select nothing from trials", '"nothing" not found'),
        ("select * from unknown", "unknown does not exist"),
        ("delete from trials", "it is DELETE"),
        ("select 1; drop table trials", "it is SELECT, DROP"),
        ("copy trials to 'x.csv'", "it is COPY"),
        ("", "it is nothing"),
    ],
)
def test_anything_but_one_select_is_refused_in_one_sentence(study: Study, query: str, reason: str) -> None:
    with pytest.raises(ConfigError, match="a query must be one SELECT over trials, params") as caught:
        study.sql(query)

    assert reason in str(caught.value)
    assert "\n" not in str(caught.value).replace(query, "")
    assert study.n_trials == 20
