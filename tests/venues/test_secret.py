"""Keys: shown nowhere, read from the environment or from a file of their owner."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from arbkit.errors import ConfigError
from arbkit.venues.secret import Credentials, Secret, read_credentials

PLANTED = "planted-5f1c"


def test_no_text_form_shows_a_secret() -> None:
    secret = Secret(PLANTED)
    shown = [
        repr(secret),
        str(secret),
        f"{secret:>20}",
        f"{secret!r}",
        f"{[secret]}",
        repr(Credentials(secret, secret)),
    ]
    assert all(PLANTED not in text for text in shown)
    assert secret.reveal() == PLANTED


def test_a_secret_is_compared_and_copied_but_not_pickled() -> None:
    secret = Secret(PLANTED)
    assert secret == Secret(PLANTED)
    assert secret != Secret("other")
    assert secret != PLANTED
    assert {secret: 1}[Secret(PLANTED)] == 1
    assert copy.deepcopy([secret]) == [secret]
    assert bool(secret)
    assert not Secret("")
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)


def test_keys_come_from_the_environment() -> None:
    environ = {"ARBKIT_UPBIT_KEY": "a", "ARBKIT_UPBIT_SECRET": " b "}
    assert read_credentials("upbit", environ=environ) == Credentials(Secret("a"), Secret("b"))


def test_a_missing_key_is_named_and_what_is_there_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="the environment has no ARBKIT_UPBIT_SECRET") as caught:
        read_credentials("upbit", environ={"ARBKIT_UPBIT_KEY": PLANTED})
    assert PLANTED not in str(caught.value)


def test_keys_come_from_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# of one venue\nexport ARBKIT_BINANCE_SPOT_KEY='a'\nARBKIT_BINANCE_SPOT_SECRET=b=c\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match=r"owner alone, was 644.*chmod 600"):
        read_credentials("binance_spot", file=file)
    file.chmod(0o600)
    assert read_credentials("binance_spot", file=file) == Credentials(Secret("a"), Secret("b=c"))


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="file of keys cannot be read"):
        read_credentials("upbit", file=tmp_path / "none")
