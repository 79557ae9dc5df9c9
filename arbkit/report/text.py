"""All words of a report come from one message file per language, in `messages/`."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Final

import yaml

from arbkit.errors import ConfigError, nearest_names

__all__ = ["LANGUAGES", "Text", "load_text"]

LANGUAGES: Final = ("en", "ko")


#: The one in C, where PyYAML has it, takes a tenth of the time.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Text:
    """The messages of one language, by dotted name: `text("verdict.loss", pnl="12.00 USD")`.

    A message that is a list holds the forms for one and for several: `text("unit.trade", n=3)` takes its form
    from `n`. Values are put in as they are; the page escapes them.
    """

    def __init__(self, language: str, messages: dict[str, str | list[str]]) -> None:
        self.language = language
        self.messages = messages

    def __call__(self, name: str, /, **values: Any) -> str:
        """Return the message `name` with `values` put in; an unknown name is a `KeyError`."""
        message = self.messages[name]
        if isinstance(message, list):
            message = message[0 if values["n"] == 1 else -1]
            values["n"] = f"{values['n']:,}"
        return message.format(**values) if values else message

    def has(self, name: str) -> bool:
        """Tell whether there is a message of that name."""
        return name in self.messages


@cache
def load_text(language: str = "en") -> Text:
    """Read the message file of a language.

    Raises:
        ConfigError: when the language has no message file.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"`lang` {language!r} has no messages; {nearest_names(language, LANGUAGES)}")
    source = resources.files("arbkit.report") / "messages" / f"{language}.yaml"
    return Text(language, dict(_flat("", yaml.load(source.read_text("utf-8"), _LOADER))))


def _flat(prefix: str, node: dict[str, Any]) -> list[tuple[str, str | list[str]]]:
    items: list[tuple[str, str | list[str]]] = []
    for key, value in node.items():
        if isinstance(value, dict):
            items += _flat(f"{prefix}{key}.", value)
        else:
            items.append((f"{prefix}{key}", value if isinstance(value, list) else str(value)))
    return items
