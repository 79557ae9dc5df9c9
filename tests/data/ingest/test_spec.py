"""The ingest spec: what it refuses, and how patterns and paths are filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from arbkit.data.ingest import FORMATS, ColumnsSpec, IngestSpec
from arbkit.errors import ConfigError

GOOD = {"name": "x", "instruments": [{"files": ["a.csv"], "venue": "v", "symbol": "S", "quote": "USD"}]}


def entry(**changes: object) -> dict[str, object]:
    return {"name": "x", "instruments": [GOOD["instruments"][0] | changes]}  # type: ignore[index,operator]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "mapping"),
        ({"name": "x"}, "`instruments` is missing"),
        (GOOD | {"instrumets": []}, "did you mean `instruments`"),
        (entry(venu="x"), r"unknown key `instruments.0.venu`; did you mean `venue`"),
        (entry(time={"column_": "t"}), "did you mean `column`"),
        (entry(columns={"bid_price": "b"}), "did you mean .*`bid_px`"),
        (entry(kind="sopt"), "'spot', 'perpetual'"),
        (entry(bar="1min"), "go together"),
        (entry(stamp="start"), "go together"),
        (entry(price_at="start"), "needs `bar`"),
        (entry(bar="soon", stamp="end"), "must be a duration"),
        (entry(max_age="-1"), "must be a duration"),
        (entry(hours_utc=[24]), "0 to 23"),
        (entry(levels=0), "greater than or equal to 1"),
        (entry(contract_size=-1), "greater than 0"),
        (entry(zone="Asia/Seul"), "did you mean `Asia/Seoul`"),
        (entry(time={"column": "t", "origin": "file_date"}), "needs `unit`"),
        (entry(time={"column": "t", "unit": "ms", "format": "%Y"}), "not both"),
        (GOOD | {"name": "a/b"}, "name"),
    ],
)
def test_broken_spec_says_which_rule(content: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        IngestSpec.from_dict(content)


def test_missing_file_and_broken_yaml_are_config_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such spec"):
        IngestSpec.load(tmp_path / "absent.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match="readable YAML"):
        IngestSpec.load(tmp_path / "broken.yaml")


def test_variables_in_paths_are_filled_in_and_an_unset_one_says_what_to_do() -> None:
    spec = IngestSpec.from_dict(entry(files="${ARBKIT_DATA}/a.csv"))
    assert spec.expanded({"ARBKIT_DATA": "/d"}).instruments[0].files == ("/d/a.csv",)
    with pytest.raises(ConfigError, match=r"`ARBKIT_DATA` must be set .* --data"):
        spec.expanded({})


@pytest.mark.parametrize(
    ("pattern", "level", "expected"),
    [
        ("b{level+1}", 0, "b1"),
        ("b{level+1}", 9, "b10"),
        ("bids[{level}].price", 3, "bids[3].price"),
        ("bid_{level:02}", 3, "bid_03"),
        ("bid_{level+1:02}", 9, "bid_10"),
        ("bid", 0, "bid"),
        ("bid", 1, None),
    ],
)
def test_level_patterns(pattern: str, level: int, expected: str | None) -> None:
    assert ColumnsSpec(bid_px=pattern).at_level("bid_px", level) == expected


def test_shipped_specs_load_and_name_known_formats(repository: Path) -> None:
    paths = sorted((repository / "datasets/specs").glob("*.yaml"))
    assert len(paths) >= 6
    for path in paths:
        spec = IngestSpec.load(path)
        assert spec.name == path.stem
        assert all(item.format in FORMATS for item in spec.instruments)
        assert all(name.startswith("${ARBKIT_DATA}/") for item in spec.instruments for name in item.files)
