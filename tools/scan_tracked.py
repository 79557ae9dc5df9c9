"""Refuse what must not be committed: `scan_tracked.py secrets|size [FILE ...]`.

`secrets` looks for things shaped like keys, for paths of one person's machine and for what a merge has left
undecided, `size` for files above the limit. Without files, all tracked ones.
The exit code is 1 where something was found.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

SIZE_LIMIT: Final = 500_000

#: What is looked for, by the name shown. Parts are written so that this file does not match itself.
SECRETS: Final = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE " + "KEY-----"),
    "an access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "an access token": re.compile(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|xox[abprs]-[A-Za-z0-9-]{20,}|sk-[A-Za-z0-9]{32,})\b"
    ),
    "a key or secret": re.compile(
        r"(?i)\b(?:api|access|secret|private)[_-]?(?:key|secret|token)\b['\"]?\s*[:=]\s*['\"]?[A-Za-z0-9+/_-]{24,}"
    ),
    "a path of one machine": re.compile(
        r"(?<![\w.:/-])/(?:work|root|home/[a-z]|Users/[A-Za-z])" + r"[/\w.-]*"
    ),
    "a mark of a merge": re.compile(r"^(?:<{7}|>{7}) "),
    "an address with a password": re.compile(
        r"\b[a-z][a-z0-9+]*://[^\s:/@]+:(?!PASSWORD@|secret@)[^\s/@{}$<]{6,}@"
    ),
}


def secrets_in(path: Path) -> Iterator[str]:
    """Yield one line per find in a text file; binary files have none."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        for name, pattern in SECRETS.items():
            if found := pattern.search(line):
                yield f"{path}:{number}: {name}: {found[0][:12]}..."


def oversize(path: Path) -> Iterator[str]:
    """Yield one line when the file is larger than a repository should hold."""
    size = path.stat().st_size
    if size > SIZE_LIMIT:
        yield f"{path}: {size / 1000:,.0f} kB, the limit is {SIZE_LIMIT / 1000:,.0f} kB"


CHECKS: Final[dict[str, Callable[[Path], Iterator[str]]]] = {"secrets": secrets_in, "size": oversize}


def tracked() -> list[Path]:
    """Return the tracked files that exist."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := Path(name)).is_file()]


def main(arguments: Sequence[str]) -> int:
    """Check the named or all tracked files; 0 when clean, 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    found = [line for path in options.files or tracked() for line in CHECKS[options.check](path)]
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
