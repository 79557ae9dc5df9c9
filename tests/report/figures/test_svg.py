"""SVG inside the page: small, translated colours, own ids, text as text."""

from __future__ import annotations

import re
import subprocess
import sys
from xml.etree import ElementTree as ET

import numpy as np

from arbkit.report.figures.style import COLORS, HALF, entries, label, new_axes, number_axis, time_axis
from arbkit.report.figures.svg import inline_svg


def drawn(name="fig", text="Gain, USDT", points=50):
    figure, (ax,) = new_axes(HALF, (120,))
    x = np.linspace(19_000, 19_010, points)
    ax.plot(x, np.sin(x), "o", color=COLORS["test"], markersize=3)
    ax.plot(x, np.cos(x), color=COLORS["train"])
    time_axis(ax, 19_000 * 86_400 * 10**9, 19_010 * 86_400 * 10**9)
    number_axis(ax.yaxis, unit=" %")
    label(ax, text)
    return inline_svg(figure, name, "A title", "What is <seen> & heard")


def test_svg_is_one_well_formed_element_that_scales():
    root = ET.fromstring(drawn())
    assert root.tag.endswith("svg")
    assert root.get("viewBox") == f"0 0 {HALF} 166"
    assert root.get("width") is None


def test_every_colour_is_a_variable_of_the_page():
    svg = drawn()
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    assert "var(--test)" in svg
    assert "var(--grid)" in svg


def test_title_and_description_are_read_aloud_and_escaped():
    svg = drawn()
    assert 'role="img"' in svg
    assert 'aria-labelledby="fig-t fig-d"' in svg
    assert "What is &lt;seen&gt; &amp; heard" in svg


def test_text_stays_text_in_the_font_of_the_page():
    svg = drawn(text="프리미엄 $x^2$ <b>")
    assert "프리미엄 $x^2$ &lt;b&gt;" in svg
    assert "font-family" not in svg


def test_ids_carry_the_name_and_every_reference_has_its_target():
    svg = drawn(name="equity-w")
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
    assert all(item.startswith("equity-w-") for item in ids)
    assert set(re.findall(r'(?:url\(|href=")#([\w.-]+)', svg)) <= set(ids)


def test_many_markers_become_one_path():
    svg = drawn(points=900)
    assert svg.count("<use") < 30
    assert len(re.findall(r"M[\d.]+ [\d.]+h0", svg)) == 900
    assert len(svg) < 40_000


def test_many_triangles_become_one_path_of_outlines():
    figure, (ax,) = new_axes(HALF, (120,))
    x = np.linspace(19_000, 19_010, 400)
    entries(ax, x, np.sin(x), 5.0)
    svg = inline_svg(figure, "fig", "A title", "Triangles")
    assert svg.count("<use") < 30
    assert len(re.findall(r"M[\d.]+ [\d.]+l-?[\d.]+ -?[\d.]+l-?[\d.]+ -?[\d.]+z", svg)) == 400
    assert "fill:var(--ink)" in svg
    assert "stroke:var(--paper)" in svg


def test_style_sheet_and_metadata_of_the_drawing_library_are_gone():
    svg = drawn()
    assert "<style" not in svg
    assert "<metadata" not in svg


def test_same_figure_gives_the_same_text():
    assert drawn() == drawn()


def test_stateful_interface_is_never_imported():
    # In a process of its own: other tests of this one may have drawn with it.
    code = f"import runpy, sys; runpy.run_path({__file__!r})['drawn'](); print(sorted(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "'matplotlib.figure'" in told.stdout
    assert "'matplotlib.pyplot'" not in told.stdout
