"""Books of one instrument, collected row by row and handed on as frames of the schema."""

from __future__ import annotations

from array import array
from math import nan
from typing import Any, Final

import numpy as np
import polars as pl

from arbkit.data.schema import TIMESTAMP, book_schema
from arbkit.wire import Level

__all__ = ["BookRows"]

_NO_TIME: Final = -(2**63)
_FLUSH_ROWS: Final = 50_000


class BookRows:
    """Rows of a book of `levels` levels; missing levels are null.

    `contract_size` turns sizes in contracts into base units; `inverse` contracts are worth that much of
    the quote currency.
    """

    def __init__(self, levels: int, *, contract_size: float | None = None, inverse: bool = False) -> None:
        self.levels = levels
        self._contract_size = contract_size
        self._inverse = inverse
        self._values = array("d")
        self._event = array("q")
        self._recv = array("q")
        self._empty = [nan] * (4 * levels)

    def __len__(self) -> int:
        return len(self._event)

    @property
    def full(self) -> bool:
        """Whether enough rows are here to hand them on."""
        return len(self._event) >= _FLUSH_ROWS

    def add(self, ts_event: int | None, ts_recv: int | None, bids: list[Level], asks: list[Level]) -> None:
        """Add a row; levels are best first, those beyond `levels` are left out."""
        row = self._empty[:]
        limit = self.levels
        if len(bids) > limit:
            bids = bids[:limit]
        if len(asks) > limit:
            asks = asks[:limit]
        place = 0
        for row[place], row[place + 1] in bids:
            place += 4
        place = 2
        for row[place], row[place + 1] in asks:
            place += 4
        self._values.extend(row)
        self._event.append(_NO_TIME if ts_event is None else ts_event)
        self._recv.append(_NO_TIME if ts_recv is None else ts_recv)

    def take(self) -> pl.DataFrame:
        """Hand over the rows so far, in the order they came."""
        frame = self.frame()
        self._values, self._event, self._recv = array("d"), array("q"), array("q")
        return frame

    def frame(self) -> pl.DataFrame:
        """Return the rows so far, in the order they came."""
        values = np.array(self._values, dtype=np.float64).reshape(-1, 4 * self.levels)
        if self._contract_size is not None:
            prices, sizes = values[:, 0::2], values[:, 1::2]
            sizes *= self._contract_size
            if self._inverse:
                with np.errstate(divide="ignore", invalid="ignore"):
                    sizes /= prices
        names = book_schema(self.levels).names()
        columns: dict[str, Any] = {names[0]: np.array(self._event), names[1]: np.array(self._recv)}
        columns |= dict(zip(names[2:], np.ascontiguousarray(values.T), strict=True))
        stamps = pl.col(names[:2])
        # Looking for NaN in each column costs more than making the columns; few books lack a level.
        return pl.DataFrame(columns, nan_to_null=bool(np.isnan(values).any())).with_columns(
            pl.when(stamps != _NO_TIME).then(stamps).cast(TIMESTAMP)
        )
