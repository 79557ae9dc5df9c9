"""Studies looked at, by readers that import neither Optuna nor SQLAlchemy where they know the tables.

A reader of a file or a server holds no connection between two questions.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from arbkit._typing import IntArray
from arbkit.errors import StudyError
from arbkit.study.block import WHOLE, Parts, TrialBlock
from arbkit.study.storages._rows import Rows, StoredStudy, read_details, read_rows, read_studies
from arbkit.study.storages._sqlite_file import check_file, read_only
from arbkit.study.storages.faults import storage_errors
from arbkit.study.storages.urls import DUCKDB, POSTGRESQL, SQLITE, file_of

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

__all__ = ["Reader", "StorageReader", "StoredStudy", "open_reader"]

#: The tables that are known here, as Alembic names them.
_REVISION: Final = "v3.2.0.a"
_UNFINISHED: Final = "state IN ('RUNNING', 'WAITING')"

_T = TypeVar("_T")


class Reader(abc.ABC):
    """Reads the studies of a storage and changes nothing.

    Raises, in every method:
        StorageError: when the storage cannot be read.
    """

    @abc.abstractmethod
    def studies(self) -> list[StoredStudy]:
        """Return all studies, without their trials."""

    @abc.abstractmethod
    def count(self, study_id: int) -> int:
        """Return how many trials a study has, whatever their state."""

    @abc.abstractmethod
    def unfinished(self, study_id: int) -> int:
        """Return how many of them are RUNNING or WAITING."""

    @abc.abstractmethod
    def block(self, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
        """Return all trials of a study, with the parts that are wanted at least.

        Raises:
            KeyError: when there is no such study.
            StudyError: when a parameter has several distributions, so that no column can hold it.
        """

    def details(self, study_id: int, block: TrialBlock, rows: IntArray) -> TrialBlock:
        """Return a block in which the trials at some places have their parameters and metrics.

        Args:
            study_id: the study.
            block: its trials as they were read, with whatever parts.
            rows: places in it.
        """
        return block

    def study(self, name: str) -> StoredStudy:
        """Return the study of a name.

        Raises:
            StudyError: when there is none.
        """
        for found in self.studies():
            if found.name == name:
                return found
        raise StudyError(f"a study must exist, {name!r} is gone from its storage")


def open_reader(url: str) -> Reader:
    """Return what reads the storage at a URL.

    Raises:
        StorageError: as `open_storage` does.
    """
    if url.startswith(SQLITE):
        file = _file(url)
        if file.name and not check_file(file, create=False):
            reader = _TableReader(url, lambda: _sqlite(file))
            if reader.knows_tables():
                return reader
    elif url.startswith(DUCKDB):
        file = _file(url)
        if file.name:
            return _DuckReader(file)
    elif url.startswith(POSTGRESQL):
        try:
            import psycopg  # noqa: F401
        except ImportError:
            pass
        else:
            reader = _TableReader(url, lambda: _postgresql(url))
            if reader.knows_tables():
                return reader
    from arbkit.study.storages.opening import open_storage

    return StorageReader(url, open_storage(url))


def _file(url: str) -> Path:
    found = file_of(url)
    assert found is not None
    return found


class StorageReader(Reader):
    """Reads through a storage of Optuna's interface."""

    def __init__(self, url: str, storage: BaseStorage) -> None:
        self._url = url
        self.storage = storage

    def studies(self) -> list[StoredStudy]:
        """Return all studies, without their trials."""
        with storage_errors(self._url):
            return [
                StoredStudy(
                    item._study_id,
                    item.study_name,
                    tuple(direction.name.lower() for direction in item.directions),
                    dict(item.user_attrs),
                )
                for item in self.storage.get_all_studies()
            ]

    def count(self, study_id: int) -> int:
        """Return how many trials a study has, whatever their state."""
        with storage_errors(self._url):
            return self.storage.get_n_trials(study_id)

    def unfinished(self, study_id: int) -> int:
        """Return how many of them are RUNNING or WAITING."""
        from optuna.trial import TrialState

        with storage_errors(self._url):
            return self.storage.get_n_trials(study_id, (TrialState.RUNNING, TrialState.WAITING))

    def block(self, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
        """Return all trials of a study."""
        from arbkit.study.storages.writing import read_block

        with storage_errors(self._url):
            return read_block(self.storage, study_id, WHOLE if parts.params or parts.attrs else parts)


class _TableReader(Reader):
    """Reads Optuna's tables, with one connection per question."""

    def __init__(self, url: str, connect: Callable[[], _Connection]) -> None:
        self._url = url
        self._connect = connect

    def knows_tables(self) -> bool:
        """Whether the tables are those that are known here."""
        with self._connected() as connection:
            try:
                rows = connection.rows("SELECT version_num FROM alembic_version")
            except Exception as error:
                if type(error).__name__ not in ("OperationalError", "UndefinedTable"):
                    raise
                return False
        return rows == [(_REVISION,)]

    def studies(self) -> list[StoredStudy]:
        """Return all studies, without their trials."""
        return self._asked(read_studies)

    def count(self, study_id: int) -> int:
        """Return how many trials a study has, whatever their state."""
        query = "SELECT count(*) FROM trials WHERE study_id = ?"
        return int(self._asked(lambda connection: connection.rows(query, study_id))[0][0])

    def unfinished(self, study_id: int) -> int:
        """Return how many of them are RUNNING or WAITING."""
        query = f"SELECT count(*) FROM trials WHERE study_id = ? AND {_UNFINISHED}"
        return int(self._asked(lambda connection: connection.rows(query, study_id))[0][0])

    def block(self, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
        """Return all trials of a study."""
        return self._asked(lambda connection: read_rows(connection, study_id, parts))

    def details(self, study_id: int, block: TrialBlock, rows: IntArray) -> TrialBlock:
        """Return a block in which the trials at some places have their parameters and metrics."""
        return self._asked(lambda connection: read_details(connection, study_id, block, rows))

    def _asked(self, question: Callable[[_Connection], _T]) -> _T:
        with self._connected() as connection:
            return question(connection)

    @contextmanager
    def _connected(self) -> Iterator[_Connection]:
        with storage_errors(self._url), closing(self._connect()) as connection:
            yield connection


class _Connection:
    """A connection that answers queries with `?` for each value."""

    def __init__(self, connection: Any, mark: str) -> None:
        self._connection = connection
        self._mark = mark

    def rows(self, query: str, *values: Any) -> Rows:
        """Return all rows of a query."""
        found: Rows = self._connection.execute(query.replace("?", self._mark), values).fetchall()
        return found

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def _sqlite(file: Path) -> _Connection:
    return _Connection(read_only(file), "?")


def _postgresql(url: str) -> _Connection:
    import psycopg

    _, _, rest = url.partition("://")
    connection = psycopg.connect(f"postgresql://{rest}", client_encoding="utf8", connect_timeout=10)
    connection.read_only = True
    return _Connection(connection, "%s")


class _DuckReader(Reader):
    """Reads a DuckDB file; a question that was answered is asked again only after a flush."""

    def __init__(self, file: Path) -> None:
        from arbkit.study.storages._duck_file import DuckFile

        self._file = DuckFile(file, create=False)
        self._stamp = b""
        self._answers: dict[Any, Any] = {}

    def studies(self) -> list[StoredStudy]:
        """Return all studies, without their trials."""
        query = "SELECT study_id, name, directions, user_attrs FROM studies ORDER BY study_id"
        return [
            StoredStudy(study_id, name, tuple(item.lower() for item in directions), _parsed(attrs))
            for study_id, name, directions, attrs in self._rows(query)
        ]

    def count(self, study_id: int) -> int:
        """Return how many trials a study has, whatever their state."""
        counts: dict[int, int] = dict(self._rows("SELECT study_id, count(*) FROM trials GROUP BY study_id"))
        return counts.get(study_id, 0)

    def unfinished(self, study_id: int) -> int:
        """Return how many of them are RUNNING or WAITING."""
        query = f"SELECT study_id, count(*) FROM trials WHERE {_UNFINISHED} GROUP BY study_id"
        counts: dict[int, int] = dict(self._rows(query))
        return counts.get(study_id, 0)

    def block(self, study_id: int, parts: Parts = WHOLE) -> TrialBlock:
        """Return all trials of a study."""
        from arbkit.study.storages._duck_columns import read_columns

        with self._file.reading() as connection:
            query = "SELECT len(directions) FROM studies WHERE study_id = ?"
            objectives = connection.execute(query, [study_id]).fetchall()
            if not objectives:
                raise KeyError(f"no study with id {study_id}")
            return read_columns(connection, study_id, objectives[0][0], parts)

    def details(self, study_id: int, block: TrialBlock, rows: IntArray) -> TrialBlock:
        """Return a block in which the trials at some places have their parameters and metrics."""
        from arbkit.study.storages._duck_columns import read_details as read_duck_details

        with self._file.reading() as connection:
            return read_duck_details(connection, study_id, block, rows)

    def _rows(self, query: str) -> Rows:
        stamp = self._file.stamp()
        if stamp != self._stamp:
            self._stamp, self._answers = stamp, {}
        if query not in self._answers:
            with self._file.reading() as connection:
                self._answers[query] = connection.execute(query).fetchall()
        found: Rows = self._answers[query]
        return found


def _parsed(attrs: dict[str, str]) -> dict[str, Any]:
    return {key: json.loads(text) for key, text in attrs.items()}
