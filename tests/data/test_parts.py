"""The hash of a table's values: what it must notice, and what it must not."""

from __future__ import annotations

import polars as pl
import pytest

from arbkit.data._parts import _SMALL, ColumnDigest


def digest_of(*frames: pl.DataFrame) -> str:
    digest = ColumnDigest()
    for frame in frames:
        digest.update(frame)
    return digest.hexdigest()


def test_the_hash_does_not_see_how_the_rows_were_cut(book):
    frame = book(1000, levels=2)
    assert digest_of(frame) == digest_of(frame[:1], frame[1:640], frame[640:])


def test_small_frames_are_hashed_as_large_ones_are(book):
    frame = book(8_000, levels=2).with_columns(
        pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise("bid_sz_01").alias("bid_sz_01"),
        pl.when(pl.int_range(pl.len()) % 5 == 0).then(None).otherwise("ts_event").alias("ts_event"),
    )
    assert frame.height * frame.width > _SMALL
    assert digest_of(frame) == digest_of(*frame.iter_slices(1_000)) == digest_of(frame[:0], frame)


@pytest.mark.parametrize(
    "change",
    [
        pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise("bid_sz_00").alias("bid_sz_00"),
        pl.col("bid_sz_00").reverse(),
        pl.col("bid_sz_00").shift(1, fill_value=1.0),
        pl.col("ask_sz_00").alias("bid_sz_00"),
        (pl.col("bid_px_00") * (1 + 1e-15)).alias("bid_px_00"),
        pl.col("ts_event").dt.offset_by("1ns"),
    ],
)
def test_the_hash_sees_a_changed_value_place_or_stamp(book, change):
    assert digest_of(book(1000).with_columns(change)) != digest_of(book(1000))


def test_swapping_two_round_values_is_seen(book):
    frames = [
        book(8).with_columns(pl.Series("bid_sz_00", sizes)) for sizes in ([1.0, 2.0] * 4, [2.0, 1.0] * 4)
    ]
    assert digest_of(frames[0]) != digest_of(frames[1])


def test_a_table_without_its_last_row_has_another_hash(book):
    zeros = book(10).with_columns(pl.lit(0.0).alias("bid_sz_00"))
    assert digest_of(zeros) != digest_of(zeros[:9])
