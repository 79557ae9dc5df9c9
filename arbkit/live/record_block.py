"""The keys `record` and `warm_up` of a live configuration: where books go, and where earlier ones are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from arbkit.errors import ConfigError
from arbkit.live._reading import Block
from arbkit.units import DAY_NS, HOUR_NS, SECOND_NS

__all__ = ["RecordConfig", "record_config", "warm_up_source"]

_KEYS: Final = ("to", "flush", "rotate")


@dataclass(frozen=True)
class RecordConfig:
    """Where the books of a run are recorded, how often they are made safe, how much time a file holds."""

    to: Path
    flush_ns: int = 5 * SECOND_NS
    rotate_ns: int = HOUR_NS


def record_config(values: Any) -> RecordConfig | None:
    """Read the key `record`: the folder of a dataset, or a block; None where there is none.

    Raises:
        ConfigError: when it breaks a rule.
    """
    if values is None:
        return None
    block = Block("record", {"to": values} if isinstance(values, str) else values, _KEYS)
    found = RecordConfig(
        Path(block.text("to")),
        block.duration("flush", 5 * SECOND_NS, above=True),
        block.duration("rotate", HOUR_NS, above=True),
    )
    if found.rotate_ns > DAY_NS:
        raise ConfigError("`record.rotate` must be at most a day")
    return found


def warm_up_source(values: Any, folder: Path, record: RecordConfig | None) -> Path | None:
    """Read the key `warm_up`: a dataset, or false for none; by default the one that the run records to.

    Args:
        values: as read; None where it is not given.
        folder: what a relative path starts from where there is no such folder here.
        record: the key `record`.

    Raises:
        ConfigError: when it is neither a path nor false.
    """
    if values is None:
        return None if record is None else record.to
    if values is False:
        return None
    if not isinstance(values, str) or not values.strip():
        raise ConfigError(f"`warm_up` must be the folder of a dataset, or false for none, was {values!r}")
    given = Path(values)
    return given if given.is_absolute() or given.exists() else folder / given
