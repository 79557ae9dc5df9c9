"""Samplers: what proposes the trials of a study, by name and with options."""

from __future__ import annotations

from arbkit.study.samplers.batch import BatchSampler, History, external, internal
from arbkit.study.samplers.registry import (
    SAMPLERS,
    Request,
    SamplerInfo,
    grid_size,
    make_batch_sampler,
    make_sampler,
    sampler_info,
)

__all__ = [
    "SAMPLERS",
    "BatchSampler",
    "History",
    "Request",
    "SamplerInfo",
    "external",
    "grid_size",
    "internal",
    "make_batch_sampler",
    "make_sampler",
    "sampler_info",
]
