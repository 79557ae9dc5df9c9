"""Whole studies on every storage: the same trials, found again, refused where the data have changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from arbkit.errors import StudyError
from arbkit.panel import Panel
from arbkit.study import StudySpec, list_studies, load_study, resume_study, run_study
from arbkit.study.storages import redacted
from tests.markets import market_frame


def test_a_study_is_the_same_on_every_storage_and_goes_on(spec: StudySpec, url: str) -> None:
    expected = run_study(spec.replace(storage="memory://", n_trials=30)).trials()

    run_study(spec.replace(storage=url))
    resume_study("small", storage=url, n_trials=30)

    assert_frame_equal(load_study("small", url).trials(), expected)
    (line,), broken = list_studies(url)
    assert (line.study, line.trials, line.best, line.storage) == (
        "small",
        30,
        expected["value"].max(),
        redacted(url),
    )
    assert broken == []


def test_a_study_on_changed_data_is_refused_with_both_fingerprints(
    spec: StudySpec, url: str, tmp_path: Path
) -> None:
    panel = tmp_path / "panel.parquet"
    Panel.from_frame(market_frame(1_500)).write(panel)
    study = run_study(spec.replace(storage=url, panel=str(panel)))
    Panel.from_frame(market_frame(1_500, seed=4)).write(panel)

    with pytest.raises(StudyError, match="must go on with the data it began with") as caught:
        resume_study("small", storage=url, n_trials=30)

    fingerprints = {
        study.record.dataset_fingerprint,
        Panel.from_frame(market_frame(1_500, seed=4)).fingerprint,
    }
    assert len(fingerprints) == 2
    assert all(item in str(caught.value) for item in fingerprints)
    assert load_study("small", url).n_trials == 20
