"""`params.yaml`: what a paper run takes, the same bytes every time, checked when it is read."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from arbkit._typing import PathLike
from arbkit.config import PARAM_NAMES, GuardLimits, Params
from arbkit.decision.envelope import Envelope
from arbkit.errors import ConfigError, DataError

if TYPE_CHECKING:
    from arbkit.decision.result import Decision

__all__ = ["FORMAT", "VERSION", "DecidedParams", "load_decision", "text_of", "write_params"]

FORMAT: Final = "arbkit-decision"
VERSION: Final = 1
_CHECKSUM: Final = "checksum: "
_KEYS: Final = (
    "format",
    "version",
    "verdict",
    "sentence",
    "study",
    "dataset",
    "valid_until",
    "config",
    "guard",
    "envelope",
    "per_day",
    "canary",
)
_VERDICTS: Final = ("supported", "not supported", "too short")


@dataclass(frozen=True)
class DecidedParams:
    """What a `params.yaml` holds, read and checked.

    Attributes:
        path: the file.
        verdict: `supported`, `not supported` or `too short`.
        sentence: what the validation said.
        study: name, storage (without password) and trials of the study, and the version of arbkit.
        dataset: fingerprint of the panel, legs, currency, first time.
        params: the parameters, the guard block among them.
        reference: the fair ratio that they are measured from.
        scale: how the volatility shrinks the position, "none" where it does not.
        market: how their data were read: the data options of `arbkit backtest`, by name.
        guard: the guard block.
        guard_tuned: whether the search itself ran with the guard block.
        envelope: the conditions that training showed.
        per_day: `in_sample` and `out_of_sample`, each with `mean`, `low` and `high` per day, in `currency`,
            of trades of `of_notional_usd`.
        canary: size, days and worst cost of the smallest canary, or None.
        valid_until: after this the parameters are stale.
    """

    path: Path
    verdict: str
    sentence: str
    study: Mapping[str, Any]
    dataset: Mapping[str, Any]
    params: Params
    reference: str
    scale: str
    market: Mapping[str, Any]
    guard: GuardLimits
    guard_tuned: bool
    envelope: Envelope
    per_day: Mapping[str, Any]
    canary: Mapping[str, Any] | None
    valid_until: dt.datetime

    @property
    def supported(self) -> bool:
        """Whether the data supported the set."""
        return self.verdict == "supported"


def text_of(decision: Decision) -> str:
    """Return the text of `params.yaml`; the same decision gives the same bytes.

    Raises:
        ConfigError: when there is no set to write.
    """
    if decision.config is None or decision.guard is None or decision.envelope is None:
        raise ConfigError(
            f"`params.yaml` holds a chosen set, and {decision.study!r} has none: {decision.sentence}"
        )
    guard = decision.guard
    document = {
        "format": FORMAT,
        "version": VERSION,
        "verdict": decision.status,
        "sentence": decision.sentence,
        "study": {
            "name": decision.study,
            "storage": decision.storage,
            "trials": decision.trials,
            "trial": decision.rivals[0].number,
            "arbkit": decision.arbkit_version,
        },
        "dataset": dict(decision.dataset),
        "valid_until": _iso(decision.valid_until_ns),
        "config": dict(decision.config),
        "guard": {
            "tuned": guard.tuned,
            "refused_in_training": guard.refused,
            "pnl_change_in_training_usd": guard.pnl_change_usd,
            "limits": guard.limits.to_dict(),
        },
        "envelope": decision.envelope.to_dict(),
        "per_day": {
            "of_notional_usd": decision.studied_usd,
            "currency": decision.currency,
        }
        | {
            name: _per_day(decision, part)
            for name, part in (("in_sample", "training"), ("out_of_sample", "out_of_sample"))
        },
        "canary": None if decision.canary is None else _canary(decision),
    }
    head = (
        f"# Made by `arbkit study decide {decision.study} --params FILE`. Make it anew rather than edit it:\n"
        "# the last line is a checksum of all lines before it.\n"
    )
    body = head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return f"{body}{_CHECKSUM}{_digest(body)}\n"


def _per_day(decision: Decision, name: str) -> dict[str, Any]:
    part = decision.part(name)
    return {"mean": part.per_day_usd, "low": part.low_usd, "high": part.high_usd}


def _canary(decision: Decision) -> dict[str, Any]:
    canary = decision.canary
    assert canary is not None
    return {
        "notional_usd": canary.notional_usd,
        "days": canary.days,
        "expected_usd": canary.expected_usd,
        "worst_usd": canary.worst_usd,
    }


def write_params(decision: Decision, path: PathLike) -> Path:
    """Write `params.yaml`, which appears whole or not at all.

    Raises:
        ConfigError: when there is no set to write, or the file cannot be written.
    """
    text, target = text_of(decision), Path(path)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise ConfigError(
            f"the file of parameters must be writable, was {str(target)!r}: {error.strerror}"
        ) from error
    return target


def load_decision(path: PathLike, *, at: dt.datetime | None = None, stale: bool = False) -> DecidedParams:
    """Read `params.yaml` and check it.

    A set that the data do not support is read like any other; a `UserWarning` says that it is not.

    Args:
        path: the file.
        at: the time at which it is to be valid; now, by default.
        stale: read it even if its time has passed.

    Raises:
        ConfigError: when the file is missing or holds something else.
        DataError: when it was edited, cut off, or its time has passed.
    """
    file = Path(path)
    values = _checked(file, _read(file))
    try:
        made = _made(file, values)
    except (ConfigError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} is no whole file of decided parameters: {error}") from error
    now = dt.datetime.now(dt.UTC) if at is None else at.astimezone(dt.UTC)
    if now > made.valid_until and not stale:
        raise DataError(
            f"parameters must be used while they are valid, those of {str(file)!r} were until "
            f"{made.valid_until:%Y-%m-%d %H:%M} UTC; decide again on newer data"
        )
    if not made.supported:
        warnings.warn(f"{file}: {made.verdict}: {made.sentence}", UserWarning, stacklevel=2)
    return made


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"a file of decided parameters must exist, {str(file)!r} does not") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"a file of decided parameters must be readable text, {str(file)!r} is not"
        ) from error


def _checked(file: Path, text: str) -> dict[str, Any]:
    """Return the document of a file whose checksum holds."""
    if f"format: {FORMAT}\n" not in text:
        raise ConfigError(
            f"a file of decided parameters is made by `arbkit study decide STUDY --params FILE`, "
            f"{str(file)!r} was not"
        )
    body, found, digest = text.rpartition(_CHECKSUM)
    if not found or digest != f"{_digest(body)}\n":
        raise DataError(
            f"{file} was edited or cut off after it was written: its checksum does not fit; "
            "make it again with `arbkit study decide STUDY --params FILE`"
        )
    try:
        values = yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise DataError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict) or values.get("version") != VERSION:
        found_version = values.get("version") if isinstance(values, dict) else None
        raise ConfigError(f"{file} must be of version {VERSION}, was {found_version!r}; decide again")
    missing = [key for key in _KEYS if key not in values]
    if missing:
        raise DataError(f"{file} is no whole file of decided parameters: it lacks {', '.join(missing)}")
    return values


def _made(file: Path, values: Mapping[str, Any]) -> DecidedParams:
    config = dict(values["config"])
    params = Params.from_dict({name: config.pop(name) for name in list(config) if name in PARAM_NAMES})
    limits = GuardLimits.from_dict(values["guard"]["limits"])
    if params.guard != limits:
        raise ConfigError("`config.guard` and `guard.limits` must be the same")
    if values["verdict"] not in _VERDICTS:
        raise ConfigError(f"`verdict` must be one of {', '.join(_VERDICTS)}, was {values['verdict']!r}")
    return DecidedParams(
        path=file,
        verdict=str(values["verdict"]),
        sentence=str(values["sentence"]),
        study=values["study"],
        dataset=values["dataset"],
        params=params,
        reference=str(config.pop("reference")),
        scale=str(config.pop("scale", "none")),
        market=config,
        guard=limits,
        guard_tuned=bool(values["guard"]["tuned"]),
        envelope=Envelope.from_dict(values["envelope"]),
        per_day=values["per_day"],
        canary=values["canary"],
        valid_until=dt.datetime.fromisoformat(str(values["valid_until"])),
    )


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _iso(stamp_ns: int) -> str:
    return dt.datetime.fromtimestamp(stamp_ns // 10**9, dt.UTC).isoformat()
