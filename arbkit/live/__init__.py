"""Live trading, on paper by default: what the runner is made of."""

from __future__ import annotations

__all__: list[str] = []
