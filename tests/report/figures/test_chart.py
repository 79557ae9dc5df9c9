"""What is drawn: valid SVG in the colours of the page, read aloud by title and description."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from arbkit.report.figures import Area, Chart, Key


@pytest.fixture
def chart() -> Chart:
    made = Chart(400, (100, 60))
    for area in made.areas:
        area.scales((0.0, 10.0), (-1.0, 1.0))
    return made


def drawn(chart: Chart) -> ET.Element:
    return ET.fromstring(chart.svg("x", "Title <1>", "What is seen"))


def test_title_and_description_are_read_aloud(chart):
    root = drawn(chart)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"] == "x-t x-d"
    assert (root[0].attrib["id"], root[0].text) == ("x-t", "Title <1>")
    assert (root[1].attrib["id"], root[1].text) == ("x-d", "What is seen")


def test_lines_and_bands_break_where_nothing_is_known(chart):
    x, y = np.arange(5.0), np.array([0.0, 1.0, np.nan, 0.5, 0.5])
    area = chart.areas[0]
    area.line(x, y, "test")
    area.band(x, y - 0.1, y, "train")
    assert area.marks[0].count("M") == 2
    assert area.marks[1].count("z") == 2
    assert "nan" not in "".join(area.marks)


def test_dots_outside_the_area_are_left_out(chart):
    chart.areas[0].dots([5.0, 5.0, 50.0], [0.0, 9.0, 0.0], "test", 4)
    assert chart.areas[0].marks[0].count("M") == 1


def test_nothing_is_drawn_of_nothing(chart):
    area = chart.areas[0]
    area.line([], [], "test")
    area.dots([], [], "test", 3)
    area.boxes([], [], [], [], "test")
    area.cells([0], [1], [0], [1], np.array([np.nan]), "test")
    assert area.marks == []


def test_words_are_escaped_and_kept(chart):
    chart.areas[0].label("<b>")
    chart.areas[0].keys((Key("line", "test", "a & b"), Key("up", "ink", "Entry")))
    assert {"<b>", "a & b", "Entry"} <= set(chart.texts)
    assert any(item.text == "<b>" for item in drawn(chart).iter("text"))


def test_ids_of_clipping_boxes_begin_with_the_name(chart):
    assert {item.attrib["id"] for item in drawn(chart).iter("clipPath")} == {"x-0", "x-1"}


def test_a_mark_lies_where_the_scales_say(chart):
    area = chart.areas[0]
    assert isinstance(area, Area)
    area.boxes([0.0], [10.0], [-1.0], [1.0], "test")
    assert (
        f"M{area.left:g} {area.top + area.height:g}H{area.left + area.width:g}V{area.top:g}" in area.marks[0]
    )
