"""What orders really cost: latency, slippage, fees, fill rate per leg and size, from a run's journal."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import yaml

from arbkit._typing import PathLike
from arbkit.errors import ConfigError, DataError
from arbkit.live.result import RunResult
from arbkit.panel import Panel
from arbkit.study.costs import FORMAT, VERSION
from arbkit.units import MS_NS
from arbkit.wire.symbols import contract_multiple, split_binance, split_upbit

__all__ = ["Calibration", "LegCosts", "Measured", "PairCosts", "SizeCosts", "calibrate", "write_costs"]

_MOST_SIZES: Final = 4
#: Sizes within this factor are one size.
_ALIKE: Final = 1.25


class Measured(NamedTuple):
    """A sample in five numbers; `se` is the standard error of the mean, None below two values."""

    n: int
    mean: float
    median: float
    p95: float
    se: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> Measured | None:
        """Measure a sample; None without any."""
        if not values:
            return None
        array = np.array(values, np.float64)
        se = float(array.std(ddof=1)) / math.sqrt(array.size) if array.size > 1 else None
        return cls(
            array.size, float(array.mean()), float(np.median(array)), float(np.percentile(array, 95)), se
        )


@dataclass(frozen=True)
class SizeCosts:
    """A leg at one range of sizes, in the account currency, both ends included."""

    from_usd: float
    to_usd: float
    latency_ms: Measured | None
    slippage_bps: Measured | None
    fill_rate: float


@dataclass(frozen=True)
class LegCosts:
    """One leg of a pair.

    Attributes:
        leg: "venue/symbol".
        latency_ms: from the row of the decision to the first fill.
        slippage_bps: how much worse than the top of the book at the first fill it was filled on average.
        moved_bps: how much worse that top was than the one of the decision: what the latency cost.
        fee_bps: of the value; None where the fees are in an asset without a price here.
        fill_rate: base units filled over those asked for.
        by_size: the same for small to large orders.
    """

    leg: str
    latency_ms: Measured | None
    slippage_bps: Measured | None
    moved_bps: Measured | None
    fee_bps: Measured | None
    fill_rate: float
    by_size: tuple[SizeCosts, ...]


@dataclass(frozen=True)
class PairCosts:
    """A pair: its legs, the slippage of a whole crossing, and the parameters that say the same."""

    pair: str
    a: LegCosts
    b: LegCosts
    crossing_bps: Measured | None
    params: Mapping[str, float]


@dataclass(frozen=True)
class Calibration:
    """What a run measured.

    Attributes:
        run: its name.
        start, end: first and last decision, nanoseconds.
        decisions: how many were carried out.
        pairs: those that traded.
        crossing_bps: slippage of a whole crossing, over all pairs.
        params: parameters over all pairs.
    """

    run: str
    start: int
    end: int
    decisions: int
    pairs: tuple[PairCosts, ...]
    crossing_bps: Measured | None
    params: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return what `costs.yaml` holds."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "run": self.run,
            "measured": {
                "from": _iso(self.start),
                "to": _iso(self.end),
                "decisions": self.decisions,
                "crossing_bps": _plain(self.crossing_bps),
            },
            "params": dict(self.params),
            "pairs": {
                item.pair: {
                    "params": dict(item.params),
                    "crossing_bps": _plain(item.crossing_bps),
                    "a": _plain(item.a),
                    "b": _plain(item.b),
                }
                for item in self.pairs
            },
        }


class _Crossing(NamedTuple):
    """One leg of one decision, measured; NaN for what is not known."""

    usd: float
    latency_ms: float
    slippage_bps: float
    moved_bps: float
    fee_bps: float
    filled: float
    asked: float


def calibrate(run: RunResult) -> Calibration:
    """Measure what the orders of a run cost.

    Raises:
        DataError: when no order of the run was filled by a venue, or its files are damaged.
    """
    asked = {line["client_id"]: line for line in run.records("intent")}
    lines: dict[str, list[dict[str, Any]]] = {pair: [] for pair in run.pairs}
    for line in run.records("outcome"):
        lines[line["pair"]].append(line)
    stamps = [line["decided_ns"] for pair in lines.values() for line in pair]
    if not stamps:
        raise DataError(
            f"costs are measured on orders that a venue filled, run {run.name!r} has none: with "
            "`execution: {fills: engine}` the rules fill by their own model; take `fills: venue`"
        )
    measured = {pair: _legs(run, pair, found, asked) for pair, found in lines.items() if found}
    pairs = tuple(_pair(run, pair, legs) for pair, legs in measured.items())
    together = tuple([item for legs in measured.values() for item in legs[n]] for n in (0, 1))
    first = next(iter(measured))
    return Calibration(
        run=run.name,
        start=min(stamps),
        end=max(stamps),
        decisions=len(stamps),
        pairs=pairs,
        crossing_bps=Measured.of(_crossings(*together)),
        params=_params(run, first, *together),
    )


def write_costs(found: Calibration, path: PathLike) -> None:
    """Write `costs.yaml`.

    Raises:
        ConfigError: when the file cannot be written.
    """
    head = (
        f"# Made by `arbkit live calibrate {found.run}`. A study reads it with `costs: FILE`, a backtest\n"
        "# with `--costs FILE`; what they say themselves comes first.\n"
    )
    body = yaml.safe_dump(found.to_dict(), sort_keys=False, allow_unicode=True, width=100)
    try:
        Path(path).write_text(head + body, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"costs must go to a file that can be written, {str(path)!r} cannot: {error}"
        ) from error


def _legs(
    run: RunResult, pair: str, lines: list[dict[str, Any]], asked: Mapping[str, Any]
) -> tuple[list[_Crossing], list[_Crossing]]:
    panel = run.panel(pair, as_run=False)
    names = next(item for item in run.about["pairs"] if item["name"] == pair)
    legs: tuple[list[_Crossing], list[_Crossing]] = [], []
    for line in lines:
        for n, leg in enumerate("ab"):
            crossing = _crossing(panel, leg, str(names[leg]), line, asked)
            legs[n].append(crossing)
    return legs


def _crossing(
    panel: Panel, leg: str, name: str, line: Mapping[str, Any], asked: Mapping[str, Any]
) -> _Crossing:
    own = line[leg]
    buys, price = own["side"] == "buy", own["average_price"]
    wanted = _wanted(own, asked)
    rate = getattr(panel, f"fx_{leg}")
    top = getattr(panel, f"ask_{leg}" if buys else f"bid_{leg}")
    first = own["first_fill_ns"]
    filled = own["filled"]
    if price is None or not filled > 0 or not first:
        return _Crossing(math.nan, math.nan, math.nan, math.nan, math.nan, 0.0, wanted)

    def quoted(row: int) -> float:
        return float(top[row]) / (1.0 if rate is None else float(rate[row]))

    decided = int(line["row"])
    at = max(int(np.searchsorted(panel.ts, first, side="right")) - 1, decided)
    sign = 1 if buys else -1
    return _Crossing(
        usd=price * filled * (1.0 if rate is None else float(rate[at])),
        latency_ms=(first - line["decided_ns"]) / MS_NS,
        slippage_bps=sign * (price / quoted(at) - 1) * 1e4,
        moved_bps=sign * (quoted(at) / quoted(decided) - 1) * 1e4,
        fee_bps=_fee_bps(own, name),
        filled=filled,
        asked=wanted,
    )


def _wanted(own: Mapping[str, Any], asked: Mapping[str, Any]) -> float:
    """Return the base units of the leg's first order; later ones are for what was left of it."""
    for name in own["ids"]:
        intent = asked.get(name)
        if intent is None or intent["side"] != own["side"]:
            continue
        if intent["size"] is not None:
            return float(intent["size"])
        if intent["quote_amount"] is not None and own["average_price"]:
            return float(intent["quote_amount"]) / float(own["average_price"])
    return math.nan


def _fee_bps(own: Mapping[str, Any], name: str) -> float:
    symbol = name.partition("/")[2]
    base, quote = (split_upbit if "-" in symbol else split_binance)(symbol)
    base = contract_multiple(base)[0]
    bps = 0.0
    for asset, amount in own["fees"].items():
        if asset == quote:
            bps += amount / (own["average_price"] * own["filled"]) * 1e4
        elif asset == base:
            bps += amount / own["filled"] * 1e4
        elif amount:
            return math.nan
    return bps


def _pair(run: RunResult, pair: str, legs: tuple[list[_Crossing], list[_Crossing]]) -> PairCosts:
    names = next(item for item in run.about["pairs"] if item["name"] == pair)
    return PairCosts(
        pair=pair,
        a=_leg_costs(str(names["a"]), legs[0]),
        b=_leg_costs(str(names["b"]), legs[1]),
        crossing_bps=Measured.of(_crossings(*legs)),
        params=_params(run, pair, *legs),
    )


def _leg_costs(name: str, items: list[_Crossing]) -> LegCosts:
    return LegCosts(
        leg=name,
        latency_ms=_sample(items, "latency_ms"),
        slippage_bps=_sample(items, "slippage_bps"),
        moved_bps=_sample(items, "moved_bps"),
        fee_bps=_sample(items, "fee_bps"),
        fill_rate=_fill_rate(items),
        by_size=tuple(
            SizeCosts(
                from_usd=min(item.usd for item in group),
                to_usd=max(item.usd for item in group),
                latency_ms=_sample(group, "latency_ms"),
                slippage_bps=_sample(group, "slippage_bps"),
                fill_rate=_fill_rate(group),
            )
            for group in _by_size(items)
        ),
    )


def _by_size(items: list[_Crossing]) -> Iterator[list[_Crossing]]:
    """Yield up to four groups of equal number, small sizes first; one where all are of about one size."""
    known = sorted((item for item in items if item.usd == item.usd), key=lambda item: item.usd)
    alike = not known or known[-1].usd <= _ALIKE * known[0].usd
    groups = 1 if alike else min(_MOST_SIZES, len(known))
    for n in range(groups):
        group = known[len(known) * n // groups : len(known) * (n + 1) // groups]
        if group:
            yield group


def _sample(items: Sequence[_Crossing], name: str) -> Measured | None:
    values = [getattr(item, name) for item in items]
    return Measured.of([value for value in values if value == value])


def _fill_rate(items: Sequence[_Crossing]) -> float:
    known = [item for item in items if item.asked > 0]
    asked = sum(item.asked for item in known)
    return min(1.0, sum(item.filled for item in known) / asked) if asked else math.nan


def _crossings(a: Sequence[_Crossing], b: Sequence[_Crossing]) -> list[float]:
    """Return the slippage of both legs together, where both were filled."""
    sums = [one.slippage_bps + other.slippage_bps for one, other in zip(a, b, strict=True)]
    return [value for value in sums if value == value]


def _params(run: RunResult, pair: str, a: Sequence[_Crossing], b: Sequence[_Crossing]) -> dict[str, float]:
    """Return the parameters of the rules that say what was measured: mean costs, the median latency.

    A paper venue fills on the first book after its delay: what was measured there is the delay and the wait
    for a book, of which the rules add the second themselves. So on paper the delay stays the run's own.
    """
    found: dict[str, float] = {}
    own = run.params(pair)
    for leg, items in (("a", a), ("b", b)):
        fee, latency = _sample(items, "fee_bps"), _sample(items, "latency_ms")
        if fee is not None:
            found[f"taker_fee_{leg}_bps"] = round(fee.mean, 6)
        if run.mode == "paper":
            delay = getattr(own, f"latency_{leg}_ms")
            found[f"latency_{leg}_ms"] = own.latency_ms if delay is None else delay
        elif latency is not None:
            found[f"latency_{leg}_ms"] = round(max(latency.median, 0.0), 3)
    slippage = Measured.of(_crossings(a, b))
    if slippage is not None:
        found["slippage_bps"] = round(max(slippage.mean, 0.0), 6)
    return found


def _plain(value: Any) -> Any:
    """Return dataclasses and samples as mappings of plain values; NaN is None."""
    if isinstance(value, Measured):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, (LegCosts, SizeCosts)):
        return {name: _plain(getattr(value, name)) for name in asdict(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def _iso(ns: int) -> str:
    return dt.datetime.fromtimestamp(ns / 1e9, dt.UTC).isoformat(timespec="seconds")
