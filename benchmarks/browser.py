"""A real JupyterLab in a real browser, headless: what the tests of widgets and the figures of latency use."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

__all__ = ["Notebook", "chromium", "chromium_path", "jupyter_lab", "open_notebook"]

REPOSITORY: Final = Path(__file__).resolve().parents[1]
#: Without these the browser looks for hosts of its maker at every start.
_FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_NO_NEWS: Final = '{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}'
_READY_S: Final = 120.0
_END_S: Final = 15.0
_TOKEN: Final = "desk"


def chromium_path() -> str | None:
    """Return the browser: `ARBKIT_TEST_CHROMIUM`, or an installed one; None where there is none."""
    given = os.environ.get("ARBKIT_TEST_CHROMIUM")
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return given or next((path for path in found if path), None)


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a headless browser, as playwright knows it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def jupyter_lab(folder: Path) -> Iterator[str]:
    """Run JupyterLab on an empty folder, with settings of its own, and yield its address."""
    settings = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(_NO_NEWS, encoding="utf-8")
    (folder / "notebooks").mkdir()
    port = _free_port()
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(REPOSITORY),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0", f"--IdentityProvider.token={_TOKEN}",
        "--LabApp.extension_manager=readonly", f"--ServerApp.root_dir={folder / 'notebooks'}",
    ]  # fmt: skip
    with (folder / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/api?token={_TOKEN}", process, folder / "jupyter.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        # Its end waits for kernels, and a kernel that is being restarted may never answer.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Notebook:
    """A notebook open in the browser.

    Attributes:
        page: as playwright knows it.
        said: errors and warnings of the console, and errors of the page.
        asked: addresses asked for outside the server.
    """

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(f"page: {error}"))
        page.on("request", lambda request: self._note(request.url, address))

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.said.append(f"{message.type}: {message.text}")

    def _note(self, url: str, address: str) -> None:
        inside = (address, address.replace("http", "ws", 1), "data:", "blob:")
        if not url.startswith(inside):
            self.asked.append(url)

    def run_all(self) -> None:
        """Run every cell, once the kernel is there."""
        self.page.get_by_text("| Idle", exact=False).first.wait_for()
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()

    def drag(self, slider: Any, values: Sequence[float], pause_ms: float) -> None:
        """Take a slider by its thumb and move it over some values, with the mouse."""
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        low, high = (float(slider.get_attribute(end)) for end in ("min", "max"))
        thumb = 16.0

        def place(value: float) -> float:
            return float(box["x"] + thumb / 2 + (box["width"] - thumb) * (value - low) / (high - low))

        height = box["y"] + box["height"] / 2
        self.page.mouse.move(place(float(slider.input_value())), height)
        self.page.mouse.down()
        for value in values:
            self.page.mouse.move(place(value), height)
            self.page.wait_for_timeout(pause_ms)
        self.page.mouse.up()


@contextmanager
def open_notebook(
    browser: Any, address: str, folder: Path, cells: Sequence[str], **context: Any
) -> Iterator[Notebook]:
    """Write a notebook into the server's folder and open it."""
    path = folder / "notebooks" / "desk.ipynb"
    path.write_text(json.dumps(_document(cells)), encoding="utf-8")
    page = browser.new_context(**{"viewport": {"width": 1500, "height": 1150}, **context}).new_page()
    page.set_default_timeout(1000 * _READY_S)
    notebook = Notebook(page, address)
    page.goto(f"{address}/doc/tree/{path.name}?token={_TOKEN}")
    try:
        yield notebook
    finally:
        page.context.close()


def _document(cells: Sequence[str]) -> dict[str, Any]:
    made = [
        {
            "cell_type": "code", "id": f"cell-{number}", "metadata": {}, "outputs": [],
            "execution_count": None, "source": source,
        }
        for number, source in enumerate(cells)
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')[-2000:]}")


def new_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for a server."""
    return tempfile.TemporaryDirectory(prefix="arbkit-lab-")
