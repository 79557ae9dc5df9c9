"""Markets shared by the tests of this folder."""

from __future__ import annotations

import pytest

from arbkit.synthetic import MarketSpec, load_market_spec


@pytest.fixture(scope="session")
def kimchi() -> MarketSpec:
    return load_market_spec("kimchi")


@pytest.fixture(scope="session")
def demo() -> MarketSpec:
    return load_market_spec("demo")
