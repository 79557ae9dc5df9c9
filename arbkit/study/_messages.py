"""pydantic's findings about a spec, said in one sentence of ours."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel, ValidationError

from arbkit.errors import ConfigError, nearest_names

__all__ = ["config_error"]

_TAGS = frozenset({"float", "int", "categorical"})


def config_error(error: ValidationError, model: type[BaseModel]) -> ConfigError:
    """Turn the first finding into a `ConfigError`: the key path, the rule, the value received.

    Args:
        error: what pydantic raised.
        model: the model that was being built, for the names it would have accepted.
    """
    findings = error.errors(include_url=False)
    # A misspelt key is also a missing one: the misspelling is what the reader has to see.
    finding = next((item for item in findings if item["type"] == "extra_forbidden"), findings[0])
    raw = finding["loc"]
    path = _path(raw)
    kind, value = finding["type"], finding.get("input")
    if kind == "extra_forbidden":
        known = _known_keys(model, raw[:-1])
        return ConfigError(f"unknown key `{path}`; {nearest_names(str(raw[-1]), known)}")
    if kind == "missing":
        return ConfigError(f"`{path}` must be given, it is missing")
    if kind == "union_tag_not_found":
        return ConfigError(f"`{path}` must say `type: float`, `int` or `categorical`, was {value!r}")
    if kind == "union_tag_invalid":
        tag = value.get("type") if isinstance(value, dict) else value
        near = nearest_names(str(tag), _TAGS)
        return ConfigError(f"`{path}.type` must be float, int or categorical, was {tag!r}; {near}")
    if kind == "value_error":
        message = str(finding["ctx"]["error"])
        return ConfigError(f"`{path}` {message}" if message.startswith("must") else f"`{path}`: {message}")
    return ConfigError(f"`{path}`: {_lower(finding['msg'])}, was {value!r:.80}")


def _path(raw: tuple[int | str, ...]) -> str:
    """Join a location; the tag of a discriminated union, which stands nowhere in the file, is left out."""
    parts = [
        part
        for index, part in enumerate(raw)
        if not (index >= 2 and raw[0] == "space" and index == 2 and part in _TAGS)
    ]
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the spec"


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Walk a location down the models and list the keys of the one that refused."""
    current: Any = model
    for part in location:
        if isinstance(current, type) and issubclass(current, BaseModel) and part in current.model_fields:
            current = current.model_fields[str(part)].annotation
            continue
        current = _inside(current, part)
    models = _models(current)
    return sorted({name for item in models for name in item.model_fields})


def _inside(annotation: Any, part: int | str) -> Any:
    if part in _TAGS:
        for item in _models(annotation):
            if part in typing.get_args(item.model_fields["type"].annotation):
                return item
    arguments = typing.get_args(annotation)
    return arguments[-1] if typing.get_origin(annotation) is dict and arguments else annotation


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for item in typing.get_args(annotation) for found in _models(item)]


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
