"""The message file: nothing missing, nothing left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import arbkit.report
from arbkit.errors import ConfigError
from arbkit.metrics import METRIC_NAMES
from arbkit.records import ExitReason
from arbkit.report.text import LANGUAGES, load_text
from arbkit.report.trust import AUDITED, scenario_words
from arbkit.stress import parse_scenarios
from arbkit.study import SAMPLERS

SOURCES = Path(arbkit.report.__file__).parent
#: Names put together at run time, by their fixed beginning.
COMPUTED = (
    "attribution.", "audit.", "capital.", "explorer.", "groups.", "list.", "near.", "open.", "quality.",
    "scenario.", "stress.", "checks.", "compare.differs_", "index.",
    "data.fidelity_", "direction.", "exits.", "importance.", "kpi.kept_", "lede.judged",
    "metric.", "metrics.", "objective.", "reproduce.", "sampler.", "section.", "trials.", "segment.", "side.",
    "run.", "told.", "validation.", "verdict.", "warning.selection", "figure.history.front_",
    "data.reference",
)  # fmt: skip


def used_names() -> set[str]:
    names = set()
    for path in [*SOURCES.rglob("*.py"), *SOURCES.rglob("*.html")]:
        source = path.read_text("utf-8")
        names |= set(re.findall(r"\b(?:text|t|load_text\(\))\(\s*[\"']([a-z_.]+)[\"']", source))
        names |= set(re.findall(r"[\"']((?:[a-z_]+\.)+[a-z_]+)[\"'] if", source))
        names |= set(re.findall(r"else [\"']((?:[a-z_]+\.)+[a-z_]+)[\"']", source))
    return {name for name in names if "." in name and not name.endswith(".")}


def test_every_message_that_is_used_exists():
    missing = {name for name in used_names() if not load_text().has(name)}
    assert not missing


def test_every_message_that_exists_is_used():
    used = used_names()
    unused = [name for name in load_text().messages if name not in used and not name.startswith(COMPUTED)]
    assert not unused


def test_metrics_samplers_and_exit_reasons_all_have_names():
    text = load_text()
    assert all(text.has(f"metric.{name}") for name in METRIC_NAMES)
    assert all(text.has(f"sampler.{name}") for name in SAMPLERS)
    assert all(
        text.has(f"exits.{reason.name.lower()}") for reason in ExitReason if reason is not ExitReason.OPEN
    )


def test_list_message_takes_its_form_from_the_number():
    text = load_text()
    assert text("unit.trade", n=1) == "1 trade"
    assert text("unit.trade", n=1_234) == "1,234 trades"


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_say_the_same_things_with_the_same_values(language):
    english, other = load_text().messages, load_text(language).messages
    assert set(other) == set(english)
    for name, message in english.items():
        assert fields(other[name]) == fields(message), name
        assert isinstance(other[name], list) == isinstance(message, list), name


def fields(message):
    return set(re.findall(r"\{(\w+)", " ".join(message) if isinstance(message, list) else message))


def test_korean_is_korean_but_for_names():
    same = {
        name for name, message in load_text("ko").messages.items()
        if message == load_text().messages[name] and re.search(r"[a-z]{4}", str(message))
    }  # fmt: skip
    assert same <= {"reproduce.arbkit", "reproduce.optuna", "reproduce.python"}


def test_every_scenario_and_every_audited_assumption_has_words():
    for language in LANGUAGES:
        text = load_text(language)
        for scenario in parse_scenarios("standard"):
            name, what = scenario_words(scenario, text)
            assert name != scenario.label
            assert "{" not in name + what
        assert all(text.has(f"audit.{key}.name") for key in AUDITED.values())


def test_no_message_promises_the_best():
    for message in load_text().messages.values():
        assert not re.search(r"\bbest\b|\boptimal\b|guarantee", str(message), re.IGNORECASE)


def test_unknown_language_names_the_known_ones():
    with pytest.raises(ConfigError, match="`lang` 'xx' has no messages; valid names: `en`, `ko`"):
        load_text("xx")
