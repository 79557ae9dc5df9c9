"""A synthetic market written as a dataset, made and stored at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from arbkit._typing import PathLike
from arbkit.data.manifest import InstrumentInfo, Manifest
from arbkit.data.writer import DatasetWriter, WriteMode
from arbkit.errors import ConfigError
from arbkit.synthetic._ahead import made_ahead
from arbkit.synthetic.coins import coin_markets
from arbkit.synthetic.market import CHUNK_ROWS, Market
from arbkit.synthetic.spec import StreamSpec

__all__ = ["Progress", "write_market"]

#: Called with (rows written so far, about how many there will be).
Progress = Callable[[int, int], None]

_FLAG: Final = "synthetic"


def write_market(
    market: Market,
    path: PathLike,
    *,
    mode: WriteMode = "create",
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress | None = None,
) -> Manifest:
    """Write the books of A, B and FX as a dataset; the next piece is made while the last one is written.

    With `coins` in the spec, A and B of every coin stand in it, and one FX book.

    Args:
        market: what to write; its spec and seed stand in the dataset's source.
        path: the dataset's folder.
        mode: "create" refuses an existing dataset, "replace" puts this one in its place.
        chunk_rows: rows made at a time; memory holds two such pieces.
        progress: told about the rows of all three instruments.

    Returns:
        The manifest of the new dataset.

    Raises:
        ConfigError: when the market ends before its first update.
        DataError: when the folder is something else or the mode does not fit.
    """
    total = market.expected_rows(fx=True)
    done: dict[str, int] = {}
    with DatasetWriter(path, source=_source(market), mode=mode) as writer:
        for one, legs in coin_markets(market):
            infos = {stream.leg: _info(stream, one) for stream in one.spec.streams if stream.leg in legs}
            done.update(dict.fromkeys(infos, 0))
            for leg, frame in made_ahead(one.pieces(legs=legs, chunk_rows=chunk_rows)):
                writer.write(infos[leg], frame)
                done[leg] += frame.height
                if progress is not None:
                    progress(sum(done.values()), max(total, sum(done.values())))
        for leg, rows in done.items():
            if rows == 0:
                raise ConfigError(f"the market must last until {leg} has updated once; ask for more rows")
        return writer.commit()


def _source(market: Market) -> str:
    until = f"rows={market.rows}" if market.rows is not None else f"days={market.days or market.spec.days:g}"
    return f"synthetic {market.spec.name}, seed={market.used_seed}, {until}, levels={market.depth}"


def _info(stream: StreamSpec, market: Market) -> InstrumentInfo:
    return InstrumentInfo(
        venue=stream.venue,
        symbol=stream.symbol,
        base=stream.base,
        quote=stream.quote,
        kind=stream.kind,
        levels=market.depth,
        max_age_s=stream.max_age_s,
        tick_size=market.tick_size(stream),
        flags=(_FLAG,),
    )
