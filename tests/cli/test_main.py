"""Every ending of the shell: one message, the right stream, the right exit code."""

from __future__ import annotations

import ctypes
import importlib
import os
import re
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from arbkit import __version__
from arbkit.cli import main as shell
from arbkit.errors import DataError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = shell.main(arguments)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the noun `desk`, with a command for each way of ending."""
    app = typer.Typer(no_args_is_help=True)

    @app.command()
    def trade(count: int, limit: float = typer.Option(1.0, "--limit")) -> None:
        typer.echo(f"{count} {limit}")

    @app.command()
    def refuse() -> None:
        raise DataError("prices must be above 0, was -1")

    @app.command()
    def some_failed() -> None:
        raise typer.Exit(1)

    @app.command()
    def crash() -> None:
        raise ZeroDivisionError("division\n by zero")

    @app.command()
    def interrupt() -> None:
        raise KeyboardInterrupt

    @app.command()
    def give_up() -> None:
        raise typer.Abort

    @app.command()
    def wait_in_c() -> None:
        @ctypes.CFUNCTYPE(None)
        def called_from_c() -> None:
            raise KeyboardInterrupt

        called_from_c()
        time.sleep(30)

    module = types.ModuleType("tests_desk")
    module.app = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tests_desk", module)
    monkeypatch.setitem(shell.NOUNS, "desk", shell.Noun("tests_desk", "app", False, "Trade by hand"))


def test_help_lists_every_noun(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for name, noun in shell.NOUNS.items():
        assert f"  {name} " in out
        assert noun.help in out


def test_version_is_the_package_version(run: Run) -> None:
    assert run("--version") == (0, f"arbkit {__version__}\n", "")


def test_no_noun_is_bad_input_and_shows_the_help(run: Run) -> None:
    code, out, err = run()
    assert (code, out) == (1, "")
    assert "Nouns:" in err
    assert err.endswith("error: a noun is needed, such as `arbkit study`\n")


@pytest.mark.parametrize(
    ("word", "near"), [("stduy", "did you mean `study`?"), ("--versoin", "did you mean `--version`?")]
)
def test_unknown_word_is_bad_input_and_gets_the_nearest(run: Run, word: str, near: str) -> None:
    code, out, err = run(word)
    assert (code, out) == (1, "")
    assert near in err


@pytest.mark.usefixtures("desk")
class TestTyperNoun:
    def test_command_that_works_ends_with_0(self, run: Run) -> None:
        assert run("desk", "trade", "3", "--limit", "2.5") == (0, "3 2.5\n", "")

    def test_our_error_is_one_line_on_stderr_and_ends_with_1(self, run: Run) -> None:
        assert run("desk", "refuse") == (1, "", "error: prices must be above 0, was -1\n")

    def test_exit_code_that_a_command_asks_for_is_kept(self, run: Run) -> None:
        assert run("desk", "some-failed")[0] == 1

    def test_wrong_option_gets_the_nearest_and_ends_with_1(self, run: Run) -> None:
        code, _, err = run("desk", "trade", "3", "--limt", "2")
        assert code == 1
        assert "`--limt` is no option of `arbkit desk trade`; did you mean `--limit` or `--help`? " in err

    def test_wrong_command_gets_the_nearest_and_ends_with_1(self, run: Run) -> None:
        code, _, err = run("desk", "trad")
        assert code == 1
        assert err == (
            "error: `trad` is no command of `arbkit desk`; did you mean `trade`? (see `arbkit desk --help`)\n"
        )

    def test_missing_command_lists_them_and_ends_with_1(self, run: Run) -> None:
        code, _, err = run("desk")
        assert code == 1
        assert "`arbkit desk` needs a command: crash, give-up, interrupt, refuse" in err

    @pytest.mark.parametrize("arguments", [["trade"], ["trade", "many"], ["trade", "1", "--limit"]])
    def test_wrong_value_or_missing_argument_is_one_line_and_ends_with_1(
        self, run: Run, arguments: list[str]
    ) -> None:
        code, out, err = run("desk", *arguments)
        assert (code, out) == (1, "")
        assert err.startswith("error: ")
        assert re.search(r"\(see `arbkit desk( trade)? --help`\)\n$", err)
        assert err.count("\n") == 1

    def test_help_of_a_command_ends_with_0(self, run: Run) -> None:
        code, out, err = run("desk", "trade", "--help")
        assert (code, err) == (0, "")
        assert "--limit" in out

    def test_unexpected_error_is_one_line_without_traceback_and_ends_with_2(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("ARBKIT_DEBUG", raising=False)
        code, out, err = run("desk", "crash")
        assert (code, out) == (2, "")
        assert err == (
            "unexpected error: ZeroDivisionError: division by zero; "
            "run again with ARBKIT_DEBUG=1 to see where\n"
        )

    def test_unexpected_error_shows_the_traceback_when_asked(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ARBKIT_DEBUG", "1")
        code, _, err = run("desk", "crash")
        assert code == 2
        assert "Traceback" in err
        assert err.endswith("unexpected error: ZeroDivisionError: division by zero\n")

    @pytest.mark.parametrize("command", ["interrupt", "give-up", "wait-in-c"])
    def test_interrupt_ends_with_130(self, run: Run, command: str) -> None:
        assert run("desk", command) == (130, "", "interrupted\n")


@pytest.mark.parametrize("name", shell.NOUNS)
def test_noun_is_served_by_what_the_table_names(name: str) -> None:
    noun = shell.NOUNS[name]
    served = getattr(importlib.import_module(noun.module), noun.attribute)
    assert callable(served) if noun.plain else isinstance(served, typer.Typer)


@pytest.mark.parametrize("name", shell.NOUNS)
def test_help_of_every_noun_ends_with_0_and_shows_an_example(run: Run, name: str) -> None:
    code, out, _ = run(name, "--help")
    assert code == 0
    assert f"arbkit {name}" in out


def test_every_command_file_is_in_the_table() -> None:
    folder = Path(shell.__file__).parent
    nouns = {f"arbkit.cli.{path.stem}" for path in folder.glob("[a-z]*.py")} - {"arbkit.cli.main"}
    assert nouns == {noun.module for noun in shell.NOUNS.values()}


def test_running_backtest_imports_neither_search_nor_plots_nor_typer() -> None:
    code = (
        "import sys; from arbkit.cli.main import main; main(['backtest', '--data-file', 'none']); "
        "heavy = {'optuna', 'matplotlib', 'typer', 'rich', 'duckdb'} & set(sys.modules); "
        "sys.exit(' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes end with a signal on POSIX only")
def test_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m arbkit --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert int(done.stdout) in (0, 128 + signal.SIGPIPE)
    assert done.stderr == ""


def test_python_dash_m_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "arbkit", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"arbkit {__version__}\n"


def test_a_reader_that_leaves_ends_tables_as_it_ends_text(tmp_path: Path) -> None:
    arbkit = Path(sys.executable).with_name("arbkit")
    for words in ("study samplers", "--help"):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {arbkit} {words} | true; exit ${{PIPESTATUS[0]}}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) in ((141, ""), (0, ""))
        assert done.returncode != 1


def _typer_commands() -> Iterator[tuple[str, Any]]:
    from typer.main import get_command

    for name, noun in shell.NOUNS.items():
        if not noun.plain:
            command: Any = get_command(getattr(importlib.import_module(noun.module), noun.attribute))
            for sub, one in getattr(command, "commands", {"": command}).items():
                yield f"arbkit {name} {sub}".rstrip(), one


@pytest.mark.parametrize(("path", "command"), [pytest.param(*item, id=item[0]) for item in _typer_commands()])
def test_every_command_shows_an_example_of_itself_and_offers_json(path: str, command: Any) -> None:
    assert re.search(rf"Examples?:\n\n.*{re.escape(path)}", command.help, re.DOTALL)
    assert "--json" in [flag for item in command.params for flag in item.opts]
