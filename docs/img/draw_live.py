"""Draw the pictures of a live run in docs/live.md from a run on disk, such as that of `make soak`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from arbkit.live import open_run
from arbkit.report import write_run
from benchmarks.browser import chromium

HERE = Path(__file__).parent


def main(name: str) -> None:
    run = open_run(name)
    run.plot().savefig(HERE / "live-run.png", dpi=100)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = write_run(run, Path(folder) / "run.html")
        page = browser.new_page(viewport={"width": 1_060, "height": 1_000}, color_scheme="light")
        page.goto(path.as_uri())
        page.screenshot(path=HERE / "live-report.png")
        page.emulate_media(color_scheme="dark")
        lanes = page.locator("#guard .picture").first
        lanes.screenshot(path=HERE / "live-lanes.png")


if __name__ == "__main__":
    main(sys.argv[1])
