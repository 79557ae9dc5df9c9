"""The manifest of a dataset: what it holds, which files are live, and the fingerprint of their content."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from arbkit._files import sync_folder
from arbkit.data.schema import book_schema, candle_schema
from arbkit.errors import DataError

__all__ = [
    "FORMAT_VERSION",
    "MANIFEST_NAME",
    "FileInfo",
    "InstrumentInfo",
    "Kind",
    "Manifest",
    "Partition",
    "TableInfo",
    "utc_now",
]

MANIFEST_NAME: Final = "manifest.json"
FORMAT_VERSION: Final = 1

Kind = Literal["spot", "perpetual", "fx", "candle"]
#: How much time one `date=` folder holds; its name is the first UTC day of that time.
Partition = Literal["day", "month", "year"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileInfo(_Frozen):
    """One live file. `content` hashes the values in it (not its bytes), `bytes` is its size on disk."""

    path: str
    leg: str
    rows: int = Field(ge=0)
    start_ns: int
    end_ns: int
    bytes: int = Field(ge=0)
    content: str


class TableInfo(_Frozen):
    """One event table beside the books; `content` hashes its values."""

    name: str
    path: str
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    content: str


class InstrumentInfo(_Frozen):
    """One instrument: what is traded at one venue, and what the dataset holds of it.

    The first block describes the instrument and is given by whoever writes; the second is filled in by the
    writer. `contract_size` is the size of one contract (base units, or quote units where `inverse`).
    `max_age_s` is the age after which a quote of this venue is no longer used. `bar_s` is the length of a
    candle. `unsorted_rows` counts rows that arrived after a row with a later stamp, and were sorted in.
    """

    venue: str
    symbol: str
    base: str = ""
    quote: str
    kind: Kind = "spot"
    contract_size: float | None = Field(default=None, gt=0)
    inverse: bool = False
    levels: int = Field(default=1, ge=0)
    max_age_s: float | None = Field(default=None, gt=0)
    tick_size: float | None = Field(default=None, gt=0)
    bar_s: float | None = Field(default=None, gt=0)
    flags: tuple[str, ...] = ()

    partition: Partition | None = None
    rows: int = Field(default=0, ge=0)
    start_ns: int = 0
    end_ns: int = 0
    has_ts_recv: bool = False
    unsorted_rows: int = Field(default=0, ge=0)

    @field_validator("venue", "symbol")
    @classmethod
    def _name_is_plain(cls, value: str) -> str:
        if not value.strip() or any(ord(letter) < 32 for letter in value):
            raise ValueError("must be a printable, non-empty name")
        return value

    @field_validator("venue")
    @classmethod
    def _venue_has_no_slash(cls, value: str) -> str:
        if "/" in value:
            raise ValueError("must hold no `/`: an instrument is named venue/symbol")
        return value

    @property
    def leg(self) -> str:
        """The instrument's name, "venue/symbol"."""
        return f"{self.venue}/{self.symbol}"

    @property
    def is_candle(self) -> bool:
        """Whether the rows are bars rather than books."""
        return self.kind == "candle"

    @property
    def clock(self) -> str:
        """The column the rows are sorted by: `ts_recv` where the instrument has it, else `ts_event`."""
        return "ts_recv" if self.has_ts_recv else "ts_event"

    @property
    def cut(self) -> Partition:
        """How much time one `date=` folder holds; where not said, a day of books or a year of candles."""
        return self.partition or ("year" if self.is_candle else "day")

    @property
    def columns(self) -> pl.Schema:
        """The schema of the instrument's files."""
        return candle_schema() if self.is_candle else book_schema(self.levels)

    def descriptor(self) -> dict[str, Any]:
        """Return the fields that describe the instrument, without those counted from its rows."""
        counted = {"rows", "start_ns", "end_ns", "unsorted_rows", "partition", "has_ts_recv"}
        return self.model_dump(exclude=counted)


class Manifest(_Frozen):
    """The whole of a dataset: files that it does not list are not part of it."""

    name: str
    source: str = ""
    created: datetime
    instruments: tuple[InstrumentInfo, ...] = ()
    fingerprint: str = ""
    format_version: int = FORMAT_VERSION
    quarantined: int = Field(default=0, ge=0)
    files: tuple[FileInfo, ...] = ()
    quarantine_files: tuple[str, ...] = ()
    tables: tuple[TableInfo, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all instruments together."""
        return sum(item.rows for item in self.instruments)

    @property
    def start_ns(self) -> int:
        """The first stamp of any instrument."""
        return min((item.start_ns for item in self.instruments), default=0)

    @property
    def end_ns(self) -> int:
        """The last stamp of any instrument."""
        return max((item.end_ns for item in self.instruments), default=0)

    def files_of(self, leg: str) -> list[FileInfo]:
        """Return an instrument's files in time order."""
        return sorted((item for item in self.files if item.leg == leg), key=lambda item: item.start_ns)

    def with_fingerprint(self) -> Self:
        """Return the manifest with the fingerprint computed over descriptors and content hashes.

        It depends on values, instruments and how the rows are cut into files, not on when, in which order or
        under which name they were written.
        """
        parts: dict[str, Any] = {
            "instruments": sorted(
                (json.dumps(item.descriptor(), sort_keys=True) for item in self.instruments),
            ),
            "files": sorted((item.leg, item.start_ns, item.content) for item in self.files),
        }
        if self.tables:
            parts["tables"] = sorted((item.name, item.content) for item in self.tables)
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return self.model_copy(update={"fingerprint": digest[:32]})

    def save(self, folder: Path) -> None:
        """Make this manifest the live one: written aside, synced, then put in place in one step."""
        aside = folder / f".{MANIFEST_NAME}.{os.getpid()}"
        try:
            with aside.open("w", encoding="utf-8") as stream:
                stream.write(self.model_dump_json(indent=1))
                stream.flush()
                os.fsync(stream.fileno())
            aside.replace(folder / MANIFEST_NAME)
        except OSError:
            aside.unlink(missing_ok=True)
            raise
        sync_folder(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the manifest of a dataset.

        Raises:
            DataError: when the folder is no dataset, or its manifest cannot be understood.
        """
        path = folder / MANIFEST_NAME
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DataError(_no_dataset(folder)) from error
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: cannot be read: {error}") from error
        try:
            manifest = cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise DataError(f"{path}: not a dataset manifest, {where}: {first['msg']}") from error
        if manifest.format_version != FORMAT_VERSION:
            raise DataError(
                f"{path}: format_version must be {FORMAT_VERSION}, was {manifest.format_version}; "
                "ingest the data again with this version of arbkit"
            )
        return manifest


def utc_now() -> datetime:
    """Return the present time, UTC, in whole seconds."""
    return datetime.now(tz=UTC).replace(microsecond=0)


def _no_dataset(folder: Path) -> str:
    if not folder.exists():
        return f"{folder}: no such dataset; `arbkit data ls` lists what there is"
    if not folder.is_dir():
        return f"{folder}: a dataset is a folder with a {MANIFEST_NAME}, this is a file"
    return (
        f"{folder}: not a dataset, it has no {MANIFEST_NAME} "
        "(a first write that was interrupted leaves none: run it again)"
    )
