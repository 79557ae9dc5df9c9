"""The processes that evaluate a study: this one, workers of its own, and those of other shells that join in.

Proposing, judging and storing stay with the leader, in one order, so that the trials are those of a single
process whoever evaluates them. Points go out in parts; what a worker that dies had in hand another gets.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import queue
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, Self

import numpy as np

from arbkit._typing import RecordArray
from arbkit.errors import StudyError
from arbkit.records import METRICS_DTYPE
from arbkit.study.evaluator import Evaluator, Points
from arbkit.study.lease import Lease, Meeting, find_leader, private_folder
from arbkit.study.worker import BROKEN, Setup, serve

__all__ = ["Crew", "help_leader"]

#: Parts per worker: the last one to finish then keeps the others waiting for less.
_PARTS: Final = 2
#: A worker that dies so often without an answer between is not started again.
_MOST_DEATHS: Final = 3
#: How long a helper waits for a leader that is still reading its data.
_POLL_S: Final = 0.05
_WORKER: Final = "from arbkit.study.worker import main; main()"


class _Task(NamedTuple):
    number: int
    points: Points
    fold: int | None


class Crew:
    """An evaluator that shares its points out.

    Args:
        local: evaluates in this process.
        workers: how many processes to start; with none this process evaluates.
        setup: makes what a worker evaluates on; called once, before the first one starts.
        lease: of the study, where others can find it.
    """

    def __init__(
        self, local: Evaluator, workers: int, setup: Callable[[], Setup], lease: Lease | None = None
    ) -> None:
        self._local = local
        self._workers = workers
        self._make_setup = setup
        self._lease = lease
        self._setup: Setup | None = None
        self._setup_lock = threading.Lock()
        self._tasks: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._lanes = 0
        self._lanes_lock = threading.Lock()
        self._warm = threading.Event()
        self._closing = False
        self._door: socket.socket | None = None
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def lanes(self) -> int:
        """How many workers there are, joined ones included."""
        return self._lanes

    @property
    def pids(self) -> list[int]:
        """The processes of its own."""
        return [process.pid for process in self._processes if process.poll() is None]

    def evaluate(self, points: Points, fold: int | None = None) -> RecordArray:
        """Return the metrics of each point, whoever simulated it."""
        if self._lanes == 0 and self._workers == 0:
            records = self._local.evaluate(points, fold)
            self._warm.set()
            return records
        lanes = self._lanes + (self._workers == 0)
        parts = np.array_split(np.arange(len(points)), min(_PARTS * max(lanes, 1), len(points)))
        places = {next(self._numbers): slice(int(part[0]), int(part[-1]) + 1) for part in parts}
        with self._lanes_lock:
            for number, place in places.items():
                self._tasks.put(_Task(number, points.take(place), fold))
            if self._workers and not self._lanes:
                self._refuse_all()
        records = np.empty(len(points), METRICS_DTYPE)
        failed: Exception | None = None
        for _ in places:
            number, answer = self._next_answer()
            if isinstance(answer, Exception):
                failed = answer
            else:
                records[places[number]] = answer
        if failed is not None:
            raise failed
        return records

    def _next_answer(self) -> tuple[int, Any]:
        """Wait for a part; without workers of its own this process does parts itself meanwhile."""
        while self._workers == 0:
            with contextlib.suppress(queue.Empty):
                return self._results.get_nowait()
            try:
                task = self._tasks.get_nowait()
            except queue.Empty:
                with contextlib.suppress(queue.Empty):
                    return self._results.get(timeout=_POLL_S)
                continue
            if task is not None:
                return task.number, self._local.evaluate(task.points, task.fold)
        return self._results.get()

    def __enter__(self) -> Self:
        if self._workers:
            self._ready_setup()
            self._warm.set()
            for _ in range(self._workers):
                self._start_lane(self._start_process())
        if self._lease is not None and self._lease.path is not None:
            self._open_door(self._lease)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send the workers home; helpers learn whether the study ended or only its leader."""
        self._closing = True
        if self._door is not None:
            with contextlib.suppress(OSError):
                Path(self._door.getsockname()).unlink()
            self._door.close()
        if error is None:
            for _ in range(self._lanes):
                self._tasks.put(None)
        else:
            for process in self._processes:
                process.terminate()
        for process in self._processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            if process.poll() is None:
                process.kill()
                process.wait()

    def _ready_setup(self) -> Setup:
        with self._setup_lock:
            if self._setup is None:
                self._setup = self._make_setup()
            return self._setup

    def _start_process(self) -> Connection:
        ours, theirs = socket.socketpair()
        process = _started(theirs.fileno())
        theirs.close()
        with self._lanes_lock:
            self._processes = [item for item in self._processes if item.poll() is None] + [process]
        return Connection(ours.detach())

    def _start_lane(self, connection: Connection, *, own: bool = True) -> None:
        with self._lanes_lock:
            self._lanes += 1
        threading.Thread(target=self._lane, args=(connection, own), name="arbkit-lane", daemon=True).start()

    def _lane(self, connection: Connection, own: bool) -> None:
        """Hand parts to one worker; start another in its place when it dies."""
        deaths, task = 0, None
        try:
            connection.send(self._ready_setup())
        except BROKEN:
            deaths = 1
        while True:
            if deaths:
                connection.close()
                if not own or self._closing or deaths > _MOST_DEATHS:
                    break
                connection = self._start_process()
            try:
                if deaths:
                    connection.send(self._setup)
                task = task or self._tasks.get()
                if task is None:
                    connection.send(None)
                    connection.close()
                    return
                connection.send(tuple(task))
                self._results.put(connection.recv())
                task, deaths = None, 0
            except BROKEN:
                deaths += 1
        self._end_lane(task)

    def _end_lane(self, task: _Task | None) -> None:
        """Give back what a lost worker had in hand; without any worker left the study cannot go on.

        Under the lock that `evaluate` asks under: either its parts are refused here, or it finds no lane.
        """
        with self._lanes_lock:
            self._lanes -= 1
            if task is not None:
                self._tasks.put(task)
            if self._workers and not self._lanes:
                self._refuse_all()

    def _refuse_all(self) -> None:
        message = (
            f"the workers of a study must stay alive, one died {_MOST_DEATHS + 1} times in a row; "
            "see its message above, and go on with `arbkit study resume`"
        )
        with contextlib.suppress(queue.Empty):
            while (task := self._tasks.get_nowait()) is not None:
                self._results.put((task.number, StudyError(message)))

    def _open_door(self, lease: Lease) -> None:
        key = secrets.token_bytes(32)
        digest = hashlib.blake2b(str(lease.path).encode(), digest_size=8).hexdigest()
        address = private_folder() / f"{digest}.sock"
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            address.unlink(missing_ok=True)  # A killed leader's: who has the lease is the only one.
            door.bind(str(address))
        except OSError:  # No room, or a path too long for a socket: others wait until this one ends.
            door.close()
            return
        door.listen()
        self._door = door
        lease.publish(Meeting(str(address), key))
        threading.Thread(target=self._welcome, args=(door, key), name="arbkit-door", daemon=True).start()

    def _welcome(self, door: socket.socket, key: bytes) -> None:
        """Let in whoever knows the key, once the kernels are compiled."""
        while True:
            try:
                visitor, _ = door.accept()
            except OSError:
                return
            connection = Connection(visitor.detach())
            try:
                deliver_challenge(connection, key)
                answer_challenge(connection, key)
                self._warm.wait()
                self._start_lane(connection, own=False)
            except Exception:  # whoever it was, it is none of ours
                connection.close()


def help_leader(
    url: str, name: str, workers: int, spec: str | None
) -> Literal["ended", "lost", "other", "absent"]:
    """Evaluate for the process that runs a study, until it ends.

    Args:
        url: of the storage.
        name: of the study.
        workers: how many processes to help with; 0 for this one, with a thread per core.
        spec: the spec that the leader must have; None for any.

    Returns:
        As `serve`, and "absent" where no leader can be reached.
    """
    connections = [_connected(url, name) for _ in range(max(workers, 1))]
    found = [connection for connection in connections if connection is not None]
    if not found:
        time.sleep(_POLL_S)
        return "absent"
    # This process serves too: it learns how the study ends.
    processes = [_handed_down(connection) for connection in found[1:]]
    try:
        return serve(found[0], 1 if workers else None, spec)
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    finally:
        found[0].close()
        for process in processes:
            process.wait()


def _handed_down(connection: Connection) -> subprocess.Popen[bytes]:
    process = _started(connection.fileno())
    connection.close()
    return process


def _started(handle: int) -> subprocess.Popen[bytes]:
    """Start a worker in a group of its own: Ctrl-C is for this process, which then sends it home."""
    command = [sys.executable, "-c", _WORKER, str(handle), "1"]
    return subprocess.Popen(command, pass_fds=[handle], stdout=subprocess.DEVNULL, process_group=0)


def _connected(url: str, name: str) -> Connection | None:
    meeting = find_leader(url, name)
    if meeting is None:
        return None
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
            visitor.connect(meeting.address)
            connection = Connection(os.dup(visitor.fileno()))
        answer_challenge(connection, meeting.key)
        deliver_challenge(connection, meeting.key)
    except Exception:  # the leader ended between our reading and its answer
        return None
    return connection
