"""`arbkit live` in the shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from arbkit.cli.main import main
from arbkit.synthetic import Market, load_market_spec, write_market
from tests.live.conftest import live_values

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded") / "demo"
    write_market(Market(load_market_spec("kimchi"), rows=1_500, levels=1, seed=4), folder)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        code = main(["live", *words])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def config(recording: Path, tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(live_values(recording, Path("runs"))))
    return path


def test_a_run_is_made_shown_halted_cleared_and_compared(run: Run, config: Path) -> None:
    code, out, err = run("run", "--config", str(config))
    assert (code, err.count("\n")) == (0, 1)
    assert "ewma:1m needs 2m, nothing is entered for 2m" in err
    assert "portfolio" in out
    assert "ended: end of data" in out
    code, out, _ = run("status", "small", "--json")
    summary = json.loads(out)["summary"]
    assert (code, summary["why"]) == (0, "end of data")
    code, out, _ = run("parity", "small", "--json")
    parity = json.loads(out)
    assert (code, parity["ok"], parity["same"]) == (0, True, summary["trades_opened"])
    assert run("parity", "small")[1].startswith(f"small: {parity['same']} of {parity['same']} trades")
    code, out, _ = run("report", "small", "--quick", "--lang", "ko", "--json")
    assert (code, Path(json.loads(out)["path"])) == (0, Path("reports/live-small.html"))
    assert Path("reports/live-small.html").stat().st_size == json.loads(out)["bytes"]
    assert "no process runs it now" in run("halt", "small", "--reason", "lunch")[1]
    assert "HALTED since" in run("status", "small")[1]
    assert json.loads(run("ls", "--json")[1])["runs"][0]["halted"] == "lunch"
    assert run("clear", "small")[1] == "small may trade again\n"
    assert run("clear", "small")[1] == "small was not halted\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--config", "none.yaml"), "a live configuration must be a readable file"),
        (("run", "--config", "{}", "--mode", "live"), "trading with money is asked for three times"),
        (("run", "--config", "{}", "--mode", "paperr"), "`mode` must be paper or live"),
        (("run", "--config", "{}", "--log-level", "loud"), "`--log-level` must be one of them"),
        (("run", "--config", "{}", "--max-runtime-seconds", "0"), "must be above 0"),
        (("status", "none"), "there is no run 'none'"),
        (("halt", "none"), "there is no run 'none'"),
    ],
)
def test_a_mistake_ends_with_1_and_one_line(
    run: Run, config: Path, words: tuple[str, ...], message: str
) -> None:
    code, out, err = run(*(word.format(config) for word in words))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert message in err


def test_no_runs_is_no_error(run: Run) -> None:
    assert run("ls")[1].startswith("no runs in runs")


def test_a_damaged_run_does_not_hide_the_others(run: Run, tmp_path: Path) -> None:
    about = {"name": "x", "mode": "paper", "currency": "USDT", "fills": "engine", "limits": {}, "pairs": []}
    texts = {"bad": "{", "good": json.dumps(about), "odd": json.dumps({**about, "pairs": [1]}), "torn": ""}
    for name, text in texts.items():
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.json").write_text(text or json.dumps(about))
    (tmp_path / "runs" / "torn" / "summary.json").write_text("[1")
    code, out, err = run("ls")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[-4:]] == [
        ["bad", "damaged"], ["good", "paper"], ["odd", "damaged"], ["torn", "damaged"],
    ]  # fmt: skip
    assert [name for name in texts if f"{name} is damaged: " in err] == ["bad", "odd", "torn"]
    rows = json.loads(run("ls", "--json")[1])["runs"]
    assert [row["damaged"] is None for row in rows] == [False, True, False, False]
