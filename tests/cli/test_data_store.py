"""`arbkit data store` and `arbkit data synth --top-of-book` from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arbkit.cli.main import main
from arbkit.data.cache import list_cache
from arbkit.panel import Panel, load_panel
from arbkit.synthetic import Market, load_market_spec, write_market

LEGS = {"a": "upbit/KRW-BTC", "b": "binance_usdm/BTCUSDT"}
RATE = ["--fx-symbol", "KRW-USDT", "--currency", "USDT"]
WORDS = ["--pair-a", LEGS["a"], "--pair-b", LEGS["b"], *RATE]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "kimchi"
    write_market(Market(load_market_spec("kimchi"), rows=20_000, levels=2), path)
    return path


def store(*words: object, to: Path) -> int:
    return main(["data", "store", *map(str, words), "--to", str(to)])


def test_a_dataset_becomes_a_store_that_a_backtest_takes(dataset, tmp_path, capsys):
    assert store(dataset, *WORDS, "--levels", "2", "--reference", "ewma:1m", to=tmp_path / "s") == 0
    assert "rows/s" in capsys.readouterr().out
    panel = Panel.open(tmp_path / "s")
    fx = {"symbol": "KRW-USDT"}
    wanted = load_panel(dataset, LEGS, fx, currency="USDT", levels=2, reference="ewma:1m", cache=False)
    assert panel.fingerprint == wanted.fingerprint
    assert panel.levels == 2
    assert list_cache() == []
    words = ["--min-spread-bps", "1", "--taker-fee-a-bps", "0", "--taker-fee-b-bps", "0"]
    words += ["--slippage-bps", "0", "--max-position-usd", "100"]
    assert main(["backtest", "--data-file", str(tmp_path / "s"), *words]) == 0
    assert json.loads(capsys.readouterr().out)["config_summary"]["snapshots_count"] == len(panel)


def test_parts_make_the_store_of_the_whole(dataset, tmp_path, capsys):
    for part in ("3m", "7m", "10d"):
        assert store(dataset, *WORDS, "--part", part, "--replace", "--json", to=tmp_path / "s") == 0
        assert json.loads(capsys.readouterr().out)["rows"] > 15_000
        whole = load_panel(dataset, LEGS, {"symbol": "KRW-USDT"}, currency="USDT", cache=False)
        assert Panel.open(tmp_path / "s").fingerprint == whole.fingerprint


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            [*WORDS, "--part", "3m", "--reference", "ewma:1m"],
            "`--part` is for datasets, without `--reference`",
        ),
        ([*WORDS, "--part", "soon"], "`part`"),
        ([*WORDS, "--part", "0s"], "`part` must be longer than 0"),
        (["--pair-a", "x/Y"], "needs both `--pair-a` and `--pair-b`"),
    ],
)
def test_bad_input_ends_with_one_message_and_code_1(dataset, tmp_path, capsys, words, message):
    assert store(dataset, *words, *RATE, to=tmp_path / "s") == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_an_existing_store_is_kept_unless_it_is_to_be_replaced(dataset, tmp_path, capsys):
    assert store(dataset, *WORDS, to=tmp_path / "s") == 0
    assert store(dataset, *WORDS, to=tmp_path / "s") == 1
    assert "exists already" in capsys.readouterr().err


def test_the_top_of_the_book_is_stored_without_a_dataset(tmp_path, capsys):
    words = ["data", "synth", "kimchi", "--rows", "3000", "--seed", "4", "--top-of-book"]
    assert main([*words, "--to", str(tmp_path / "s"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    panel = Panel.open(tmp_path / "s")
    assert found["rows"] == len(panel) > 2_000
    assert found["flags"] == ["synthetic"]
    assert panel.meta.currency == "USDT"
    assert main([*words, "--levels", "5", "--to", str(tmp_path / "t")]) == 1
    assert "leave out `--levels`" in capsys.readouterr().err
