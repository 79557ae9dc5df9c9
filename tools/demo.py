"""The main job on the built-in market: make the data, tune on them, validate the outcome, write the report.

Called by `make demo`. A second run starts over and shows the same numbers again; it replaces
`datasets/demo`, `studies/demo.db` and `reports/demo.html`, which are its own.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import Final

import arbkit
from arbkit.cli.main import main as shell
from arbkit.validation import sentence_of

ROOT: Final = Path(__file__).resolve().parents[1]
STEPS: Final = (
    "data synth demo --out datasets/demo --replace",
    "study run studies/demo.yaml",
    "study validate demo",
    "report demo",
)


def say(text: str = "") -> None:
    """Write one line, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def found() -> str:
    """Return what the study found: in-sample, and on time that it never saw."""
    study = arbkit.load_study("demo")
    validation = arbkit.validate(study)
    params, reference = study.params_of(validation.params or study.best_params())
    parts = []
    for segment in ("train", "test"):
        panel = study.panel_for(reference, segment)
        metrics = arbkit.backtest(panel, params).metrics
        days = (panel.end_ns - panel.start_ns) / 86_400e9
        parts.append(
            f"{metrics.mtm_pnl_usd:+,.2f} USDT from {metrics.total_trades} trades in {days:.1f} days"
        )
    trials = study.trials().height
    return (
        f"Found in {trials} trials: enter at {params.min_spread_bps:.1f} bps after costs, leave at "
        f"{params.exit_spread_bps:.1f} bps, reference {reference}.\n"
        f"That made {parts[0]} in-sample, and {parts[1]} that the search never saw."
    )


def main() -> int:
    """Run the steps and end with the first exit code that is not 0."""
    os.chdir(ROOT)
    started = time.perf_counter()
    Path("studies/demo.db").unlink(missing_ok=True)
    for step in STEPS:
        say(f"\n$ arbkit {step}")
        if code := shell(shlex.split(step)):
            return code
    say(f"\n{found()}")
    say(f"The report is {ROOT / 'reports' / 'demo.html'} ({time.perf_counter() - started:.0f} s in all).")
    sentence = sentence_of(arbkit.load_study("demo"))
    say(f"{sentence[:1].upper()}{sentence[1:]}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
