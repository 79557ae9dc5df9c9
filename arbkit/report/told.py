"""What other packages say in English, said in the language of the page: flags of the data, reasons of checks.

They are stored with panels and datasets as sentences. Each message `told.NAME` in English is one of them,
with its values named; what is none of them, such as a flag of one's own, stays as it is.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from arbkit.report.text import Text, load_text

__all__ = ["retold"]

_TOLD: Final = "told."
#: An instrument's flag begins with its name.
_OF_LEG: Final = re.compile(r"([^ :]+/[^ :]+): (.+)", re.DOTALL)


def retold(said: str, text: Text) -> str:
    """Return a sentence of another package in the language of `text`."""
    if of_leg := _OF_LEG.fullmatch(said):
        return f"{of_leg[1]}: {retold(of_leg[2], text)}"
    for name, pattern in _patterns():
        if found := pattern.fullmatch(said):
            return text(name, **{key: retold(value, text) for key, value in found.groupdict().items()})
    return said


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the English messages as patterns; the longer ones first, since a value may hold many words."""
    messages = {
        name: message for name, message in load_text().messages.items()
        if name.startswith(_TOLD) and isinstance(message, str)
    }  # fmt: skip
    return tuple(
        (name, re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.+?)", re.escape(messages[name]))))
        for name in sorted(messages, key=lambda name: -len(messages[name]))
    )
