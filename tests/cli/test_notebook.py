"""`arbkit notebook`."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import nbformat
import polars as pl
import pytest

from arbkit.cli.main import main as shell
from arbkit.data import DatasetWriter, InstrumentInfo, book_schema
from arbkit.notebooks import KINDS
from arbkit.synthetic import Market, load_market_spec, write_market
from tests.notebooks.test_notebooks import check_run


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook") / "demo"
    write_market(Market(load_market_spec("demo"), days=0.4), folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_valid_stripped_and_names_the_instruments_of_the_dataset(
    kind: str, demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "made" / f"{kind}.ipynb"
    assert shell(["notebook", "new", kind, "--dataset", str(demo), "--to", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    text = path.read_text(encoding="utf-8")
    assert json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True) + "\n" == text
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    source = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    ast.parse(source)
    assert (not KINDS[kind].needs_pair) or all(
        name in source for name in ("upbit/KRW-BTC", "binance_usdm/BTCUSDT", "upbit/KRW-USDT")
    )


@pytest.mark.slow
def test_every_cell_of_every_kind_runs_as_it_stands(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One kernel for all kinds: their cells one after the other, those that they share once."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "demo").symlink_to(demo)
    cells = {}
    for kind in KINDS:
        assert shell(["notebook", "new", kind, "--dataset", "datasets/demo"]) == 0
        made = nbformat.read(Path("notebooks", f"demo-{kind}.ipynb"), as_version=4)
        cells |= {cell.id: cell for cell in made.cells}
    made.cells = list(cells.values())
    nbformat.write(made, "notebooks/all.ipynb")
    check_run(tmp_path / "notebooks" / "all.ipynb", tmp_path, monkeypatch)


def test_kinds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert shell(["notebook", "ls"]) == 0
    said = capsys.readouterr().out
    assert all(kind in said for kind in KINDS)
    assert shell(["notebook", "ls", "--json"]) == 0
    assert [item["kind"] for item in json.loads(capsys.readouterr().out)] == list(KINDS)


def test_existing_file_is_kept_unless_told_otherwise(demo: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.ipynb"
    path.write_text("mine")
    given = ["notebook", "new", "panel", "--dataset", str(demo), "--to", str(path)]
    assert shell(given) == 1
    assert path.read_text() == "mine"
    assert shell([*given, "--replace", "--json"]) == 0
    assert path.read_text() != "mine"


def test_legs_that_are_named_are_used(tmp_path: Path, demo: Path) -> None:
    path = tmp_path / "a.ipynb"
    legs = ["--pair-a", "binance_usdm/BTCUSDT", "--pair-b", "upbit/KRW-BTC"]
    assert shell(["notebook", "new", "panel", "--dataset", str(demo), "--to", str(path), *legs]) == 0
    text = path.read_text()
    assert '\\"a\\": \\"binance_usdm/BTCUSDT\\"' in text
    assert '\\"currency\\": \\"KRW\\"' in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["studdy"], "`studdy` is no kind of notebook; did you mean `study`"),
        (["study", "--to", "a.txt"], "must end in .ipynb"),
        (["study", "--asset", "ETH"], "`ETH` is no asset that two venues list"),
        (["study", "--pair-a", "upbit/KRW-BTC"], "a pair has two legs"),
        (["study", "--pair-a", "upbit/KRW-BTC", "--pair-b", "okx/BTC"], "okx/BTC"),
        (["study", "--dataset", "nothing"], "nothing"),
    ],
)
def test_wrong_input_is_one_line_and_ends_with_1(
    arguments: list[str], says: str, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    given = arguments if "--dataset" in arguments else [*arguments, "--dataset", str(demo)]
    assert shell(["notebook", "new", *given]) == 1
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_time_ends_where_the_exchange_rate_does(tmp_path: Path) -> None:
    folder, path = tmp_path / "short", tmp_path / "a.ipynb"
    stamps = {"upbit/KRW-BTC": 5, "binance/BTCUSDT": 5, "upbit/KRW-USDT": 2}
    with DatasetWriter(folder, source="made up") as writer:
        for leg, hours in stamps.items():
            venue, symbol = leg.split("/")
            base, quote = (
                ("USDT", "KRW") if symbol == "KRW-USDT" else ("BTC", "KRW" if "KRW" in symbol else "USDT")
            )
            ts = pl.datetime_range(
                pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 1, hours), "1h", eager=True, time_zone="UTC"
            )
            sides = {"bid_px_00": 1.0, "bid_sz_00": 1.0, "ask_px_00": 2.0, "ask_sz_00": 1.0}
            frame = pl.DataFrame({"ts_event": ts, "ts_recv": ts}).with_columns(
                **{name: pl.lit(value) for name, value in sides.items()}
            )
            info = InstrumentInfo(venue=venue, symbol=symbol, base=base, quote=quote)
            writer.write(info, frame.cast(book_schema(1)))  # type: ignore[arg-type]
        writer.commit()
    assert shell(["notebook", "new", "panel", "--dataset", str(folder), "--to", str(path)]) == 0
    assert '\\"end\\": \\"2024-01-01T02:00:00\\"' in path.read_text()
