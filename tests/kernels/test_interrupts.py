"""Ctrl-C during compilation: never in the middle of a pass, never lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import numba
import pytest
from numba.core import event

import arbkit.kernels  # noqa: F401 - what is tested begins with this import


class Interrupting(event.Listener):  # type: ignore[misc]
    """Presses Ctrl-C in a pass of the compiler, and writes down what it sees."""

    def __init__(self, name: str, times: int = 1) -> None:
        self.name, self.times = name, times
        self.seen: list[str] = []

    def on_start(self, event: Any) -> None:
        self.seen.append(event.data["name"])
        if self.name in event.data["name"]:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)
                self.seen.append("pressed")

    def on_end(self, event: Any) -> None:
        self.seen.append("end")


@pytest.fixture
def handler() -> Iterator[Any]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def new_function() -> Any:
    @numba.njit
    def twice(x: float) -> float:
        return x + x

    return twice


def test_ctrl_c_waits_for_the_end_of_a_pass(handler: Any) -> None:
    pressing, function = Interrupting("native_lowering"), new_function()

    with event.install_listener("numba:run_pass", pressing), pytest.raises(KeyboardInterrupt):
        function(1.5)

    assert pressing.seen[-1] == "pressed"
    assert "native_lowering" in pressing.seen[-2]
    assert signal.getsignal(signal.SIGINT) is handler
    assert function(1.5) == 3.0


def test_a_second_ctrl_c_counts_at_once(handler: Any) -> None:
    pressing = Interrupting("native_lowering", times=2)

    with event.install_listener("numba:run_pass", pressing), pytest.raises(KeyboardInterrupt):
        new_function()(1.5)

    assert pressing.seen[-2:] == ["pressed", "end"]
    assert pressing.seen.count("pressed") == 1
    assert signal.getsignal(signal.SIGINT) is handler


def test_ctrl_c_while_nothing_is_compiled_is_not_touched(handler: Any) -> None:
    function = new_function()
    function(1.5)

    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert function(2.0) == 4.0


def test_a_program_that_ignores_ctrl_c_still_does() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with event.install_listener("numba:run_pass", Interrupting("native_lowering")):
            assert new_function()(1.5) == 3.0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
