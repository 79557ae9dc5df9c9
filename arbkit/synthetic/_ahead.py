"""Making the next piece while the last one is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["made_ahead"]

_Piece = TypeVar("_Piece")


def made_ahead(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces while the next one is made in a thread; the kernels hold no interpreter lock."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(next, pieces, None)
        while (piece := waiting.result()) is not None:
            waiting = pool.submit(next, pieces, None)
            yield piece
