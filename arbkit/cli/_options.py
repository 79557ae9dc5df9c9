"""The options of a job and of `Params`, read from their dataclasses: what `backtest` and `check` share.

Parsed with argparse: a job is started thousands of times, and typer alone costs a tenth of a second each.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Collection, Sequence
from typing import Any, Final, NoReturn

from arbkit.config import Params
from arbkit.errors import ConfigError, nearest_names
from arbkit.jobs.job import Job

__all__ = [
    "COSTS_HELP",
    "PARAM_HELP",
    "OptionParser",
    "add_job_options",
    "costs_of",
    "parse_options",
    "value_of",
]

COSTS_HELP: Final = "what `arbkit live calibrate` measured, FILE or FILE:PAIR; options given here replace it"

_JOB_HELP: Final = {
    "data_file": "pair CSV, Parquet file of a panel, or folder of a panel store or a dataset",
    "reference": "fair ratio: none, fixed:BPS, ewma:HALF_LIFE, median:WINDOW or column:NAME",
    "scale": "how volatility shrinks the position: none, MODEL:TIME,target=BPS such as ewma:30m,target=20, "
    "or column:NAME",
    "pair_a": "leg A of a dataset, venue/symbol",
    "pair_b": "leg B of a dataset, venue/symbol",
    "fx_symbol": "instrument that holds the exchange rate",
    "fx_price": "mid or executable",
    "fx_dataset": "dataset that holds the rate, when it is another one",
    "fx_file": "file that holds the rate",
    "fx_max_age": "how old a rate may be, such as 3d",
    "max_age": "how old a quote may be, such as 5s",
    "currency": "account currency, where the legs have no common quote",
    "same": "currencies that count as one, such as USDT,USD",
    "grid": "join on a fixed grid, such as 1s",
    "levels": "how many book levels to load; by default what the parameters need",
    "clock": "ts_recv or ts_event, where the dataset leaves a choice",
    "half_spread_a_bps": "half spread to assume around the closes of leg A, when it is candles",
    "half_spread_b_bps": "the same for leg B",
    "funding_file": "Parquet or CSV file of funding rates: ts, rate, and venue and symbol, or leg (a, b)",
    "start": "first moment, ISO text, UTC",
    "end": "first moment after the end",
    "out_of_sample": "share of the time, at the end, to leave out, as a study does",
    "interval": "grid of the Sharpe and Sortino ratios",
    "tag": "free text that comes back in the JSON",
    "output_json": "file to write instead of stdout",
}

#: One line per parameter, shown by `--help`.
PARAM_HELP: Final = {
    "min_spread_bps": "entry: spread after the cost of one crossing, at least",
    "taker_fee_a_bps": "fee at A; negative is a rebate",
    "taker_fee_b_bps": "fee at B; negative is a rebate",
    "slippage_bps": "slippage of one crossing, both legs together",
    "max_position_usd": "notional of one trade, account currency",
    "max_open_trades": "trades open at once",
    "direction": "both, long_a_short_b or long_b_short_a",
    "close_on_spread_reversal": "close when the spread falls below --exit-spread-bps",
    "exit_spread_bps": "that threshold",
    "take_profit_bps": "close when closing now would leave this much",
    "stop_loss_bps": "close when closing now would lose this much",
    "min_hold_s": "no take-profit or reversal before",
    "max_hold_s": "close at the latest after",
    "cooldown_s": "no new entry in the direction of a stop or timeout for",
    "rearm_spread_bps": "no new entry after one until the spread was below",
    "initial_balance_usd": "balance at the start",
    "stop_on_drawdown_pct": "end the run at this drawdown of the balance",
    "close_at_end": "close what is open on the last tradable row",
    "pnl_model": "executable (four fills) or convergence (older bookkeeping)",
    "latency_ms": "delay between decision and fill, both legs",
    "latency_a_ms": "delay of leg A",
    "latency_b_ms": "delay of leg B",
    "max_slip_bps": "abandon an entry that worsened by more",
    "depth_levels": "levels of the book that fills walk; 0 is the top only",
    "min_notional_usd": "smallest entry that depth may leave",
    "lot_a": "lot size at A, base units",
    "lot_b": "lot size at B, base units",
    "inventory_a_usd": "inventory at A that may be sold",
    "inventory_b_usd": "inventory at B that may be sold",
    "entry_step_bps": "extra spread per trade already open",
    "min_entry_gap_s": "time between entries of one direction",
    "fx_settlement": "per_fill or at_exit",
    "funding": "pay and receive the funding of perpetuals",
    "leverage_b": "leverage of a perpetual at B",
    "maintenance_b": "maintenance margin at B, a fraction",
    "liquidation_fee_bps": "fee of a liquidation",
    "stop_on_drawdown_mtm_pct": "end the run at this drawdown of the equity",
    "guard": "limits as NAME=NUMBER,NAME=NUMBER, such as max_daily_loss_usd=500,max_trades_per_hour=100",
}


class OptionParser(argparse.ArgumentParser):
    """Raises a `ConfigError` where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        """Turn what argparse says into our error."""
        raise ConfigError(message.removeprefix("argument "))


def add_job_options(parser: argparse.ArgumentParser, *, without: Collection[str] = ()) -> None:
    """Add an option for every field of `Job`, but for those left out, and of `Params`; all stay text."""
    group = parser.add_argument_group("data and output")
    for item in dataclasses.fields(Job):
        if item.name not in without:
            _add(group, item, _JOB_HELP[item.name], "NUMBER" if _is_numeric(item) else "TEXT")
    group = parser.add_argument_group("parameters")
    for item in dataclasses.fields(Params):
        flag = "flag" in item.metadata
        kind = "|".join(item.metadata["choices"]) if "choices" in item.metadata else "NUMBER"
        kind = "LIMITS" if "guard" in item.metadata else kind
        _add(group, item, PARAM_HELP.get(item.name, ""), "true|false" if flag else kind)
        if flag:
            group.add_argument(
                _option("no_" + item.name), dest=item.name, action="store_const", const="false",
                help=argparse.SUPPRESS, default=argparse.SUPPRESS,
            )  # fmt: skip


def _add(group: Any, item: dataclasses.Field[Any], text: str, metavar: str) -> None:
    required = item.default is dataclasses.MISSING
    default = "required" if required else f"default {_spelled(item.default)}"
    optional_value = {"nargs": "?", "const": "true"} if metavar == "true|false" else {}
    if "|" in metavar and len(metavar) > 12:
        metavar = "NAME"
    group.add_argument(
        _option(item.name), dest=item.name, metavar=metavar, default=argparse.SUPPRESS,
        help=f"{text} ({default})".replace("%", "%%"), **optional_value,
    )  # fmt: skip


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _spelled(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def parse_options(parser: argparse.ArgumentParser, arguments: Sequence[str], config: dict[str, Any]) -> None:
    """Put what was given into `config`, by name: as text first, then numbers and flags read.

    Options that are no field of `Job` or `Params` stay text.

    Raises:
        ConfigError: for an unknown option (with the nearest ones), a missing one, or text where a number
            belongs; `config` then holds what was understood so far.
    """
    given, unknown = parser.parse_known_args(_joined(arguments))
    config.update(vars(given))
    if unknown:
        _refuse(unknown[0], parser)
    items = {item.name: item for item in (*dataclasses.fields(Job), *dataclasses.fields(Params))}
    for name, text in vars(given).items():
        config[name] = _value(items[name], text) if name in items else text
    needed = [name for name, item in items.items() if item.default is dataclasses.MISSING]
    missing = [_option(name) for name in needed if name not in config]
    if missing:
        raise ConfigError(f"options without a default must be given, missing: {', '.join(missing)}")


def costs_of(arguments: Sequence[str]) -> dict[str, Any]:
    """Return what a run measured, where `--costs` names a file of it; `--latency-ms` replaces its delays."""
    place = value_of("--costs", arguments)
    if place is None:
        return {}
    from arbkit.study.costs import read_costs

    own = ("latency_a_ms", "latency_b_ms") if value_of("--latency-ms", arguments) is not None else ()
    return {name: value for name, value in read_costs(place).items() if name not in own}


def value_of(option: str, arguments: Sequence[str]) -> str | None:
    """Find an option without parsing: some are needed before, or when parsing fails."""
    for position, argument in enumerate(arguments):
        if argument.startswith(f"{option}="):
            return argument.partition("=")[2]
        if argument == option and position + 1 < len(arguments):
            return arguments[position + 1]
    return None


def _refuse(word: str, parser: argparse.ArgumentParser) -> NoReturn:
    if not word.startswith("-"):
        raise ConfigError(f"`{parser.prog}` takes options only, was {word!r}")
    name = word.partition("=")[0]
    flags = [flag for action in parser._actions for flag in action.option_strings]
    raise ConfigError(f"`{name}` is no option of `{parser.prog}`; {nearest_names(name, flags)}")


def _joined(arguments: Sequence[str]) -> list[str]:
    """Write `--name -1e3` as `--name=-1e3`: argparse takes such a number for an option."""
    joined: list[str] = []
    for argument in arguments:
        before = joined[-1] if joined else ""
        if (
            argument.startswith("-")
            and _is_number(argument)
            and before.startswith("--")
            and "=" not in before
        ):
            joined[-1] = f"{before}={argument}"
        else:
            joined.append(argument)
    return joined


def _value(item: dataclasses.Field[Any], text: str) -> Any:
    if "flag" in item.metadata:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"`{_option(item.name)}` must be true or false, was {text!r}")
        return text.lower() == "true"
    if "guard" in item.metadata:
        return _guard(text)
    if not _is_numeric(item):
        return text
    if text.lower() == "none":
        return None
    if not _is_number(text):
        raise ConfigError(f"`{_option(item.name)}` must be a number, was {text!r}")
    return float(text)


def _guard(text: str) -> dict[str, float] | None:
    """Read NAME=NUMBER,... as a block of limits; `GuardLimits` knows the names."""
    if text.lower() == "none":
        return None
    limits = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        if not _is_number(value):
            raise ConfigError(f"`--guard` must be NAME=NUMBER,NAME=NUMBER, was {text!r}")
        limits[name.strip()] = float(value)
    return limits


def _is_numeric(item: dataclasses.Field[Any]) -> bool:
    return "rule" in item.metadata or str(item.type).startswith("float")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
