"""Write the table of pruners in docs/samplers.md: `python docs/img/table_pruners.py` after `make demo`."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from arbkit.study import Study, StudySpec, run_study

DOCS = Path(__file__).resolve().parents[1]
FOLDS, TRIALS = 6, 2_000
KINDS: dict[str, dict[str, Any]] = {
    "none, no folds": {},
    "none, six folds": {"folds": FOLDS},
    "`median`": {"folds": FOLDS, "pruner": "median"},
    "`percentile` (25)": {"folds": FOLDS, "pruner": {"name": "percentile", "percentile": 25}},
}


def timed(spec: StudySpec) -> tuple[float, Study]:
    """Run a study; return its CPU seconds, all threads together, and the study."""
    before = time.process_time()
    study = run_study(spec)
    return time.process_time() - before, study


def main() -> None:
    """Run each twice in memory and keep the quicker."""
    shipped = StudySpec.load("studies/demo.yaml")
    lines = [
        "| pruner | stopped | fold runs | whole runs | CPU seconds | highest value |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, changes in KINDS.items():
        given = {**shipped.model_dump(mode="json"), "sampler": "random", "n_trials": TRIALS}
        spec = StudySpec.from_dict({**given, "storage": "memory://", **changes})
        (seconds, study), (again, _) = timed(spec), timed(spec)
        frame = study.trials()
        stopped = frame["folds_evaluated"].drop_nulls() if "folds_evaluated" in frame.columns else []
        whole = TRIALS - len(stopped)
        folds = (whole * FOLDS + sum(stopped)) if "folds" in changes else 0
        high = study.best_trials(1)["value"][0]
        lines.append(
            f"| {name} | {len(stopped):,} | {folds:,} | {whole:,} | {min(seconds, again):.2f} | {high:.2f} |"
        )
    page = DOCS / "samplers.md"
    text = re.sub(
        r"(<!-- pruners -->\n\n).*?(\n\n<!-- end -->)",
        lambda found: found[1] + "\n".join(lines) + found[2],
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
