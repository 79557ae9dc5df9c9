"""Lines of raw recordings."""

from __future__ import annotations

import pytest

from arbkit.data.ingest.raw_lines import RawLine, read_line
from arbkit.errors import DataError


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'1723161253937085768 {"a":1}', RawLine(1723161253937085768, b'{"a":1}')),
        (b'1723161253937 {"a":1}', RawLine(1723161253937000000, b'{"a":1}')),
        (b'1633998512.0633569: {"a":1}', RawLine(1633998512063356900, b'{"a":1}')),
        (b"1618678263.105828: b'{\"a\":1}'", RawLine(1618678263105828000, b'{"a":1}')),
        (b'1618678263: b\'{"a":"\\xec\\x97\\x90"}\'', RawLine(1618678263000000000, '{"a":"에"}'.encode())),
        (
            b'https://x/depth?symbol=nknusdt&limit=9 -> 1633998512.32: {"b":2}',
            RawLine(1633998512320000000, b'{"b":2}', "NKNUSDT"),
        ),
        (b'{"a":1}', RawLine(None, b'{"a":1}')),
        (b"wss://stream.binance.com <-> 1633998511.1", None),
        (b"wss://api.upbit.com/websocket/v1 <- 1618678262.6: [{}]", None),
        (b'configuration: {"trades":[]}', None),
    ],
)
def test_every_known_shape(line: bytes, expected: RawLine | None) -> None:
    assert read_line(line) == expected


@pytest.mark.parametrize("line", [b"hello world", b"12:30 {}", b"1.2.3: {}", b"1618678263: b'\\x"])
def test_unknown_shape_is_a_data_error(line: bytes) -> None:
    with pytest.raises(DataError):
        read_line(line)


def test_receive_time_beyond_64_bits_is_a_data_error() -> None:
    with pytest.raises(DataError, match="2262"):
        read_line(b"99999999999999999999 {}")
