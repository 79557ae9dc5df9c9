"""Lines of raw recordings: when a message was received, and the message.

Known shapes:

    1723161253937085768 {"stream": ...}               local time in ns (or us, ms), a space, JSON
    1633998512.0633569: {"stream": ...}               receive time in seconds, a colon, JSON
    1618678263.105828: b'{"ty": ...}'                 the same, bytes as Python prints them
    https://... -> 1633998512.320639: {"lastUpdateId": ...}    a REST answer
    {"stream": ...}                                   JSON alone, no receive time

Lines of the recorder itself (connections, subscriptions, its configuration) carry no message.
"""

from __future__ import annotations

import ast
import re
from typing import Final, NamedTuple

from arbkit.errors import DataError
from arbkit.units import SECOND_NS
from arbkit.wire.upbit import stamp_ns

__all__ = ["RawLine", "read_line"]

_END_OF_TIME: Final = 2**63  # in ns, the year 2262
_ANSWER: Final = re.compile(rb"(https?://\S+) -> (\d+(?:\.\d+)?): ?(.*)", re.DOTALL)
_RECORDER: Final = re.compile(rb"(?:wss?://\S+ (?:<->|<-|->) )|configuration: ")
_SYMBOL: Final = re.compile(r"[?&]symbol=([^&\s]+)")


class RawLine(NamedTuple):
    """One recorded message; `symbol` is the one named in the address of a REST answer."""

    ts_recv: int | None
    payload: bytes
    symbol: str = ""


def read_line(line: bytes) -> RawLine | None:
    """Split a line into receive time and message; None for the recorder's own lines.

    Raises:
        DataError: when the line has none of the known shapes.
    """
    found = _split(line)
    if found is not None and found.ts_recv is not None and found.ts_recv >= _END_OF_TIME:
        raise DataError(f"a receive time must lie before the year 2262, was {found.ts_recv} ns")
    return found


def _split(line: bytes) -> RawLine | None:
    head, space, payload = line.partition(b" ")
    if space and head.isdigit():
        return RawLine(stamp_ns(int(head)), payload)
    if space and head.endswith(b":") and (stamp := _seconds(head[:-1])) is not None:
        return RawLine(stamp, _unprint(payload))
    if line.startswith((b"{", b"[")):
        return RawLine(None, line)
    if (answer := _ANSWER.match(line)) is not None:
        symbol = _SYMBOL.search(answer[1].decode("utf-8", "replace"))
        return RawLine(_seconds(answer[2]), answer[3], symbol[1].upper() if symbol else "")
    if _RECORDER.match(line):
        return None
    raise DataError("a line must be a receive time and a JSON message")


def _seconds(text: bytes) -> int | None:
    """Seconds as decimal text to ns, exactly: a float would lose the last hundred."""
    whole, _, part = text.partition(b".")
    if not whole.isdigit() or (part and not part.isdigit()):
        return None
    return int(whole) * SECOND_NS + int((part or b"0")[:9].ljust(9, b"0"))


def _unprint(payload: bytes) -> bytes:
    """Undo Python's way of printing bytes: b'...'."""
    if not payload.startswith((b"b'", b'b"')):
        return payload
    if b"\\" not in payload:
        return payload[2:-1]
    try:
        return bytes(ast.literal_eval(payload.decode()))
    except (ValueError, SyntaxError, UnicodeDecodeError) as error:
        raise DataError(f"bytes as Python prints them must be complete: {error}") from error
