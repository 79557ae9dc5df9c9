"""Kernels: compiled functions over arrays and scalars. They know nothing of frames, paths or dates."""

from __future__ import annotations

__all__: list[str] = []
