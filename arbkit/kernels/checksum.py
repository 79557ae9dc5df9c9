"""A checksum of stored columns that is as fast as reading them."""

from __future__ import annotations

import numpy as np

from arbkit._typing import IntArray
from arbkit.kernels._jit import jit

__all__ = ["checksum_words"]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_S32, _S29 = np.uint64(32), np.uint64(29)


@jit
def checksum_words(words: IntArray, first: int, before: int) -> int:
    """Add 64-bit words to a checksum.

    Each word is stirred together with its place, one to one, and all are summed modulo 2**64: a changed, lost
    or moved word changes the sum. It guards against damage and mix-ups, not against forgers.

    Args:
        words: int64 (n,), the bytes of a column taken eight at a time.
        first: how many words came before.
        before: their checksum; 0 for none.

    Returns:
        The checksum of all words so far, int64.
    """
    place = np.uint64(first) * _STEP
    total = np.uint64(before)
    for i in range(words.size):
        place += _STEP
        mixed = np.uint64(words[i]) + place
        mixed = (mixed ^ (mixed >> _S32)) * _FACTOR
        total += mixed ^ (mixed >> _S29)
    return np.int64(total)  # type: ignore[return-value]
