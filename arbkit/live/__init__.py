"""Live trading, on paper by default: a runner that decides with the compiled rules of the backtest.

runner = LiveRunner("configs/paper.yaml")
print(runner.run_forever(max_runtime_s=60))
print(open_run("runs/paper").trades)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.live.config import LiveConfig
    from arbkit.live.guard import TradingGuard, TradingState
    from arbkit.live.journal import Journal, read_journal
    from arbkit.live.parity import Parity, parity_of
    from arbkit.live.recording_parity import RecordedPair, RecordedParity, recorded_parity
    from arbkit.live.replay import ReplayFeed
    from arbkit.live.replay_loop import ReplayLoop
    from arbkit.live.result import RunResult, open_run
    from arbkit.live.runner import LiveRunner

__all__ = [
    "Journal",
    "LiveConfig",
    "LiveRunner",
    "Parity",
    "RecordedPair",
    "RecordedParity",
    "ReplayFeed",
    "ReplayLoop",
    "RunResult",
    "TradingGuard",
    "TradingState",
    "open_run",
    "parity_of",
    "read_journal",
    "recorded_parity",
]

_HOMES: Final = {
    "Journal": "arbkit.live.journal",
    "LiveConfig": "arbkit.live.config",
    "LiveRunner": "arbkit.live.runner",
    "Parity": "arbkit.live.parity",
    "RecordedPair": "arbkit.live.recording_parity",
    "RecordedParity": "arbkit.live.recording_parity",
    "ReplayFeed": "arbkit.live.replay",
    "ReplayLoop": "arbkit.live.replay_loop",
    "RunResult": "arbkit.live.result",
    "TradingGuard": "arbkit.live.guard",
    "TradingState": "arbkit.live.guard",
    "open_run": "arbkit.live.result",
    "parity_of": "arbkit.live.parity",
    "read_journal": "arbkit.live.journal",
    "recorded_parity": "arbkit.live.recording_parity",
}

__getattr__ = lazy_names(__name__, _HOMES)
