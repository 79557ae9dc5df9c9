"""What can be made to go wrong: named switches, for a venue, an endpoint, a symbol, a number of times."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from arbkit.errors import ConfigError, nearest_names
from arbkit.testing.clock import ServerClock
from arbkit.units import SECOND_NS

__all__ = ["FAULTS", "VENUES", "Fault", "Faults", "Scope", "Switch"]

Scope = Literal["stream", "book", "rest", "order", "account", "clock"]

#: Venues of the practice exchange that take orders; `bithumb` gives books only.
VENUES: Final = ("upbit", "binance_usdm", "binance_spot")
_BOOKS: Final = (*VENUES, "bithumb")
_BINANCE: Final = ("binance_usdm", "binance_spot")
_USDM: Final = ("binance_usdm",)


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong.

    Attributes:
        name: how it is switched on.
        what: what the exchange then does.
        scope: `stream` (websockets), `book` (what the book says), `rest` (any answer), `order` (what becomes
            of an order), `account`, `clock`.
        venues: where it exists.
        options: what may be given with it, with the defaults.
        endpoint: the route it strikes when none is named; empty: every one.
        once: an event that happens when it is switched on, not a state.
    """

    name: str
    what: str
    scope: Scope
    venues: tuple[str, ...] = _BOOKS
    options: Mapping[str, Any] = field(default_factory=dict)
    endpoint: str = ""
    once: bool = False


def _stream(name: str, what: str, **options: Any) -> Fault:
    return Fault(name, what, "stream", options=options)


def _book(name: str, what: str) -> Fault:
    return Fault(name, what, "book")


def _rest(name: str, what: str, endpoint: str = "submit", /, **options: Any) -> Fault:
    return Fault(name, what, "rest", VENUES, options, endpoint)


_ALL: Final = (
    _stream("stall_data", "no data on the sockets; pings are answered, subscriptions too"),
    _stream("mute_pongs", "pings are not answered any more, data go on"),
    Fault(
        "close_sockets",
        "every open socket is closed with `code`; 1006 without a closing frame",
        "stream",
        options={"code": 1001},
        once=True,
    ),
    _stream("refuse_handshake", "a new socket is refused with `status`", status=503, retry_after=1),
    Fault(
        "half_open",
        "open sockets stay open and nothing is read or sent on them any more",
        "stream",
        once=True,
    ),
    _stream("drop_book", "one message with a book is not sent"),
    _stream("duplicate_book", "one message with a book is sent twice"),
    _stream("reorder_book", "one message with a book is sent after the next one of its symbol"),
    _stream("truncated_frame", "a message ends in the middle"),
    _stream("junk_frame", "a message that is no JSON is sent instead of data"),
    _stream("error_frame", "an error object is sent instead of data"),
    _stream("extra_members", "messages carry members nobody knows"),
    _book("crossed_book", "the book's best bid stands above its best ask"),
    _book("empty_book", "the book has no levels"),
    _book("one_sided_book", "the book has no asks"),
    _book("zero_price_book", "a level has a size and the price 0"),
    _book("micro_timestamp", "messages are stamped in microseconds"),
    _book("old_timestamp", "messages are stamped an hour ago"),
    _book("unknown_symbol", "a book of a symbol that nobody asked for is sent beside"),
    Fault(
        "stale_snapshot",
        "the REST book is older than what the stream has sent, by `updates`",
        "rest",
        _BINANCE,
        {"updates": 20},
        "depth",
    ),
    _rest("rate_limited", "429 with Retry-After, nothing is done", "", retry_after=1),
    _rest("banned", "418 with the time left; `seconds` says how long", "", retry_after=10),
    _rest("maintenance", "503 with a page of HTML everywhere, sockets closed (1001) and refused", ""),
    _rest("slow_answer", "the request is carried out and answered `delay` seconds late", delay=1.0),
    _rest("reset_before", "the connection is reset before anything is done"),
    _rest("reset_after", "the request is carried out, then the connection is reset unanswered"),
    _rest("unknown_503", "503 `Unknown error`; carried out when `accept`", accept=True),
    _rest("timeout_error", "-1007 (Upbit: 500); carried out when `accept`", accept=True),
    _rest("html_502", "502 with a page of HTML; carried out when `accept`", accept=True),
    _rest("truncated_body", "carried out; the answer ends in the middle and the connection closes"),
    _rest("unavailable_503", "503 `Service Unavailable`: not carried out"),
    Fault(
        "overloaded",
        "503 with code -1008: not carried out",
        "rest",
        _BINANCE,
        endpoint="submit",
    ),
    _rest("refuse", "refused with `code` (Binance) or `name` (Upbit) of your choice", code=-2010, name=""),
    Fault(
        "invisible_order",
        "an order is placed and for `ms` no query finds it",
        "order",
        VENUES,
        {"ms": 500},
    ),
    Fault("cancel_loses", "the order is filled when it is to be cancelled", "order", VENUES),
    Fault(
        "partial_fill",
        "`share` of the order is filled and the rest ends",
        "order",
        VENUES,
        {"share": 0.5},
    ),
    Fault(
        "fill_before_answer",
        "the fill is sent before the order is answered",
        "order",
        VENUES,
        endpoint="submit",
    ),
    Fault("duplicate_fill", "the fill is sent twice", "order", VENUES),
    Fault("missing_fill", "the fill is not sent: only REST knows of it", "order", VENUES),
    Fault(
        "expire_listen_key",
        "the private stream ends: listenKeyExpired, eventStreamTerminated; Upbit closes it",
        "account",
        VENUES,
        once=True,
    ),
    Fault(
        "revoke_key",
        "the API key is refused everywhere, and its private streams closed",
        "account",
        VENUES,
    ),
    Fault(
        "change_leverage",
        "the account's leverage becomes `leverage`",
        "account",
        _USDM,
        {"leverage": 1},
        once=True,
    ),
    Fault(
        "change_ticks",
        "the price step is `factor` times as wide",
        "account",
        VENUES,
        {"factor": 10},
    ),
    Fault("halt_symbol", "the symbol takes no orders and its book stands still", "account", VENUES),
    Fault(
        "auto_deleverage",
        "`share` of the position is closed by the exchange (ADL)",
        "account",
        _USDM,
        {"share": 1.0},
        once=True,
    ),
    Fault(
        "liquidate",
        "the position is liquidated by the exchange",
        "account",
        _USDM,
        once=True,
    ),
    Fault(
        "change_funding_interval",
        "funding is paid every `hours` from now on",
        "account",
        _USDM,
        {"hours": 1},
        once=True,
    ),
    Fault(
        "clock_offset",
        "the venue's clock is `seconds_off` ahead (behind when negative)",
        "clock",
        VENUES,
        {"seconds_off": 5.0},
    ),
    Fault(
        "clock_jumps",
        "the venue's clock jumps ahead and back by `seconds_off` with every look",
        "clock",
        VENUES,
        {"seconds_off": 3.0},
    ),
)

#: Every fault by name.
FAULTS: Final[Mapping[str, Fault]] = {fault.name: fault for fault in _ALL}


@dataclass
class Switch:
    """A fault that is on.

    Attributes:
        count: how many more times it strikes; None until it is switched off.
        until_ns: when it ends on the exchange's clock; None never.
        skip: how many chances pass before the first strike.
        hits: how many times it has struck.
    """

    number: int
    fault: Fault
    venue: str | None
    endpoint: str
    symbol: str | None
    count: int | None
    until_ns: int | None
    skip: int
    options: Mapping[str, Any]
    hits: int = 0

    def left_s(self, now_ns: int) -> float | None:
        """Return for how long it is still on, None where no time ends it."""
        return None if self.until_ns is None else max(0.0, (self.until_ns - now_ns) / SECOND_NS)

    def fits(self, venue: str, endpoint: str, symbol: str) -> bool:
        """Tell whether it is meant for this place."""
        return (
            (self.venue is None or self.venue == venue)
            and (not self.endpoint or self.endpoint == endpoint)
            and (self.symbol is None or not symbol or self.symbol == symbol)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "number": self.number,
            "name": self.fault.name,
            "venue": self.venue,
            "endpoint": self.endpoint,
            "symbol": self.symbol,
            "count": self.count,
            "until_ns": self.until_ns,
            "options": dict(self.options),
            "hits": self.hits,
        }


class Faults:
    """The switches of one exchange. `on` and `off` may be called from any thread."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self._on: tuple[Switch, ...] = ()
        self._numbers = itertools.count(1)
        self._watchers: list[Callable[[Switch, bool], None]] = []
        self.hits: Counter[tuple[str, str]] = Counter()

    def watch(self, watcher: Callable[[Switch, bool], None]) -> None:
        """Call `watcher(switch, True)` when one is switched on, with False when off."""
        self._watchers.append(watcher)

    def on(
        self,
        name: str,
        /,
        *,
        venue: str | None = None,
        endpoint: str | None = None,
        symbol: str | None = None,
        count: int | None = None,
        seconds: float | None = None,
        skip: int = 0,
        **options: Any,
    ) -> Switch:
        """Switch a fault on.

        Args:
            name: one of `FAULTS`.
            venue: where; None for every venue that has it.
            endpoint: the route (`submit`, `cancel`, `query`, `depth`, ...) or, for streams, `public` or
                `private`; None takes the fault's own, "" any.
            symbol: for this symbol only.
            count: so many times; None until it is switched off.
            seconds: so long, on the exchange's clock.
            skip: let so many chances pass first.
            **options: the fault's own.

        Raises:
            ConfigError: when there is no such fault, venue or option.
        """
        fault = _known(name, venue, options)
        switch = Switch(
            next(self._numbers),
            fault,
            venue,
            fault.endpoint if endpoint is None else endpoint,
            symbol,
            count,
            None if seconds is None else self._clock.now_ns() + round(seconds * SECOND_NS),
            skip,
            {**fault.options, **options},
        )
        if not fault.once:
            self._on = (*self._on, switch)
        for watcher in self._watchers:
            watcher(switch, True)
        return switch

    def off(self, name: str | None = None, *, venue: str | None = None, number: int | None = None) -> None:
        """Switch off a fault by name or number, at one venue or everywhere; all of them without arguments."""
        gone = tuple(
            item
            for item in self._on
            if (name is None or item.fault.name == name)
            and (venue is None or item.venue in (None, venue))
            and (number is None or item.number == number)
        )
        self._on = tuple(item for item in self._on if item not in gone)
        for switch in gone:
            for watcher in self._watchers:
                watcher(switch, False)

    def active(self) -> tuple[Switch, ...]:
        """Return what is on."""
        if not self._on:
            return ()
        now = self._clock.now_ns()
        return tuple(item for item in self._on if _lives(item, now))

    def find(self, name: str, venue: str, *, endpoint: str = "", symbol: str = "") -> Switch | None:
        """Return the switch that would strike here, without using it up."""
        if not self._on:
            return None
        now = self._clock.now_ns()
        for item in self._on:
            if (
                item.fault.name == name
                and venue in item.fault.venues
                and _lives(item, now)
                and item.fits(venue, endpoint, symbol)
            ):
                return item
        return None

    def hit(self, name: str, venue: str, *, endpoint: str = "", symbol: str = "") -> Switch | None:
        """Return the switch that strikes here now, or None; what has a count is used up by one."""
        item = self.find(name, venue, endpoint=endpoint, symbol=symbol)
        if item is None:
            return None
        if item.skip > 0:
            item.skip -= 1
            return None
        if item.count is not None:
            item.count -= 1
        item.hits += 1
        self.hits[venue, name] += 1
        return item


def _lives(switch: Switch, now_ns: int) -> bool:
    return (switch.count is None or switch.count > 0) and (
        switch.until_ns is None or now_ns < switch.until_ns
    )


def _known(name: str, venue: str | None, options: Mapping[str, Any]) -> Fault:
    fault = FAULTS.get(name)
    if fault is None:
        raise ConfigError(f"no fault `{name}`; {nearest_names(name, FAULTS)}")
    if venue is not None and venue not in fault.venues:
        raise ConfigError(f"the fault `{name}` exists at {', '.join(fault.venues)}, was venue={venue!r}")
    for option in options:
        if option not in fault.options:
            known = ", ".join(fault.options) or "none"
            raise ConfigError(f"the fault `{name}` has no option `{option}`; it has: {known}")
    return fault
