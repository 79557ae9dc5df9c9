"""Which tables of record highs a panel keeps, and when one is built."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.panel import Panel


@pytest.fixture
def panel() -> Panel:
    a, b = np.full(1000, 100.0), np.full(1000, 100.0)
    b[500:] = 103.0
    return Panel(np.arange(1000), a, a + 1, b, b + 1)


def test_a_table_is_built_once_and_the_last_four_are_kept_where_they_are_large(
    panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arbkit.panel.excursions._BYTES", 0)
    first = panel.excursions.at(0.0)
    assert first is not None
    assert panel.excursions.at(0.0) is first
    for level in (1.0, 2.0, 3.0):
        panel.excursions.at(level)
    assert 0.0 in panel.excursions
    panel.excursions.at(4.0)
    assert 0.0 not in panel.excursions
    assert 4.0 in panel.excursions


def test_a_table_pays_once_enough_trades_were_asked_for(panel: Panel) -> None:
    assert not panel.excursions.pays(0.0, 30)
    assert not panel.excursions.pays(1.0, 30)
    assert panel.excursions.pays(0.0, 30)
    assert panel.excursions.pays(2.0, 1000)


def test_demand_for_very_many_levels_is_forgotten(panel: Panel) -> None:
    for level in range(1, 257):
        panel.excursions.pays(float(level), 30)
    panel.excursions.pays(0.5, 30)
    assert not panel.excursions.pays(1.0, 30)
    assert panel.excursions.pays(0.5, 30)
