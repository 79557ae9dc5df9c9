"""What ships for the browser is what its page says, and can be read from an installed package."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

import arbkit
from arbkit._assets import UPLOT_CSS, UPLOT_JS, asset_text

UPLOT = Path(arbkit.__file__).parent / "assets" / "uplot"
LISTED = dict(re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", (UPLOT / "README.md").read_text(), re.M))


def test_every_file_of_the_chart_library_is_listed() -> None:
    assert {path.name for path in UPLOT.iterdir()} == {*LISTED, "README.md"}


@pytest.mark.parametrize("name", sorted(LISTED))
def test_file_of_the_chart_library_is_the_one_that_was_fetched(name: str) -> None:
    assert hashlib.sha256((UPLOT / name).read_bytes()).hexdigest() == LISTED[name]


def test_page_names_the_version_of_the_file() -> None:
    (version,) = re.findall(r"^\| version \| ([\d.]+) \|$", (UPLOT / "README.md").read_text(), re.M)
    assert f"(v{version})" in asset_text(UPLOT_JS).splitlines()[0]


def test_licence_ships_with_the_library() -> None:
    assert "Permission is hereby granted" in asset_text("uplot/LICENSE")


def test_assets_fetch_nothing() -> None:
    """An address in a comment is read by nobody; one in a style or a call would be a request."""
    code = re.sub(r"/\*.*?\*/", "", asset_text(UPLOT_JS) + asset_text(UPLOT_CSS), flags=re.S)
    assert "://" not in code
    assert "url(" not in code
    assert "@import" not in code
