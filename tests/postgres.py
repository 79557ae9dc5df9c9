"""A PostgreSQL server that a test can stop and start again with its data."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.servers import _ends_with_parent, _postgresql_home, _unprivileged, free_port

__all__ = ["PostgresServer", "drop_database", "new_database", "postgres_server"]

_WAIT_S = 120.0


class PostgresServer:
    """A server of its own.

    Attributes:
        url: of its database `postgres`, without a password.
    """

    def __init__(self, folder: Path) -> None:
        self._home = _postgresql_home(folder)
        self._data = folder / "data"
        self._data.mkdir()
        self._log = folder / "server.log"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._how: dict[str, Any] = {
            "cwd": self._data,
            "env": {**os.environ, "LC_ALL": "C"},
            **_unprivileged(folder, self._data),
        }
        locale = ("--locale=C", "--encoding=UTF8")
        self._run("initdb", "-U", "postgres", "-A", "trust", *locale, "--no-sync", "-D", str(self._data))
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def _run(self, program: str, *arguments: str) -> int:
        command = [str(self._home / program), *arguments]
        done = subprocess.run(command, capture_output=True, check=program == "initdb", **self._how)
        return done.returncode

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [str(self._home / "postgres"), "-D", str(self._data), "-h", "127.0.0.1"]
        command += ["-p", str(self._port), "-k", str(self._data), "-c", "fsync=off"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, preexec_fn=_ends_with_parent, **self._how
            )
        until = time.monotonic() + _WAIT_S
        while self._run("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)) != 0:
            assert self._process.poll() is None, self._log.read_text(encoding="utf-8")
            assert time.monotonic() < until, "PostgreSQL did not start"
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server at once; its data stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(_WAIT_S)
            self._process = None

    def restart(self) -> None:
        """Stop the server, with all connections to it, and start it again."""
        self.stop()
        self.start()

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        return new_database(self.url)


def new_database(server: str, template: str = "template1") -> str:
    """Make a database on a server, empty or a copy of another, and return its URL."""
    name = f"arbkit_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[arg-type]
    return f"{server.rpartition('/')[0]}/{name}"


def drop_database(server: str, url: str) -> None:
    """Remove a database, whoever uses it."""
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")  # type: ignore[arg-type]


def postgres_server() -> Iterator[PostgresServer]:
    """Yield a running server; skips, or fails in CI, where none can be started."""
    # Not a folder of pytest's: nobody may not enter those of root.
    folder = Path(tempfile.mkdtemp(prefix="arbkit-postgresql-"))
    server: PostgresServer | None = None
    try:
        server = PostgresServer(folder)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
