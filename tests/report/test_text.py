"""The message file: nothing missing, nothing left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import arbkit.report
from arbkit.errors import ConfigError
from arbkit.metrics import METRIC_NAMES
from arbkit.records import ExitReason
from arbkit.report.text import load_text
from arbkit.study import SAMPLERS

SOURCES = Path(arbkit.report.__file__).parent
#: Names put together at run time, by their fixed beginning.
COMPUTED = (
    "attribution.", "audit.", "capital.", "explorer.", "groups.", "list.", "near.", "open.", "quality.",
    "scenario.", "stress.", "checks.",
    "data.fidelity_", "direction.", "exits.", "importance.", "kpi.kept_", "lede.judged",
    "metric.", "metrics.", "objective.", "reproduce.", "sampler.", "section.", "trials.", "segment.", "side.",
    "validation.", "verdict.", "warning.selection", "figure.history.front_", "data.reference",
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


def test_no_message_promises_the_best():
    for message in load_text().messages.values():
        assert not re.search(r"\bbest\b|\boptimal\b|guarantee", str(message), re.IGNORECASE)


def test_unknown_language_names_the_known_ones():
    with pytest.raises(ConfigError, match="`lang` 'xx' has no messages; valid names: `en`"):
        load_text("xx")
