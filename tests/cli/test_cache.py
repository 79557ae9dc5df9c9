"""`arbkit cache` from the shell."""

from __future__ import annotations

import json

from arbkit.cli.main import main
from arbkit.data.cache import cache_key, cached_path


def test_an_empty_cache_says_so(capsys):
    assert main(["cache", "ls"]) == 0
    assert "nothing is cached" in capsys.readouterr().out


def test_cached_files_are_listed_then_cleared(capsys):
    cached_path("panels", cache_key(1)).write_bytes(b"x" * 2000)
    assert main(["cache", "ls", "--json"]) == 0
    assert [item["kind"] for item in json.loads(capsys.readouterr().out)["files"]] == ["panels"]
    assert main(["cache", "ls"]) == 0
    assert "2.0 kB" in capsys.readouterr().out
    assert main(["cache", "clear"]) == 0
    assert "removed 1 files" in capsys.readouterr().out
    assert main(["cache", "clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == 0
