"""Where a report goes."""

from __future__ import annotations

import pytest

from arbkit.errors import ConfigError, StudyError
from arbkit.report import write_report


def test_report_goes_to_the_reports_folder_by_default(study, folder, monkeypatch):
    monkeypatch.chdir(folder)
    path = write_report("demo")
    assert path.as_posix() == "reports/demo.html"
    page = path.read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert len(page.encode()) < 2_000_000
    assert [item.name for item in path.parent.iterdir()] == ["demo.html"]


def test_same_study_gives_the_same_page(study, tmp_path):
    first = write_report(study, tmp_path / "a.html").read_text("utf-8")
    assert write_report(study, tmp_path / "b.html").read_text("utf-8") == first


def test_folder_is_refused_before_any_work(study, tmp_path):
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        write_report(study, tmp_path)


def test_place_that_cannot_be_written_is_refused_and_left_clean(study, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="must go to a path that can be written"):
        write_report(study, tmp_path / "file" / "a.html")
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_unknown_study_offers_the_near_names(study, folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(StudyError, match="did you mean `demo`"):
        write_report("dem")
