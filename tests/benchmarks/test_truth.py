"""The bodies of `make truth` on a few short histories."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.study import StudySpec
from benchmarks.truth import FREE_SPEC, KINDS, SPEC, alone_rows, examined, main, rows_of, truths

QUICK = {"n_trials": 8, "validation": {"folds": 2, "neighbours": 2, "draws": 99, "pbo_blocks": 2}}


def test_noise_is_not_claimed_and_each_kind_is_one_row() -> None:
    spec = StudySpec.from_dict({**SPEC, **QUICK})
    outcomes = [examined(kind, 10_000, 10, spec) for kind in ("random_walk", "edge 5")]
    rows = rows_of(outcomes, fresh_days=10)
    assert [row["market"] for row in rows] == ["random_walk", "edge 5"]
    assert rows[0]["claims"] == 0
    assert all(row["histories"] == 1 for row in rows)
    assert {"random_walk", "white", "free spells", "free bounce", "edge 5"} <= set(KINDS)


def test_where_a_crossing_is_free_sets_trade_and_what_was_written_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = examined("free random_walk", 10_000, 10, StudySpec.from_dict({**FREE_SPEC, **QUICK}))
    assert outcome.closed > 10
    assert len(outcome.pnl["lockbox"]) == 9
    assert set(truths("free random_walk", list(outcome.weights["lockbox"])).values()) == {0.0}
    assert alone_rows([outcome])[0]["SPA"] == outcome.said["SPA"]
    file = tmp_path / "outcomes.json"
    file.write_text(json.dumps([outcome._asdict()]))
    assert main(["--read", str(file)]) == 0
    assert "| free random_walk |         1 |      0 |" in capsys.readouterr().out
