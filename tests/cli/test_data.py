"""`arbkit data` from the shell: ls, show, head, validate, rm."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from arbkit.cli.main import main
from arbkit.data import DatasetWriter, InstrumentInfo

START_NS = 1_704_067_200 * 10**9


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "datasets" / "demo")
    return tmp_path


def write(path: Path, *, crossed: int = 0) -> None:
    rng = np.random.default_rng(1)
    mids = 100 * np.exp(np.cumsum(rng.normal(0, 1e-4, 2000)))
    ts = pl.Series(START_NS + 10**9 * np.arange(2000, dtype=np.int64)).cast(pl.Datetime("ns", "UTC"))
    with DatasetWriter(path, source="a test") as writer:
        for venue, scale in (("upbit", 1300.0), ("binance", 1.0)):
            bid = mids * scale * 0.9999
            bid[:crossed] *= 2
            columns = {"ts_event": ts, "ts_recv": ts, "bid_px_00": bid, "bid_sz_00": 1.0}
            frame = pl.DataFrame(columns | {"ask_px_00": mids * scale * 1.0001, "ask_sz_00": 2.0})
            info = InstrumentInfo(venue=venue, symbol="BTC", base="BTC", quote="KRW", max_age_s=5)
            writer.write(info, frame)
        writer.commit()


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(["data", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_ls_lists_the_datasets_below_the_folder(root, capsys):
    code, out, _ = run(capsys, "ls")
    assert code == 0
    assert "datasets/demo" in out
    assert "4,000" in out
    code, out, _ = run(capsys, "ls", "--json")
    (entry,) = json.loads(out)["datasets"]
    assert entry["instruments"] == ["binance/BTC", "upbit/BTC"]
    assert entry["start"] == "2024-01-01T00:00:00Z"


def test_ls_of_an_empty_folder_says_how_to_make_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "ls")
    assert code == 0
    assert "arbkit data synth" in out


def test_ls_goes_on_past_a_broken_dataset_and_fails(root, capsys):
    (root / "datasets" / "broken").mkdir()
    (root / "datasets" / "broken" / "manifest.json").write_text("{")
    code, out, err = run(capsys, "ls")
    assert code == 1
    assert "datasets/demo" in out
    assert "not a dataset manifest" in err


def test_show_tells_spread_period_and_age_limit(root, capsys):
    code, out, _ = run(capsys, "show", "datasets/demo", "--json")
    assert code == 0
    shown = json.loads(out)
    assert shown["source"] == "a test"
    assert shown["instruments"][1]["median_spread_bps"] == pytest.approx(2.0, rel=0.01)
    assert shown["instruments"][1]["max_age_s"] == 5
    code, out, _ = run(capsys, "show", "datasets/demo")
    assert code == 0
    assert shown["fingerprint"] in out


def test_head_shows_the_first_rows_of_one_leg_or_all(root, capsys):
    code, out, _ = run(capsys, "head", "datasets/demo", "--leg", "upbit/BTC", "-n", "2", "--json")
    assert code == 0
    assert [len(rows) for rows in json.loads(out).values()] == [2]
    code, out, _ = run(capsys, "head", "datasets/demo")
    assert code == 0
    assert out.count("2024-01-01T00:00:04.000000Z") == 4


def test_head_of_an_unknown_leg_names_the_near_ones(root, capsys):
    code, _, err = run(capsys, "head", "datasets/demo", "--leg", "upbit/BTX")
    assert code == 1
    assert "did you mean `upbit/BTC`" in err


def test_validate_ends_well_on_a_healthy_dataset(root, capsys):
    code, out, _ = run(capsys, "validate", "datasets/demo")
    assert code == 0
    assert "datasets/demo: ok, 0 errors" in out
    assert "correlate most at lag 0" in out


def test_validate_ends_with_1_and_the_worst_rows_on_a_bad_dataset(root, capsys):
    write(root / "datasets" / "bad", crossed=100)
    code, out, _ = run(capsys, "validate", "datasets/bad")
    assert code == 1
    assert "crossed, upbit/BTC: the worst" in out
    assert "not fit for use" in out
    code, out, _ = run(capsys, "validate", "datasets/bad", "--json")
    assert code == 1
    assert json.loads(out)["status"] == "error"
    assert run(capsys, "validate", "datasets/bad", "--bad-share", "0.5")[0] == 0


@pytest.mark.parametrize("option", [["--max-gap", "soon"], ["--max-gap", "0"], ["--bad-share", "3"]])
def test_validate_refuses_impossible_limits(root, capsys, option):
    code, _, err = run(capsys, "validate", "datasets/demo", *option)
    assert code == 1
    assert err.startswith("error: ")


def test_rm_wants_a_yes_and_then_removes_all(root, capsys):
    code, _, err = run(capsys, "rm", "datasets/demo")
    assert code == 1
    assert "--yes" in err
    code, out, _ = run(capsys, "rm", "datasets/demo", "--yes")
    assert code == 0
    assert "removed datasets/demo, 4,000 rows" in out
    assert not (root / "datasets" / "demo").exists()


def test_rm_refuses_a_folder_that_is_no_dataset(root, capsys):
    (root / "notes").mkdir()
    code, _, err = run(capsys, "rm", "notes", "--yes")
    assert code == 1
    assert "not a dataset" in err
    assert (root / "notes").exists()


@pytest.mark.parametrize("command", ["show", "head", "validate", "rm"])
def test_a_missing_dataset_is_one_clear_error(root, capsys, command):
    code, _, err = run(capsys, command, "datasets/absent")
    assert code == 1
    assert err.startswith("error: datasets/absent: no such dataset")


def test_a_half_written_parquet_file_is_one_clear_error(root, capsys):
    path = next((root / "datasets" / "demo").rglob("part-*.parquet"))
    path.write_bytes(path.read_bytes()[:900])
    for command in ("show", "head", "validate"):
        code, _, err = run(capsys, command, "datasets/demo")
        assert code == 1
        assert "not a complete Parquet file" in err
