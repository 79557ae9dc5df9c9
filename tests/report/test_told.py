"""Sentences of other packages in the language of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arbkit.report.text import load_text
from arbkit.report.told import retold

KOREAN = load_text("ko")


@pytest.mark.parametrize(
    ("said", "korean"),
    [
        ("upbit/KRW-BTC: synthetic", "upbit/KRW-BTC: 합성"),
        (
            "KRW at upbit is assumed convertible into USDT, missing or stale on under 0.01 % of the rows",
            ("upbit의 KRW는 USDT로 바꿀 수 있다고 가정한다. "
            "행의 0.01 % 미만에서는 환율이 없거나 너무 오래되었다"),
        ),
        ("KRW at upbit is assumed convertible into USDT", "upbit의 KRW는 USDT로 바꿀 수 있다고 가정한다"),
        ("3 of 40 funding times lie outside the panel and are not paid",
         "펀딩 시각 40개 중 3개는 패널 밖에 있어 지급되지 않는다"),
        ("my own remark", "my own remark"),
    ],
)  # fmt: skip
def test_sentences_are_told_in_korean_and_in_english_as_they_are(said: str, korean: str) -> None:
    assert retold(said, KOREAN) == korean
    assert retold(said, load_text()) == said


def test_every_sentence_is_one_that_the_code_says(repository: Path) -> None:
    sources = "\n".join(path.read_text("utf-8") for path in (repository / "arbkit").rglob("*.py"))
    sources = re.sub(r'"\s*\n\s*f?"', "", sources) + "\nflags: [close]"
    for name, message in load_text().messages.items():
        if name.startswith("told."):
            assert isinstance(message, str)
            for part in re.split(r"\{\w+\}", message):
                assert part.strip() in sources, name
