"""Kernels: compiled functions over arrays and scalars. They know nothing of frames, paths or dates."""

from __future__ import annotations

from arbkit.kernels._interrupts import defer_interrupts as _defer_interrupts

__all__: list[str] = []

_defer_interrupts()
