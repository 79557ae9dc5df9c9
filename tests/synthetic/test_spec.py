"""Reading market specs."""

from __future__ import annotations

from pathlib import Path

import pytest

from arbkit.errors import ConfigError
from arbkit.synthetic import load_market_spec, shipped_specs


def test_every_spec_that_ships_can_be_read_under_its_own_name() -> None:
    assert set(shipped_specs()) >= {"kimchi", "demo"}
    for name in shipped_specs():
        assert load_market_spec(name).name == name


def test_a_file_extends_a_spec_that_ships(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: kimchi\nname: mine\na: {mean_interval_ms: 500}\n", encoding="utf-8")
    spec, base = load_market_spec(path), load_market_spec("kimchi")
    assert (spec.name, spec.a.mean_interval_ms) == ("mine", 500)
    assert spec.a.model_copy(update={"mean_interval_ms": base.a.mean_interval_ms}) == base.a


def test_a_file_extends_its_neighbor(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("extends: demo\nname: base\ndays: 2\n", encoding="utf-8")
    (tmp_path / "mine.yaml").write_text("extends: base.yaml\nname: mine\n", encoding="utf-8")
    assert load_market_spec(tmp_path / "mine.yaml").days == 2


def test_overrides_reach_into_blocks_and_lists() -> None:
    spec = load_market_spec("kimchi", {"regimes.1.fast_sd_bps": 7, "b.sizes.0": 9.0, "levels": 3})
    assert (spec.regimes[1].fast_sd_bps, spec.b.sizes[0], spec.levels) == (7, 9.0, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a.bad_row_shar": 0.1}, r"`a\.bad_row_shar` is no key.*did you mean `bad_row_share`"),
        ({"regimes.5.fast_sd_bps": 1}, "`5` is unknown"),
        ({"premiun.level_sd_bps": 1}, "did you mean `premium`"),
        ({"level": 3}, "did you mean `levels`"),
        ({"a.tick": "upbit-krv"}, "did you mean `upbit-krw`"),
        ({"a.tick": 0}, "must be above 0"),
        ({"a.sizes": [0]}, "above 0"),
        ({"a.min_interval_ms": 900}, "`min_interval_ms` must be below `mean_interval_ms`"),
        ({"b.quote": "USD"}, "`fx` must be USD quoted in KRW"),
        ({"fx.symbol": "KRW-BTC"}, "must differ"),
        ({"start_price": "dear"}, "start_price.*'dear'"),
    ],
)
def test_a_broken_rule_is_named_with_the_value_received(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_market_spec("kimchi", changes)


def test_an_unknown_name_gets_the_nearest_ones() -> None:
    with pytest.raises(ConfigError, match="did you mean `kimchi`"):
        load_market_spec("kimchii")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1, 2]", "must be a mapping"),
        ("a: [", "not readable as YAML"),
        ("extends: mine.yaml", "must not extend itself"),
        ("name: mine", "`start` is missing"),
    ],
)
def test_a_file_that_is_no_spec_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_market_spec(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_market_spec(tmp_path / "none.yaml")
