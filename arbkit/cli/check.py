"""`arbkit check`: what would be left of a backtest in practice; a picture, a table and one sentence each."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from arbkit.cli._options import COSTS_HELP, OptionParser, add_job_options, costs_of, parse_options
from arbkit.config import PARAM_NAMES, Params
from arbkit.errors import ConfigError, nearest_names
from arbkit.jobs.job import Job

if TYPE_CHECKING:
    from arbkit.panel import Panel
    from arbkit.realism import Check

__all__ = ["CHECKS", "build_parser", "run"]

_EXAMPLES: Final = """\
examples:
  arbkit check latency --data-file pair.csv --min-spread-bps 30 --taker-fee-a-bps 5 --taker-fee-b-bps 5 \\
      --slippage-bps 5 --max-position-usd 1000 --latencies-ms 50,200,1000
  arbkit check audit --data-file datasets/demo --pair-a upbit/KRW-BTC --pair-b binance_usdm/BTCUSDT \\
      --fx-symbol KRW-USDT --currency USDT --reference ewma:6h --min-spread-bps 10 --exit-spread-bps -5 \\
      --taker-fee-a-bps 5 --taker-fee-b-bps 5 --slippage-bps 5 --max-position-usd 1000

Written to the output folder: NAME-CHECK.png, .csv (all numbers) and .json. Exit codes: 0 done; 1
configuration or data error; 2 unexpected error. `none` switches a rule off.
"""
_OWN: Final = {
    "latencies_ms": ("LIST", "latency: delays to look at, such as 0,50,200"),
    "notionals": ("LIST", "capacity: sizes of one trade, account currency, such as 100,1000"),
    "fees_bps": ("LIST", "fee: fees of one crossing, both legs together, such as 0,1,2"),
    "audit_latency_ms": ("NUMBER", "audit: the delay to try instead of none (default 200)"),
    "audit_grid": ("TEXT", "audit: the step to try instead of acting on every update (default 1s)"),
    "output": ("FOLDER", "where the files go (default reports)"),
    "name": ("TEXT", "first part of the files' names (default that of the data)"),
}
_NO_USE: Final = ("interval", "output_json")

_Runner = Callable[["Panel", Params, dict[str, Any], Callable[[int, int], None]], "Check"]


class _Kind(NamedTuple):
    """One check: what it does, the options that are its own, and how it is run."""

    help: str
    options: tuple[str, ...]
    run: _Runner


def _latency(panel: Panel, params: Params, own: dict[str, Any], progress: Any) -> Check:
    from arbkit.realism import edge_vs_latency

    return edge_vs_latency(panel, params, progress=progress, **own)


def _capacity(panel: Panel, params: Params, own: dict[str, Any], progress: Any) -> Check:
    from arbkit.realism import capacity

    return capacity(panel, params, progress=progress, **own)


def _fee(panel: Panel, params: Params, own: dict[str, Any], progress: Any) -> Check:
    from arbkit.realism import break_even_fee

    return break_even_fee(panel, params, progress=progress, **own)


def _opportunities(panel: Panel, params: Params, own: dict[str, Any], progress: Any) -> Check:
    from arbkit.realism import opportunities

    return opportunities(panel, params)


def _audit(panel: Panel, params: Params, own: dict[str, Any], progress: Any) -> Check:
    from arbkit.realism import optimism_audit

    named = {name.removeprefix("audit_"): value for name, value in own.items()}
    return optimism_audit(panel, params, progress=progress, **named)


CHECKS: Final[dict[str, _Kind]] = {
    "latency": _Kind("opportunities, spread and PnL left after a delay", ("latencies_ms",), _latency),
    "capacity": _Kind("PnL against the size of a trade, down the books", ("notionals",), _capacity),
    "fee": _Kind("PnL against the fee, and the fee that leaves nothing", ("fees_bps",), _fee),
    "opportunities": _Kind("how long opportunities last, and their size", (), _opportunities),
    "audit": _Kind("PnL without each flattering assumption", ("audit_latency_ms", "audit_grid"), _audit),
}


def build_parser(kind: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of one check, or the one that shows the help of all."""
    name = kind or "CHECK"
    listed = "\n".join(f"  {key:<15}{item.help}" for key, item in CHECKS.items())
    parser = OptionParser(
        prog=f"arbkit check {name}",
        usage=f"arbkit check {name} --data-file FILE --min-spread-bps X --taker-fee-a-bps X\n"
        "                    --taker-fee-b-bps X --slippage-bps X --max-position-usd X [OPTIONS]",
        description=f"Ask of a backtest what would be left in practice.\n\nchecks:\n{listed}",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    group = parser.add_argument_group("the check")
    for option, (metavar, text) in _OWN.items():
        if kind is None or option in (*CHECKS[kind].options, "output", "name"):
            group.add_argument(
                "--" + option.replace("_", "-"), metavar=metavar, help=text, default=argparse.SUPPRESS
            )
    group.add_argument("--costs", metavar="FILE", default=argparse.SUPPRESS, help=COSTS_HELP)
    group.add_argument("--json", action="store_true", help="print JSON instead of a table", default=False)
    add_job_options(parser, without=_NO_USE)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Run one check and write its picture, its numbers and its document; return the exit code."""
    if "--help" in arguments or "-h" in arguments or list(arguments[:1]) == ["help"]:
        sys.stdout.write(
            build_parser(next((word for word in arguments if word in CHECKS), None)).format_help()
        )
        return 0
    if not arguments or arguments[0].startswith("-"):
        raise ConfigError(f"`arbkit check` needs what to check: {', '.join(CHECKS)}")
    kind, *rest = arguments
    if kind not in CHECKS:
        raise ConfigError(f"`{kind}` is no check of arbkit; {nearest_names(kind, CHECKS)}")
    config: dict[str, Any] = costs_of(rest)
    parse_options(build_parser(kind), rest, config)
    config.pop("costs", None)
    _answer(kind, config)
    return 0


def _answer(kind: str, config: dict[str, Any]) -> None:
    from arbkit.cli._console import progress
    from arbkit.cli._findings import answer_finding
    from arbkit.engine import backtest

    own = {name: config.pop(name) for name in CHECKS[kind].options if name in config}
    own = {name: _read(name, text) for name, text in own.items()}
    folder, as_json = Path(config.pop("output", "reports")), config.pop("json")
    stem = f"{config.pop('name', Path(config['data_file']).stem)}-{kind}"
    job = Job(**{name: value for name, value in config.items() if name not in PARAM_NAMES})
    params = Params.from_dict({name: value for name, value in config.items() if name in PARAM_NAMES})
    panel = job.load(None)
    flags = backtest(panel, params).flags
    with progress(f"{kind}: runs") as shown:
        found = CHECKS[kind].run(panel, params, own, lambda done, total: shown.update(done, total=total))
    notes = [*found.notes, *flags]
    document = {
        "check": kind,
        "finding": found.finding,
        "notes": notes,
        "values": _values(found),
        "table": found.table.to_dicts(),
        "config": {**dataclasses.asdict(job), **params.to_dict(), **own},
    }
    answer_finding(found, document, notes, folder / stem, as_json=as_json)


def _read(name: str, text: str) -> Any:
    if _OWN[name][0] == "TEXT":
        return text
    option = "--" + name.replace("_", "-")
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        what = "numbers with commas between them" if _OWN[name][0] == "LIST" else "a number"
        raise ConfigError(f"`{option}` must be {what}, was {text!r}") from None
    if _OWN[name][0] == "LIST":
        return numbers
    if len(numbers) != 1:
        raise ConfigError(f"`{option}` must be a number, was {text!r}")
    return numbers[0]


def _values(found: Check) -> dict[str, Any]:
    """Return the single numbers that a check has besides its table."""
    shared = {"frame", "finding", "notes", "quantiles"}
    return {
        item.name: getattr(found, item.name) for item in dataclasses.fields(found) if item.name not in shared
    }
