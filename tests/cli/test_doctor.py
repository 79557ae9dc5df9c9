"""What `arbkit doctor` finds, and how it ends."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from arbkit.cli import _examination
from arbkit.cli.main import main as shell
from arbkit.kernels import _cache


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_healthy_installation_ends_with_0_and_names_each_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert shell(["doctor", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["healthy"]
    parts = {item["what"] for item in answer["findings"]}
    assert {"python", "arbkit", "packages", "extra notebook", "kernels", "cache", "disk"} <= parts


def test_table_ends_with_what_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert shell(["doctor"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("what")
    assert out.endswith("nothing is broken\n")


def test_run_makes_trades(capsys: pytest.CaptureFixture[str]) -> None:
    found = {item.what: item for item in _examination.small_backtest()}
    assert found["backtest"].state == "ok"
    assert " 0 trades" not in found["backtest"].found


def test_storage_that_answers_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    import optuna

    optuna.create_study(storage="sqlite:///one.db", study_name="one")
    (found,) = _examination.storages(["sqlite:///one.db"])
    assert found.state == "ok"
    assert found.found.startswith("sqlite:///one.db: 1 study, ")


def test_storage_asked_for_that_does_not_answer_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert shell(["doctor", "--storage", "postgresql://me:secret@127.0.0.1:1/none"]) == 1
    out = capsys.readouterr().out
    assert "1 broken" in out
    assert "secret" not in out


def test_package_below_its_floor_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_examination, "_version", lambda package: "0.0.1" if package == "polars" else "99")
    broken = [item for item in _examination.packages() if item.state == "broken"]
    assert [item.found.split(" (")[0].split(">")[0] for item in broken] == ["polars"]
    assert broken[0].remedy


def test_extra_that_is_not_installed_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_examination, "_version", lambda package: None if package == "anywidget" else "99")
    found = {item.what: item for item in _examination.extras()}
    assert found["extra notebook"].state == "missing"
    assert found["extra notebook"].found == "without anywidget"
    assert found["extra notebook"].remedy == "pip install 'arbkit[notebook]'"


def test_kept_kernels_count_only_where_sources_and_processor_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import llvmlite.binding as llvm
    from numba.core import config

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    assert _examination.kernels().state == "note"
    here, stamp = llvm.get_host_cpu_name(), _cache._STAMPS["arbkit.kernels.spread"]
    for number, (mark, processor) in enumerate([(stamp, here), (stamp, "z80"), ("older", here)]):
        kept = {("signature", ("triple", processor, "features"), "hash"): "file"}
        path = tmp_path / f"spread.kernel-{number}.py311.nbi"
        path.write_bytes(pickle.dumps("0.68") + pickle.dumps((mark, kept)))
    (tmp_path / "spread.cut-9.py311.nbi").write_bytes(b"cut")
    found = _examination.kernels()
    assert found.state == "ok"
    assert found.found.startswith(f"1 compiled for {here}, 3 of other versions")
