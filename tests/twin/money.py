"""Money of the plain twin (section 4): what one trade is worth at given exit prices."""

from __future__ import annotations

from dataclasses import dataclass

from arbkit.config import Params

from .market import A_FIRST, long_venue


@dataclass(frozen=True)
class RoundTrip:
    """The raw prices of four fills: what was bought and sold first, and what closes it."""

    direction: str
    size: float
    notional: float
    long_entry: float
    short_entry: float
    long_exit: float
    short_exit: float
    long_fx: float = 1.0
    short_fx: float = 1.0


@dataclass(frozen=True)
class Outcome:
    pnl: float
    pnl_bps: float
    fees: float
    turnover: float


def half_slippage(params: Params) -> float:
    return params.slippage_bps / 2 / 1e4


def fee_of(params: Params, venue: str) -> float:
    return (params.taker_fee_a_bps if venue == "a" else params.taker_fee_b_bps) / 1e4


def size_for(params: Params, notional: float, long_entry: float) -> float:
    return notional / (long_entry * (1 + half_slippage(params)))


def executable(params: Params, trip: RoundTrip) -> Outcome:
    """Four fills, four fees; with FX settled at the exit the entry prices are carried to that day."""
    h = half_slippage(params)
    bought = trip.long_entry * (1 + h) * trip.long_fx
    sold = trip.short_entry * (1 - h) * trip.short_fx
    sold_back = trip.long_exit * (1 - h)
    bought_back = trip.short_exit * (1 + h)
    q = trip.size
    long_fee = fee_of(params, long_venue(trip.direction))
    short_fee = fee_of(params, "b" if trip.direction == A_FIRST else "a")
    fees = q * (long_fee * (bought + sold_back) + short_fee * (sold + bought_back))
    pnl = q * (sold_back - bought + sold - bought_back) - fees
    turnover = q * (bought + sold + sold_back + bought_back)
    return Outcome(pnl, pnl / trip.notional * 1e4, fees, turnover)


def entry_fills(params: Params, trip: RoundTrip) -> tuple[float, float]:
    """Return the fees and the turnover of the two entry fills alone."""
    h = half_slippage(params)
    bought = trip.long_entry * (1 + h)
    sold = trip.short_entry * (1 - h)
    long_fee = fee_of(params, long_venue(trip.direction))
    short_fee = fee_of(params, "b" if trip.direction == A_FIRST else "a")
    if params.pnl_model == "convergence":
        return convergence_fees(params, trip.notional), trip.size * (bought + sold)
    return trip.size * (long_fee * bought + short_fee * sold), trip.size * (bought + sold)


def convergence_fees(params: Params, notional: float) -> float:
    return notional * (fee_of(params, "a") + fee_of(params, "b"))


def convergence(params: Params, trip: RoundTrip, entry_spread: float, left: float) -> Outcome:
    """The older bookkeeping: entry spread, less what is left of it, less one crossing."""
    pnl_bps = entry_spread - left - params.cost_bps
    pnl = trip.notional * pnl_bps / 1e4
    return Outcome(pnl, pnl_bps, convergence_fees(params, trip.notional), executable(params, trip).turnover)


def attribution(params: Params, trip: RoundTrip, mids: dict[str, float], tops: RoundTrip) -> dict[str, float]:
    """Split a closed executable trade; `mids` has long0, short0, long1, short1, `tops` the best prices."""
    q, h = trip.size, half_slippage(params)
    fx_long, fx_short = trip.long_fx, trip.short_fx
    outcome = executable(params, trip)
    plain = executable(params, replaced_fx(trip))
    return {
        "premium_usd": q * ((mids["long1"] - mids["long0"]) - (mids["short1"] - mids["short0"])),
        "book_usd": -q
        * (
            (tops.long_entry - mids["long0"])
            + (mids["long1"] - tops.long_exit)
            + (mids["short0"] - tops.short_entry)
            + (tops.short_exit - mids["short1"])
        ),
        "slippage_usd": -q * h * (trip.long_entry + trip.long_exit + trip.short_entry + trip.short_exit),
        "depth_usd": -q
        * (
            (trip.long_entry - tops.long_entry)
            + (tops.long_exit - trip.long_exit)
            + (tops.short_entry - trip.short_entry)
            + (trip.short_exit - tops.short_exit)
        ),
        "fees_usd": -plain.fees,
        "fx_usd": 0.0 if fx_long == fx_short == 1.0 else outcome.pnl - plain.pnl,
    }


def replaced_fx(trip: RoundTrip) -> RoundTrip:
    return RoundTrip(
        trip.direction,
        trip.size,
        trip.notional,
        trip.long_entry,
        trip.short_entry,
        trip.long_exit,
        trip.short_exit,
    )
