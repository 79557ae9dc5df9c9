"""Blocks of trials as lines of Optuna's journal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from optuna.distributions import distribution_to_json
from optuna.storages.journal._storage import JournalOperation

from arbkit.study.block import CONSTRAINT, TrialBlock
from arbkit.study.storages.blocks import texts_of

__all__ = ["lines_of_block"]


def lines_of_block(study_id: int, worker: str, block: TrialBlock) -> list[str]:
    """Return one line per trial: what Optuna writes for a trial that is made finished."""
    head = json.dumps({"op_code": JournalOperation.CREATE_TRIAL, "worker_id": worker, "study_id": study_id})[
        :-1
    ]
    spaces = [
        (json.dumps(name), json.dumps(distribution_to_json(item)))
        for name, item in block.distributions.items()
    ]
    reports: list[dict[int, float]] = [{} for _ in range(len(block))]
    for row, step, value in block.reports.tolist():
        reports[row][step] = value
    system = {CONSTRAINT + name: texts_of(column) for name, column in block.constraints.items()}
    columns = zip(
        block.states.tolist(),
        block.params.tolist(),
        block.values.tolist(),
        _stamps(block.started),
        _stamps(block.completed),
        _objects(block.attrs, len(block)),
        _objects({**block.system_attrs, **system}, len(block)),
        reports,
        strict=True,
    )
    lines = []
    for state, params, values, started, completed, user, own, reported in columns:
        given = [
            (name, text, value) for (name, text), value in zip(spaces, params, strict=True) if value == value
        ]
        kinds = ",".join(f"{name}:{text}" for name, text, _ in given)
        numbers = ",".join(f"{name}:{json.dumps(value)}" for name, _, value in given)
        end = "" if completed is None else f',"datetime_complete":"{completed}"'
        lines.append(
            f'{head},"datetime_start":{json.dumps(started)}{end},"state":{state},{_told(values)},'
            f'"distributions":{{{kinds}}},"params":{{{numbers}}},"user_attrs":{user},"system_attrs":{own},'
            f'"intermediate_values":{json.dumps(reported)}}}'
        )
    return lines


def _told(values: Sequence[float]) -> str:
    if any(value != value for value in values):
        return '"value":null,"values":null'
    if len(values) == 1:
        return f'"value":{json.dumps(values[0])},"values":null'
    return f'"value":null,"values":{json.dumps(values)}'


def _stamps(column: Any) -> list[str | None]:
    texts = np.datetime_as_string(column).tolist()
    return [None if text == "NaT" else f"{text}+00:00" for text in texts]


def _objects(attrs: Any, size: int) -> Iterator[str]:
    """Yield each trial's attributes as one JSON object."""
    names = [json.dumps(name) for name in attrs]
    rows = zip(*attrs.values(), strict=True) if attrs else ((),) * size
    for texts in rows:
        pairs = zip(names, texts, strict=True)
        yield "{" + ",".join(f"{name}:{text}" for name, text in pairs if text is not None) + "}"
