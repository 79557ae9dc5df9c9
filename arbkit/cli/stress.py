"""`arbkit stress`: a parameter set, a study's chosen one or a portfolio under scenarios."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from arbkit.cli._options import COSTS_HELP, OptionParser, add_job_options, costs_of, parse_options
from arbkit.cli._params_file import ENDINGS, JOB_NAMES, file_values, flat_values, job_of, merged
from arbkit.config import PARAM_NAMES
from arbkit.errors import ConfigError

if TYPE_CHECKING:
    from arbkit.engine import Portfolio
    from arbkit.panel import Panel

__all__ = ["build_parser", "run"]

_EXAMPLES: Final = """\
examples:
  arbkit stress demo
  arbkit stress params.yaml --data-file PAIR.csv
  arbkit stress params.yaml --data-file PAIR.csv --scenario halt --scenario 'flash_crash: {move_pct: -5}' \\
      --scenario 'premium_step + stale_feed'
  arbkit stress result.json --scenarios scenarios.yaml --seed 3
  arbkit stress --list

PARAMS is a YAML or JSON file with any of the options of `arbkit backtest` by name (min_spread_bps: 20,
data_file: pair.csv), what `arbkit backtest --output-json` wrote, or a study, whose chosen set is taken. A
file with `pairs:` (a name for each, and its options below) is a portfolio. Options given here replace those
of the file.

Written to the output folder: NAME-stress.png, .csv (all numbers) and .json. Exit codes: 0 done; 1
configuration or data error; 2 unexpected error.
"""
_OWN: Final = {
    "scenarios": ("FILE", "YAML list of scenarios in place of the standard ones"),
    "hits": ("WHEN", "moments of shocks: trades (default), while a trade is open, or time, at any time"),
    "seed": ("NUMBER", "of the moments and of all that is drawn (default 0)"),
    "segment": ("NAME", "of a study: test (default), which the search did not see, or train"),
    "costs": ("FILE", COSTS_HELP),
    "output": ("FOLDER", "where the files go (default reports)"),
    "name": ("TEXT", "first part of the files' names (default that of the parameters)"),
}
_SHARED: Final = (
    "initial_balance_usd",
    "max_total_notional_usd",
    "max_open_trades_total",
    "stop_on_drawdown_pct",
    "stop_on_drawdown_mtm_pct",
)


class _Subject(NamedTuple):
    """What is stressed: the market, the parameters, and how the document names them."""

    market: Panel | Portfolio
    params: Any
    config: dict[str, Any]
    notes: tuple[str, ...]


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; all values stay text."""
    parser = OptionParser(
        prog="arbkit stress",
        usage="arbkit stress PARAMS [--data-file FILE] [--scenario NAME]... [OPTIONS]",
        description="Replay a strategy under scenarios that are written into its books.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    group = parser.add_argument_group("the stress test")
    group.add_argument(
        "--scenario", metavar="NAME", action="append", default=[],
        help="one scenario: a name, `NAME: {parameter: value}`, several with `+`; may be repeated",
    )  # fmt: skip
    for option, (metavar, text) in _OWN.items():
        group.add_argument("--" + option, metavar=metavar, help=text, default=argparse.SUPPRESS)
    group.add_argument("--list", action="store_true", default=False, help="list all scenarios and stop")
    group.add_argument("--json", action="store_true", default=False, help="print JSON instead of a table")
    add_job_options(parser, without=("interval", "output_json", "tag"))
    return parser


def run(arguments: Sequence[str]) -> int:
    """Stress what is named, write picture, numbers and document; return the exit code."""
    if "--help" in arguments or "-h" in arguments or list(arguments[:1]) == ["help"]:
        sys.stdout.write(build_parser().format_help())
        return 0
    if "--list" in arguments:
        _list()
        return 0
    if not arguments or arguments[0].startswith("-"):
        raise ConfigError("`arbkit stress` needs PARAMS: a YAML or JSON file of parameters, or a study")
    named, *rest = arguments
    values = _values_of(named)
    # Nothing is asked for here: the file, or the study, holds what has no default.
    absent = object()
    config: dict[str, Any] = dict.fromkeys((*JOB_NAMES, *PARAM_NAMES), absent)
    parse_options(build_parser(), rest, config)
    config = costs_of(rest) | {name: value for name, value in config.items() if value is not absent}
    own = {name: config.pop(name) for name in (*_OWN, "scenario", "list", "json") if name in config}
    subject = _of_study(named, config, own) if values is None else _of_file(named, values, config)
    stem = own.get("name", _stem(named))
    if not stem or Path(stem).name != stem:
        raise ConfigError(f"`--name` must be the first part of a file's name, was {stem!r}")
    _answer(subject, own, f"{stem}-stress")
    return 0


def _values_of(named: str) -> dict[str, Any] | None:
    """Return what a file of parameters holds; None for a study, or its spec."""
    if Path(named).suffix not in ENDINGS:
        return None
    values = file_values(named)
    return None if "space" in values else values


def _stem(named: str) -> str:
    return Path(named.rpartition("#")[2] or named).stem


def _of_study(named: str, config: dict[str, Any], own: dict[str, Any]) -> _Subject:
    from arbkit.engine.result import flags_of
    from arbkit.study import load_study
    from arbkit.validation import stored_validation

    for name in config:
        if name in JOB_NAMES:
            option = "--" + name.replace("_", "-")
            raise ConfigError(f"`{option}` belongs to a file of parameters, and a study has its own data")
    segment = own.get("segment", "test")
    if segment not in ("train", "test"):
        raise ConfigError(f"`--segment` must be train or test, was {segment!r}")
    study = load_study(named)
    found = stored_validation(study)
    chosen = None if found is None else found.params
    params, reference = study.params_of(study.best_params() if chosen is None else chosen)
    params = params.replace(**config)
    panel = study.panel_for(reference, segment)
    source = "the highest trial" if chosen is None else "chosen by the validation"
    shown = {
        "study": study.name,
        "set": source,
        "segment": segment,
        "reference": reference,
        **params.to_dict(),
    }
    return _Subject(panel, params, shown, flags_of(panel, params))


def _of_file(named: str, values: dict[str, Any], config: dict[str, Any]) -> _Subject:
    from arbkit.engine import Portfolio
    from arbkit.engine.result import flags_of

    if "pairs" not in values:
        job, params = job_of(named, merged(flat_values(named, values), config))
        panel = job.load(params.depth_levels)
        shown = {**dataclasses.asdict(job), **params.to_dict()}
        return _Subject(panel, params, shown, flags_of(panel, params))
    pairs = values["pairs"]
    if not isinstance(pairs, dict) or not pairs:
        raise ConfigError(f"`pairs` must hold the options of each pair by its name, was {pairs!r:.80}")
    shared = {name: value for name, value in values.items() if name in _SHARED}
    common = {k: v for k, v in values.items() if k != "pairs" and k not in _SHARED}
    panels, params_of, flags = {}, {}, []
    for name, own in pairs.items():
        where = f"{named}: {name}"
        if own is not None and not isinstance(own, dict):
            raise ConfigError(f"{where} must hold options by name, was {own!r:.80}")
        job, params = job_of(where, merged(flat_values(where, {**common, **(own or {})}), config))
        panels[str(name)], params_of[str(name)] = job.load(params.depth_levels), params
        flags += [f"{name}: {flag}" for flag in flags_of(panels[str(name)], params)]
    shown = {**shared, "pairs": {name: params.to_dict() for name, params in params_of.items()}}
    return _Subject(Portfolio(panels, **shared), params_of, shown, tuple(flags))


def _answer(subject: _Subject, own: dict[str, Any], stem: str) -> None:
    from arbkit.cli._console import progress
    from arbkit.cli._findings import answer_finding, check_folder
    from arbkit.stress import parse_scenarios, stress_test

    folder = Path(own.get("output", "reports"))
    check_folder("--output", folder, str(folder))
    seed = _seed(own.get("seed", "0"))
    scenarios = parse_scenarios(_scenarios(own), seed=seed)
    hits = own.get("hits", "trades")
    with progress("stress: scenarios") as shown:
        found = stress_test(
            subject.market, subject.params, scenarios=scenarios, hits=hits, seed=seed,
            progress=lambda done, total: shown.update(done, total=total),
        )  # fmt: skip
    notes = [*found.notes, *subject.notes]
    document = {
        "finding": found.finding,
        "notes": notes,
        "days": found.days,
        "currency": found.currency,
        "seed": seed,
        "hits": hits,
        "scenarios": [{"name": item.name, **item.to_dict()} for item in scenarios],
        "table": found.frame.to_dicts(),
        "config": subject.config,
    }
    answer_finding(found, document, notes, folder / stem, as_json=own["json"])


def _scenarios(own: dict[str, Any]) -> Any:
    """Return the scenarios asked for, as `parse_scenarios` takes them."""
    import yaml

    if "scenarios" in own and own["scenario"]:
        raise ConfigError("scenarios are given by `--scenario` or by `--scenarios`, not by both")
    path = own.get("scenarios", "--scenario")
    try:
        if "scenarios" in own:
            values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
            return values["scenarios"] if isinstance(values, dict) and "scenarios" in values else values
        return [yaml.safe_load(text) for text in own["scenario"]] or "standard"
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"scenarios must be readable YAML, {path!r} is not: {said}") from error


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise ConfigError(f"`--seed` must be a whole number of at least 0, was {text!r}")
    return int(text)


def _list() -> None:
    """Print every scenario with its parameters and their defaults."""
    from arbkit.cli._console import print_table
    from arbkit.stress import SCENARIOS

    rows = []
    for name, kind in SCENARIOS.items():
        fields = [item for item in dataclasses.fields(kind) if "kind" in item.metadata]
        options = ", ".join(f"{item.name}={_spelled(item.default)}" for item in fields)
        rows.append((name, kind.summary, options))
    print_table(("scenario", "what happens", "parameters"), rows)


def _spelled(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "none" if value is None else str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
