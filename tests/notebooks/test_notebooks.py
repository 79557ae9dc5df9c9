"""The notebooks: committed clean, and run from top to bottom, knowing nothing of each other."""

from __future__ import annotations

import ast
import base64
import importlib
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.image
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure

import arbkit

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

#: Seconds for one cell; a whole notebook takes well under a minute on an idle machine.
CELL_TIMEOUT_S = 120
#: Cells that end in a picture.
DRAWS = re.compile(r"plt\.show\(\)|\.(plot|picture)\(\)$|^explore\(", re.MULTILINE)
#: A picture inside HTML, as checks and widgets show themselves.
EMBEDDED = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
#: Lines of code in one cell that a reader takes in without scrolling.
LONGEST_CELL = 40
#: Share of coloured pixels below which a figure shows axes and text only.
LEAST_COLOUR = 0.001


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook: Any) -> Iterator[tuple[Any, Any]]:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            yield cell, output


def coloured_share(png: bytes) -> float:
    """Return the share of pixels that are neither white nor grey nor black: what data are drawn in."""
    pixels = matplotlib.image.imread(io.BytesIO(png), format="png")[..., :3]
    return float((np.ptp(pixels, axis=-1) > 0.15).mean())


def drawn(*, line: bool) -> bytes:
    figure = Figure(figsize=(10, 4))
    ax = figure.add_subplot()
    ax.set(title="A title", xlabel="x", ylabel="y")
    if line:
        ax.plot([0, 1, 2], [0, 3, 1], color="#1f5fa8", linewidth=1)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def private_names(tree: ast.AST) -> Iterator[str]:
    """Yield what a cell takes from arbkit and the package does not list as public."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "arbkit":
            public = importlib.import_module(node.module).__all__
            yield from (f"{node.module}.{item.name}" for item in node.names if item.name not in public)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "arbkit"
            and node.attr not in arbkit.__all__
        ):
            yield f"arbkit.{node.attr}"


def test_there_are_notebooks_and_their_names_are_numbered() -> None:
    assert [path.stem[:3] for path in NOTEBOOKS] == [f"{n:02d}_" for n in range(1, len(NOTEBOOKS) + 1)]
    assert len(NOTEBOOKS) >= 8


@by_name
def test_notebook_names_the_next_one(path: Path) -> None:
    text = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    linked = set(re.findall(r"\]\((\w+\.ipynb)\)", text))
    assert linked <= {other.name for other in NOTEBOOKS}
    later = [other.name for other in NOTEBOOKS if other.name > path.name]
    assert not later or later[0] in linked


@by_name
def test_committed_notebook_is_valid_clean_and_asks_for_the_plain_kernel(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert [
        cell.id for cell in code_cells(notebook) if cell.outputs or cell.execution_count is not None
    ] == []
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.metadata.language_info.name == "python"


@by_name
def test_notebook_opens_with_a_title_and_keeps_its_cells_short(path: Path) -> None:
    notebook = read(path)
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    lines = {cell.id: cell.source.count("\n") + 1 for cell in code_cells(notebook)}
    assert {name for name, count in lines.items() if count > LONGEST_CELL} == set()


@by_name
def test_notebook_uses_public_names_only(path: Path) -> None:
    found = [name for cell in code_cells(read(path)) for name in private_names(ast.parse(cell.source))]
    assert found == []


def test_private_name_is_noticed() -> None:
    tree = ast.parse("from arbkit.engine import backtest, _interval_ns\narbkit.engine.backtest")
    assert list(private_names(tree)) == ["arbkit.engine._interval_ns", "arbkit.engine"]


def test_axes_without_data_count_as_blank() -> None:
    assert coloured_share(drawn(line=False)) < LEAST_COLOUR < coloured_share(drawn(line=True))


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    """The kernel that notebooks share, started by the first: to start one takes seconds."""
    from jupyter_client.manager import AsyncKernelManager

    manager = AsyncKernelManager(kernel_name="python3")
    yield manager
    end(manager)


@pytest.mark.slow
@by_name
def test_notebook_runs_without_errors_and_shows_its_figures(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: Any
) -> None:
    monkeypatch.delenv("ARBKIT_DATA", raising=False)
    check_run(path, tmp_path, monkeypatch, kernel)


@pytest.mark.slow
@pytest.mark.skipif("ARBKIT_DATA" not in os.environ, reason="ARBKIT_DATA names the recordings to run on")
@by_name
def test_notebook_runs_on_recordings(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: Any
) -> None:
    shutil.copytree(NOTEBOOKS[0].parents[1] / "datasets" / "specs", tmp_path / "datasets" / "specs")
    check_run(path, tmp_path, monkeypatch, kernel)


def check_run(
    path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    kernel: Any = None,
    *,
    pictures_at_least: int = 3,
) -> None:
    """Run a notebook; nothing may complain, every picture must show something."""
    executed = execute(path, folder, monkeypatch, kernel)
    complaints = [
        f"{cell.id}: {output.get('text') or output.get('evalue')}"
        for cell, output in outputs(executed)
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert complaints == []
    expected = [cell.id for cell in code_cells(executed) if DRAWS.search(cell.source)]
    shown = [(cell.id, png) for cell, output in outputs(executed) for png in pictures(output)]
    assert len(expected) >= pictures_at_least
    assert set(expected) <= {name for name, _ in shown}
    assert [name for name, png in shown if coloured_share(png) < LEAST_COLOUR] == []
    assert list((folder / "started").iterdir()) == []


def pictures(output: Any) -> Iterator[bytes]:
    """Yield the pictures of one output of a cell."""
    data = output.get("data", {})
    if "image/png" in data:
        yield base64.b64decode(data["image/png"])
    yield from map(base64.b64decode, EMBEDDED.findall(data.get("text/html", "")))


#: Leaves a kernel as a fresh one is, but for the modules that are imported.
RESET = """
exec(%r, {"folder": %r, "environment": %r})
get_ipython().run_line_magic("reset", "-f")
"""
TIDY = """
import os, sys, tempfile
os.chdir(folder)
os.environ.update(environment)
tempfile.tempdir = None
if "matplotlib.pyplot" in sys.modules:
    sys.modules["matplotlib.pyplot"].close("all")
    sys.modules["matplotlib"].rcdefaults()
"""


def execute(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, kernel: Any) -> Any:
    """Run a notebook in a kernel that starts in, and leaves its traces in, a folder of its own.

    `kernel` manages one to be shared, cleared of what another notebook left there; None is a fresh one.
    """
    for name, value in {"TMPDIR": "tmp", "IPYTHONDIR": "ipython", "JUPYTER_RUNTIME_DIR": "runtime"}.items():
        (folder / value).mkdir()
        monkeypatch.setenv(name, str(folder / value))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    started = folder / "started"
    started.mkdir()
    if kernel is not None and kernel.has_kernel:
        environment = {name: os.environ[name] for name in ("TMPDIR", "ARBKIT_CACHE_DIR")}
        cleared = nbformat.v4.new_notebook()
        cleared.cells = [nbformat.v4.new_code_cell(RESET % (TIDY, str(started), environment))]
        done = run_cells(cleared, started, kernel)
        assert [output for _, output in outputs(done)] == []
    return run_cells(read(path), started, kernel)


def run_cells(notebook: Any, folder: Path, kernel: Any) -> Any:
    from nbclient import NotebookClient

    client = NotebookClient(
        notebook,
        km=kernel,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        done = client.execute()
    except BaseException:
        end(kernel)
        raise
    if kernel is not None:
        client.kc.stop_channels()
    return done


def end(kernel: Any) -> None:
    """Stop a kernel that is shared, if it runs; the next notebook starts another."""
    from jupyter_core.utils import run_sync

    if kernel is not None and kernel.has_kernel:
        run_sync(kernel.shutdown_kernel)(now=True)
