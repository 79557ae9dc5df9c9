"""Trading with money is asked for three times: by an option, by the configuration, by a variable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from arbkit.errors import ConfigError
from arbkit.live.config import LiveConfig

__all__ = ["LIVE_VARIABLE", "in_mode"]

#: Trading with money needs this variable, set to the name of the run.
LIVE_VARIABLE: Final = "ARBKIT_LIVE"


def in_mode(config: LiveConfig, mode: str | None, environ: Mapping[str, str]) -> LiveConfig:
    """Return the configuration in the mode asked for; live only when it is asked for three times.

    Raises:
        ConfigError: naming what is missing.
    """
    wanted = mode or config.mode
    if wanted not in ("paper", "live"):
        raise ConfigError(f"`mode` must be paper or live, was {wanted!r}")
    if wanted == "paper":
        return config.with_mode("paper") if config.mode != "paper" else config
    missing = []
    if mode != "live":
        missing.append("`--mode live`")
    if config.mode != "live":
        missing.append("`mode: live` in the configuration")
    if environ.get(LIVE_VARIABLE) != config.name:
        missing.append(f"the variable {LIVE_VARIABLE}={config.name}")
    if missing:
        raise ConfigError(
            f"trading with money is asked for three times, missing: {', '.join(missing)}; "
            "`--mode paper` trades on paper"
        )
    return config
