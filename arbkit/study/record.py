"""What a study keeps about itself, so that it can be repeated and checked."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import arbkit
from arbkit.errors import StudyError

__all__ = ["StudyRecord", "code_version"]

_PREFIX: Final = "arbkit:"


@dataclass(frozen=True)
class StudyRecord:
    """Everything that decides the trials of a study.

    Attributes:
        seed: the seed of the spec.
        dataset_fingerprint: fingerprint of the whole panel the study reads.
        spec: the spec as plain values, with what the command line changed.
        arbkit_version: version of the package that made the study.
        code_version: the commit in a checkout, else a hash over the package's files.
        created: when, ISO text in UTC.
        n_trials: how many trials the study is to have.
        command: the shell command that makes the same study again.
    """

    seed: int
    dataset_fingerprint: str
    spec: dict[str, Any]
    arbkit_version: str
    code_version: str
    created: str
    n_trials: int
    command: str

    @classmethod
    def make(cls, spec: dict[str, Any], fingerprint: str, n_trials: int, command: str) -> StudyRecord:
        """Record a study that begins now, with this code."""
        return cls(
            seed=int(spec["seed"]),
            dataset_fingerprint=fingerprint,
            spec=spec,
            arbkit_version=arbkit.__version__,
            code_version=code_version(),
            created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            n_trials=n_trials,
            command=command,
        )

    def to_attrs(self) -> dict[str, Any]:
        """Return the user attributes of the Optuna study that hold this record."""
        return {f"{_PREFIX}{name}": value for name, value in vars(self).items()}

    def check_fingerprint(self, fingerprint: str) -> None:
        """Refuse data other than those the study began with.

        Raises:
            StudyError: showing both fingerprints.
        """
        if fingerprint != self.dataset_fingerprint:
            raise StudyError(
                f"a study must go on with the data it began with, {self.spec['name']!r} began with "
                f"fingerprint {self.dataset_fingerprint} and the data now have {fingerprint}; "
                "restore them, or run a new study"
            )

    @classmethod
    def from_attrs(cls, name: str, attrs: Mapping[str, Any]) -> StudyRecord:
        """Read the record back.

        Raises:
            StudyError: when the study was not made by arbkit.
        """
        found = {key.removeprefix(_PREFIX): value for key, value in attrs.items() if key.startswith(_PREFIX)}
        names = cls.__dataclass_fields__
        missing = [item for item in names if item not in found]
        if missing:
            raise StudyError(
                f"a study must have been made by arbkit, {name!r} lacks its record ({', '.join(missing)})"
            )
        return cls(**{item: found[item] for item in names})


@functools.cache
def code_version() -> str:
    """Return "git:COMMIT" (with "+changes" when files differ from it), else "files:HASH" of the package."""
    package = Path(arbkit.__file__).resolve().parent
    if (package.parent / ".git").exists():
        commit = _git(package, "rev-parse", "--short=12", "HEAD")
        changed = _git(package, "status", "--porcelain", "--untracked-files=no", "--", str(package))
        if commit:
            return f"git:{commit}{'+changes' if changed else ''}"
    digest = hashlib.sha256()
    for file in sorted(package.rglob("*.py")):
        digest.update(file.relative_to(package).as_posix().encode())
        digest.update(file.read_bytes())
    return f"files:{digest.hexdigest()[:16]}"


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
