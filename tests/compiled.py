"""Where the tests keep compiled kernels: outside, so that a fresh checkout compiles only what is new."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

_DAYS = 14.0


def keep_kernels() -> Path:
    """Name the folder for this process and those that it starts; `NUMBA_CACHE_DIR` names another one."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.setdefault("NUMBA_CACHE_DIR", str(home / "arbkit-tests" / "kernels")))


def forget_old_kernels(folder: Path, days: float = _DAYS) -> None:
    """Remove versions of kernels to which nothing was added for long."""
    since = time.time() - days * 86_400
    for version in folder.glob("*_*") if folder.is_dir() else ():
        if version.stat().st_mtime < since:
            shutil.rmtree(version, ignore_errors=True)
