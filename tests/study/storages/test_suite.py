"""Optuna's whole suite for storages, on each of ours and on real servers."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.storages import BaseStorage
from optuna.testing.pytest_storages import StorageTestCase

from arbkit.study.storages import close_storage, open_storage
from tests.study.storages.conftest import KINDS, url_of_kind


@pytest.mark.filterwarnings("ignore:.* was deleted while still open:ResourceWarning")
class TestStorage(StorageTestCase):
    """59 tests for each kind; Optuna wraps relational storages in a cache, as `create_study` does."""

    @pytest.fixture(params=KINDS)
    def url(self, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        if request.param == "postgresql":
            return str(request.getfixturevalue("postgresql_copy"))
        return url_of_kind(request, request.param, tmp_path)

    @pytest.fixture
    def storage(self, url: str) -> Iterator[BaseStorage]:
        # To look at all that libraries have made takes longer than most of these tests.
        gc.freeze()
        storage = open_storage(url, create=True)
        yield storage
        close_storage(storage)
        # The threads of some tests end with a connection in their hands: it must not be found later.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        gc.unfreeze()


class TestMemory(StorageTestCase):
    """The same for `memory://`."""

    @pytest.fixture
    def storage(self) -> BaseStorage:
        return open_storage("memory://")
