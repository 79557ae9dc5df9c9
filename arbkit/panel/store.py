"""Panels on disk as they are in memory: a folder of columns that is mapped, not read.

A store holds one raw file per column, the index, and `panel.json`, which says what they are. Opening it costs
the same whatever its length, processes that open it share its memory, and a panel larger than memory can be
made part by part. A store is written to a folder of its own beside the target and renamed when complete.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from arbkit._files import sync_folder
from arbkit._typing import PathLike
from arbkit.errors import DataError
from arbkit.panel.funding import Funding
from arbkit.panel.mapped import ColumnFile, checksum_of, mapped_array, release_rows
from arbkit.panel.panel import Ladders, Panel, PanelMeta
from arbkit.panel.store_index import INDEX_FILE, STORED_FROM, write_index

try:
    import fcntl
except ImportError:  # pragma: no cover - only where there is no POSIX file lock
    fcntl = None  # type: ignore[assignment]

__all__ = ["STORE_FILE", "StoreWriter", "is_store", "open_store", "write_store"]

STORE_FILE: Final = "panel.json"
_FORMAT: Final = 1
_LOCK: Final = ".lock"
_NEEDED: Final = ("ts", "bid_a", "ask_a", "bid_b", "ask_b", "tradable")
_OPTIONAL: Final = ("fair", "entry_ok", "fx_a", "fx_b", "scale")
_LADDERS: Final = "ladder."
_COLUMNS: Final = "column."
_DTYPES: Final = {"ts": "<i8", "tradable": "|b1", "entry_ok": "|b1"}


def is_store(path: PathLike) -> bool:
    """Tell whether a folder is a panel store."""
    return (Path(path) / STORE_FILE).is_file()


def write_store(panels: Panel | Iterable[Panel], path: PathLike, *, replace: bool = False) -> Panel:
    """Write a panel, or the parts of one in order of time, as a store and return it opened.

    Args:
        panels: one panel, or parts that are taken one at a time: memory holds one of them.
        path: the store's folder; it appears whole or not at all.
        replace: put the new store in the place of an old one.

    Raises:
        DataError: when the folder exists already or cannot be written, there is no part, or parts do not
            follow each other or differ in their columns.
    """
    with StoreWriter(path, replace=replace) as writer:
        if isinstance(panels, Panel):
            writer.append(panels)
            return writer.commit(fingerprint=panels.fingerprint)
        for panel in panels:
            writer.append(panel)
        return writer.commit()


class StoreWriter:
    """Writes one store, part by part; nothing is visible before `commit`.

    Flags of all parts are kept once each; the other meta data are those of the first part.

    Args:
        path: the store's folder.
        replace: put the new store in the place of an old one.

    Raises:
        DataError: when the folder exists already, or cannot be written.
    """

    def __init__(self, path: PathLike, *, replace: bool = False) -> None:
        self.path = Path(path)
        self.rows = 0
        _check_target(self.path, replace)
        self._replace = replace
        self._columns: dict[str, ColumnFile] = {}
        self._meta: PanelMeta | None = None
        self._funding: list[Funding] = []
        self._last_ns = 0
        with _written(self.path):
            self.path.absolute().parent.mkdir(parents=True, exist_ok=True)
            _remove_left_over(self.path)
            self._staged = _beside(self.path)
            self._staged.mkdir()
            self._lock = os.open(self._staged / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        if fcntl is not None:
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def append(self, panel: Panel) -> None:
        """Take the next rows.

        Raises:
            DataError: when they begin before the last ones ended, or have other columns.
        """
        arrays = _arrays_of(panel)
        if self._meta is None:
            self._meta = panel.meta
            with _written(self.path):
                self._columns = {
                    name: ColumnFile(self._staged / _file_of(number, name), _dtype_of(name))
                    for number, name in enumerate(arrays)
                }
        self._check_part(panel, arrays)
        with _written(self.path):
            for name, array in arrays.items():
                self._columns[name].append(array)
        self._meta = _joined_meta(self._meta, panel.meta)
        if panel.funding is not None:
            self._funding.append(panel.funding)
        if len(panel):
            self._last_ns = panel.end_ns
        self.rows += len(panel)

    def commit(self, *, fingerprint: str = "") -> Panel:
        """Build the index, make the store live, and return it opened.

        Args:
            fingerprint: `Panel.fingerprint` of the whole, where it is known; else made when asked for.

        Raises:
            DataError: when no part was given, or the folder appeared meanwhile.
        """
        if self._meta is None:
            raise DataError(f"{self.path}: a panel store must be made of at least one panel, was none")
        with _written(self.path):
            columns = {name: column.close() for name, column in self._columns.items()}
            header: dict[str, Any] = {
                "format": _FORMAT,
                "rows": self.rows,
                "identity": _hash_of(columns),
                "fingerprint": fingerprint,
                "columns": columns,
                "funding": _table_of(self._funding),
                "meta": dataclasses.asdict(self._meta),
            }
            _write_header(self._staged / STORE_FILE, header | {"checksum": _hash_of(header)})
            if self.rows >= STORED_FROM:
                made = open_store(self._staged)
                write_index(made.market, self._staged / INDEX_FILE, header["identity"])
            sync_folder(self._staged)
            with _locked(self.path.absolute().parent):
                return self._published()

    def _published(self) -> Panel:
        """Rename the finished folder to its place, where an old store may have to make room, and open it."""
        aside = _beside(self.path)
        if is_store(self.path):
            if not self._replace:
                raise DataError(f"{self.path}: another process made this panel store meanwhile")
            self.path.rename(aside)
        self._staged.rename(self.path)
        (self.path / _LOCK).unlink()
        sync_folder(self.path.absolute().parent)
        shutil.rmtree(aside, ignore_errors=True)
        return open_store(self.path)

    def _check_part(self, panel: Panel, arrays: dict[str, Any]) -> None:
        if set(arrays) != set(self._columns):
            raise DataError(
                "all parts of a panel store must have the same columns, "
                f"had {sorted(self._columns)}, then {sorted(arrays)}"
            )
        if self.rows and len(panel) and panel.start_ns < self._last_ns:
            raise DataError(
                "parts of a panel store must follow each other in time, one began at "
                f"{np.datetime64(panel.start_ns, 'ns')}, before {np.datetime64(self._last_ns, 'ns')} "
                "where the last one ended"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store; what was not committed is thrown away."""
        for column in self._columns.values():
            column.abandon()
        shutil.rmtree(self._staged, ignore_errors=True)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def open_store(path: PathLike, *, verify: bool = False) -> Panel:
    """Open a store as a panel whose arrays are mapped from its files.

    Args:
        path: the store's folder.
        verify: also hold every column against its checksum, which reads all of it. Sizes are always checked,
            and the index is checked and made again where it does not belong to these columns.

    Raises:
        DataError: when the folder is no store, of another format, or a file is missing, cut off or damaged.
    """
    folder = Path(path)
    header = _header_of(folder)
    arrays = {name: _mapped(folder, name, entry) for name, entry in header["columns"].items()}
    if verify:
        for name, array in arrays.items():
            if checksum_of(array) != header["columns"][name]["checksum"]:
                raise DataError(f"{folder}: column `{name}` is damaged; make the panel store again")
            release_rows(array, 0, len(array))
    return Panel.of_checked(
        _parts_of(arrays, header),
        tradable=arrays["tradable"],
        home=(folder.absolute(), header["identity"]),
        fingerprint=header["fingerprint"],
    )


def _header_of(folder: Path) -> dict[str, Any]:
    """Read `panel.json` and check that it says what a store must."""
    file = folder / STORE_FILE
    if not file.is_file():
        raise DataError(f"{folder}: a panel store is a folder with a {STORE_FILE}, this has none")
    try:
        header = json.loads(file.read_bytes())
        if header["format"] != _FORMAT:
            raise DataError(
                f"{folder}: a panel store must be of format {_FORMAT}, was {header['format']}; make it again"
            )
        sound = header.pop("checksum") == _hash_of(header)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is damaged; make the panel store again ({error!r})") from error
    if not sound:
        raise DataError(f"{file} is damaged; make the panel store again")
    return header  # type: ignore[no-any-return]


def _mapped(folder: Path, name: str, entry: dict[str, Any]) -> Any:
    path = folder / Path(entry["file"]).name
    try:
        return mapped_array(path, np.dtype(_dtype_of(name)), tuple(entry["shape"]))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(
            f"{path}: column `{name}` is missing or cut off; make the panel store again ({reason})"
        ) from error


def _parts_of(arrays: dict[str, Any], header: dict[str, Any]) -> dict[str, Any]:
    """Return what a panel is made of."""
    known = {item.name for item in dataclasses.fields(PanelMeta)}
    meta = {name: value for name, value in header["meta"].items() if name in known}
    parts = {name: arrays[name] for name in _NEEDED if name != "tradable"}
    parts |= {name: arrays.get(name) for name in _OPTIONAL}
    has_ladders = _LADDERS + Ladders._fields[0] in arrays
    parts["ladders"] = Ladders(*(arrays[_LADDERS + f] for f in Ladders._fields)) if has_ladders else None
    parts["columns"] = {
        name.removeprefix(_COLUMNS): array for name, array in arrays.items() if name.startswith(_COLUMNS)
    }
    parts["funding"] = None if header["funding"] is None else _funding_of([Funding(*header["funding"])])
    lists = {name: tuple(meta.get(name, ())) for name in ("flags", "files")}
    parts["meta"] = PanelMeta(**{**meta, **lists})
    return parts


def _arrays_of(panel: Panel) -> dict[str, Any]:
    arrays = {name: getattr(panel, name) for name in (*_NEEDED, *_OPTIONAL)}
    arrays = {name: array for name, array in arrays.items() if array is not None}
    if panel.ladders is not None:
        arrays |= {_LADDERS + name: array for name, array in panel.ladders._asdict().items()}
    return arrays | {_COLUMNS + name: array for name, array in sorted(panel.columns.items())}


def _dtype_of(name: str) -> str:
    return _DTYPES.get(name, "<f8")


def _file_of(number: int, name: str) -> str:
    """Return a column's file; the names of further columns are the caller's and may be no file's."""
    return f"column-{number:03d}.bin" if name.startswith(_COLUMNS) else f"{name}.bin"


def _hash_of(value: Any) -> str:
    return hashlib.blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=16).hexdigest()


def _joined_meta(meta: PanelMeta, part: PanelMeta) -> PanelMeta:
    flags = tuple(dict.fromkeys((*meta.flags, *part.flags)))
    return dataclasses.replace(meta, flags=flags, files=tuple(dict.fromkeys((*meta.files, *part.files))))


def _table_of(tables: list[Funding]) -> list[Any] | None:
    return [array.tolist() for array in _funding_of(tables)] if tables else None


def _funding_of(tables: list[Funding]) -> Funding:
    dtypes = (np.int64, np.int64, np.float64)
    joined = [
        np.concatenate([np.asarray(column, dtype) for column in columns])
        for columns, dtype in zip(zip(*tables, strict=True), dtypes, strict=True)
    ]
    for array in joined:
        array.flags.writeable = False
    return Funding(*joined)


def _write_header(file: Path, header: dict[str, Any]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        json.dump(header, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())


def _check_target(path: Path, replace: bool) -> None:
    if is_store(path):
        if not replace:
            raise DataError(f"{path}: the panel store exists already; replace it, or write elsewhere")
    elif path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DataError(f"{path}: a panel store is written to a new or empty folder, this is something else")


def _beside(path: Path) -> Path:
    return path.absolute().with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")


def _remove_left_over(path: Path) -> None:
    """Remove what killed writers of this store left behind: their locks went with them."""
    for folder in path.absolute().parent.glob(f".{path.name}.*.part"):
        with contextlib.suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                if fcntl is not None:  # Without locks nobody knows who still writes.
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time rename the stores in a folder."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[None]:
    """Turn a failing disk into a message."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
