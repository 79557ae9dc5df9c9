"""The shell: `arbkit NOUN ...`, one file per noun, started by `arbkit.cli.main`."""

from __future__ import annotations

__all__: list[str] = []
