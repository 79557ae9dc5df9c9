"""Counting what was tried: all studies on the same data, each set once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from arbkit.panel import Panel
from arbkit.study import Study, StudySpec, copy_studies, load_study, run_study
from arbkit.validation import Tried, tried_on
from arbkit.validation.lockbox import note_opening
from arbkit.validation.tried import keys_of

REAL = {"type": "float", "low": 1, "high": 4, "step": 0.5}
SPACE = {"min_spread_bps": {"type": "int", "low": 1, "high": 4}}


def spec_of(name: str, **changed: object) -> StudySpec:
    fixed = {"taker_fee_a_bps": 2, "taker_fee_b_bps": 2, "slippage_bps": 1, "max_position_usd": 1000}
    values = {"name": name, "panel": "panel.parquet", "seed": 1, "sampler": "grid", "space": SPACE}
    return StudySpec.from_dict({**values, "fixed": fixed, **changed})


def test_the_sets_of_all_studies_on_the_same_data_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reverting: Panel
) -> None:
    monkeypatch.chdir(tmp_path)
    reverting.rows(0, 2_000).write("panel.parquet")
    one = run_study(spec_of("one"))
    # Two of its four sets are new; the two it refuses were tried as well.
    run_study(
        spec_of(
            "two",
            space={"min_spread_bps": {"type": "float", "low": 3, "high": 6, "step": 1}},
            constraints=["min_spread_bps <= 4"],
        )
    )
    reverting.rows(0, 1_000).write("panel.parquet")
    run_study(spec_of("other"))
    own = [one.block().params, one.block().params]
    found = tried_on(one.spec, one.record.dataset_fingerprint, own, one.name, one.url)
    assert found.distinct == 6
    assert found.studies == 2


def test_a_copy_is_the_study_it_was_made_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reverting: Panel
) -> None:
    monkeypatch.chdir(tmp_path)
    reverting.rows(0, 2_000).write("panel.parquet")
    one, two = run_study(spec_of("one")), run_study(spec_of("two"))
    note_opening(one, {"min_spread_bps": 2})
    copy_studies(one.url, "duckdb:///studies/copy.duckdb")
    copy = load_study("duckdb:///studies/copy.duckdb")
    note_opening(copy, {"min_spread_bps": 3})

    def tried(study: Study) -> Tried:
        own = [study.block().params]
        return tried_on(study.spec, study.record.dataset_fingerprint, own, study.name, study.url)

    assert tried(two) == Tried(distinct=4, studies=2, openings_elsewhere=2)
    assert tried(one) == Tried(distinct=4, studies=2, openings_elsewhere=1)
    assert tried(copy) == Tried(distinct=4, studies=2, openings_elsewhere=0)


def test_equal_sets_are_equal_however_they_are_written() -> None:
    whole, real = spec_of("a"), spec_of("b", space={"min_spread_bps": REAL})
    row = np.array([[2.0]])
    assert keys_of(whole, "x", row)[0] == keys_of(real, "x", row)[0]
    assert keys_of(whole, "x", row)[0] != keys_of(whole, "y", row)[0]
    stop = spec_of("c", space={**SPACE, "stop_loss_bps": {"type": "categorical", "choices": ["none", 5]}})
    assert keys_of(stop, "x", np.array([[2.0, 0.0]]))[0] == keys_of(whole, "x", row)[0]
    assert keys_of(stop, "x", np.array([[2.0, 1.0]]))[0] != keys_of(whole, "x", row)[0]
