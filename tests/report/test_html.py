"""The page: one file, nothing from outside, everything labelled."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest

from arbkit.report import Searched, render

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Collects tags, attributes and visible text, and checks that tags nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if data.strip() and not {"style", "script", "noscript"} & set(self.stack):
            self.words.append(data.strip())

    def attributes(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def page(view):
    return render(view)


def test_page_nests_and_has_one_heading_of_the_first_rank(page):
    assert len(Page(page).attributes("h1")) == 1


def test_page_asks_nothing_from_outside(page):
    parsed = Page(page)
    assert all("src" not in item for item in parsed.attributes("script"))
    assert not parsed.attributes("link")
    assert not parsed.attributes("img")
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page.split("<script>")[0])
    assert "url(http" not in page
    assert "@import" not in page


def test_first_words_are_what_a_reader_needs_first(page, view):
    words = " ".join(Page(page).words[:24])
    assert words.index("demo") < words.index("The result held up")
    assert words.index("The result held up") < words.index("upbit/KRW-BTC against binance_usdm/BTCUSDT")


def test_four_headline_numbers(page):
    assert page.count('<span class="value') == 4


def test_every_picture_has_title_and_description_and_every_table_headers(page):
    parsed = Page(page)
    svgs = parsed.attributes("svg")
    assert svgs
    assert all(item["role"] == "img" and item["aria-labelledby"] for item in svgs)
    ids = {attrs["id"] for _, attrs in parsed.tags if "id" in attrs}
    assert all(part in ids for item in svgs for part in item["aria-labelledby"].split())
    assert len(parsed.attributes("table")) >= 7
    assert all(item.get("scope") for item in parsed.attributes("th"))


def test_ids_are_unique_and_links_have_targets(page):
    parsed = Page(page)
    ids = [attrs["id"] for _, attrs in parsed.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {item["href"][1:] for item in parsed.attributes("a")} <= set(ids)


def test_every_colour_variable_is_defined(page):
    assert set(re.findall(r"var\(--(\w+)", page)) <= set(re.findall(r"--(\w+):", page))


def test_light_dark_paper_and_phone_are_served(page):
    assert "prefers-color-scheme:dark" in page
    assert "@media print" in page
    assert "max-width:46rem" in page
    assert 'name="viewport"' in page


def test_command_seed_fingerprint_and_versions_are_there(page, view):
    for text in (view.command, view.fingerprint, view.arbkit_version, view.code_version, "Optuna", "Python"):
        assert text in page


def test_only_the_script_of_the_page_may_run(page):
    script = re.search(r"<script>(.*)</script>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_data_for_the_script_cannot_end_its_element(page):
    data = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', page, re.DOTALL)[1]
    assert "<" not in data
    assert set(json.loads(data)) == {"words", "chart", "trades"}


def test_sealed_stretch_is_stated(page):
    assert "is sealed: nothing on this page was computed from it" in page


def test_names_from_outside_are_escaped(view):
    hostile = dataclasses.replace(view, name="<script>alert(1)</script>", source='"><img src=x>')
    page = render(hostile)
    assert "<script>alert" not in page
    assert "<img" not in page
    Page(page)


def test_study_without_trades_still_makes_a_page(view_with, panel):
    view = view_with(panel, {"min_spread_bps": 5_000.0, "exit_spread_bps": 0.0})
    page = render(view)
    assert "Nothing was traded" in page
    assert "No closed trades." in page
    Page(page)


def test_convergence_study_says_so_and_is_not_split(view_with, panel):
    view = view_with(panel, {"min_spread_bps": 8.0, "exit_spread_bps": -5.0}, pnl_model="convergence")
    page = render(view)
    assert "assumes that the premium unwinds for free" in page
    assert "The convergence model has no fills" in page


def test_ten_thousand_trials_of_ten_parameters_stay_under_two_megabytes(view):
    rng, n = np.random.default_rng(0), 10_000
    columns = {f"p{i}": rng.random(n) for i in range(10)}
    trials = pl.DataFrame(columns).with_columns(
        number=pl.int_range(n, dtype=pl.Int64),
        state=pl.lit("COMPLETE"),
        feasible=pl.lit(value=True),
        repeated=pl.lit(value=False),
        stopped=pl.lit(value=False),
        objective=pl.Series(rng.normal(size=n)),
    )
    many = dataclasses.replace(
        view,
        trials=trials,
        top=trials.sort("objective", descending=True).head(10),
        searched=tuple(Searched(name, 0.5, 0.0, 1.0) for name in columns),
        ped_anova={},
    )
    assert len(render(many).encode()) < 2_000_000
