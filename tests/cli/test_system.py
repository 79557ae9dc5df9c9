"""What the system refuses is one line that says what is wrong and what to do."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from arbkit.cli._system import system_refusal
from arbkit.cli.main import main


def refused(number: int, *names: str) -> str | None:
    return system_refusal(OSError(number, os.strerror(number), *names))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "pair.csv: permission denied; change its permissions, or name another place"),
        (errno.EROFS, "pair.csv: the file system is read-only; name a place that can be written"),
        (errno.EISDIR, "pair.csv: it is a folder and no file; name a file"),
        (errno.EMFILE, "pair.csv: too many files are open; raise the limit with `ulimit -n 4096`"),
        (errno.EXDEV, "pair.csv: invalid cross-device link; see what the system says of it"),
    ],
)
def test_a_refusal_names_what_is_wrong_and_what_to_do(number: int, said: str) -> None:
    assert refused(number, "pair.csv") == said


def test_a_disk_that_is_full_has_no_name_and_libraries_speak_as_rust_does() -> None:
    with (
        pytest.raises(OSError, match="No space") as caught,
        Path("/dev/full").open("wb", buffering=0) as file,
    ):
        file.write(b"x")
    assert str(system_refusal(caught.value)).startswith("the disk is full; make room")
    said = system_refusal(RuntimeError("could not write: No space left on device (os error 28)"))
    assert str(said).startswith("the disk is full")


def test_another_error_is_none_of_the_system() -> None:
    assert system_refusal(ValueError("no")) is None
    assert system_refusal(OSError("no number")) is None


def test_a_command_that_is_refused_a_place_ends_with_1_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    for debug in ("", "1"):
        monkeypatch.setenv("ARBKIT_DEBUG", debug)
        assert main(["data", "synth", "demo", "--out", str(tmp_path / "file" / "x")]) == 1
        err = capsys.readouterr().err
        said = f"error: {tmp_path}/file/x: a part of the path is a file and no folder; name another place\n"
        assert err == said if not debug else err.startswith("Traceback") and err.endswith(said)
