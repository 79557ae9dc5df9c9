"""The kinds of notebooks there are, and the blocks that each is made of."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["KINDS", "Kind"]


class Kind(NamedTuple):
    """One kind of notebook.

    Attributes:
        title: its first line.
        help: what it tells.
        blocks: templates, in order.
        needs_pair: whether it needs one asset on two venues.
    """

    title: str
    help: str
    blocks: tuple[str, ...]
    needs_pair: bool = True


KINDS: Final[dict[str, Kind]] = {
    "dataset": Kind(
        "What is in $name, and whether to trust it",
        "instruments, pace, silences, and everything that validation finds",
        ("head", "dataset"),
        needs_pair=False,
    ),
    "panel": Kind(
        "$asset: two venues on one clock",
        "the joined pair, its flags, the premium beside its reference",
        ("head", "market", "panel"),
    ),
    "spread": Kind(
        "$asset: the spread, and what costs leave of it",
        "both directions, thresholds, opportunities, the break-even fee",
        ("head", "market", "spread"),
    ),
    "backtest": Kind(
        "$asset: one parameter set, trade by trade",
        "trades, equity, attribution, latency, and the audit",
        ("head", "market", "backtest"),
    ),
    "study": Kind(
        "$asset: a study",
        "spec, search, best in training, and the same in the test",
        ("head", "market", "study"),
    ),
    "validation": Kind(
        "$asset: what the data support",
        "a study, the sentence, the walk-forward, and the decision",
        ("head", "market", "study", "validation"),
    ),
}
