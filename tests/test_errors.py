"""The error tree and its messages about unknown names."""

from __future__ import annotations

import pytest

from arbkit import errors
from arbkit.errors import ArbkitError, nearest_names


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name[0].isupper()])
def test_every_error_is_an_arbkit_error_and_drawn_in_the_tree(name: str) -> None:
    assert issubclass(getattr(errors, name), ArbkitError)
    assert name in (errors.__doc__ or "")


def test_errors_can_be_caught_as_what_they_are_in_python() -> None:
    assert issubclass(errors.ConfigError, ValueError)
    assert issubclass(errors.DataError, ValueError)
    assert issubclass(errors.CoverageError, errors.DataError)
    assert issubclass(errors.MissingDependencyError, ImportError)


def test_a_near_name_is_offered() -> None:
    assert nearest_names("tpee", ["tpe", "grid", "random"]) == "did you mean `tpe`?"
    assert nearest_names("BTCUSD", ["BTCUSDT", "BTCUSDC", "ETHKRW"]) == "did you mean `BTCUSDT` or `BTCUSDC`?"


def test_case_does_not_hide_a_name() -> None:
    assert nearest_names("x/btcc", ["x/BTC"]) == "did you mean `x/BTC`?"
    assert nearest_names("TPE", ["tpe"]) == "did you mean `tpe`?"


def test_a_name_may_be_anything() -> None:
    assert nearest_names(None, ["auto"]) == "valid names: `auto`"  # type: ignore[arg-type]


def test_all_names_are_listed_where_none_is_near() -> None:
    assert nearest_names("zzz", ["b", "a"]) == "valid names: `a`, `b`"
