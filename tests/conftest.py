"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests import servers
from tests.compiled import forget_old_kernels, keep_kernels
from tests.postgres import PostgresServer, drop_database, new_database, postgres_server

# Before anything imports numba.
KERNELS = keep_kernels()
REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        forget_old_kernels(KERNELS)


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of recorded market data beside the checkout; skips where it is absent."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the recorded market data (../shared/data) are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def _caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of folders, none of which is there yet."""
    folder = tmp_path_factory.mktemp("caches")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _private_cache(_caches: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the user's panel cache."""
    monkeypatch.setenv("ARBKIT_CACHE_DIR", str(next(_caches)))


@pytest.fixture(scope="session")
def market_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small market of `tests.markets` as a panel file."""
    from arbkit.panel import Panel
    from tests.markets import market_frame

    path = tmp_path_factory.mktemp("market") / "panel.parquet"
    Panel.from_frame(market_frame()).write(path)
    return path


@pytest.fixture(scope="session")
def own_postgresql() -> Iterator[PostgresServer]:
    """A PostgreSQL server that tests may stop, if they start it again; runs from the first that asks on."""
    yield from postgres_server()


@pytest.fixture(scope="session")
def postgresql_server(request: pytest.FixtureRequest) -> str:
    """The URL of a real PostgreSQL server; `ARBKIT_TEST_POSTGRESQL` names one that runs."""
    given = os.environ.get("ARBKIT_TEST_POSTGRESQL")
    return given or str(request.getfixturevalue("own_postgresql").url)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis server, started for the first test that asks for it."""
    with servers.redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """A database of its own on the server."""
    url = new_database(postgresql_server)
    yield url
    drop_database(postgresql_server, url)


@pytest.fixture(scope="session")
def postgresql_with_tables(postgresql_server: str) -> str:
    """The name of a database in which a storage has made its tables: to copy it is faster."""
    from arbkit.study.storages import close_storage, open_storage

    url = new_database(postgresql_server)
    close_storage(open_storage(url, create=True))
    return url.rpartition("/")[2]


@pytest.fixture
def postgresql_copy(postgresql_server: str, postgresql_with_tables: str) -> Iterator[str]:
    """A database of its own on the server, with tables and no studies."""
    url = new_database(postgresql_server, postgresql_with_tables)
    yield url
    drop_database(postgresql_server, url)


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """A database of the server, emptied afterwards."""
    import redis

    url = f"{redis_server.rpartition('/')[0]}/7"
    yield url
    with redis.Redis.from_url(url) as client:
        client.flushdb()
