"""The short way between a widget and the kernel: a WebSocket on the loopback address.

A message of a widget otherwise passes through Jupyter's server, two queues of the kernel and the busy
indicator of the page, and its answer the same way back: five times as long as the backtest in between. The
front end takes this way only where the page itself comes from this machine, and the usual one wherever it
cannot be opened. Nobody is let in without the address that the kernel told the widget.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from arbkit._typing import FloatArray

__all__ = ["Shortcut", "packed"]

_HERE: Final = "127.0.0.1"
_ORIGIN: Final = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_RECEIVED: Final = 1 << 16
_WORD: Final = 8

Answers = Callable[[Mapping[str, Any]], tuple[dict[str, Any], list[FloatArray]]]


def packed(content: Mapping[str, Any], arrays: Sequence[FloatArray]) -> bytes:
    """Return an answer as one piece.

    Args:
        content: plain values.
        arrays: float64, of the shapes that `content` tells.

    Returns:
        The length of the text as little-endian uint32, the content as JSON, zeros up to a multiple of 8
        bytes, the arrays.
    """
    text = msgspec.json.encode(content)
    filled = -(4 + len(text)) % _WORD
    head = len(text).to_bytes(4, "little") + text + bytes(filled)
    return b"".join([head, *(np.ascontiguousarray(array).data.cast("B") for array in arrays)])


class Shortcut:
    """A door on the loopback address, open until it is closed or the process ends.

    Args:
        answer: answers a message; called in a thread of the shortcut's own.
    """

    def __init__(self, answer: Answers) -> None:
        self._answer = answer
        self._secret = secrets.token_urlsafe(24)
        self._door = socket.create_server((_HERE, 0))
        self._talks: set[socket.socket] = set()
        threading.Thread(target=self._wait, name="arbkit-shortcut", daemon=True).start()

    @property
    def address(self) -> str:
        """Where a front end of this machine finds it."""
        return f"ws://{_HERE}:{self._door.getsockname()[1]}/{self._secret}"

    def close(self) -> None:
        """Close the door, and end all talks."""
        for one in (self._door, *self._talks):
            # A thread that waits on a socket wakes when it is shut, not when it is closed.
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _wait(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                talk, _ = self._door.accept()
                talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._talks.add(talk)
                threading.Thread(target=self._talk, args=(talk,), name="arbkit-talk", daemon=True).start()

    def _talk(self, talk: socket.socket) -> None:
        """Answer one front end, message after message, until it leaves."""
        protocol = ServerProtocol()
        with contextlib.suppress(OSError), contextlib.ExitStack() as ends:
            ends.enter_context(talk)
            ends.callback(self._talks.discard, talk)
            while data := talk.recv(_RECEIVED):
                protocol.receive_data(data)
                for event in protocol.events_received():
                    self._meet(protocol, event)
                for piece in protocol.data_to_send():
                    if piece:
                        talk.sendall(piece)
                    else:
                        talk.shutdown(socket.SHUT_WR)

    def _meet(self, protocol: ServerProtocol, event: Any) -> None:
        if isinstance(event, Request):
            known = secrets.compare_digest(event.path.encode(), f"/{self._secret}".encode())
            local = all(_ORIGIN.fullmatch(origin) for origin in event.headers.get_all("Origin"))
            response = protocol.accept(event) if known and local else protocol.reject(403, "not for you\n")
            protocol.send_response(response)
        elif event.opcode is Opcode.TEXT:
            try:
                message = msgspec.json.decode(event.data, type=dict[str, Any])
            except msgspec.DecodeError:
                protocol.fail(1007, "a message is a JSON object")
            else:
                protocol.send_binary(packed(*self._answer(message)))
