"""`LiveConfig`: everything a run needs to know, read from YAML, checked, and safe to print."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

import yaml

from arbkit._typing import PathLike
from arbkit.config import GuardLimits, Params, check_each
from arbkit.decision import DecidedParams, load_decision
from arbkit.errors import ConfigError
from arbkit.live._reading import Block, check_venue
from arbkit.live.decide import DeskLimits
from arbkit.live.record_block import RecordConfig, record_config, warm_up_source
from arbkit.live.reference import live_reference
from arbkit.live.risk_block import LossConfig, loss_config, weights_config
from arbkit.panel import joined_view, split_view
from arbkit.risk.sharing import WeightRule
from arbkit.units import SECOND_NS
from arbkit.wire.symbols import contract_multiple, split_binance, split_upbit

__all__ = [
    "VENUES",
    "ExecutionConfig",
    "FxConfig",
    "LiveConfig",
    "PairConfig",
    "ReplayConfig",
    "VenueConfig",
    "parts_of",
]

#: The venues that a configuration may name.
VENUES: Final = ("upbit", "binance_usdm", "binance_spot", "bithumb")
MODES: Final = ("paper", "live")
_EXECUTIONS: Final = ("together", "lead_a", "lead_b")
_KEYS: Final = (
    "name",
    "mode",
    "currency",
    "same",
    "balance",
    "venues",
    "fx",
    "pairs",
    "params",
    "params_file",
    "reference",
    "scale",
    "max_age",
    "guard",
    "allow_untuned_guard",
    "limits",
    "risk",
    "weights",
    "execution",
    "store",
    "runs",
    "heartbeat",
    "envelope_half_life",
    "size_share",
    "replay",
    "record",
    "warm_up",
)
#: What the older system allowed, in KRW.
DEFAULT_GUARD: Final = {
    "max_position_usd": 1_000_000.0,
    "max_daily_loss_usd": 500_000.0,
    "max_trades_per_hour": 100,
    "max_trades_per_day": 1_000,
    "max_slippage_bps": 50.0,
    "min_fill_rate": 0.8,
    "breaker_loss_pct": 5.0,
    "breaker_cooldown_s": 300.0,
}
_DEFAULT_BREAKER: Final = {key: DEFAULT_GUARD[key] for key in ("breaker_loss_pct", "breaker_cooldown_s")}


@dataclass(frozen=True)
class VenueConfig:
    """One venue: where it is, and how the environment calls its keys; the keys themselves are never here.

    `paper_balances` is what a paper account holds there.
    """

    name: str
    rest_url: str | None = None
    ws_url: str | None = None
    depth: int = 15
    keys_file: str | None = None
    paper_balances: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PairConfig:
    """One pair: the same asset at venue A and at venue B, and its parameters with the guard in them."""

    name: str
    venue_a: str
    symbol_a: str
    venue_b: str
    symbol_b: str
    quote_a: str
    quote_b: str
    params: Params
    #: The fair ratio, and a scale behind it, as `Panel.with_reference` takes them.
    reference: str
    max_age_ns: tuple[int, int]

    @property
    def legs(self) -> tuple[str, str]:
        """Both instruments, "venue/symbol"."""
        return f"{self.venue_a}/{self.symbol_a}", f"{self.venue_b}/{self.symbol_b}"


@dataclass(frozen=True)
class FxConfig:
    """The exchange rate: an instrument whose book quotes `quote` per `base`."""

    venue: str
    symbol: str
    base: str
    quote: str
    executable: bool = False
    max_age_ns: int = 60 * SECOND_NS

    @property
    def leg(self) -> str:
        """The instrument, "venue/symbol"."""
        return f"{self.venue}/{self.symbol}"


@dataclass(frozen=True)
class ExecutionConfig:
    """How orders become fills.

    `fills` is `engine` (paper: filled by the rules' own latency, depth and slippage on the live books, the
    same as a backtest) or `venue` (orders go to the venues' clients; on paper to a paper client each).
    """

    fills: str = "engine"
    legs: str = "together"
    deadline_s: float = 5.0
    on_naked: str = "hedge"
    max_slip_bps: float = 30.0
    cooldown_s: float = 60.0


@dataclass(frozen=True)
class ReplayConfig:
    """A recorded dataset instead of live books; `speed` 0 is as fast as possible."""

    dataset: str
    speed: float = 0.0
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class LiveConfig:
    """The whole configuration of a run; made by `load` or `from_dict`.

    Attributes:
        losses: limits on the loss to expect.
        weights: how the account is shared out over the pairs.
        decided: the decided set, where `params_file` names one.
        text: the YAML as read.
        same: currencies that count as the account's.
        record: where its books are recorded.
        warm_up: the dataset whose books before the start warm references and volatilities up.
    """

    name: str
    mode: str
    currency: str
    balance: float
    venues: Mapping[str, VenueConfig]
    pairs: tuple[PairConfig, ...]
    fx: FxConfig | None
    limits: DeskLimits
    losses: LossConfig | None
    weights: WeightRule | None
    execution: ExecutionConfig
    store: str | None
    runs: Path
    heartbeat_s: float
    envelope_half_life_s: float
    size_share: float
    replay: ReplayConfig | None
    decided: DecidedParams | None
    text: str
    same: tuple[str, ...] = ()
    record: RecordConfig | None = None
    warm_up: Path | None = None

    @classmethod
    def load(cls, path: PathLike) -> LiveConfig:
        """Read a YAML file.

        Raises:
            ConfigError: when it is missing, no YAML, or breaks a rule.
            DataError: when its `params_file` is damaged.
        """
        file = Path(path)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"a live configuration must be a readable file, {str(file)!r} is not"
            ) from error
        try:
            values = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"{file} is no YAML: {' '.join(str(error).split())}") from error
        try:
            return cls.from_dict(values, text=text, folder=file.parent, name=file.stem)
        except ConfigError as error:
            raise ConfigError(f"{file}: {error}") from error

    @classmethod
    def from_dict(
        cls, values: Any, *, text: str | None = None, folder: PathLike = ".", name: str = "paper"
    ) -> LiveConfig:
        """Read the content of such a file.

        Args:
            values: the mapping.
            text: what is kept as the run's `config.yaml`; the mapping as YAML by default.
            folder: what relative paths of `params_file` and `replay.dataset` start from.
            name: of the run, where none is given.
        """
        block = Block("", values, _KEYS)
        currency = block.text("currency")
        decided = _decided(block, Path(folder))
        venues = _venues(block.raw("venues", {}))
        same = frozenset(block.texts("same", ("USD", "USDT") if currency in ("USD", "USDT") else ()))
        share = block.number("size_share", 1.0, above=True)
        if share > 1:
            raise ConfigError(f"`size_share` must be at most 1, was {share:g}")
        pairs = _pairs(block, decided, currency, share)
        fx = _fx(block, pairs, currency, same)
        record = record_config(block.raw("record", None))
        made = cls(
            name=_run_name(block.text("name", name)),
            mode=block.choice("mode", MODES, "paper"),
            currency=currency,
            balance=block.number("balance", above=True),
            venues=venues,
            pairs=tuple(_renamed(pair, currency, same) for pair in pairs),
            fx=fx,
            limits=_limits(block, block.number("balance", above=True)),
            losses=loss_config(block.raw("risk", None)),
            weights=weights_config(block.raw("weights", None), len(pairs)),
            execution=_execution(block.raw("execution", {})),
            store=block.text("store", None),
            runs=Path(block.text("runs", "runs")),
            heartbeat_s=block.duration("heartbeat", SECOND_NS // 2, above=True) / 1e9,
            envelope_half_life_s=block.duration("envelope_half_life", 600 * SECOND_NS) / 1e9,
            size_share=share,
            replay=_replay(block, Path(folder)),
            decided=decided,
            text=text if text is not None else yaml.safe_dump(dict(values), sort_keys=False),
            same=tuple(sorted(same)),
            record=record,
            warm_up=warm_up_source(block.raw("warm_up", None), Path(folder), record),
        )
        _check(made)
        return made

    def with_record(self, to: PathLike) -> LiveConfig:
        """Return the configuration with its books recorded to a dataset."""
        record = replace(self.record, to=Path(to)) if self.record is not None else RecordConfig(Path(to))
        return replace(self, record=record, warm_up=self.warm_up or record.to)

    def with_mode(self, mode: str) -> LiveConfig:
        """Return the configuration in another mode, checked anew."""
        made = replace(self, mode=mode)
        _check(made)
        return made

    @property
    def legs(self) -> tuple[str, ...]:
        """Every instrument that is listened to, "venue/symbol", each once."""
        wanted = [leg for pair in self.pairs for leg in pair.legs]
        return tuple(dict.fromkeys([*wanted, *([self.fx.leg] if self.fx else [])]))

    @property
    def levels(self) -> int:
        """Book levels that the pairs' parameters look at."""
        return max(1, *(pair.params.depth_levels for pair in self.pairs))


def _run_name(name: str) -> str:
    """Check that a name is that of one folder, for everything of a run is in it."""
    if name != Path(name).name or name in (".", "..") or "\0" in name:
        raise ConfigError(f"`name` is that of a folder in `runs`: no `/`, nor `.` or `..`, was {name!r}")
    return name


def _url(block: Block, key: str, schemes: tuple[str, str]) -> str | None:
    """Return an address, None where none is given."""
    given = block.text(key, None)
    if given is not None and not (given.startswith(schemes) and given.partition("://")[2]):
        raise ConfigError(
            f"`{block.path(key)}` must begin with {schemes[0]} or {schemes[1]} and name a host, was {given!r}"
        )
    return None if given is None else str(given)


def _decided(block: Block, folder: Path) -> DecidedParams | None:
    if ("params" in block) == ("params_file" in block):
        raise ConfigError("give either `params` or `params_file`, the file of a decided study")
    if "params_file" not in block:
        return None
    path = folder / block.text("params_file")
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        decided = load_decision(path, stale=True)
    if not decided.guard_tuned and not block.flag("allow_untuned_guard"):
        raise ConfigError(
            f"parameters must be tuned with the guard block they run with, those of {path.name} were "
            "searched without it; search again with `guard` among the parameters, or set "
            "`allow_untuned_guard: true`"
        )
    if "guard" in block:
        own = GuardLimits.from_dict(Block("guard", block.raw("guard"), _GUARD_KEYS).raw_values())
        if own != decided.guard and not block.flag("allow_untuned_guard"):
            raise ConfigError(
                f"parameters must be tuned with the guard block they run with, `guard` differs from that of "
                f"{path.name}; leave `guard` out, or set `allow_untuned_guard: true`"
            )
    if not block.flag("allow_untuned_guard"):
        _check_pairs_own_guard(block, decided, path.name)
    return decided


def _check_pairs_own_guard(block: Block, decided: DecidedParams, name: str) -> None:
    """Refuse a pair's own guard where it is another than the one that the parameters were tuned with."""
    pairs = block.raw("pairs", ())
    for n, pair in enumerate(pairs if isinstance(pairs, list) else ()):
        params = pair.get("params") if isinstance(pair, Mapping) else None
        if not isinstance(params, Mapping) or "guard" not in params:
            continue
        own = params["guard"]
        if own is None or GuardLimits.from_dict(own) != decided.guard:
            raise ConfigError(
                f"parameters must be tuned with the guard block they run with, `pairs[{n}].params.guard` "
                f"differs from that of {name}; leave it out, or set `allow_untuned_guard: true`"
            )


_GUARD_KEYS: Final = tuple(item.name for item in fields(GuardLimits))


def _guard(block: Block, currency: str) -> GuardLimits:
    """Return the guard block of inline parameters; without one the older system's limits, in KRW."""
    if "guard" in block:
        given = Block("guard", block.raw("guard"), _GUARD_KEYS).raw_values()
        return GuardLimits.from_dict(_DEFAULT_BREAKER | given)
    if currency == "KRW":
        return GuardLimits.from_dict(DEFAULT_GUARD)
    raise ConfigError(
        f"`guard` must be given for an account in {currency}: the default limits (position 1,000,000, "
        "daily loss 500,000) are in KRW"
    )


def _venues(values: Any) -> dict[str, VenueConfig]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"`venues` must be a block of venues by name, was {values!r:.80}")
    return {str(name): _venue(str(name), given) for name, given in values.items()}


def _venue(name: str, values: Any) -> VenueConfig:
    check_venue("venues", name, VENUES)
    keys = ("rest_url", "ws_url", "depth", "keys_file", "paper_balances")
    block = Block(f"venues.{name}", values or {}, keys)
    holds = block.any_keys("paper_balances")
    return VenueConfig(
        name,
        _url(block, "rest_url", ("http://", "https://")),
        _url(block, "ws_url", ("ws://", "wss://")),
        block.whole("depth", 15, low=1),
        block.text("keys_file", None),
        {str(asset): holds.number(asset) for asset in holds.raw_values()},
    )


def _pairs(block: Block, decided: DecidedParams | None, currency: str, share: float) -> list[PairConfig]:
    values = block.raw("pairs")
    if not isinstance(values, list) or not values:
        raise ConfigError("`pairs` must be a list with at least one pair")
    reference = block.text("reference", decided.reference if decided else "none")
    if decided and reference != decided.reference:
        raise ConfigError(
            f"`reference` must be that of the decided set, {decided.reference}, was {reference}; leave it out"
        )
    scale = block.text("scale", decided.scale if decided else "none")
    if decided and scale != decided.scale:
        raise ConfigError(
            f"`scale` must be that of the decided set, {decided.scale}, was {scale}; leave it out"
        )
    common, view = _common_params(block, decided, currency), joined_view(reference, scale)
    _ages(block)  # What stands there must be right, also where every pair has its own.
    check_each(common)
    pairs = [_pair(f"pairs[{n}]", given, block, common, view, share) for n, given in enumerate(values)]
    names = [pair.name for pair in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"every pair needs a name of its own, `{name}` stands there twice")
    return pairs


def _common_params(block: Block, decided: DecidedParams | None, currency: str) -> dict[str, Any]:
    if decided is not None:
        return decided.params.to_dict()
    given = block.raw("params")
    if not isinstance(given, Mapping):
        raise ConfigError(f"`params` must be a block of parameters, was {given!r:.80}")
    if given.get("guard") is not None and "guard" in block:
        raise ConfigError("give the limits once: either `guard` or `params.guard`")
    guard = given.get("guard") or _guard(block, currency).to_dict()
    return {**given, "guard": guard}


def _pair(
    where: str, values: Any, outer: Block, common: Mapping[str, Any], view: str, share: float
) -> PairConfig:
    keys = ("name", "a", "b", "venue_a", "symbol_a", "venue_b", "symbol_b", "quote_a", "quote_b", "params")
    block = Block(where, values, (*keys, "reference", "scale", "max_age"))
    legs = [_leg(block, leg) for leg in "ab"]
    if legs[0] == legs[1]:
        raise ConfigError(f"`{where}` needs two different instruments, was {'/'.join(legs[0])} twice")
    params = Params.from_dict({**common, **block.any_keys("params").raw_values()})
    if share < 1:
        params = params.replace(max_position_usd=params.max_position_usd * share)
    reference, scale = (
        block.text(k, v) for k, v in zip(("reference", "scale"), split_view(view), strict=True)
    )
    used = joined_view(reference, scale)
    live_reference(used)
    if scale.startswith("column:"):
        raise ConfigError(f"`{block.path('scale')}` of a live run is made of its own books, was {scale!r}")
    age = block if "max_age" in block else outer
    quotes = [block.text(f"quote_{leg}", None) or parts_of(legs[n][1])[1] for n, leg in enumerate("ab")]
    return PairConfig(
        name=block.text("name", None) or parts_of(legs[0][1])[0],
        venue_a=legs[0][0],
        symbol_a=legs[0][1],
        venue_b=legs[1][0],
        symbol_b=legs[1][1],
        quote_a=quotes[0],
        quote_b=quotes[1],
        params=params,
        reference=used,
        max_age_ns=_ages(age),
    )


def _leg(block: Block, leg: str) -> tuple[str, str]:
    if leg in block:
        venue, _, symbol = str(block.text(leg)).partition("/")
    else:
        venue, symbol = block.text(f"venue_{leg}", ""), block.text(f"symbol_{leg}", "")
    if not venue or not symbol:
        raise ConfigError(
            f"`{block.name}` needs leg {leg.upper()}: `{leg}: venue/symbol`, such as `a: upbit/KRW-BTC`"
        )
    return venue, symbol


def parts_of(symbol: str) -> tuple[str, str]:
    """Read base and quote off a symbol: `KRW-BTC` is BTC in KRW, `BTCUSDT` is BTC in USDT."""
    base, quote = (split_upbit if "-" in symbol else split_binance)(symbol)
    return contract_multiple(base)[0], quote


def _ages(block: Block) -> tuple[int, int]:
    value = block.raw("max_age", None)
    if isinstance(value, Mapping):
        own = Block(block.path("max_age"), value, ("a", "b"))
        return own.duration("a", -1), own.duration("b", -1)
    age = block.duration("max_age", -1)
    return age, age


def _renamed(pair: PairConfig, currency: str, same: frozenset[str]) -> PairConfig:
    """Call a quote currency that counts as the account's by the account's name."""
    a, b = (currency if {name, currency} <= same else name for name in (pair.quote_a, pair.quote_b))
    return replace(pair, quote_a=a, quote_b=b)


def _fx(block: Block, pairs: list[PairConfig], currency: str, same: frozenset[str]) -> FxConfig | None:
    foreign = {
        quote
        for pair in pairs
        for quote in (pair.quote_a, pair.quote_b)
        if quote != currency and not {quote, currency} <= same
    }
    if not foreign:
        return None
    if len(foreign) > 1:
        raise ConfigError(
            f"one exchange rate converts one currency, the pairs have {', '.join(sorted(foreign))}"
        )
    (away,) = foreign
    if "fx" not in block:
        raise ConfigError(
            f"a leg is quoted in {away}, the account in {currency}: `fx` must be given, such as "
            "`fx: {venue: upbit, symbol: KRW-USDT}`"
        )
    keys = ("venue", "symbol", "base", "quote", "price", "max_age")
    own = Block("fx", block.raw("fx"), keys)
    symbol = own.text("symbol")
    base, quote = own.text("base", None), own.text("quote", None)
    if base is None or quote is None:
        base, quote = parts_of(symbol)
    names = {base, quote}
    for name in (away, currency):
        if name not in names and not any({name, other} <= same for other in names):
            raise ConfigError(
                f"FX must convert {away} into {currency}, {symbol} is quoted in {quote} per {base}"
            )
    base, quote = (away, currency) if away == base or {away, base} <= same else (currency, away)
    price = own.choice("price", ("mid", "executable"), "mid")
    return FxConfig(
        own.text("venue"), symbol, base, quote, price == "executable", own.duration("max_age", 60 * SECOND_NS)
    )


def _limits(block: Block, balance: float) -> DeskLimits:
    keys = tuple(item.name for item in fields(DeskLimits) if item.name != "initial_balance_usd")
    own = Block("limits", block.raw("limits", {}), keys)
    given = {name: own.number(name, None, above=True) for name in keys if name != "max_open_trades_total"}
    count = own.whole("max_open_trades_total", None, low=1)
    return DeskLimits(initial_balance_usd=balance, max_open_trades_total=count, **given)


def _execution(values: Any) -> ExecutionConfig:
    block = Block("execution", values, ("fills", "legs", "deadline", "on_naked", "max_slip_bps", "cooldown"))
    return ExecutionConfig(
        block.choice("fills", ("engine", "venue"), "engine"),
        block.choice("legs", _EXECUTIONS, "together"),
        block.duration("deadline", 5 * SECOND_NS) / 1e9,
        block.choice("on_naked", ("hedge", "flatten"), "hedge"),
        block.number("max_slip_bps", 30.0),
        block.duration("cooldown", 60 * SECOND_NS) / 1e9,
    )


def _replay(block: Block, folder: Path) -> ReplayConfig | None:
    if "replay" not in block:
        return None
    own = Block("replay", block.raw("replay"), ("dataset", "speed", "start", "end"))
    given = Path(own.text("dataset"))
    path = given if given.is_absolute() or given.exists() else folder / given
    start, end = (None if own.raw(key, None) is None else _moment(own.raw(key)) for key in ("start", "end"))
    return ReplayConfig(str(path), own.number("speed", 0.0), start, end)


def _moment(value: Any) -> str:
    return value.isoformat() if isinstance(value, (dt.datetime, dt.date)) else str(value)


def _check(config: LiveConfig) -> None:
    """Check what several parts of a configuration must agree on."""
    if config.mode == "live" and config.replay is not None:
        raise ConfigError("`mode` live trades on live books, `replay` was given; leave it out")
    if config.mode == "live" and config.execution.fills == "engine":
        raise ConfigError("`mode` live sends orders: `execution.fills` must be venue, was engine")
    for leg in () if config.replay else config.legs:
        venue = leg.partition("/")[0]
        check_venue(leg, venue, VENUES)
        if venue not in config.venues:
            raise ConfigError(f"`venues` must name every venue of a pair, it lacks `{venue}`")
    if config.execution.fills == "venue":
        legs = [leg for pair in config.pairs for leg in pair.legs]
        double = [leg for leg in legs if legs.count(leg) > 1]
        if double:
            raise ConfigError(
                f"where venues fill, an instrument belongs to one pair, {double[0]} is in several"
            )
    for pair in config.pairs:
        if pair.params.pnl_model != "executable":
            raise ConfigError(
                f"a live run needs `pnl_model` executable, pair {pair.name} has {pair.params.pnl_model}"
            )
