"""Two legs at venues that refuse, fill late or in part, lose answers: nothing doubled, nothing left open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from arbkit.live.legs import LegPlan, PairExecutor, PairIntent, PairResult, worst_naked_ns
from arbkit.venues.orders import OrderKeeper
from arbkit.venues.protocol import BookEvent, Instrument, OrderSide
from tests.live.test_legs import PERPETUAL, SPOT
from tests.venues.chancy import Chancy, Fate
from tests.venues.virtual import VirtualLoop, run_virtually

D = Decimal
LOT: Final = PERPETUAL.lot
DEADLINE_S: Final = 2.0
GRACE_S: Final = 0.5
PRICES: Final = {"a": D(60_000_000), "b": D(60_000)}


class NoLog:
    """A log of nothing: no order here outlives its test."""

    def append(self, kind: str, *, sync: bool = False, **fields: Any) -> None:
        pass

    def sync(self) -> None:
        pass

    def has_fill(self, venue: str, symbol: str, trade_id: str) -> bool:
        return False


class Played:
    """Both venues after one pair of orders."""

    def __init__(self, a: Chancy, b: Chancy, result: PairResult | None, told: list[str]) -> None:
        self.a, self.b, self.result, self.told = a, b, result, told

    @property
    def exposure(self) -> Decimal:
        return self.a.position + self.b.position

    @property
    def naked_s(self) -> float:
        """The longest time with a lot open on one side, by the venues' own fills."""
        exposure, line = D(0), []
        for ts, change in sorted(self.a.line + self.b.line):
            exposure += change
            line.append((ts, exposure))
        return worst_naked_ns(line, lambda size: abs(size) >= LOT, line[-1][0] if line else 0) / 1e9


def play(
    fates_a: Sequence[Fate],
    fates_b: Sequence[Fate],
    *,
    last: tuple[Fate, Fate] = (Fate(), Fate()),
    most_s: float = 3_600.0,
    **options: Any,
) -> Played:
    """Trade one pair until it is level, or for so long."""
    loop = VirtualLoop()
    venues = {}
    for name, instrument, fates, then in (("a", SPOT, fates_a, last[0]), ("b", PERPETUAL, fates_b, last[1])):
        venues[name] = Chancy(instrument, PRICES[name], fates, then, loop.clock)
    keeper = OrderKeeper(dict(venues), NoLog(), clock=loop.clock, grace_s=0.5)
    told: list[str] = []
    books = {name: _book(venue.instrument, float(PRICES[name])) for name, venue in venues.items()}
    given_: dict[str, Any] = {"max_slip_bps": 10.0, "deadline_s": DEADLINE_S} | options
    executor = PairExecutor(
        keeper,
        lambda venue, _: books[venue],
        clock=loop.clock,
        told=lambda _, what, __: told.append(what),
        **given_,
    )

    async def act() -> PairResult | None:
        for venue in venues.values():
            venue.keeper = keeper
        trade = asyncio.create_task(executor.run(_intent(options.pop("size", "0.1"))))
        done, _ = await asyncio.wait({trade}, timeout=most_s)
        if not done:
            trade.cancel()
        await asyncio.gather(trade, return_exceptions=True)
        await executor.close()
        for venue in venues.values():
            await venue.close()
        await keeper.close()
        return trade.result() if done else None

    return Played(venues["a"], venues["b"], run_virtually(loop, act()), told)


def _intent(size: str) -> PairIntent:
    return PairIntent(
        name="BTC",
        a=LegPlan(venue="a", symbol=SPOT.symbol, side=OrderSide.BUY),
        b=LegPlan(venue="b", symbol=PERPETUAL.symbol, side=OrderSide.SELL),
        size=D(size),
    )


def _book(instrument: Instrument, price: float) -> BookEvent:
    return BookEvent(instrument.venue, instrument.symbol, 1, None, ((price, 9.0),), ((price, 9.0),))


def test_an_order_that_fills_after_the_hedge_has_left_is_levelled_too() -> None:
    """The perpetual refuses once, then takes an order that it fills only after the coins were sold again."""
    played = play([], [Fate("refused"), Fate("working", after_s=3.0)])
    sent_a, sent_b = ([(round(t, 1), r.side.value) for t, r in venue.sent] for venue in (played.a, played.b))
    assert sent_b == [(0.0, "sell"), (0.0, "sell")]
    assert sent_a == [(0.0, "buy"), (2.0, "sell"), (3.0, "buy")]
    assert played.exposure == 0
    assert played.a.position == D("0.1")
    assert played.result is not None
    assert (played.result.a.filled, played.result.b.filled) == (D("0.1"), D("0.1"))
    assert played.naked_s < DEADLINE_S + GRACE_S


def test_an_order_sent_just_before_the_deadline_is_waited_for() -> None:
    """Nothing goes beside an order that has only just left; it fills, and one hedge is enough."""
    nothing = Fate(share=D(0))
    played = play([], [nothing] * 4 + [Fate("working", after_s=0.18)], deadline_s=0.45)
    assert [round(t, 1) for t, _ in played.b.sent] == [0.0, 0.0, 0.1, 0.2, 0.3]
    assert 0.45 < played.naked_s < 0.45 + 0.225
    assert len(played.a.sent) == 1
    assert played.exposure == 0


def test_where_everything_is_refused_it_is_tried_calmly_and_told_once() -> None:
    refusing = Fate("refused")
    played = play([Fate()], [], last=(refusing, refusing), most_s=3_600.0)
    assert played.result is None
    assert played.told == ["unhedged"]
    tries = len(played.a.sent) + len(played.b.sent)
    assert 250 < tries < 400
    assert {venue.sent[-1][0] > 3_500 for venue in (played.a, played.b)} == {True}


def test_a_venue_that_never_answers_is_sent_nothing_more() -> None:
    lost = Fate("lost", after_s=7_200.0)
    played = play([], [], last=(Fate(), lost), most_s=120.0)
    assert len(played.b.sent) == 1
    assert [request.side.value for _, request in played.a.sent] == ["buy", "sell"]
    assert played.told == ["order_in_doubt"]
    assert (played.result, played.a.position) == (None, 0)


SHARES = st.sampled_from([D(0), D("0.001"), D("0.33333333"), D("0.5"), D("0.999"), D(1)])
LATE_S = st.sampled_from([0.0, 0.01, 0.3, 1.9, 2.1, 4.0])
FATES = st.lists(
    st.builds(
        Fate,
        st.sampled_from(["filled", "working", "refused", "lost", "gone"]),
        SHARES,
        LATE_S,
        st.sampled_from([0, 1, 1, 3]),
    ),
    max_size=7,
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    FATES,
    FATES,
    st.sampled_from(["together", "lead_a", "lead_b"]),
    st.sampled_from(["hedge", "flatten"]),
    st.sampled_from(["", "a", "b", "ab"]),
)
def test_whatever_venues_do_nothing_is_doubled_and_nothing_stays_open(
    fates_a: list[Fate], fates_b: list[Fate], execution: str, on_naked: str, refusing: str
) -> None:
    last = tuple(Fate("refused") if name in refusing else Fate() for name in "ab")
    played = play(
        fates_a, fates_b, last=(last[0], last[1]), execution=execution, on_naked=on_naked, most_s=900.0
    )
    result = played.result
    for venue in (played.a, played.b):
        ids = [request.client_id for _, request in venue.sent]
        assert len(ids) == len(set(ids))
        assert venue.beside == []
    if result is None:
        assert refusing == "ab"
        assert played.told
        return
    assert abs(played.exposure) < LOT
    assert result.residual == played.exposure
    for leg, venue in ((result.a, played.a), (result.b, played.b)):
        assert (leg.net, leg.cash) == (venue.position, venue.cash)
        assert leg.fees.get(venue.instrument.quote, D(0)) == venue.fees
    if not refusing:
        assert played.naked_s <= DEADLINE_S + GRACE_S + sum(map(cost_s, fates_a + fates_b))


def cost_s(fate: Fate) -> float:
    """Return for how long one fate may keep a side open: an answer that does not come, or a try in vain."""
    if fate.answer in ("working", "lost"):
        return fate.after_s + 1.0
    # Unknown to the venue until it can no longer arrive, and a little longer.
    if fate.answer == "gone":
        return 1.0 + 0.5 + 1.5
    return 0.0 if fate == Fate() else 1.0


def test_the_leg_that_was_refused_goes_first_until_it_is_taken() -> None:
    """A venue that takes nothing costs one try a time, and no crossing of the other."""
    loop = VirtualLoop()
    venues = {
        "a": Chancy(SPOT, PRICES["a"], [], Fate(), loop.clock),
        "b": Chancy(PERPETUAL, PRICES["b"], [Fate("refused")] * 4, Fate(), loop.clock),
    }
    keeper = OrderKeeper(dict(venues), NoLog(), clock=loop.clock)
    books = {name: _book(venue.instrument, float(PRICES[name])) for name, venue in venues.items()}
    executor = PairExecutor(keeper, lambda venue, _: books[venue], max_slip_bps=10.0, clock=loop.clock)
    sent: list[tuple[int, int]] = []

    async def act() -> None:
        for venue in venues.values():
            venue.keeper = keeper
        for _ in range(5):
            await executor.run(_intent("0.1"))
            sent.append((len(venues["a"].sent), len(venues["b"].sent)))
        await keeper.close()

    run_virtually(loop, act())
    assert sent == [(2, 2), (2, 3), (2, 4), (3, 5), (4, 6)]
    assert [venues[name].position for name in "ab"] == [D("0.2"), D("-0.2")]
