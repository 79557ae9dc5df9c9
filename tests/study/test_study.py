"""A stored study: found by name, file or URL; its frames, its best, its export."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import polars as pl
import pytest

from arbkit.errors import ConfigError, StorageError, StudyError
from arbkit.study import (
    Study,
    StudySpec,
    compare,
    export_trials,
    list_studies,
    load_study,
    locate,
    run_study,
)
from arbkit.units import DAY_NS


@pytest.fixture
def study(spec: StudySpec) -> Study:
    """A finished study on disk."""
    return run_study(spec)


def test_a_study_is_found_by_name_spec_file_storage_file_and_url(study: Study, spec: StudySpec) -> None:
    Path("somewhere.yaml").write_text(spec.to_yaml())

    for text in (
        "small",
        "somewhere.yaml",
        "studies/small.db",
        "studies/small.db#small",
        "sqlite:///studies/small.db",
        "sqlite:///studies/small.db#small",
    ):
        assert load_study(text).trials().equals(study.trials())


def test_an_unknown_study_is_answered_with_the_nearest(study: Study) -> None:
    with pytest.raises(StudyError, match="no study 'smal' under studies/; did you mean `small`"):
        load_study("smal")


def test_without_any_study_the_message_says_how_to_make_one(values: dict[str, Any]) -> None:
    with pytest.raises(StudyError, match="`arbkit study run SPEC` makes one"):
        load_study("small")


def test_a_broken_file_of_that_name_is_named_and_others_are_listed(study: Study) -> None:
    Path("studies/broken.db").write_text("no")

    with pytest.raises(StorageError, match="must be an SQLite file"):
        load_study("broken")
    lines, unreadable = list_studies()
    assert [line.study for line in lines] == ["small"]
    assert lines[0].best == study.best_trials(1)["value"][0]
    assert len(unreadable) == 1


def test_the_file_of_a_studys_name_comes_before_all_others(study: Study) -> None:
    Path("studies/a-copy.db").write_bytes(Path("studies/small.db").read_bytes())
    Path("studies/another.db").write_text("no")

    assert locate("small").url == study.url


def test_several_studies_in_one_storage_must_be_named(study: Study, values: dict[str, Any]) -> None:
    run_study(StudySpec.from_dict({**values, "name": "second", "storage": study.url}))

    with pytest.raises(StudyError, match="holds second, small; add `#NAME`"):
        load_study("studies/small.db")
    assert load_study("second").name == "second"


def test_a_study_of_another_program_is_refused_but_listed(values: dict[str, Any]) -> None:
    Path("studies").mkdir()
    optuna.create_study(study_name="plain", storage="sqlite:///studies/plain.db")

    with pytest.raises(StudyError, match="must have been made by arbkit"):
        load_study("plain")
    assert list_studies()[0][0].objective is None


def test_the_frame_has_a_column_for_each_parameter_and_metric(study: Study, spec: StudySpec) -> None:
    frame = study.trials()

    assert frame.height == 20
    assert set(spec.space) <= set(frame.columns)
    assert frame.schema["stop_loss_bps"] == pl.Int64
    assert frame.schema["reference"] == pl.String
    assert frame.schema["metric_stopped"] == pl.Boolean
    done = frame.filter(pl.col("state") == "COMPLETE")
    assert done["value"].equals(done["metric_mtm_pnl_usd"])


def test_the_best_come_best_first(study: Study) -> None:
    best = study.best_trials(5)

    assert best["value"].is_sorted(descending=True)
    assert best["value"][0] == study.optuna.best_value
    assert study.best_params() == study.optuna.best_params


def test_each_of_the_best_has_its_own_metrics_also_when_all_trials_are_among_them(
    values: dict[str, Any],
) -> None:
    searched = {"min_spread_bps": {"type": "categorical", "choices": [5, 10, 20, 40]}}
    values |= {"space": searched, "sampler": {"name": "grid", "shuffle": False}, "storage": "memory://"}
    best = run_study(StudySpec.from_dict(values)).best_trials(100)

    assert best["number"].to_list() != sorted(best["number"])
    assert best["value"].to_list() == best["metric_mtm_pnl_usd"].to_list()


def test_a_study_without_a_feasible_trial_says_so(values: dict[str, Any]) -> None:
    study = run_study(StudySpec.from_dict({**values, "constraints": ["total_trades < 0"]}))

    with pytest.raises(StudyError, match="must be complete and feasible, 'small' has none among 20"):
        study.best_params()


def test_the_lockbox_is_no_segment(study: Study) -> None:
    with pytest.raises(ConfigError, match="`segment` must be train or test, was 'lockbox'"):
        study.panel_for("none", "lockbox")  # type: ignore[arg-type]


def test_in_sample_and_out_of_sample_are_compared_per_day(study: Study) -> None:
    found = compare(study)
    row = found.frame().filter(pl.col("metric") == "mtm_pnl_usd").row(0, named=True)

    train = study.panel_for("none", "train")
    days = (train.end_ns - train.start_ns) / DAY_NS
    assert row["in_sample"] == study.best_trials(1)["value"][0]
    assert row["in_sample_per_day"] == pytest.approx(row["in_sample"] / days)
    assert found.out_of_sample == study.run(segment="test").metrics
    rate = found.frame().filter(pl.col("metric") == "win_rate").row(0, named=True)
    assert rate["in_sample_per_day"] is None


def test_a_study_is_exported_and_read_back(study: Study, tmp_path: Path) -> None:
    frame = study.trials()

    assert pl.read_parquet(export_trials(study, tmp_path / "x.parquet")).equals(frame)
    assert pl.read_csv(export_trials(study, tmp_path / "x.csv"))["value"].equals(frame["value"])
    content = json.loads(export_trials(study, tmp_path / "new" / "x.json").read_text())
    assert content["seed"] == 7
    assert len(content["trials"]) == 20


def test_an_unknown_ending_is_refused(study: Study) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.csv, \.parquet or \.json"):
        export_trials(study, "x.xlsx")


def test_the_record_says_what_made_the_study(study: Study) -> None:
    record = load_study("small").record

    assert record.seed == 7
    assert record.code_version.startswith(("git:", "files:"))
    assert record.command == "arbkit study run small.yaml --n-trials 20"
    assert StudySpec.from_dict(record.spec).to_dict() == study.spec.to_dict()
