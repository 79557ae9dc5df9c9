"""The index of a panel, kept in a file beside it.

The file is a header of 4,096 bytes and the bounds. It is used only when everything the header says agrees
with the panel it is wanted for, its size is right, and the checksum of the bounds holds; in any other case
(cut off, damaged, of another panel, of another layout) it is built again.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import secrets
from pathlib import Path
from typing import Any, Final

import numpy as np

from arbkit.kernels.index import (
    FAN,
    LAYOUT,
    N_FAIR,
    N_PLAIN,
    Index,
    finish_index,
    index_rows,
    index_size,
)
from arbkit.kernels.market import Market
from arbkit.panel.mapped import checksum_of, mapped_array, release_rows

__all__ = ["INDEX_FILE", "STORED_FROM", "built_index", "read_index", "stored_index", "write_index"]

INDEX_FILE: Final = "index.bin"
#: Rows from which reading an index is quicker than building it.
STORED_FROM: Final = 100_000
_MAGIC: Final = "arbkit index"
_HEADER: Final = 4096
#: Rows indexed at a time, a multiple of the fan-out: 170 MB of prices.
_PART: Final = 1 << 22


def built_index(market: Market) -> Index:
    """Build the index of a panel in memory."""
    return _filled(market, np.empty(_shape(market), np.float32))


def stored_index(market: Market, path: Path, identity: str) -> Index:
    """Return the index of a stored panel: mapped from its file, which is made again where it does not fit.

    Args:
        market: arrays of the panel.
        path: where the file is, or will be.
        identity: of the panel's numbers; a file with another one belongs to another panel.
    """
    if market.ts.size < STORED_FROM:
        return built_index(market)
    found = read_index(market, path, identity)
    if found is not None:
        return found
    try:
        write_index(market, path, identity)
    except OSError:  # A folder that cannot be written to, or a full disk: memory will do.
        return built_index(market)
    return read_index(market, path, identity) or built_index(market)


def read_index(market: Market, path: Path, identity: str) -> Index | None:
    """Return the index in a file, or None where it is not one of this panel, whole and undamaged."""
    try:
        with path.open("rb") as stream:
            header = json.loads(stream.read(_HEADER))
        if not _fits(header, market, identity):
            return None
        bounds = mapped_array(path, np.float32, _shape(market), offset=_HEADER)
    except (OSError, ValueError):
        return None
    if checksum_of(bounds) != header["checksum"]:
        return None
    offsets = index_size(max(1, market.ts.size))
    return Index(bounds, offsets, int(header["first"]), int(header["last"]), _signal(market))


def write_index(market: Market, path: Path, identity: str) -> None:
    """Build the index into a file, which appears whole or not at all; memory holds none of it.

    Raises:
        OSError: when the file cannot be written.
    """
    shape = _shape(market)
    size = _HEADER + int(np.prod(shape)) * 4
    staged = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        with staged.open("w+b") as stream:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(stream.fileno(), 0, size)
            else:  # pragma: no cover - where a full disk cannot be found out beforehand
                stream.truncate(size)
            with contextlib.closing(mmap.mmap(stream.fileno(), size)) as content:
                _fill(content, market, identity, shape)
            os.fsync(stream.fileno())
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)


def _fill(content: mmap.mmap, market: Market, identity: str, shape: tuple[int, int]) -> None:
    bounds = np.frombuffer(content, np.float32, offset=_HEADER).reshape(shape)
    index = _filled(market, bounds)
    header = _expected(market, identity) | {
        "first": index.first,
        "last": index.last,
        "checksum": checksum_of(index.bounds),
    }
    text = json.dumps(header).encode()
    del bounds, index  # The map cannot be closed while an array looks into it.
    content[: len(text)] = text
    content[len(text) : _HEADER] = b" " * (_HEADER - len(text))


def _filled(market: Market, bounds: Any) -> Index:
    """Build the index into an array; what is handed out is read-only, as a mapped one is.

    The rows are taken in parts, so that a mapped panel is never in memory as a whole.
    """
    rows = market.ts.size
    offsets = index_size(max(1, rows))
    for start in range(0, rows, _PART):
        stop = min(start + _PART, rows)
        index_rows(market, start, stop, bounds)
        for array in (
            market.bid_a, market.ask_a, market.bid_b, market.ask_b, market.tradable, market.fair
        ):  # fmt: skip
            release_rows(array, start, stop)
    first, last = finish_index(market, offsets, bounds)
    frozen = bounds.view()
    frozen.flags.writeable = False
    return Index(frozen, offsets, int(first), int(last), _signal(market))


def _shape(market: Market) -> tuple[int, int]:
    return N_FAIR if market.fair.size else N_PLAIN, int(index_size(max(1, market.ts.size))[-1])


def _signal(market: Market) -> int:
    return N_PLAIN if market.fair.size else 0


def _expected(market: Market, identity: str) -> dict[str, Any]:
    """Return what the header of this panel's index says, but for what is found while building."""
    return {
        "magic": _MAGIC,
        "layout": LAYOUT,
        "fan": FAN,
        "identity": identity,
        "rows": int(market.ts.size),
        "dtype": "<f4",
        "shape": list(_shape(market)),
        "offsets": index_size(max(1, market.ts.size)).tolist(),
    }


def _fits(header: Any, market: Market, identity: str) -> bool:
    """Tell whether a header is one of this panel; its own fields must make sense too."""
    if not isinstance(header, dict):
        return False
    expected = _expected(market, identity)
    if any(header.get(name) != value for name, value in expected.items()):
        return False
    first, last = header.get("first"), header.get("last")
    if not (isinstance(first, int) and isinstance(last, int) and isinstance(header.get("checksum"), str)):
        return False
    return (first, last) == (0, -1) or 0 <= first <= last < market.ts.size
