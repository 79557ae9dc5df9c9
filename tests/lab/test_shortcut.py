"""The short way to the kernel, over a real socket of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import arbkit
from arbkit import lab
from arbkit.lab.desk import Desk
from arbkit.lab.shortcut import Shortcut

HERE: Any = "http://localhost:8888"


@pytest.fixture
def desk(panel: arbkit.Panel, params: arbkit.Params) -> Desk:
    return Desk(panel, params)


@pytest.fixture
def shortcut(desk: Desk) -> Iterator[Shortcut]:
    opened = Shortcut(desk.answer)
    yield opened
    opened.close()


def unpacked(data: bytes) -> tuple[dict[str, Any], list[np.ndarray[Any, Any]]]:
    length = int.from_bytes(data[:4], "little")
    content = json.loads(data[4 : 4 + length])
    numbers, arrays = np.frombuffer(data, offset=-(-(4 + length) // 8) * 8), []
    for rows, columns in content.get("shapes", []):
        arrays.append(numbers[: rows * columns].reshape(rows, columns))
        numbers = numbers[rows * columns :]
    assert numbers.size == 0
    return content, arrays


def test_picture_is_the_same_by_either_way(shortcut: Shortcut, desk: Desk) -> None:
    with connect(shortcut.address, origin=HERE) as talk:
        for number in (1, 2):
            asked = {"kind": "draw", "id": number, "pixels": 300}
            talk.send(json.dumps(asked))
            content, arrays = unpacked(talk.recv())
            expected, others = desk.answer(asked)
            del content["ms"], expected["ms"]
            assert content == json.loads(json.dumps(expected))
            for one, other in zip(arrays, others, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "http://localhost.example"])
def test_pages_of_other_machines_are_refused(shortcut: Shortcut, origin: Any) -> None:
    with pytest.raises(InvalidStatus), connect(shortcut.address, origin=origin):
        pass


def test_nobody_enters_without_the_address(shortcut: Shortcut) -> None:
    with pytest.raises(InvalidStatus), connect(shortcut.address[:-1], origin=HERE):
        pass


def test_talk_ends_where_a_message_is_none(shortcut: Shortcut) -> None:
    with connect(shortcut.address, origin=HERE) as talk:
        talk.send("no message")
        with pytest.raises(ConnectionClosed):
            talk.recv()
    with connect(shortcut.address, origin=HERE):
        pass


def test_widget_tells_the_address_and_closes_the_door(panel: arbkit.Panel, params: arbkit.Params) -> None:
    widget = lab.explore(panel, params)
    sent: list[dict[str, Any]] = []
    widget.send = lambda content, buffers=None: sent.append(content)
    for _ in range(2):
        widget._on_message(widget, {"kind": "shortcut"}, [])
    assert sent[0] == sent[1]
    with connect(sent[0]["address"], origin=HERE) as talk:
        widget.close()
        with pytest.raises(ConnectionClosed):
            talk.recv()
    with pytest.raises(ConnectionError):
        connect(sent[0]["address"], origin=HERE)
