"""`arbkit data synth` from the shell."""

from __future__ import annotations

import json

import pytest

from arbkit.cli.main import main
from arbkit.data import open_dataset


def synth(*arguments, to):
    return main(["data", "synth", *arguments, "--to", str(to)])


def test_a_shipped_market_becomes_a_dataset(tmp_path, capsys):
    assert synth("demo", "--rows", "3000", "--levels", "2", "--seed", "5", to=tmp_path / "m") == 0
    text = capsys.readouterr().out
    assert "upbit/KRW-BTC" in text
    assert "rows/s" in text
    dataset = open_dataset(tmp_path / "m")
    assert {item.levels for item in dataset.instruments} == {2}


def test_json_names_dataset_seed_and_fingerprint(tmp_path, capsys):
    assert synth("kimchi", "--rows", "500", "--json", to=tmp_path / "m") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["seed"] == 1
    assert found["fingerprint"] == open_dataset(tmp_path / "m").fingerprint
    assert found["rows"] == sum(item["rows"] for item in found["instruments"])


def test_a_key_can_be_set_from_the_shell(tmp_path):
    code = synth("demo", "--days", "0.05", "--set", "b.bad_row_share=0.5", to=tmp_path / "m")
    assert code == 0
    frame = open_dataset(tmp_path / "m").scan("binance_usdm/BTCUSDT").collect()
    assert (frame["bid_px_00"] >= frame["ask_px_00"]).fill_null(False).mean() > 0.15


def test_a_spec_is_read_from_a_file(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: demo\nname: mine\ndays: 0.02\n", encoding="utf-8")
    assert synth(str(path), to=tmp_path / "m") == 0
    assert "synthetic mine" in open_dataset(tmp_path / "m").manifest.source


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("kimchii",), "did you mean `kimchi`"),
        (("none.yaml",), "no such file"),
        (("demo", "--set", "days"), "`--set` must be KEY=VALUE"),
        (("demo", "--set", "dayz=1"), "did you mean `days`"),
        (("demo", "--levels", "99"), "`levels` must be within 1 and 30"),
        (("demo", "--rows", "many"), "'--rows'"),
        (("demo", "--sead", "1"), "--sead"),
    ],
)
def test_bad_input_ends_with_one_message_and_code_1(tmp_path, capsys, arguments, message):
    assert synth(*arguments, to=tmp_path / "m") == 1
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "m").exists()


def test_an_existing_dataset_is_not_overwritten_by_accident(tmp_path, capsys):
    assert synth("demo", "--rows", "300", to=tmp_path / "m") == 0
    assert synth("demo", "--rows", "300", to=tmp_path / "m") == 1
    assert "exists already" in capsys.readouterr().err
    assert synth("demo", "--rows", "300", "--replace", to=tmp_path / "m") == 0
