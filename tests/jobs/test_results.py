"""Rows of jobs in `tuning_results`, while the database comes and goes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from arbkit.cli.main import main
from arbkit.errors import ConfigError, StorageError
from arbkit.jobs import PlannedJob, ResultsTable, RunProgress, Session, make_plan, run_jobs, write_plan
from arbkit.jobs import results as module
from arbkit.study.tuning_results import COLUMNS
from tests.postgres import PostgresServer

Values = dict[str, Any]
FOLDER = Path("results/sess001")


@pytest.fixture
def server(own_postgresql: PostgresServer) -> PostgresServer:
    """A server to be stopped and started."""
    return own_postgresql


@pytest.fixture
def url(server: PostgresServer) -> Iterator[str]:
    """An empty database; the server is up again after the test."""
    yield server.new_database()
    server.restart()


@pytest.fixture
def jobs(values: Values) -> list[PlannedJob]:
    """Nine jobs, whose plan is in `plans/`."""
    plan = make_plan(Session.from_dict(values))
    write_plan(plan, "plans")
    return plan.jobs


def rows(url: str) -> list[dict[str, Any]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute("SELECT * FROM tuning_results ORDER BY param_set ->> 'job_id'").fetchall()


def test_every_job_is_a_row(jobs: list[PlannedJob], url: str) -> None:
    table = ResultsTable(url, FOLDER)
    run_jobs(jobs, sink=table)
    assert (table.deliver(), table.put) == (0, 9)
    table.close()

    for job, row in zip(jobs, rows(url), strict=True):
        document = json.loads(Path(job.output_json).read_text())
        metrics = document["metrics"]
        assert list(row) == list(COLUMNS)
        assert (row["session_id"], row["campaign_id"], row["test_mode"]) == ("sess001", "night", True)
        assert row["total_pnl"] == metrics["mtm_pnl_usd"]
        assert (row["total_trades"], row["total_exits"]) == (
            metrics["total_trades"],
            metrics["closed_trades"],
        )
        assert row["winrate"] == metrics["win_rate"]
        assert row["avg_pnl_per_trade"] == metrics["avg_pnl_per_trade_usd"]
        assert row["duration_seconds"] == metrics["runtime_seconds"]
        assert row["param_set"]["job_id"] == job.job_id
        assert row["param_set"]["min_spread_bps"] == document["config"]["min_spread_bps"]
        assert row["symbols"] == "a,b"
    assert not (FOLDER / "tuning_results_aside").exists()


def test_a_job_that_runs_again_is_still_one_row(jobs: list[PlannedJob], url: str) -> None:
    for _ in range(2):
        table = ResultsTable(url, FOLDER)
        run_jobs(jobs, again=True, sink=table)
        table.close()
    assert len(rows(url)) == 9


def test_nothing_is_lost_while_the_database_is_away(
    jobs: list[PlannedJob], server: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes away in the middle of a run, and comes back in the middle of the next one."""
    monkeypatch.setattr("arbkit.jobs.run._FIRST_BATCH", 2)
    monkeypatch.setattr("arbkit.jobs.run._MOST_IN_A_BATCH", 2)
    monkeypatch.setattr("arbkit.jobs.results._RETRY_S", 0.0)
    said: list[str] = []
    table = ResultsTable(url, FOLDER, said.append)

    def leave(step: RunProgress) -> None:
        if step.done == 4:
            server.stop()

    run_jobs(jobs[:7], progress=leave, sink=table)
    table.close()
    assert (table.put, table.waiting) == (4, 3)
    assert len(said) == 1
    assert "is away" in said[0]
    assert all(Path(job.output_json).exists() for job in jobs[:7])

    again = ResultsTable(url, FOLDER, said.append)

    def come_back(step: RunProgress) -> None:
        if step.done == 2:
            server.start()

    run_jobs(jobs, again=True, max_jobs=4, progress=come_back, sink=again)
    assert again.deliver() == 0
    again.close()
    assert "is back" in said[-1]
    run_jobs(jobs, sink=again)
    again.close()

    assert [row["param_set"]["job_id"] for row in rows(url)] == [job.job_id for job in jobs]
    assert not (FOLDER / "tuning_results_aside").exists()


def test_rows_of_a_killed_run_are_put_in_by_the_next(jobs: list[PlannedJob], url: str) -> None:
    """Killed between the results and the table: `hold` has been called, `flush` has not."""
    table = ResultsTable(url, FOLDER)
    table.flush = lambda: None  # type: ignore[method-assign]
    run_jobs(jobs, sink=table)
    assert table.waiting == 9

    assert main(["jobs", "run", "plans", "--results-db", url]) == 0
    assert len(rows(url)) == 9


def test_the_commands_write_aside_and_push(
    jobs: list[PlannedJob], server: PostgresServer, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.stop()
    assert main(["jobs", "run", "plans", "--results-db", url, "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["rows_aside"] == 9
    assert "`arbkit jobs push` puts them in" in said.err
    assert main(["jobs", "push", str(FOLDER), "--results-db", url]) == 1

    server.start()
    assert main(["jobs", "push", str(FOLDER), "--results-db", url]) == 0
    assert capsys.readouterr().out.endswith("9 rows put in, 0 wait\n")
    assert len(rows(url)) == 9


def test_a_table_of_the_users_own_takes_the_rows(jobs: list[PlannedJob], url: str) -> None:
    columns = {**COLUMNS, "run_id": "uuid", "symbols": "text[]", "param_set": "json", "note": "text"}
    del columns["campaign_id"]
    with psycopg.connect(url, autocommit=True) as connection:
        made = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"CREATE TABLE tuning_results ({made})")  # type: ignore[arg-type]
    for _ in range(2):
        table = ResultsTable(url, FOLDER)
        run_jobs(jobs, again=True, sink=table)
        table.close()

    found = rows(url)
    assert len(found) == 9
    assert found[0]["symbols"] == ["a", "b"]


def test_a_database_that_refuses_keeps_the_rows_aside(jobs: list[PlannedJob], url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE tuning_results (run_id integer, session_id text)")
    table = ResultsTable(url, FOLDER)
    with pytest.raises(StorageError, match=r"refused them: .*; 8 rows are kept in"):
        run_jobs(jobs, sink=table)
    assert table.waiting == 8


def test_another_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be postgresql://.*, was 'sqlite:///x\.db'"):
        ResultsTable("sqlite:///x.db", tmp_path)


def test_the_same_job_on_other_data_is_another_row(values: Values, url: str) -> None:
    jobs = make_plan(Session.from_dict(values)).jobs
    cut = [dataclasses.replace(job, config={**job.config, "start": "1970-01-01T01:00"}) for job in jobs]
    table = ResultsTable(url, FOLDER)
    run_jobs(jobs, sink=table)
    run_jobs(cut, sink=table)
    table.close()
    assert len({row["run_id"] for row in rows(url)}) == 18


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    said: list[str] = []
    table = ResultsTable("postgresql://me:secret@127.0.0.1:1/db", tmp_path, said.append)
    assert table.deliver() == 0
    assert "me:***@" in said[0]
    assert "secret" not in said[0]
    assert module.ASIDE in said[0]
