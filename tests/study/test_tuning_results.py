"""`tuning_results` on a real PostgreSQL server: one row per simulated trial, never behind the study."""

from __future__ import annotations

import datetime as dt
from typing import Any

import optuna
import psycopg
import pytest
from psycopg.rows import dict_row

from arbkit.study import StudySpec, run_study
from arbkit.study.storages import close_storage, open_storage
from arbkit.study.tuning_results import COLUMNS, JOBS_TABLE, Relation, ensure_tuning_results
from tests.postgres import PostgresServer


@pytest.fixture
def url(own_postgresql: PostgresServer) -> str:
    """An empty database."""
    return own_postgresql.new_database()


def rows(
    url: str, text: str = "SELECT * FROM tuning_results ORDER BY created_at, run_id"
) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute(text).fetchall()


def test_every_simulated_trial_is_a_row(values: dict[str, Any], url: str) -> None:
    study = run_study(StudySpec.from_dict({**values, "storage": url, "n_trials": 24}))

    by_number = {int(item["run_id"].partition("#")[2]): item for item in rows(url)}
    frame = study.trials()
    close_storage(study.optuna._storage)
    simulated = frame.filter(frame["metric_total_trades"].is_not_null())
    assert 0 < simulated.height < frame.height
    assert set(by_number) == set(simulated["number"])
    for trial in simulated.to_dicts():
        row = by_number[trial["number"]]
        assert list(row) == list(COLUMNS)
        assert row["session_id"] == "small"
        assert row["total_pnl"] == trial["metric_mtm_pnl_usd"]
        assert row["total_trades"] == row["total_entries"] == trial["metric_total_trades"]
        assert row["total_exits"] == trial["metric_closed_trades"]
        assert row["winning_trades"] == trial["metric_winning_trades"]
        assert row["losing_trades"] == trial["metric_losing_trades"]
        assert row["winrate"] == trial["metric_win_rate"]
        assert row["avg_pnl_per_trade"] == trial["metric_avg_pnl_per_trade_usd"]
        expected = {**values["fixed"], "close_at_end": True}
        expected |= {name: trial[name] for name in values["space"]}
        assert row["param_set"] == expected
        assert row["test_mode"] is True
        assert row["symbols"] == values["panel"]
        assert row["duration_seconds"] >= 0
        assert dt.datetime.now(dt.UTC) - row["created_at"] < dt.timedelta(minutes=10)


def test_rows_come_and_go_with_trials_of_any_program(values: dict[str, Any], url: str) -> None:
    run_study(StudySpec.from_dict({**values, "storage": url, "n_trials": 8}))
    before = len(rows(url))
    storage = optuna.storages.RDBStorage(url.replace("postgresql", "postgresql+psycopg"))
    study = optuna.load_study(study_name="small", storage=storage)
    trial = study.ask()
    trial.set_user_attr("metrics", {"mtm_pnl_usd": float("nan"), "total_trades": 3, "sharpe": float("-inf")})
    study.tell(trial, 1.0)
    (added,) = [item for item in rows(url) if item["run_id"] == f"small#{trial.number}"]
    assert (added["total_pnl"], added["total_trades"]) == (None, 3)
    assert len(rows(url)) == before + 1

    optuna.create_study(study_name="other", storage=storage)
    assert len(rows(url)) == before + 1
    optuna.delete_study(study_name="small", storage=storage)
    assert rows(url) == []
    storage.engine.dispose()


def test_a_table_of_that_name_is_left_as_it_is(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE tuning_results (run_id uuid, note text)")
        connection.execute("INSERT INTO tuning_results (note) VALUES ('mine')")
    close_storage(open_storage(url, create=True))

    with psycopg.connect(url, autocommit=True) as connection:
        assert ensure_tuning_results(connection) == Relation("tuning_results_studies", "tuning_results")
    assert [item["note"] for item in rows(url, "SELECT * FROM tuning_results")] == ["mine"]
    assert rows(url, "SELECT * FROM tuning_results_studies") == []


def test_jobs_come_first_and_studies_join_them(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        assert ensure_tuning_results(connection) == Relation("tuning_results", JOBS_TABLE)
        connection.execute(f"INSERT INTO {JOBS_TABLE} (run_id, session_id) VALUES ('x', 's')")
    close_storage(open_storage(url, create=True))
    close_storage(open_storage(url, create=True))

    assert [item["run_id"] for item in rows(url)] == ["x"]
    with psycopg.connect(url) as connection:
        assert "tuning_studies" in connection.execute("SELECT pg_get_viewdef('tuning_results')").fetchone()[0]  # type: ignore[index]


def test_a_role_that_may_not_make_views_has_studies_all_the_same(url: str) -> None:
    close_storage(open_storage(url, create=True))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP VIEW tuning_results")
        connection.execute("DROP FUNCTION tuning_studies()")
        connection.execute("DROP TABLE tuning_jobs")
        connection.execute("CREATE ROLE plain LOGIN")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO plain")
        connection.execute("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO plain")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")

    storage = open_storage(url.replace("postgres@", "plain@"), create=True)
    optuna.create_study(study_name="x", storage=storage)

    assert [item.study_name for item in storage.get_all_studies()] == ["x"]
    close_storage(storage)


def test_the_tables_of_optuna_can_still_be_dropped(url: str) -> None:
    close_storage(open_storage(url, create=True))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE trial_params")
