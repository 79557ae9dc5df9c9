"""Samplers: what proposes the trials of a study, by name and with options."""

from __future__ import annotations

from arbkit.study.samplers.batch import BatchSampler, History, external, internal
from arbkit.study.samplers.info import Request, SamplerInfo
from arbkit.study.samplers.numbered import GridSampler, QmcSampler, RandomSampler
from arbkit.study.samplers.registry import (
    SAMPLERS,
    all_samplers,
    grid_size,
    make_batch_sampler,
    make_sampler,
    sampler_info,
    sampler_maker,
)
from arbkit.study.samplers.tpe import TpeSampler

__all__ = [
    "SAMPLERS",
    "BatchSampler",
    "GridSampler",
    "History",
    "QmcSampler",
    "RandomSampler",
    "Request",
    "SamplerInfo",
    "TpeSampler",
    "all_samplers",
    "external",
    "grid_size",
    "internal",
    "make_batch_sampler",
    "make_sampler",
    "sampler_info",
    "sampler_maker",
]
