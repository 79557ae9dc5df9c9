"""The page in a real browser: chart and list work, nothing is asked from outside, axe is content."""

from __future__ import annotations

import dataclasses
from importlib import resources

import pytest

from arbkit.report import render
from arbkit.report.comparison import render_comparison
from arbkit.report.index import listed_reports, render_index
from arbkit.report.runs import render_run
from benchmarks.browser import chromium, chromium_path
from tests.report.conftest import eventful
from tests.servers import missing

#: Pictures are one image each to a reader; axe would walk through each of their thousand marks.
WHOLE = "{exclude: [['svg'], ['.slices']]}"
#: Telling colours apart takes most of the time; these parts have them all.
COLOURS = (
    "{include: [['header'], ['#chosen'], ['#explorer'], ['.controls'], ['#checks']], exclude: [['svg']]}"
)


@pytest.fixture(scope="module")
def site(seen, ran, tmp_path_factory):
    """A folder with a report, a comparison, a live run and the list of them."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "demo.html").write_text(render(seen), "utf-8")
    (folder / "versus.html").write_text(
        render_comparison([seen, dataclasses.replace(seen, name="again")]), "utf-8"
    )
    (folder / "live.html").write_text(render_run(eventful(ran)), "utf-8")
    (folder / "index.html").write_text(render_index(listed_reports(folder)), "utf-8")
    return folder


@pytest.fixture(scope="module")
def browser():
    if chromium_path() is None:
        missing("Chromium", "apt-get install chromium")
    with chromium() as opened:
        yield opened


def opened(browser, file, *, width=1280, dark=False):
    """Return the page, and what it said to the console or asked from outside."""
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", bypass_csp=False
    )
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith("file:") else said.append(request.url))
    page.goto(file.as_uri())
    return page, said


def violations(browser, file, where, rules, *, width=1280, dark=False):
    page = browser.new_page(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", bypass_csp=True
    )
    page.goto(file.as_uri())
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate(f"axe.run({where}, {{{rules}, resultTypes: ['violations']}})")["violations"]
    page.close()
    return [(item["id"], [node["html"][:90] for node in item["nodes"][:3]]) for item in found]


@pytest.mark.parametrize("name", ["demo.html", "versus.html", "index.html", "live.html"])
def test_axe_finds_nothing(browser, site, name):
    rules = "rules: {'color-contrast': {enabled: false}}"
    assert violations(browser, site / name, WHOLE, rules) == []


@pytest.mark.parametrize("dark", [False, True])
def test_colours_can_be_told_apart(browser, site, dark):
    rules = "runOnly: ['color-contrast']"
    found = violations(browser, site / "demo.html", COLOURS, rules, width=390 if dark else 1280, dark=dark)
    assert found == []


def test_page_of_a_run_is_quiet_fits_and_can_be_read_in_the_dark(browser, site):
    page, said = opened(browser, site / "live.html", width=390, dark=True)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()
    assert said == []
    rules = "runOnly: ['color-contrast']"
    assert violations(browser, site / "live.html", "{exclude: [['svg']]}", rules, dark=True) == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_page_is_quiet_fits_and_asks_nothing(browser, site, width, dark):
    page, said = opened(browser, site / "demo.html", width=width, dark=dark)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("#explorer canvas").count() >= 4
    page.close()
    assert said == []


def test_keys_step_through_trades_and_the_list_finds_and_sorts(browser, site, seen):
    page, said = opened(browser, site / "demo.html")
    panes, live = page.locator(".panes"), page.locator("#explorer [aria-live]")
    panes.focus()
    page.keyboard.press("n")
    assert live.inner_text().startswith("Trade 1, In sample")
    page.keyboard.press("0")
    assert live.inner_text().startswith("Shown: ")
    page.fill("#trade-search", "out of sample")
    shown = page.locator("#trade-list [role=status]").inner_text()
    assert shown.endswith(
        f"{len(seen.test.trades)} found, {len(seen.train.trades) + len(seen.test.trades)} in all"
    )
    page.fill("#trade-search", "")
    head = page.locator("th[data-key=pnl]")
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    cells = page.locator("#trade-list tbody tr td:nth-child(10)").all_inner_texts()
    values = [float(cell.replace("\N{MINUS SIGN}", "-").replace(",", "")) for cell in cells]
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(
        max(part.trades["pnl_usd"].max() for part in (seen.train, seen.test)), abs=0.006
    )
    page.locator("#trade-list tbody button").first.click()
    assert live.inner_text().startswith("Trade ")
    page.close()
    assert said == []


def test_paper_and_readers_without_scripts_get_pictures(browser, site):
    page, _ = opened(browser, site / "demo.html")
    page.emulate_media(media="print")
    assert not page.locator("#explorer").is_visible()
    assert page.locator("figure.static").first.is_visible()
    page.close()
    context = browser.new_context(java_script_enabled=False)
    still = context.new_page()
    still.goto((site / "demo.html").as_uri())
    assert still.locator("figure.static").first.is_visible()
    assert still.locator("#trade-list tbody tr").count() > 0
    context.close()
