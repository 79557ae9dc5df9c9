"""`arbkit completion`: complete nouns, commands, options, studies and datasets in bash, zsh and fish.

The shells share one small answer: the words so far go in, the candidates come out, one per line. Where there
are none the shell completes file names.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from arbkit.errors import ConfigError, nearest_names

__all__ = ["SCRIPTS", "candidates", "run"]

_ASK: Final = "arbkit completion --words"

#: What each shell needs to ask `candidates`.
SCRIPTS: Final = {
    "bash": f"""\
_arbkit() {{
    local IFS=$'\\n'
    COMPREPLY=($({_ASK} "${{COMP_WORDS[@]:0:COMP_CWORD+1}}" 2>/dev/null))
}}
complete -o default -o bashdefault -F _arbkit arbkit
""",
    "zsh": f"""\
#compdef arbkit
_arbkit() {{
    local -a found
    found=("${{(@f)$({_ASK} "${{(@)words[1,CURRENT]}}" 2>/dev/null)}}")
    if (( ${{#found[1]}} )); then compadd -- "${{found[@]}}"; else _files; fi
}}
compdef _arbkit arbkit
""",
    "fish": f"complete -c arbkit -a '({_ASK} (commandline -opc) (commandline -ct) 2>/dev/null)'\n",
}

_HELP: Final = """\
Usage: arbkit completion bash|zsh|fish

Write the script that completes `arbkit` in a shell: nouns, commands, options, names of studies and datasets.

Examples:
  eval "$(arbkit completion bash)"                                      # this shell only
  arbkit completion bash > ~/.local/share/bash-completion/completions/arbkit
  arbkit completion zsh  > "${fpath[1]}/_arbkit"
  arbkit completion fish > ~/.config/fish/completions/arbkit.fish
"""


def run(arguments: Sequence[str]) -> int:
    """Write the script of a shell, or, after `--words`, the candidates for the last of the words.

    Raises:
        ConfigError: for a shell without a script.
    """
    match list(arguments):
        case [] | ["--help" | "-h"]:
            sys.stdout.write(_HELP)
        case ["--words", *words]:
            sys.stdout.writelines(f"{word}\n" for word in candidates(words))
        case [shell] if shell in SCRIPTS:
            sys.stdout.write(SCRIPTS[shell])
        case [shell, *_]:
            known = nearest_names(shell, SCRIPTS)
            raise ConfigError(f"the shell must be bash, zsh or fish, was {shell!r}; {known}")
    return 0


def candidates(words: Sequence[str]) -> list[str]:
    """Return what may stand for the last of `words`, which begin with `arbkit` itself; sorted.

    Empty where a file name belongs, or nothing.
    """
    from arbkit.cli.main import NOUNS

    *before, current = list(words)[1:] or [""]
    if not before:
        found: Iterable[str] = [*NOUNS, "--help", "--version"]
    elif before[0] not in NOUNS:
        found = ()
    elif NOUNS[before[0]].plain:
        found = _of_plain(before[0], current)
    else:
        found = _of_typer(before[0], before[1:], current)
    return sorted(word for word in set(found) if word.startswith(current))


def _of_plain(noun: str, current: str) -> Iterable[str]:
    from arbkit.cli.main import NOUNS

    if noun == "completion":
        return SCRIPTS
    module = importlib.import_module(NOUNS[noun].module)
    if current.startswith("-"):
        return [flag for action in module.build_parser()._actions for flag in action.option_strings]
    return _studies() if noun in ("check", "stress") else ()


def _of_typer(noun: str, before: Sequence[str], current: str) -> Iterable[str]:
    from typer.main import get_command

    from arbkit.cli.main import NOUNS

    command: Any = get_command(getattr(importlib.import_module(NOUNS[noun].module), NOUNS[noun].attribute))
    commands = getattr(command, "commands", None)
    if commands is not None:
        if not before:
            return [*commands, "--help"]
        if before[0] not in commands:
            return ()
        command, before = commands[before[0]], before[1:]
    if current.startswith("-"):
        return ["--help", *(flag for item in command.params for flag in item.opts if flag.startswith("-"))]
    return _value(command.params, before)


def _value(params: Sequence[Any], before: Sequence[str]) -> Iterable[str]:
    """Return the values that a parameter may take: that of the option just written, or the next argument."""
    last = before[-1] if before else ""
    for item in params:
        if last in item.opts and last.startswith("-") and not getattr(item, "is_flag", False):
            return _VALUES.get(item.name, _nothing)()
    for item in params:
        if not any(flag.startswith("-") for flag in item.opts):
            return _VALUES.get(item.name, _nothing)()
    return ()


def _nothing() -> Iterable[str]:
    return ()


def _studies() -> Iterable[str]:
    """Return the studies below `studies/` whose file carries their name; no storage is opened."""
    return [path.stem for ending in ("db", "duckdb", "yaml") for path in Path("studies").glob(f"*.{ending}")]


def _datasets() -> Iterable[str]:
    return [str(path.parent) for path in Path("datasets").glob("*/manifest.json")]


def _samplers() -> Iterable[str]:
    from arbkit.study.samplers import all_samplers

    return all_samplers()


def _pruners() -> Iterable[str]:
    from arbkit.study.pruners import all_pruners

    return [*all_pruners(), "none"]


_VALUES: Final[dict[str, Callable[[], Iterable[str]]]] = {
    "study": _studies,
    "studies": _studies,
    "warm_start": _studies,
    "dataset": _datasets,
    "sampler": _samplers,
    "pruner": _pruners,
}
