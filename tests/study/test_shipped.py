"""The specs that ship are valid."""

from __future__ import annotations

from pathlib import Path

from arbkit.study import StudySpec


def test_every_shipped_spec_is_valid_and_named_like_its_file(repository: Path) -> None:
    files = sorted((repository / "studies").glob("*.yaml"))

    assert {"demo", "link", "kimchi", "btc-usd-eur"} <= {file.stem for file in files}
    for file in files:
        assert StudySpec.load(file).name == file.stem
