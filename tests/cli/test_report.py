"""`arbkit report` from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from arbkit.cli.main import main
from arbkit.panel import Panel, PanelMeta
from arbkit.study import StudySpec, run_study

SPEC = {
    "panel": "panel.parquet",
    "sampler": "random",
    "seed": 1,
    "n_trials": 12,
    "space": {"min_spread_bps": {"type": "float", "low": 2, "high": 20}},
    "fixed": {"taker_fee_a_bps": 2, "taker_fee_b_bps": 2, "slippage_bps": 1, "max_position_usd": 1000},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a panel, a finished study and one in which nothing can be chosen."""
    folder = tmp_path_factory.mktemp("desk")
    rng, n = np.random.default_rng(0), 2_000
    premium = np.convolve(rng.normal(0, 12, n), 0.8 ** np.arange(30))[:n]
    a, b = 100 * (1 + premium / 1e4), np.full(n, 100.0)
    ts = (1_700_000_000 + 60 * np.arange(n)) * 10**9
    Panel(ts, a * 0.9999, a * 1.0001, b * 0.9999, b * 1.0001, meta=PanelMeta(leg_a="x/A", leg_b="y/A")).write(
        folder / "panel.parquet"
    )
    (folder / "studies").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_study(StudySpec.from_dict({"name": "kimchi-btc", **SPEC}))
        run_study(StudySpec.from_dict({"name": "other", **SPEC, "seed": 2}))
        run_study(
            StudySpec.from_dict({"name": "strict", **SPEC, "constraints": ["closed_trades >= 1000000"]})
        )
    return folder


@pytest.fixture(autouse=True)
def _in_folder(made, monkeypatch):
    monkeypatch.chdir(made)


def test_report_is_written_and_its_place_said(capsys):
    assert main(["report", "kimchi-btc"]) == 0
    assert capsys.readouterr().out.startswith("reports/kimchi-btc.html (")


def test_json_tells_path_and_size(capsys, tmp_path):
    assert main(["report", "kimchi-btc", "--to", str(tmp_path / "x.html"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["study"] == "kimchi-btc"
    assert said["bytes"] == (tmp_path / "x.html").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "path", "begins"),
    [
        (
            ["kimchi-btc", "--quick", "--lang", "ko"],
            "reports/kimchi-btc.html",
            '<!doctype html>\n<html lang="ko">',
        ),
        (["kimchi-btc", "--quick", "--format", "md"], "reports/kimchi-btc.md", "# kimchi-btc"),
        (["kimchi-btc", "--quick", "--format", "json"], "reports/kimchi-btc.json", '{\n  "version": 1'),
        (["--compare", "kimchi-btc", "other"], "reports/kimchi-btc-other.html", "<!doctype html>"),
        (["index"], "reports/index.html", "<!doctype html>"),
    ],
)
def test_other_kinds_of_report_are_written(arguments, path, begins, capsys):
    assert main(["report", *arguments]) == 0
    assert capsys.readouterr().out.startswith(f"{path} (")
    assert Path(path).read_text("utf-8").lstrip().startswith(begins)


def test_hurdle_rate_is_the_one_given():
    main(["report", "kimchi-btc", "--quick", "--hurdle", "7.5", "--format", "md"])
    assert "7.5 % a year" in Path("reports/kimchi-btc.md").read_text("utf-8")


def test_spot_legs_sold_short_are_in_the_first_line(tmp_path):
    main(["report", "kimchi-btc", "--to", str(tmp_path / "x.html")])
    page = (tmp_path / "x.html").read_text("utf-8")
    assert page.index("Not tradable as it stands") < page.index('class="verdict')


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["kimchi"], "did you mean `kimchi-btc`?"),
        (["strict"], "a report needs at least one completed trial"),
        (["kimchi-btc", "--to", "panel.parquet/x.html"], "must go to a path that can be written"),
        (["kimchi-btc", "--to", "studies"], "is a folder; name a file in it"),
        (["panel.parquet"], ""),
        (["kimchi-btc", "other"], "--compare holds them against each other"),
        (["--compare", "kimchi-btc"], "a comparison takes 2 to 4 different studies, was kimchi-btc"),
        (["kimchi-btc", "--format", "pdf"], "`format` must be html, md or json, was 'pdf'"),
        (["kimchi-btc", "--lang", "kr"], "`lang` 'kr' has no messages; did you mean `ko`?"),
        (["kimchi-btc", "--hurdle", "nan"], "`hurdle_pct` must be a finite number, was nan"),
        ([], "Missing argument"),
        (["kimchi-btc", "--too", "x"], "did you mean `--to`"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_one(arguments, said, capsys):
    assert main(["report", *arguments]) == 1
    output = capsys.readouterr()
    assert output.err.startswith("error: ")
    assert said in output.err
    assert output.out == ""
