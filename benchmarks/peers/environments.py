"""One environment per peer, made by uv from its pins when they changed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["PeerError", "environment"]

_HERE: Final = Path(__file__).parent
_INSTALL_S: Final = 900


class PeerError(Exception):
    """A peer cannot be installed or does not run."""


def environment(name: str, folder: Path = _HERE / ".environments") -> Path:
    """Return the interpreter of a peer, installing what `NAME.txt` pins into an environment of its own.

    Raises:
        PeerError: with the last line of what the installer said.
    """
    pins = _HERE / f"{name}.txt"
    home = folder / name
    python, stamp = home / "bin" / "python", home / ".installed"
    wanted = hashlib.sha256(pins.read_bytes()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    uv = Path(sys.executable).with_name("uv")
    _run([str(uv), "venv", "--quiet", "--python", sys.executable, str(home)])
    _run([str(uv), "pip", "install", "--quiet", "--python", str(python), "-r", str(pins)])
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_INSTALL_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"cannot be installed: {error}") from error
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise PeerError(f"cannot be installed: {said[-1].strip()}")
