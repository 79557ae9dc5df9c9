"""A study that is asked to stop ends after its batch, and goes on to the same trials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import arbkit
from arbkit.errors import StudyError
from arbkit.study import resume_study
from arbkit.study.stop import ask_to_stop
from arbkit.study.views import drawn_trials, history_frame


def spec_of(market: Path, folder: Path, name: str, trials: int = 40) -> arbkit.StudySpec:
    costs = {"taker_fee_a_bps": 4, "taker_fee_b_bps": 4, "slippage_bps": 2, "max_position_usd": 1000}
    return arbkit.StudySpec.from_dict(
        {
            "name": name,
            "panel": str(market),
            "seed": 1,
            "n_trials": trials,
            "batch": 10,
            "sampler": "tpe",
            "storage": f"sqlite:///{folder}/{name}.db",
            "space": {"min_spread_bps": {"type": "float", "low": 0, "high": 60}},
            "fixed": costs,
        }
    )


def test_asked_to_stop_it_ends_and_resumes_to_the_same_trials(market_file: Path, tmp_path: Path) -> None:
    spec = spec_of(market_file, tmp_path, "asked")

    def stop(progress: Any) -> None:
        ask_to_stop(spec.storage, spec.name)

    study = arbkit.run_study(spec, progress=stop)
    assert 0 < study.n_trials < 40
    resumed = resume_study("asked", storage=spec.storage)
    whole = arbkit.run_study(spec_of(market_file, tmp_path, "whole"))
    assert resumed.trials(metrics=False).equals(whole.trials(metrics=False))
    _check_pictures(resumed)


def _check_pictures(study: arbkit.Study) -> None:
    history = history_frame(study)
    assert history["best_so_far"][-1] == study.best_trials(1)["value"][0]
    assert history["best_so_far"].is_sorted()
    few = drawn_trials(study, most=10)
    assert 5 <= few.height <= 10
    assert few["value"].max() == history["value"].max()
    assert len(study.plot().axes) == 2
    shown = study._repr_html_()
    assert "40 of 40" in shown
    assert "best: min_spread_bps" in shown


def test_study_that_does_not_run_cannot_be_stopped(market_file: Path, tmp_path: Path) -> None:
    spec = spec_of(market_file, tmp_path, "idle")
    with pytest.raises(StudyError, match="only a study that runs on this machine can be stopped"):
        ask_to_stop(spec.storage, spec.name)
