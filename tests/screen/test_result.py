"""The picture and the table of a screen."""

from __future__ import annotations

from pathlib import Path

from arbkit.screen import Screen


def test_picture_shows_every_asset_and_every_loop(morning: Screen) -> None:
    ranking, matrix = morning.plot().axes
    names = morning.frame["asset"].to_list()
    assert [label.get_text() for label in ranking.get_yticklabels()] == names
    assert len(ranking.patches) == 5
    assert len(matrix.texts) == 20


def test_picture_of_one_asset_says_that_there_is_no_loop(morning: Screen, tmp_path: Path) -> None:
    import dataclasses

    one = dataclasses.replace(morning, frame=morning.frame.head(1), matrix=morning.matrix.head(0))
    assert one.matrix_table().columns == ["sell"]
    assert "no loop" in one.plot().axes[1].texts[0].get_text()
    assert one.save(tmp_path / "one.png").stat().st_size > 5_000


def test_notebook_shows_the_finding_the_picture_and_the_table(morning: Screen) -> None:
    shown = morning._repr_html_()
    assert morning.finding in shown
    assert "data:image/png" in shown
    assert "net_bps_per_day" in shown
