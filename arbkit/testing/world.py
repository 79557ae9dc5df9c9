"""Where the books come from: any dataset, or a random walk that needs no files."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from arbkit.errors import ConfigError
from arbkit.units import SECOND_NS
from arbkit.wire.book import Level

if TYPE_CHECKING:
    import polars as pl

    from arbkit.data import Dataset, InstrumentInfo

__all__ = ["Frame", "dataset_frames", "dataset_markets", "walk_frames"]

_FX: Final = 1400.0
_ROUGH: Final = {"BTC": 100_000.0, "ETH": 3_000.0, "BNB": 700.0, "SOL": 150.0, "XRP": 2.0, "USDT": 1.0}


class Frame(NamedTuple):
    """One book of the world at one moment."""

    ts_ns: int
    venue: str
    symbol: str
    bids: Sequence[Level]
    asks: Sequence[Level]


def dataset_markets(dataset: Dataset) -> dict[str, tuple[str, str]]:
    """Return where each leg of a dataset is served: "venue/symbol" -> venue and symbol of the exchange.

    Upbit and Bithumb keep their names; perpetuals of anyone else are served as Binance USD-M, all other books
    as Binance spot. Candles are left out.
    """
    found = {}
    for info in dataset.instruments:
        if info.levels < 1 or info.bar_s is not None:
            continue
        base, quote = info.base or info.symbol, info.quote
        if info.kind == "fx" and not info.base:
            base, quote = "USDT", "KRW"
        if info.venue.startswith(("upbit", "bithumb")) or quote == "KRW":
            venue = "bithumb" if info.venue.startswith("bithumb") else "upbit"
            found[info.leg] = (venue, info.symbol if "-" in info.symbol else f"{quote}-{base}")
        else:
            venue = "binance_usdm" if info.kind == "perpetual" else "binance_spot"
            found[info.leg] = (venue, f"{base}{quote}".upper().replace("-", ""))
    return found


def dataset_frames(
    dataset: Dataset,
    markets: Mapping[str, tuple[str, str]] | None = None,
    *,
    seconds: float | None = None,
) -> Iterator[Frame]:
    """Yield the books of a dataset in time order, on the clock each leg is stored by.

    Args:
        dataset: an open dataset (`arbkit.open_dataset`).
        markets: "venue/symbol" of a leg -> venue and symbol to serve it as; None takes `dataset_markets`.
        seconds: end after so much of it.

    Raises:
        ConfigError: when no leg has books.
    """
    served = dict(dataset_markets(dataset) if markets is None else markets)
    if not served:
        raise ConfigError(f"the dataset {dataset.name!r} must hold books, it holds none")
    legs = [_leg(dataset, dataset.instrument(leg), *place) for leg, place in served.items()]
    first: int | None = None
    for frame in heapq.merge(*legs, key=lambda item: item.ts_ns):
        first = frame.ts_ns if first is None else first
        if seconds is not None and frame.ts_ns - first > seconds * SECOND_NS:
            return
        yield frame


def _leg(dataset: Dataset, info: InstrumentInfo, venue: str, symbol: str) -> Iterator[Frame]:
    for rows in dataset.batches(info.leg):
        stamps = rows[info.clock].to_physical().to_numpy()
        bids, asks = _side(rows, "bid", info), _side(rows, "ask", info)
        for row, stamp in enumerate(stamps.tolist()):
            yield Frame(stamp, venue, symbol, _levels(bids[row]), _levels(asks[row]))


def _side(rows: pl.DataFrame, side: str, info: InstrumentInfo) -> list[list[list[float]]]:
    """Return (rows, levels, 2) as nested lists, missing ones NaN."""
    columns = []
    for level in range(info.levels):
        price = rows[f"{side}_px_{level:02d}"].to_numpy()
        size = rows[f"{side}_sz_{level:02d}"].to_numpy()
        columns.append(np.column_stack([price, size * (info.contract_size or 1.0)]))
    found: list[list[list[float]]] = np.stack(columns, axis=1).tolist()
    return found


def _levels(pairs: Iterable[Sequence[float]]) -> list[Level]:
    return [(price, size) for price, size in pairs if price > 0 and size > 0]  # NaN is not above 0


def walk_frames(
    markets: Mapping[str, Sequence[str]],
    *,
    per_second: float = 10.0,
    seconds: float = math.inf,
    levels: int = 15,
    seed: int = 1,
    start_ns: int = 0,
) -> Iterator[Frame]:
    """Yield books of a random walk: one price per coin, a slow premium between venues, KRW at about 1,400.

    Args:
        markets: venue -> symbols.
        per_second: books per second and symbol.
        seconds: length.
        levels: levels per side.
        seed: which walk.
        start_ns: stamp of the first book.
    """
    chance = random.Random(seed)
    walks = [_Walk(venue, symbol, chance) for venue, symbols in markets.items() for symbol in symbols]
    prices = {walk.base: _ROUGH.get(walk.base, 10.0) for walk in walks}
    gap = 1.0 / per_second
    step = 0
    while step * gap < seconds:
        for base in prices:
            if base != "USDT":
                prices[base] *= math.exp(chance.gauss(0, 1e-4 * math.sqrt(gap)))
        for number, walk in enumerate(walks):
            at = start_ns + round((step + number / len(walks)) * gap * SECOND_NS)
            yield walk.frame(at, prices[walk.base], levels, chance, gap)
        step += 1


class _Walk:
    """One symbol of the walk: the coin's price times a premium that reverts."""

    def __init__(self, venue: str, symbol: str, chance: random.Random) -> None:
        self.venue, self.symbol = venue, symbol
        quote, dash, base = symbol.partition("-")
        self.base = base if dash else symbol.removesuffix("USDT").removesuffix("USDC")
        self.factor = _FX if quote == "KRW" and dash else 1.0
        self.premium = chance.gauss(0, 5e-4)

    def frame(self, at: int, price: float, levels: int, chance: random.Random, gap: float) -> Frame:
        self.premium += -self.premium * min(1.0, gap / 30) + chance.gauss(0, 2e-4 * math.sqrt(gap))
        mid = price * self.factor * math.exp(self.premium)
        tick = self._tick(mid)
        best = math.floor(mid / tick)
        bids, asks = [], []
        for level in range(levels):
            bids.append((_on_grid(best - level, tick), round(chance.uniform(0.2, 3.0) * 5_000 / price, 4)))
            asks.append(
                (_on_grid(best + 1 + level, tick), round(chance.uniform(0.2, 3.0) * 5_000 / price, 4))
            )
        return Frame(at, self.venue, self.symbol, bids, asks)

    def _tick(self, mid: float) -> float:
        if self.factor > 1.0:
            edges = ((1e6, 1000.0), (5e5, 500.0), (1e5, 100.0), (5e4, 50.0), (1e4, 10.0), (5e3, 5.0))
            return next((tick for edge, tick in edges if mid >= edge), 1.0)
        return 0.1 if mid >= 10_000 else 0.01 if mid >= 100 else 0.001 if mid >= 10 else 0.0001


def _on_grid(steps: int, tick: float) -> float:
    return round(steps * tick, 8)
