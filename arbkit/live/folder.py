"""The folder of a run: what is where, who holds it, and the kill switch."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from arbkit._files import sync_folder
from arbkit._typing import PathLike
from arbkit.errors import ConfigError, DataError, nearest_names
from arbkit.live.config import LiveConfig

__all__ = ["RunFolder", "find_run", "list_runs"]

_RUN: Final = "run.json"
_ABOUT: Final = ("name", "mode", "currency", "fills", "limits", "pairs")


class RunFolder:
    """Names the files of a run.

    Args:
        path: the folder.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.path / "journal.jsonl"

    @property
    def config(self) -> Path:
        """The configuration as it was read."""
        return self.path / "config.yaml"

    @property
    def summary(self) -> Path:
        """The latest statistics."""
        return self.path / "summary.json"

    @property
    def checkpoint(self) -> Path:
        """The latest state of every pair."""
        return self.path / "checkpoint.json"

    @property
    def halt_file(self) -> Path:
        """The kill switch: while it is there, nothing is traded."""
        return self.path / "HALT"

    def tape(self, pair: str) -> Path:
        """The tape of a pair."""
        return self.path / "rows" / pair.replace("/", "_")

    @property
    def exists(self) -> bool:
        """Whether a run has begun here."""
        return (self.path / _RUN).is_file()

    def begin(self, config: LiveConfig, about: dict[str, Any]) -> None:
        """Make the folder of a new run."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.config.write_text(config.text, encoding="utf-8")
        if config.decided is not None:
            (self.path / "params.yaml").write_bytes(config.decided.path.read_bytes())
        write_json(self.path / _RUN, about)

    def about(self) -> dict[str, Any]:
        """Return what the run is: mode, pairs, parameters.

        Raises:
            DataError: when this is no run, or its description is damaged.
        """
        found = read_json(self.path / _RUN)
        if missing := [key for key in _ABOUT if key not in found]:
            raise DataError(f"{self.path / _RUN} must say what the run is, it lacks {', '.join(missing)}")
        return found

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process.

        Raises:
            ConfigError: when another process holds it, or it cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise ConfigError(
                f"a run needs a folder that it may write, {self.path}: {error.strerror}"
            ) from error
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ConfigError(
                    f"one process runs a run, {self.path} is held by {_holder(self.path)}"
                ) from error
            os.ftruncate(handle, 0)
            os.write(handle, str(os.getpid()).encode())
            yield
        finally:
            os.close(handle)

    def running_pid(self) -> int | None:
        """Return the process that holds the run, None when there is none."""
        path = self.path / "lock"
        if not path.is_file():
            return None
        handle = os.open(path, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return int(os.read(handle, 32) or 0)
        finally:
            os.close(handle)
        return None

    def halt(self, *, flatten: bool = False, reason: str = "") -> None:
        """Throw the kill switch."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        write_json(self.halt_file, {"at": now, "flatten": flatten, "reason": reason or "by hand"})

    def halted(self) -> dict[str, Any] | None:
        """Return what the kill switch says, None where it is not thrown; a file of any content halts."""
        try:
            text = self.halt_file.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError:
            return {"flatten": False, "reason": "the kill switch cannot be read"}
        with contextlib.suppress(json.JSONDecodeError):
            found = json.loads(text)
            if isinstance(found, dict):
                return found
        return {"flatten": False, "reason": text.strip() or "by file"}

    def clear(self) -> bool:
        """Take the kill switch back; returns whether it was thrown."""
        try:
            self.halt_file.unlink()
        except FileNotFoundError:
            return False
        return True


def find_run(name: PathLike, root: PathLike = "runs") -> RunFolder:
    """Return a run by its folder, or by its name below `root`.

    Raises:
        DataError: with the nearest names, when there is none.
    """
    for path in (Path(name), Path(root) / str(name)):
        folder = RunFolder(path)
        if folder.exists:
            return folder
    known = [folder.name for folder in list_runs(root)]
    advice = nearest_names(str(name), known) if known else f"there are none in {root}"
    raise DataError(f"there is no run {str(name)!r}; {advice}")


def list_runs(root: PathLike = "runs") -> list[RunFolder]:
    """Return the runs below `root` by name."""
    return [RunFolder(path.parent) for path in sorted(Path(root).glob(f"*/{_RUN}"))]


def write_json(path: Path, value: Any) -> None:
    """Write JSON that appears whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
    sync_folder(path.parent)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: when it is missing or damaged.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} must be a readable JSON file: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} must hold a JSON object, was {type(value).__name__}")
    return value


def _holder(path: Path) -> str:
    with contextlib.suppress(OSError):
        return f"process {(path / 'lock').read_text() or '?'}"
    return "another process"
