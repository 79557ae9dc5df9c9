"""Clear outputs and execution counts of the notebooks: `strip_notebooks.py [--check] [FILE ...]`.

Without files, every notebook under `notebooks/`. With `--check` nothing is written and the exit code
is 1 where something would be. The bytes written are those JupyterLab writes for a cleared notebook,
so that stripping and saving do not fight over the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
#: What an editor or a run leaves in a cell's metadata.
_TRACES = ("execution", "collapsed", "scrolled", "ExecuteTime")


def stripped(text: str) -> str:
    """Return the notebook `text` without outputs, counts and traces of a run."""
    notebook: dict[str, Any] = json.loads(text)
    for cell in notebook["cells"]:
        for trace in _TRACES:
            cell["metadata"].pop(trace, None)
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            cell["execution_count"] = None
    notebook["metadata"].pop("widgets", None)
    notebook["metadata"].get("language_info", {}).pop("version", None)
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Strip or check the named notebooks; 0 when done or clean, 1 when `--check` found something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what would change")
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    dirty = 0
    for path in options.files or sorted(_NOTEBOOKS.rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        before = path.read_text(encoding="utf-8")
        after = stripped(before)
        if after == before:
            continue
        dirty += 1
        if options.check:
            sys.stderr.write(f"{path} holds outputs or counts; `make format` clears them\n")
        else:
            path.write_text(after, encoding="utf-8")
    return 1 if dirty and options.check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
