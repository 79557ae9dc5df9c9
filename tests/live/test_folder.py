"""The folder of a run: what cannot be one, and what is damaged, is answered with one clear message."""

from __future__ import annotations

from pathlib import Path

import pytest

from arbkit.data.growing import GrowingDataset
from arbkit.errors import ConfigError, DataError
from arbkit.live import open_run
from arbkit.live.folder import RunFolder


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigError, match=r"a folder that it may write, .*: Not a directory"),
        RunFolder(tmp_path / "file" / "run").locked(),
    ):
        pass
    with pytest.raises(DataError, match=r"a folder that may be written, .*: Not a directory"):
        GrowingDataset(tmp_path / "file" / "dataset")


def test_a_description_without_its_keys_is_damage(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"name": "x"}')
    with pytest.raises(DataError, match=r"run\.json must say what the run is, it lacks mode, currency"):
        open_run(tmp_path)
