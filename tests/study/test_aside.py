"""Studies whose server goes away and comes back: nothing is lost, nothing is there twice."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import psycopg
import pytest
import redis
from optuna.distributions import CategoricalDistribution, FloatDistribution

from arbkit.errors import StorageError
from arbkit.study import Progress, Study, StudySpec, load_study, resume_study, run_study
from arbkit.study.aside import block_from_json, block_to_json
from arbkit.study.block import REPORT_DTYPE, TrialBlock
from arbkit.study.storages import close_storage
from tests.postgres import PostgresServer
from tests.servers import RedisServer

Values = dict[str, Any]


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
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis server that runs."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


def told(study: Study) -> list[Any]:
    frame = study.trials()
    close_storage(study.optuna._storage)
    return frame.rows()


def uninterrupted(values: Values) -> list[Any]:
    return told(run_study(StudySpec.from_dict({**values, "storage": "memory://"})))


class Outage:
    """Stops the server after so many trials, and may start it again after more."""

    def __init__(self, server: PostgresServer | RedisServer, stop: int, start: int | None = None) -> None:
        self._server = server
        self._at = {stop: server.stop} | ({} if start is None else {start: server.start})

    def __call__(self, step: Progress) -> None:
        for at in [at for at in self._at if step.done >= at]:
            # What was finished before is stored by then, or in the writer's hands.
            time.sleep(0.3)
            self._at.pop(at)()


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_server_that_comes_back_has_every_trial(
    values: Values, server: PostgresServer, url: str, sampler: str
) -> None:
    values |= {"n_trials": 80, "sampler": sampler, "batch": 8}
    expected = uninterrupted(values)

    study = run_study(StudySpec.from_dict({**values, "storage": url}), progress=Outage(server, 24, 56))

    assert told(study) == expected
    assert not Path("studies/small.aside").exists()
    with psycopg.connect(url) as connection:
        shown = connection.execute("SELECT count(*) FROM tuning_results").fetchone()
    assert shown == (sum(row[-1] is not None for row in expected),)


def test_a_server_that_stays_away_is_said_and_resume_puts_everything_in(
    values: Values, server: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arbkit.study.aside._PATIENCE_S", 0.5)
    values |= {"n_trials": 64, "sampler": "tpe", "batch": 8}
    expected = uninterrupted(values)

    with pytest.raises(StorageError, match=r"nothing is lost, .* 'studies/small\.aside'"):
        run_study(StudySpec.from_dict({**values, "storage": url}), progress=Outage(server, 24))
    kept = [json.loads(file.read_text())["block"] for file in sorted(Path("studies/small.aside").iterdir())]
    assert kept[0]["first"] <= 24
    assert kept[-1]["first"] + len(kept[-1]["states"]) == 64

    server.start()
    evaluated: list[int] = []
    study = resume_study("small", storage=url, progress=lambda step: evaluated.append(step.done))
    assert told(study) == expected
    assert not Path("studies/small.aside").exists()


@pytest.mark.parametrize("stays", [False, True])
def test_a_redis_server_that_goes_away_has_every_trial_in_the_end(
    values: Values, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, stays: bool
) -> None:
    monkeypatch.setattr("arbkit.study.aside._PATIENCE_S", 0.1 if stays else 10.0)
    values |= {"n_trials": 64, "sampler": "tpe", "batch": 8}
    expected = uninterrupted(values)
    spec = StudySpec.from_dict({**values, "storage": redis_server.url})

    if stays:
        with pytest.raises(StorageError, match=r"nothing is lost, .* 'studies/small\.aside'"):
            run_study(spec, progress=Outage(redis_server, 24))
        assert list(Path("studies/small.aside").iterdir())
        redis_server.start()
        study = resume_study("small", storage=redis_server.url)
    else:
        study = run_study(spec, progress=Outage(redis_server, 24, 48))

    assert told(study) == expected
    assert not Path("studies/small.aside").exists()


def test_a_redis_server_that_comes_back_empty_is_said(values: Values, redis_server: RedisServer) -> None:
    def empty(step: Progress) -> None:
        if step.done == 8:
            with redis.Redis.from_url(redis_server.url) as client:
                client.flushall()

    with pytest.raises(StorageError, match="must not shrink while it is used"):
        run_study(
            StudySpec.from_dict({**values, "storage": redis_server.url, "sampler": "tpe"}), progress=empty
        )


def test_what_another_study_of_the_name_left_is_not_put_in(
    values: Values, server: PostgresServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arbkit.study.aside._PATIENCE_S", 0.1)
    values |= {"n_trials": 24, "storage": url}
    with pytest.raises(StorageError, match="nothing is lost"):
        run_study(StudySpec.from_dict(values), progress=Outage(server, 8))
    server.start()
    optuna.delete_study(study_name="small", storage=(storage := _plain(url)))
    storage.engine.dispose()

    study = run_study(StudySpec.from_dict({**values, "seed": 8}))

    expected = uninterrupted({**values, "seed": 8})
    assert told(study) == expected


def _plain(url: str) -> optuna.storages.RDBStorage:
    return optuna.storages.RDBStorage(url.replace("postgresql", "postgresql+psycopg"))


def test_a_block_comes_back_from_json_bit_for_bit() -> None:
    block = TrialBlock(
        7,
        {"x": FloatDistribution(0.0, 1.0), "c": CategoricalDistribution((None, 20, "z"))},
        np.array([1, 2], np.uint8),
        np.array([[0.1 + 0.2, 2.0], [np.nan, 0.0]]),
        np.array([[np.inf, -1e-300], [np.nan, np.nan]]),
        np.array(["2026-01-01T00:00:00.123456", "NaT"], "datetime64[us]"),
        np.array(["2026-01-01T00:00:01", "2026-01-01T00:00:02"], "datetime64[us]"),
        {"a <= 1": np.array([-0.5, np.nan])},
        {"metrics": ['{"sharpe": null}', None]},
        {"s": [None, "1"]},
        np.array([(0, 3, np.nan), (1, 0, 0.5)], REPORT_DTYPE),
    )

    read = block_from_json(json.loads(json.dumps(block_to_json(block), allow_nan=False)))

    assert vars(read).keys() == vars(block).keys()
    for name in ("states", "params", "values", "started", "completed", "reports"):
        assert getattr(read, name).tobytes() == getattr(block, name).tobytes(), name
    assert (read.first, read.distributions, read.attrs) == (7, block.distributions, block.attrs)
    assert read.constraints["a <= 1"].tobytes() == block.constraints["a <= 1"].tobytes()


def test_a_study_killed_while_the_server_is_away_has_every_trial(
    values: Values, server: PostgresServer, url: str
) -> None:
    """The process is killed once it has written aside; what it had finished is put in by the resume."""
    values |= {"n_trials": 100_000, "sampler": "tpe", "batch": 8}
    Path("small.yaml").write_text(StudySpec.from_dict(values).to_yaml())
    command = [sys.executable, "-m", "arbkit", "study", "run", "small.yaml", "--storage", url]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    aside = Path("studies/small.aside")
    try:
        _wait(process, lambda: _stored(url) >= 24)
        server.stop()
        _wait(process, lambda: len(list(aside.glob("[0-9]*.json"))) >= 3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = [json.loads(file.read_text())["block"] for file in sorted(aside.glob("[0-9]*.json"))]
    finished = kept[-1]["first"] + len(kept[-1]["states"])
    server.start()
    assert _stored(url) < finished

    resumed: list[int] = []

    def stop(step: Progress) -> None:
        resumed.append(step.done)
        if len(resumed) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resume_study("small", storage=url, progress=stop)
    assert resumed[0] > finished - values["batch"]
    trials = told(load_study("small", url))
    expected = told(
        run_study(StudySpec.from_dict({**values, "storage": "memory://", "n_trials": len(trials)}))
    )
    assert trials == expected


def _wait(process: subprocess.Popen[bytes], done: Callable[[], bool]) -> None:
    until = time.monotonic() + 600
    while not done():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)


def _stored(url: str) -> int:
    with psycopg.connect(url) as connection:
        try:
            found = connection.execute("SELECT count(*) FROM trials").fetchone()
        except psycopg.errors.UndefinedTable:
            return 0
    assert found is not None
    return int(found[0])
