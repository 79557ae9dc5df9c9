"""The manifest: reading, refusing, and the fingerprint."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from arbkit.data.manifest import FileInfo, InstrumentInfo, Manifest
from arbkit.errors import DataError


def manifest_of(*files: FileInfo, **changes: object) -> Manifest:
    info = InstrumentInfo(venue="upbit", symbol="KRW-BTC", quote="KRW")
    base = {"name": "x", "created": datetime(2024, 1, 1, tzinfo=UTC), "instruments": (info,), "files": files}
    return Manifest.model_validate(base | changes).with_fingerprint()


def file_of(start_ns: int, content: str = "aa") -> FileInfo:
    return FileInfo(
        path=f"{start_ns}",
        leg="upbit/KRW-BTC",
        rows=1,
        start_ns=start_ns,
        end_ns=start_ns,
        bytes=1,
        content=content,
    )


def test_a_saved_manifest_is_read_back_equal(tmp_path):
    manifest = manifest_of(file_of(1), file_of(2))
    manifest.save(tmp_path)
    assert Manifest.load(tmp_path) == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_the_fingerprint_ignores_names_times_and_order():
    one = manifest_of(file_of(1), file_of(2))
    other = manifest_of(
        file_of(2), file_of(1), name="y", created=datetime(2025, 1, 1, tzinfo=UTC), source="z"
    )
    assert one.fingerprint == other.fingerprint


def test_the_fingerprint_follows_content_and_instrument():
    one = manifest_of(file_of(1))
    assert one.fingerprint != manifest_of(file_of(1, "bb")).fingerprint
    in_usdt = InstrumentInfo(venue="upbit", symbol="KRW-BTC", quote="USDT")
    assert one.fingerprint != manifest_of(file_of(1), instruments=(in_usdt,)).fingerprint


def test_a_folder_without_manifest_is_no_dataset(tmp_path):
    with pytest.raises(DataError, match=r"not a dataset, it has no manifest\.json"):
        Manifest.load(tmp_path)


def test_a_missing_folder_is_said_to_be_missing(tmp_path):
    with pytest.raises(DataError, match="no such dataset"):
        Manifest.load(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}', '{"name": "x", "colour": 1}'])
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match="not a dataset manifest"):
        Manifest.load(tmp_path)


def test_a_manifest_of_another_format_is_refused(tmp_path):
    content = json.loads(manifest_of(file_of(1)).model_dump_json()) | {"format_version": 99}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="format_version must be 1, was 99"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"), [("venue", "a/b"), ("venue", " "), ("symbol", "\n"), ("kind", "x")]
)
def test_an_instrument_needs_plain_names(field, value):
    fields = {"venue": "upbit", "symbol": "KRW-BTC", "quote": "KRW"} | {field: value}
    with pytest.raises(ValidationError):
        InstrumentInfo.model_validate(fields)


def test_candles_are_cut_by_year_and_books_by_day():
    fields = {"venue": "upbit", "symbol": "KRW-BTC", "quote": "KRW"}
    assert InstrumentInfo.model_validate(fields | {"kind": "candle"}).cut == "year"
    assert InstrumentInfo.model_validate(fields).cut == "day"
    assert InstrumentInfo.model_validate(fields | {"partition": "month"}).cut == "month"
