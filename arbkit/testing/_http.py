"""Requests and answers of the practice exchange, apart from the server that carries them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

__all__ = ["Answer", "Call", "RefusedError", "json_bytes", "text_of"]


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return text_of(value)
    raise TypeError(f"cannot write a {type(value).__name__} as JSON")


_encoder: Final = msgspec.json.Encoder(enc_hook=_plain, decimal_format="string")


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON."""
    return _encoder.encode(value)


def text_of(value: Decimal) -> str:
    """Return a decimal as plain digits, without an exponent and without needless zeros."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


@dataclass
class Answer:
    """What a request is answered with; `after` runs when the answer has left."""

    data: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after: Callable[[], None] | None = None
    html: str = ""

    @property
    def body(self) -> bytes:
        """The bytes that leave."""
        return self.html.encode() if self.html else json_bytes(self.data)

    @property
    def content_type(self) -> str:
        """The body's type."""
        return "text/html" if self.html else "application/json"


class RefusedError(Exception):
    """A request is refused; carries the answer."""

    def __init__(self, status: int, data: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {data}")
        self.answer = Answer(data, status, dict(headers or {}))


@dataclass
class Call:
    """One request.

    Attributes:
        endpoint: the route's name: `submit`, `cancel`, `query`, `depth`, ...
        query: the query string exactly as sent.
        body: the body exactly as sent.
        params: query and form members in order of sending, later ones win.
        headers: of the answer; limits write theirs here.
    """

    method: str
    path: str
    endpoint: str
    query: str
    body: str
    content_type: str
    request_headers: Mapping[str, str]
    params: dict[str, str] = field(default_factory=dict)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    json: Any = None

    def __post_init__(self) -> None:
        self.pairs = parse_qsl(self.query, keep_blank_values=True)
        if "json" in self.content_type:
            try:
                self.json = msgspec.json.decode(self.body)
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.json = None
        elif self.body:
            self.pairs += parse_qsl(self.body, keep_blank_values=True)
        if self.method == "DELETE" and isinstance(self.json, dict):  # some clients cancel with a body
            self.pairs += [(key, str(value)) for key, value in self.json.items()]
        self.params = dict(self.pairs)

    @property
    def symbol(self) -> str:
        """The symbol that the request is about, or nothing."""
        found = self.params.get("symbol") or self.params.get("market") or self.params.get("markets") or ""
        if not found and isinstance(self.json, dict):
            found = str(self.json.get("market", ""))
        return found if "," not in found else ""

    def all_of(self, name: str) -> list[str]:
        """Return every value of a member that may come more than once: `uuids[]`, `states[]`."""
        return [value for key, value in self.pairs if key in (name, f"{name}[]")]

    @property
    def plain_query(self) -> str:
        """The query string without percent encoding."""
        return unquote(self.query)
