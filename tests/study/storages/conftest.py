"""An empty storage of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest

KINDS = ("sqlite", "duckdb", "journal", "postgresql", "redis")


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty storage, of each kind in turn."""
    return url_of_kind(request, request.param, tmp_path)


def url_of_kind(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    if kind in ("postgresql", "redis"):
        return str(request.getfixturevalue(f"{kind}_url"))
    return f"{kind}:///{folder}/x.{kind}"
