"""One short way to run an ingest on small files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from arbkit.data import Dataset, open_dataset
from arbkit.data.ingest import IngestReport, IngestSpec, ingest

Run = Callable[..., tuple[IngestReport, Dataset]]


@pytest.fixture
def run_ingest(tmp_path: Path) -> Run:
    """Write `text` to a file, ingest it as one entry, return report and dataset."""

    def run(text: str | bytes, *, name: str = "input.csv", append: bool = False, **entry: Any):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        content = {"name": "made", "instruments": [{"files": [str(path)], **entry}]}
        folder = tmp_path / "made"
        report = ingest(IngestSpec.from_dict(content), folder, append=append)
        return report, open_dataset(folder)

    return run
