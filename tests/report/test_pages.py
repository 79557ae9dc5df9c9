"""Reports beside the page of one study: comparison, list of all, Markdown, JSON, Korean."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
from markupsafe import escape

from arbkit.errors import ConfigError
from arbkit.report import Segment, render
from arbkit.report.comparison import check_comparable, comparison_facts, render_comparison
from arbkit.report.facts import facts_of, said_of, summary_of
from arbkit.report.index import listed_reports, render_index
from arbkit.report.markdown import render_comparison_markdown, render_markdown
from arbkit.report.text import load_text
from arbkit.report.validated import composed_sentence
from arbkit.report.verdict import verdict_of
from arbkit.study.validation_spec import ValidationSpec
from arbkit.units import DAY_NS
from arbkit.validation.result import Part, Together, Validation
from arbkit.validation.rule import decide

TEXT, KOREAN = load_text(), load_text("ko")


@pytest.fixture(scope="module")
def other(view, view_with, panel):
    made = view_with(panel, {"min_spread_bps": 12.0, "exit_spread_bps": -5.0}, max_position_usd=500.0)
    return dataclasses.replace(made, name="second")


def test_comparison_shows_both_verdicts_and_marks_what_differs(view, other):
    page = render_comparison([view, other])
    assert page.count('class="verdict') == 3
    assert "Both the data and the cut" in page
    assert re.search(
        r'<tr class="mark"><th scope="row">max_position_usd</th><td>1,000</td><td>500</td>', page
    )
    assert "<script" not in page


def test_comparison_of_other_data_says_what_differs(view, other):
    elsewhere = dataclasses.replace(other, source="datasets/other")
    assert "Not the same: the data." in render_comparison([view, elsewhere])


@pytest.mark.parametrize("names", [[], ["a"], ["a", "a"], ["a", "b", "c", "d", "e"]])
def test_comparison_takes_two_to_four_different_studies(names):
    with pytest.raises(ConfigError, match="a comparison takes 2 to 4 different studies"):
        check_comparable(names)


def test_index_lists_what_the_pages_say_and_leaves_others_out(view, other, tmp_path):
    (tmp_path / "demo.html").write_text(render(view), "utf-8")
    late = dataclasses.replace(other, created="2026-04-01 12:00 UTC", name="<b>late</b>")
    (tmp_path / "late one.html").write_text(render(late), "utf-8")
    (tmp_path / "notes.html").write_text("<html>something else</html>", "utf-8")
    found = listed_reports(tmp_path)
    assert [item.file for item in found] == ["late one.html", "demo.html"]
    told = summary_of(view, TEXT) | {"said": said_of(view)}
    assert found[1].facts == json.loads(json.dumps(told))
    page = render_index(found)
    assert 'href="late%20one.html">&lt;b&gt;late&lt;/b&gt;<' in page
    assert "<b>late" not in page
    assert verdict_of(view, TEXT).sentence in page


def test_index_says_every_verdict_in_its_own_language(view, tmp_path):
    for name, language in (("english", "en"), ("korean", "ko")):
        (tmp_path / f"{name}.html").write_text(render(view, load_text(language)), "utf-8")
    found = listed_reports(tmp_path)
    for language in ("en", "ko"):
        verdict = verdict_of(view, load_text(language))
        page = render_index(found, load_text(language))
        assert page.count(str(escape(verdict.sentence))) == 2


def test_index_of_an_empty_folder_says_how_to_fill_it(tmp_path):
    assert "arbkit report STUDY" in render_index(listed_reports(tmp_path))


def test_json_holds_numbers_and_nothing_that_json_does_not_know(seen):
    facts = facts_of(seen, TEXT)
    again = json.loads(json.dumps(facts, allow_nan=False))
    assert again["out_of_sample"]["metrics"]["mtm_pnl_usd"] == seen.test.result.metrics.mtm_pnl_usd
    assert again["chosen"]["params"] == {item.name: item.chosen for item in seen.searched}
    assert again["checks"]["audit"]["rows"][0]["assumption"] == "as configured"
    assert set(comparison_facts([seen], TEXT)) == {"demo"}


def test_markdown_has_verdict_first_and_square_tables(seen):
    page = render_markdown(seen)
    assert page.startswith(("# demo\n\n**Not tradable", "# demo\n\n> "))
    for block in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1
    assert seen.command in page


def test_markdown_of_a_comparison_names_both(view, other):
    page = render_comparison_markdown([view, other])
    assert "## demo" in page
    assert "## second" in page


def test_korean_page_has_no_english_sentence_of_ours(seen):
    flags = (
        "upbit/KRW-BTC: sizes converted from contracts of 100 USD",
        "KRW at upbit is assumed convertible into USDT, missing or stale on under 0.01 % of the rows",
        "rows stand on the venues' own clocks (ts_event), not on one recorder's",
        "FX quotes count for up to 3 d, their own longest gap: no fx max_age was given",
    )
    panel = seen.train.panel
    flagged = panel.replace(meta=dataclasses.replace(panel.meta, flags=flags))
    skipped = {"capacity": "capacity needs `pnl_model` executable, was convergence, which has no fills"}
    checks = dataclasses.replace(seen.checks, capacity=None, skipped=skipped)
    view = dataclasses.replace(seen, train=Segment(flagged, seen.train.result), checks=checks)
    page = render(view, KOREAN)
    assert '<html lang="ko">' in page
    visible = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    for name, message in TEXT.messages.items():
        words = message if isinstance(message, str) else message[-1]
        if len(words) > 40 and "{" not in words and words != KOREAN.messages.get(name):
            assert words not in visible
    said = re.sub(r"<(pre|code).*?</\1>", "", visible, flags=re.DOTALL)
    said = "\n".join(re.findall(r">([^<>]+)<", said) + re.findall(r'(?:title|aria-label)="([^"]+)"', said))
    said = re.sub(r"`[^`]*`", "", said)
    assert re.findall(r"(?:\b[A-Za-z]{2,}[ ,]+){2,}[A-Za-z]{2,}", said) == []


def part(name, closed=40, bins=80, t=3.0, record=5.0, days=9.0, pnl=9.0):
    return Part(
        name, 0, DAY_NS, days, bins, pnl, 1.0, 0.5, 1.5, t, 1.67, 2.0, 0.99, record, closed, 1, -0.5
    )  # fmt: skip


@pytest.mark.parametrize(
    ("out", "walk", "p"),
    [
        ({}, {}, 0.01),
        ({}, {"t": -1.25}, 0.2),
        ({}, {"t": None}, None),
        ({"closed": 10}, {}, 0.01),
        ({"closed": 0, "bins": 10, "record": 4_000.0}, {}, 0.01),
    ],
)
def test_verdict_said_from_figures_is_that_of_the_validation(out, walk, p):
    parts = [part("training"), part("walk_forward", **walk), part("lockbox"), part("out_of_sample", **out)]
    tests = Together(p, 9, 1.0, 1.0, 99, 1, 0.2, 0.9, 0.0, 0.1, 0.2)
    settings = ValidationSpec()
    told = decide({item.name: item for item in parts}, tests, settings, 20.0, "USDT")
    values = dict.fromkeys((item.name for item in dataclasses.fields(Validation)), ())
    values |= {"parts": tuple(parts), "tests": tests, "status": told.status, "sentence": told.sentence}
    values |= {"settings": settings.model_dump(), "currency": "USDT", "more_days": told.more_days}
    found = Validation(**values)
    assert composed_sentence(found, TEXT) == told.sentence
    assert composed_sentence(found, KOREAN) != told.sentence
