"""`arbkit backtest`: one run over one file or dataset, for scripts and Kubernetes.

Every field of `Params` is an option; the list is read from the dataclass. Parsed with argparse: the
job is started thousands of times, and typer alone costs a tenth of a second each.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from arbkit.cli._options import (
    COSTS_HELP,
    PARAM_HELP,
    OptionParser,
    add_job_options,
    costs_of,
    parse_options,
    value_of,
)
from arbkit.config import PARAM_NAMES, Params
from arbkit.errors import ArbkitError, ConfigError
from arbkit.jobs.document import error_document, run_job, write_document
from arbkit.jobs.job import Job
from arbkit.jobs.json_text import dump_json

__all__ = ["PARAM_HELP", "build_parser", "run"]

_EXAMPLES: Final = """\
examples:
  arbkit backtest --data-file pair.csv --min-spread-bps 30 --taker-fee-a-bps 5 --taker-fee-b-bps 5 \\
      --slippage-bps 5 --max-position-usd 1000 --output-json result.json
  arbkit backtest --data-file datasets/demo --pair-a upbit/KRW-BTC --pair-b binance_usdm/BTCUSDT \\
      --fx-symbol KRW-USDT --fx-price executable --currency USDT --reference ewma:6h \\
      --min-spread-bps 10 --exit-spread-bps -5 --taker-fee-a-bps 5 --taker-fee-b-bps 5 \\
      --slippage-bps 5 --max-position-usd 1000
  arbkit backtest --params params.yaml --output-json result.json

`--params` takes what `arbkit study decide STUDY --params FILE` or `--output-json` wrote, or a YAML or JSON
file with any of these options by name; options given here replace those of the file. `--costs` takes what
`arbkit live calibrate RUN` measured.

exit codes: 0 done; 1 configuration or data error; 2 unexpected error. In each case the JSON is written,
with "status": "success" or "error". `none` switches a rule off.
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; all values stay text, so that `Params` states every rule."""
    parser = OptionParser(
        prog="arbkit backtest",
        usage="arbkit backtest --data-file FILE --min-spread-bps X --taker-fee-a-bps X --taker-fee-b-bps X\n"
        "                       --slippage-bps X --max-position-usd X [OPTIONS]",
        description="Run one backtest and write its JSON: read-only, offline, deterministic.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--costs", metavar="FILE", default=argparse.SUPPRESS, help=COSTS_HELP)
    parser.add_argument(
        "--params", metavar="FILE", default=argparse.SUPPRESS, help="a file that holds any of these options"
    )
    add_job_options(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run the job and write its JSON, also when it fails; return 0, 1 (bad input) or 2 (unexpected)."""
    if "--help" in arguments or "-h" in arguments:
        sys.stdout.write(build_parser().format_help())
        return 0
    config: dict[str, Any] = {"output_json": value_of("--output-json", arguments)}
    try:
        job, params = _read(arguments, config)
        document = run_job(job, params)
        _write(document, job.output_json)
    except Exception as error:
        _write_error(error_document(error, config), config["output_json"])
        raise
    _say_result(document)
    return 0


def _read(arguments: Sequence[str], config: dict[str, Any]) -> tuple[Job, Params]:
    """Return what is asked for; `config` then holds it by name, as far as it was understood."""
    file, costs = value_of("--params", arguments), costs_of(arguments)
    if file is None:
        config.update(costs)
        parse_options(build_parser(), arguments, config)
        config.pop("costs", None)
        job = Job(**{name: value for name, value in config.items() if name not in PARAM_NAMES})
        return job, Params.from_dict({name: value for name, value in config.items() if name in PARAM_NAMES})
    from arbkit.cli._params_file import file_values, flat_values, job_of, merged

    values = file_values(file)
    for key in ("pairs", "space"):
        if key in values:
            raise ConfigError(f"`--params` must hold the options of one run, {file!r} has `{key}`")
    flat, absent = flat_values(file, values), object()
    given: dict[str, Any] = dict.fromkeys(flat, absent)
    parse_options(build_parser(), arguments, given)
    del given["params"]
    given.pop("costs", None)
    config.update(merged(flat | costs, {name: value for name, value in given.items() if value is not absent}))
    return job_of(file, config)


def _write(document: dict[str, Any], output: str | None) -> None:
    if output is None or output == "-":
        sys.stdout.write(dump_json(document))
    else:
        write_document(document, Path(output))


def _write_error(document: dict[str, Any], output: str | None) -> None:
    try:
        _write(document, output)
    except ArbkitError:
        # The file is what failed, or fails too: whoever reads the output still gets the document.
        _write(document, None)


def _say_result(document: dict[str, Any]) -> None:
    for note in document["notes"]:
        sys.stderr.write(f"warning: {note}\n")
    output = document["config"]["output_json"]
    if output not in (None, "-"):
        metrics = document["metrics"]
        sys.stderr.write(
            f"{metrics['total_trades']} trades, mtm_pnl_usd {metrics['mtm_pnl_usd']:.2f}, "
            f"max_drawdown_mtm_pct {metrics['max_drawdown_mtm_pct']:.2f}: {output}\n"
        )
