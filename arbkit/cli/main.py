"""`arbkit`: finds the noun, runs its command, turns every ending into an exit code and one message.

Exit codes, everywhere: 0 done; 1 bad input, a wrong option, or some jobs failed; 2 an unexpected
error, which is a bug in arbkit; 130 interrupted; 141 the reader of the output went away.

A noun's module is imported only when that noun is run: `arbkit backtest` loads neither Optuna nor
matplotlib, and a job that is started ten thousand times does not pay for the others.
"""

from __future__ import annotations

import gc
import importlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from arbkit.cli._system import system_refusal
from arbkit.errors import ArbkitError, nearest_names

__all__ = ["EXIT_BAD_INPUT", "EXIT_DONE", "EXIT_UNEXPECTED", "NOUNS", "Noun", "main"]

EXIT_DONE: Final = 0
EXIT_BAD_INPUT: Final = 1
EXIT_UNEXPECTED: Final = 2
EXIT_INTERRUPTED: Final = 130
EXIT_BROKEN_PIPE: Final = 141
#: A lost Ctrl-C is said again this much later.
_AGAIN_S: Final = 0.1


class Noun(NamedTuple):
    """One noun of the shell.

    Attributes:
        module: the module that serves it.
        attribute: a `typer.Typer`, or, when `plain`, a function from arguments to exit code.
        plain: parsed without typer, which takes longer to import than the job takes to run.
        help: one line for `arbkit --help`.
    """

    module: str
    attribute: str
    plain: bool
    help: str


NOUNS: Final[dict[str, Noun]] = {
    "data": Noun("arbkit.cli.data", "app", False, "Ingest, make, list, show and validate datasets"),
    "study": Noun("arbkit.cli.study", "app", False, "Search parameters: run, resume, list, show, export"),
    "report": Noun("arbkit.cli.report", "app", False, "Write the HTML report of a study"),
    "backtest": Noun("arbkit.cli.backtest", "run", True, "Run one backtest and write its JSON"),
    "check": Noun("arbkit.cli.check", "run", True, "Ask what would be left of a backtest in practice"),
    "stress": Noun("arbkit.cli.stress", "run", True, "Replay a strategy under scenarios: crash, halt, fees"),
    "record": Noun("arbkit.cli.record", "app", False, "Record live order books into a dataset"),
    "screen": Noun("arbkit.cli.screen", "app", False, "Rank every asset that two venues list"),
    "notebook": Noun("arbkit.cli.notebook", "app", False, "Write a ready notebook for a dataset"),
    "live": Noun("arbkit.cli.live", "app", False, "Run pairs on live books, on paper; watch, stop, compare"),
    "exchange": Noun("arbkit.cli.exchange", "app", False, "Serve a practice exchange, with faults to switch"),
    "jobs": Noun("arbkit.cli.jobs", "app", False, "Plan a session of jobs, run them, rank the results"),
    "cache": Noun("arbkit.cli.cache", "app", False, "List or clear the panel cache"),
    "doctor": Noun("arbkit.cli.doctor", "app", False, "Examine the installation, and say what to do"),
    "completion": Noun("arbkit.cli.completion", "run", True, "Complete commands in bash, zsh or fish"),
}

_HEAD: Final = """\
arbkit: a research toolkit for cross-exchange arbitrage.

Usage: arbkit NOUN ... [--help]
"""
_TAIL: Final = """
Examples:
  arbkit data synth demo --out datasets/demo
  arbkit study run studies/demo.yaml
  arbkit report demo
  arbkit backtest --help

Exit codes: 0 done; 1 bad input or some jobs failed; 2 unexpected error (ARBKIT_DEBUG=1 shows where).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `arbkit` with `arguments` (default: those of the process) and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with _heard_interrupts(), _rare_collections():
            code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffers has no reader: without this the interpreter complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        _say_error("interrupted")
        return EXIT_INTERRUPTED
    except ArbkitError as error:
        _say_error(f"error: {error}")
        return EXIT_BAD_INPUT
    except Exception as error:
        refused = system_refusal(error)
        if refused is None:
            return _unexpected(error)
        _show_where(error)
        _say_error(f"error: {refused}")
        return EXIT_BAD_INPUT
    return code


@contextmanager
def _heard_interrupts() -> Iterator[None]:
    """Say Ctrl-C again where it was lost: a callback from C, such as those of the compiler, ignores it."""
    before = sys.unraisablehook

    def again(lost: Any) -> None:
        if not issubclass(lost.exc_type, KeyboardInterrupt):
            before(lost)
            return
        import signal
        import threading

        # A real signal: `_thread.interrupt_main` does not end a call that waits, such as a sleep.
        main_thread: Any = threading.main_thread().ident
        repeat = threading.Timer(_AGAIN_S, signal.pthread_kill, (main_thread, signal.SIGINT))
        repeat.daemon = True
        repeat.start()

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage a tenth as often: imports make many thousands of objects, and all of them stay."""
    before = gc.get_threshold()
    gc.set_threshold(10 * before[0], *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _run(arguments: list[str]) -> int:
    match arguments:
        case []:
            sys.stderr.write(_help())
            _say_error("error: a noun is needed, such as `arbkit study`")
            return EXIT_BAD_INPUT
        case ["--help" | "-h" | "help"]:
            sys.stdout.write(_help())
            return EXIT_DONE
        case ["--version" | "-V"]:
            from arbkit import __version__

            sys.stdout.write(f"arbkit {__version__}\n")
            return EXIT_DONE
        case [name, *rest] if name in NOUNS:
            return _run_noun(name, rest)
        case [name, *_]:
            what = "option" if name.startswith("-") else "command"
            known = ["--help", "--version"] if what == "option" else NOUNS
            _say_error(f"error: `{name}` is no {what} of arbkit; {nearest_names(name, known)}")
            return EXIT_BAD_INPUT
    raise AssertionError(arguments)


def _run_noun(name: str, arguments: list[str]) -> int:
    noun = NOUNS[name]
    served = getattr(importlib.import_module(noun.module), noun.attribute)
    if noun.plain:
        return int(served(arguments))
    return _run_typer(served, f"arbkit {name}", arguments)


def _run_typer(app: Any, name: str, arguments: list[str]) -> int:
    import typer
    from typer.main import get_command

    # typer has carried its own copy of click since 0.26, and click itself before: the bases of its
    # public exception are right in both.
    usage_error: Any = typer.BadParameter.__mro__[1]
    try:
        command = get_command(app)
        # Not `command.main`: that one prints errors and picks exit codes by itself.
        with command.make_context(name, arguments) as context:
            command.invoke(context)
    except typer.Exit as ending:
        return ending.exit_code
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    except usage_error as error:
        _say_error(_usage_message(error, name))
        return EXIT_BAD_INPUT
    return EXIT_DONE


def _usage_message(error: Any, name: str) -> str:
    """Turn a usage error of typer into our one line: the rule, what was received, the nearest name."""
    context = error.ctx
    path = name if context is None else context.command_path
    commands = {} if context is None else getattr(context.command, "commands", {})
    if context is not None and hasattr(error, "possibilities"):
        flags = [flag for item in context.command.get_params(context) for flag in item.opts]
        message = f"`{error.option_name}` is no option of `{path}`; {nearest_names(error.option_name, flags)}"
    elif unknown := re.match(r"No such command '(.+?)'", error.message):
        message = f"`{unknown[1]}` is no command of `{path}`; {nearest_names(unknown[1], commands)}"
    elif commands:
        message = f"`{path}` needs a command: {', '.join(sorted(commands))}"
    else:
        message = " ".join(error.format_message().split()).rstrip(".")
    return f"error: {message} (see `{path} --help`)"


def _show_where(error: Exception) -> None:
    if os.environ.get("ARBKIT_DEBUG"):
        import traceback

        traceback.print_exception(error)


def _unexpected(error: Exception) -> int:
    _show_where(error)
    text = " ".join(str(error).split()) or "no message"
    hint = "" if os.environ.get("ARBKIT_DEBUG") else "; run again with ARBKIT_DEBUG=1 to see where"
    _say_error(f"unexpected error: {type(error).__name__}: {text}{hint}")
    return EXIT_UNEXPECTED


def _say_error(message: str) -> None:
    sys.stderr.write(message + "\n")


def _help() -> str:
    width = max(map(len, NOUNS)) + 2
    lines = [f"  {name.ljust(width)}{noun.help}" for name, noun in NOUNS.items()]
    return f"{_HEAD}\nNouns:\n" + "\n".join(lines) + "\n" + _TAIL
