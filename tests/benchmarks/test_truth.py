"""The bodies of `make truth` on a few short histories."""

from __future__ import annotations

from arbkit.study import StudySpec
from benchmarks.truth import KINDS, SPEC, examined, rows_of

QUICK = {**SPEC, "n_trials": 8, "validation": {"folds": 2, "neighbours": 2, "draws": 99, "pbo_blocks": 2}}


def test_noise_is_not_claimed_and_each_kind_is_one_row() -> None:
    spec = StudySpec.from_dict(QUICK)
    outcomes = [examined(kind, 10_000, 10, spec) for kind in ("random_walk", "edge 5")]
    rows = rows_of(outcomes, fresh_days=10)
    assert [row["market"] for row in rows] == ["random_walk", "edge 5"]
    assert rows[0]["claims"] == 0
    assert all(row["histories"] == 1 for row in rows)
    assert {"random_walk", "white", "edge 5"} <= set(KINDS)
