"""`arbkit screen`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.cli.main import main as shell
from arbkit.synthetic import Market, load_market_spec, write_market


@pytest.fixture(scope="module")
def coins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screen") / "coins"
    write_market(Market(load_market_spec("coins"), days=0.03, levels=2), folder)
    return folder


def test_table_matrix_and_finding_are_shown_and_the_page_written(
    coins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shell(["screen", str(coins)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("asset  net_bps_per_day")
    assert "sell the row at A, carry back the column" in said.out
    assert "1,000 USDT a crossing at 10 bps" in said.out
    assert "written: reports/coins-screen.html" in said.err
    assert (tmp_path / "reports" / "coins-screen.html").stat().st_size > 5_000


def test_json_has_both_tables(coins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = str(tmp_path / "a.html")
    assert shell(["screen", str(coins), "--json", "--to", page, "--size", "500", "--fee-b-bps", "2"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["size"], answer["costs_bps"], len(answer["assets"]), len(answer["matrix"])) == (
        500,
        7,
        5,
        20,
    )
    assert answer["files"][0] == page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "nothing"),
        (["DATASET", "--size", "-1"], "`size` must be above 0, was -1"),
        (["DATASET", "--venue-a", "bithumb"], "`bithumb` is no venue of coins"),
    ],
)
def test_wrong_input_is_one_line_and_ends_with_1(
    coins: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [str(coins) if item == "DATASET" else item for item in arguments]
    assert shell(["screen", *given]) == 1
    err = capsys.readouterr().err
    assert says in err
    assert err.count("error: ") == 1
