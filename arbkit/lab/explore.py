"""`explore`: the door to the explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from arbkit.config import Params
from arbkit.errors import ConfigError
from arbkit.lab.controls import start_params
from arbkit.panel import Panel

if TYPE_CHECKING:
    from arbkit.lab.explorer import Explorer

__all__ = ["explore"]


def explore(panel: Panel, params: Params | None = None, *, source: str = "", **changes: Any) -> Explorer:
    """Show a panel with a slider for every parameter; trades, equity and metrics follow the hand.

    Args:
        panel: the market, of any length.
        params: the set to begin with; default: fees of 5 bps at each venue, 5 bps of slippage, positions of
            1,000, and a threshold that the market reaches now and then.
        source: the expression that makes the panel, such as `arbkit.load_panel("demo", ...)`, for the code
            that the widget copies.
        changes: single parameters, exchanged in the set to begin with.

    Returns:
        The widget. `.params`, `.result` and `.kept` follow what is done with it.

    Raises:
        ConfigError: for anything but a panel with rows, and for bad parameters.
        MissingDependencyError: when the notebook packages are not installed.
    """
    if not isinstance(panel, Panel):
        raise ConfigError(
            f"the explorer shows a Panel, was {type(panel).__name__}; make one with Panel.from_frame"
        )
    if params is not None and not isinstance(params, Params):
        raise ConfigError(
            f"`params` must be arbkit.Params, was {type(params).__name__}; use Params.from_dict"
        )
    begin = start_params(panel, **changes) if params is None else params.replace(**changes)
    from arbkit.lab.explorer import Explorer

    return Explorer(panel, begin, source)
