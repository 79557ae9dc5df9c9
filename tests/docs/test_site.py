"""The site of the documentation builds without a warning, and needs nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def site(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-W", "--keep-going", "docs", str(out)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return out


@pytest.mark.slow
def test_every_page_and_every_public_package_is_on_the_site(site: Path, repository: Path) -> None:
    pages = {
        path.relative_to(repository / "docs").with_suffix("") for path in (repository / "docs").rglob("*.md")
    }
    made = {path.relative_to(site).with_suffix("") for path in site.rglob("*.html")}
    assert pages <= made
    packages = {path.parent.name for path in (repository / "arbkit").glob("*/__init__.py")}
    inner = {"assets", "cli", "jobs", "kernels", "show", "testing", "wire"}
    assert packages - inner <= {path.stem for path in (site / "api").glob("*.html")}


@pytest.mark.slow
def test_reference_shows_signatures_and_what_they_raise(site: Path) -> None:
    page = (site / "api" / "panel.html").read_text(encoding="utf-8")
    assert 'id="arbkit.panel.Panel.from_frame"' in page
    assert "DataError" in page


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|link|img)\b[^>]*?(?:src|href)=\"(https?:[^\"]+)\"", text)
        assert loaded == [], path
