"""No key, no machine's path, no large file is tracked; and the scan can see one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FINDS = {
    "a private key": "-----BEGIN RSA PRIVATE " + "KEY-----",
    "an access key": "AKIA" + "ABCDEFGHIJKLMNOP",
    "an access token": "ghp_" + "a1B2" * 9,
    "a key or secret": "api_key = '" + "q7" * 16 + "'",
    "a path of one machine": "open('" + "/ro" + "ot/data/x.csv')",
    "a mark of a merge": "<" * 7 + " HEAD",
    "an address with a password": "postgresql" + "://desk:" + "hunter22@db/arbkit",
}


def scan(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/scan_tracked.py", *arguments]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("check", ["secrets", "size"])
def test_tracked_files_are_clean(repository: Path, check: str) -> None:
    done = scan(repository, check)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", FINDS)
def test_scan_finds(repository: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sample.py"
    path.write_text(f"fine = 1\n{FINDS[kind]}\n")
    done = scan(repository, "secrets", str(path))
    assert done.returncode == 1
    assert f"sample.py:2: {kind}" in done.stderr


def test_scan_passes_what_only_looks_similar(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "sample.py"
    lines = [
        "api_key: str = Field()",
        "url = 'https://host/work/page'",
        "path = 'sqlite:///studies/a.db'",
        "usage = 'postgresql://USER:PASSWORD@HOST/DB'",
    ]
    path.write_text("\n".join(lines))
    assert scan(repository, "secrets", str(path)).returncode == 0


def test_scan_refuses_a_large_file(repository: Path, tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    path.write_bytes(b"\0" * 500_001)
    done = scan(repository, "size", str(path))
    assert done.returncode == 1
    assert "the limit is 500 kB" in done.stderr
