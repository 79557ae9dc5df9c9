"""The cache: where it lives, what names mean, and what clearing leaves alone."""

from __future__ import annotations

import pytest

from arbkit.data.cache import cache_dir, cache_key, cached_path, clear_cache, list_cache
from arbkit.errors import DataError


def test_the_environment_says_where_the_cache_lives(monkeypatch, tmp_path):
    monkeypatch.setenv("ARBKIT_CACHE_DIR", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("ARBKIT_CACHE_DIR")
    assert cache_dir().name == ".arbkit-cache"


def test_keys_follow_every_part_and_no_dict_order():
    assert cache_key({"a": 1, "b": 2}, "x") == cache_key({"b": 2, "a": 1}, "x")
    assert cache_key(["x"], 1) != cache_key(["x"], 2)


def test_cached_files_are_listed_and_cleared():
    one, two = cached_path("panels", cache_key(1)), cached_path("other", cache_key(2))
    one.write_bytes(b"12345")
    two.write_bytes(b"1")
    assert {(entry.kind, entry.bytes) for entry in list_cache()} == {("panels", 5), ("other", 1)}
    assert [entry.path for entry in clear_cache("panels")] == [one]
    assert [entry.path for entry in list_cache()] == [two]


def test_a_cached_folder_counts_with_all_its_files_and_is_cleared_whole():
    folder = cached_path("panels", cache_key(1))
    (folder / "deep").mkdir(parents=True)
    (folder / "a").write_bytes(b"123")
    (folder / "deep" / "b").write_bytes(b"45")
    half_written = folder.with_name(f".{folder.name}.17.abc.part")
    half_written.mkdir()
    assert [(entry.path, entry.bytes) for entry in list_cache()] == [(folder, 5)]
    clear_cache()
    assert not folder.exists()
    assert not half_written.exists()


def test_clearing_leaves_files_that_are_not_of_the_cache():
    foreign = cached_path("panels", "x").with_name("thesis.parquet")
    foreign.write_bytes(b"mine")
    half_written = cached_path("panels", cache_key(3)).with_suffix(".parquet.tmp")
    half_written.write_bytes(b"half")
    clear_cache()
    assert foreign.exists()
    assert not half_written.exists()


def test_an_absent_cache_is_an_empty_one(monkeypatch, tmp_path):
    monkeypatch.setenv("ARBKIT_CACHE_DIR", str(tmp_path / "absent"))
    assert list_cache() == clear_cache() == []


def test_a_cache_that_cannot_be_made_says_what_to_set(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ARBKIT_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(DataError, match="set ARBKIT_CACHE_DIR"):
        cached_path("panels", cache_key(1))
