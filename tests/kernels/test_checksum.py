"""The checksum of stored columns: as the plain formula says, in pieces of any size; it sees every change."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.kernels.checksum import checksum_words
from arbkit.panel.mapped import checksum_of

MASK = 2**64 - 1


def plain(words: list[int]) -> int:
    total = 0
    for i, word in enumerate(words, start=1):
        mixed = (word + i * 0x9E3779B97F4A7C15) & MASK
        mixed = ((mixed ^ (mixed >> 32)) * 0xBF58476D1CE4E5B9) & MASK
        total = (total + (mixed ^ (mixed >> 29))) & MASK
    return total


def frozen(words: np.ndarray) -> np.ndarray:
    words.flags.writeable = False
    return words


@pytest.mark.parametrize("count", [0, 1, 7, 1000])
def test_the_checksum_is_the_plain_formula_and_goes_on_from_any_place(count: int) -> None:
    words = frozen(np.random.default_rng(count).integers(-(2**62), 2**62, count))
    whole = checksum_words(words, 0, 0)
    assert whole % 2**64 == plain([int(word) % 2**64 for word in words])
    at = count // 3
    assert checksum_words(words[at:], at, checksum_words(words[:at], 0, 0)) == whole


def test_a_changed_lost_or_moved_value_changes_the_checksum() -> None:
    column = np.arange(1000.0)
    sums = {checksum_of(column), checksum_of(column[:-1]), checksum_of(np.append(column, 0.0))}
    for row in (0, 500, 999):
        changed = column.copy()
        changed[row] = np.nextafter(changed[row], np.inf)
        sums.add(checksum_of(changed))
    swapped = column.copy()
    swapped[[3, 4]] = swapped[[4, 3]]
    assert len({*sums, checksum_of(swapped)}) == 7
