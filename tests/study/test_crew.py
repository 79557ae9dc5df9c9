"""Whoever evaluates, and whoever dies, the trials of a study are the same."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from arbkit._typing import RecordArray
from arbkit.errors import StudyError
from arbkit.study import Market, PanelEvaluator, Points, Study, StudySpec, load_study, resume_study, run_study
from arbkit.study.crew import Crew, help_leader
from arbkit.study.lease import take_lease
from arbkit.study.objective import Judge
from arbkit.study.storages import close_storage, same_server
from arbkit.study.worker import Setup

PROGRAM = "import sys; from arbkit.cli.main import main; sys.exit(main(sys.argv[1:]))"


def content(study: Study) -> list[tuple[Any, ...]]:
    return [
        (item.number, item.state, item.params, item.values, item.user_attrs, item.constraints)
        for item in study.optuna.trials
    ]


def _points(spec: StudySpec, n: int = 40) -> Points:
    rng = np.random.default_rng(0)
    rows = np.column_stack([
        rng.uniform(1, 60, n), rng.integers(-8, 8, n) * 2.5, rng.integers(0, 3, n),
        rng.integers(0, 5, n) * 10, rng.uniform(50, 900, n), rng.integers(0, 2, n),
    ])  # fmt: skip
    return Judge(spec).points(rows)


def _setup(market: Market) -> Setup:
    return Setup("x", "all", market.stored(["none", "ewma:10m"]), market.fold_edges)


def test_workers_give_the_records_of_one_process(spec: StudySpec) -> None:
    market = Market.load(spec.replace(folds=3))
    points, alone = _points(spec), PanelEvaluator(market)

    with Crew(alone, 2, lambda: _setup(market)) as crew:
        assert crew.lanes == 2
        assert [os.getpgid(pid) for pid in crew.pids] == crew.pids  # Ctrl-C is for this process alone.
        assert crew.evaluate(points).tobytes() == alone.evaluate(points).tobytes()
        assert crew.evaluate(points, 1).tobytes() == alone.evaluate(points, 1).tobytes()
        assert crew.evaluate(points.take(slice(0, 1))).size == 1


def test_a_worker_that_dies_costs_its_points_only(spec: StudySpec) -> None:
    market = Market.load(spec)
    points, alone = _points(spec), PanelEvaluator(market)
    expected = alone.evaluate(points).tobytes()

    with Crew(alone, 2, lambda: _setup(market)) as crew:
        for _ in range(3):
            os.kill(crew.pids[0], signal.SIGKILL)
            assert crew.evaluate(points).tobytes() == expected
        assert crew.lanes == 2


@pytest.mark.parametrize("gone", [False, True], ids=["dies at work", "dies before it hears of any"])
def test_what_no_worker_survives_ends_the_study_with_one_message(spec: StudySpec, gone: bool) -> None:
    market = Market.load(spec)
    broken = Setup("x", "all", {"none": "nowhere"}, [])

    class Mortal(Crew):
        def _start_process(self) -> Any:
            connection = super()._start_process()
            process = self._processes[-1]
            process.kill()
            if gone:  # What is sent to it then fails, before a part was taken for it.
                process.wait()
            return connection

    with Mortal(PanelEvaluator(market), 1, lambda: broken) as crew:
        for _ in range(2):
            with pytest.raises(StudyError, match="died 4 times in a row"):
                crew.evaluate(_points(spec))


def test_what_a_worker_raises_is_raised_here(spec: StudySpec) -> None:
    market = Market.load(spec)
    elsewhere = Setup("x", "all", {"none": "nowhere", "ewma:10m": "nowhere"}, [])

    with (
        pytest.raises(Exception, match="nowhere"),
        Crew(PanelEvaluator(market), 1, lambda: elsewhere) as crew,
    ):
        crew.evaluate(_points(spec))


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_study_run_by_workers_equals_one_that_is_not(sampler: str, values: dict[str, Any]) -> None:
    options = {"name": sampler, **({"n_startup_trials": 5} if sampler == "tpe" else {})}
    alone = run_study(StudySpec.from_dict({**values, "sampler": options, "storage": "memory://"}))
    together = run_study(StudySpec.from_dict({**values, "name": "together", "sampler": options}), workers=2)

    assert content(together) == content(alone)


class SlowEvaluator:
    """Evaluates like the real one, and leaves time to join."""

    def __init__(self, spec: StudySpec) -> None:
        self._inner = PanelEvaluator(Market.load(spec))

    def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
        time.sleep(0.05)
        return self._inner.evaluate(points, fold)


def test_another_process_can_join_and_leave(spec: StudySpec, tmp_path: Path) -> None:
    market = Market.load(spec)
    points, alone = _points(spec), SlowEvaluator(spec)
    expected = alone.evaluate(points).tobytes()
    url = f"sqlite:///{tmp_path}/shared.db"
    lease = take_lease(url, "shared")
    assert lease is not None
    found: list[str] = []

    with lease:
        with Crew(alone, 0, lambda: _setup(market), lease) as crew:
            crew.evaluate(points)
            helper = threading.Thread(target=lambda: found.append(help_leader(url, "shared", 0, "x")))
            helper.start()
            end = time.monotonic() + 300
            while crew.lanes == 0 and time.monotonic() < end:
                time.sleep(0.01)
            assert crew.lanes == 1
            assert crew.evaluate(points).tobytes() == expected
        helper.join(300)

    assert found == ["ended"]
    assert help_leader(url, "shared", 0, "x") == "absent"


def test_ctrl_c_ends_a_helper_and_its_workers_while_the_leader_goes_on(
    spec: StudySpec, tmp_path: Path
) -> None:
    market = Market.load(spec)
    points, alone = _points(spec), PanelEvaluator(market)
    url = f"sqlite:///{tmp_path}/shared.db"
    lease = take_lease(url, "shared")
    assert lease is not None

    with lease, Crew(alone, 0, lambda: _setup(market), lease) as crew:
        expected = crew.evaluate(points).tobytes()

        def interrupt() -> None:
            end = time.monotonic() + 300
            while crew.lanes < 2 and time.monotonic() < end:
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            help_leader(url, "shared", 2, "x")
        assert crew.evaluate(points).tobytes() == expected


def _has_trials(url: str) -> bool:
    with psycopg.connect(url) as connection, contextlib.suppress(psycopg.errors.UndefinedTable):
        return connection.execute("SELECT count(*) FROM trials").fetchall() != [(0,)]
    return False


def _has_joined(pid: int) -> bool:
    """Tell whether a process has a connection to another."""
    found = False
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            found |= int(handle.name) > 2 and str(handle.readlink()).startswith("socket:")
    return found


@pytest.mark.slow
def test_two_shells_run_one_study_and_the_second_takes_over(
    values: dict[str, Any], postgresql_url: str
) -> None:
    url = postgresql_url
    changes = {"name": "both", "sampler": "optuna.tpe", "n_trials": 200, "batch": 10, "storage": url}
    spec = StudySpec.from_dict({**values, **changes})
    whole = run_study(spec.replace(name="alone", storage="memory://"))
    Path("both.yaml").write_text(spec.to_yaml())

    def shell(url: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", PROGRAM, "study", "run", "both.yaml", "--storage", url]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    first = shell(url)
    while not _has_trials(url):
        assert first.poll() is None
        time.sleep(0.01)
    # However long the second takes to start, the first waits.
    first.send_signal(signal.SIGSTOP)
    # Another way to write the same address.
    second = shell(url.replace("postgresql://", "postgres://").replace("127.0.0.1", "localhost"))
    while not _has_joined(second.pid):
        assert first.poll() is None
        assert second.poll() is None
        time.sleep(0.01)
    first.send_signal(signal.SIGCONT)
    time.sleep(0.1)
    first.kill()
    first.wait()

    assert second.wait(600) == 0
    study = load_study("both", url)
    assert content(study) == content(whole)
    close_storage(study.optuna._storage)


def test_another_spec_of_the_same_name_does_not_join(values: dict[str, Any]) -> None:
    spec = StudySpec.from_dict(values)
    market = Market.load(spec)
    lease = take_lease(spec.storage, spec.name)
    assert lease is not None
    with lease, Crew(PanelEvaluator(market), 0, lambda: _setup(market), lease) as crew:
        crew.evaluate(_points(spec))

        with pytest.raises(StudyError, match="another process is running 'small' with another spec"):
            run_study(spec)


def test_a_lease_is_held_once_and_comes_free(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    first = take_lease(url, "x")
    assert first is not None
    assert take_lease(url, "x") is None
    assert take_lease(url, "y") is not None
    first.close()
    assert take_lease(url, "x") is not None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("postgresql://me:secret@localhost/db", "postgres://you@127.0.0.1:5432/db", True),
        ("postgresql://me@h/me", "postgresql+psycopg://me@h", True),
        ("postgresql://me@/db?host=h", "postgresql://me@H/db", True),
        ("postgresql://h/a", "postgresql://h/b", False),
        ("postgresql://h:1/a", "postgresql://h:2/a", False),
        ("redis://localhost", "redis://:secret@127.0.0.1:6379/0", True),
        ("redis://h/1", "redis://h?db=1", True),
        ("redis://h/1", "redis://h/2", False),
        ("redis://h:port/1", "redis://h:port/1", True),
    ],
)
def test_a_server_is_one_however_its_url_is_written(one: str, other: str, same: bool) -> None:
    assert (same_server(one) == same_server(other)) is same


def test_a_study_resumed_by_workers_equals_an_uninterrupted_one(values: dict[str, Any]) -> None:
    whole = run_study(StudySpec.from_dict({**values, "storage": "memory://", "n_trials": 30}))
    run_study(StudySpec.from_dict(values))

    assert content(resume_study("small", n_trials=30, workers=1)) == content(whole)
