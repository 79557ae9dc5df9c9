"""`Decision`: everything that stands between a result and a paper run, on one page."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from arbkit._typing import PathLike
from arbkit.decision.canary import Canary
from arbkit.decision.days import MoreDays
from arbkit.decision.envelope import Envelope
from arbkit.decision.guard import GuardBlock
from arbkit.validation import Part

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["VERSION", "Carried", "CheckedCost", "Decision", "Rival"]

#: Of the JSON.
VERSION: Final = 1


@dataclass(frozen=True)
class Rival:
    """The chosen set or the highest one, where these differ, side by side.

    Attributes:
        name: `chosen` or `highest`.
        number: of the trial.
        params: searched parameters by name.
        value: of the objective in training.
        score: what three quarters of the sets around it reach; None where more than a quarter has no value.
        walk: the set throughout the walk-forward part, as one run; the lockbox is not opened for this.
        worst: name of the scenario that costs most there; None where none changed anything.
        worst_usd: PnL under it.
        lost: scenarios under which it loses.
        tried: scenarios that changed or could have changed the run.
    """

    name: str
    number: int
    params: Mapping[str, Any]
    value: float
    score: float | None
    walk: Part
    worst: str | None
    worst_usd: float | None
    lost: int
    tried: int


@dataclass(frozen=True)
class CheckedCost:
    """What is left if one cost is wrong.

    Attributes:
        name: `fee`, `latency` or `capacity`.
        finding: one sentence; where it was skipped, why.
        skipped: whether it could not be measured.
        numbers: what was found, by name.
    """

    name: str
    finding: str
    skipped: bool
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Carried:
    """What one tier of data carried.

    Attributes:
        what: reference and thresholds, costs, latency or size.
        tier: `study` or `books`.
        source: the data in words.
        finding: what it said.
    """

    what: str
    tier: str
    source: str
    finding: str


@dataclass(frozen=True)
class Decision:
    """What `decide` found.

    Attributes:
        study: name of the study.
        storage: its URL without password.
        trials: how many it had.
        status: `supported`, `not supported` or `too short`.
        sentence: the outcome of the validation.
        reasons: conditions that failed, or what the data lack.
        reference: the fair ratio of the chosen set; None where no trial is feasible.
        rivals: the chosen set, then the highest trial where that is another one.
        choice: why the chosen set and not the peak, in a sentence.
        parts: `training`, `walk_forward`, `lockbox` and `out_of_sample`.
        costs: what is left if fee, latency or size are wrong.
        days: what more data would do.
        canary: the smallest trial with money; None where nothing was traded out of sample.
        tiers: which data carried what.
        studied_usd: size of a trade in the study; all PnL here is of that size.
        guard: limits to run with.
        envelope: conditions that training showed.
        valid_until_ns: end of the data plus the length of the lockbox, nanoseconds UTC.
        dataset: fingerprint, legs, currency, first and last time.
        config: options by name, as `arbkit stress` reads them; None where no trial is feasible.
        currency: account currency.
        notes: what limits all this.
        arbkit_version: version that decided.
    """

    study: str
    storage: str
    trials: int
    status: str
    sentence: str
    reasons: tuple[str, ...]
    reference: str | None
    rivals: tuple[Rival, ...]
    choice: str
    parts: tuple[Part, ...]
    costs: tuple[CheckedCost, ...]
    days: MoreDays
    canary: Canary | None
    tiers: tuple[Carried, ...]
    studied_usd: float | None
    guard: GuardBlock | None
    envelope: Envelope | None
    valid_until_ns: int
    dataset: Mapping[str, Any]
    config: Mapping[str, Any] | None
    currency: str
    notes: tuple[str, ...]
    arbkit_version: str

    @property
    def supported(self) -> bool:
        """Whether the data support the chosen set."""
        return self.status == "supported"

    def part(self, name: str) -> Part:
        """Return one stretch of time by its name."""
        return next(item for item in self.parts if item.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, as JSON holds them."""
        from arbkit.decision.page import plain

        values = dataclasses.asdict(self)
        values["envelope"] = None if self.envelope is None else self.envelope.to_dict()
        return {"version": VERSION, **plain(values)}

    def page(self) -> str:
        """Return the page as text."""
        from arbkit.decision.page import text_page

        return text_page(self)

    def to_yaml(self) -> str:
        """Return the text of `params.yaml`; the same decision gives the same bytes.

        Raises:
            ConfigError: when there is no set to write.
        """
        from arbkit.decision.file import text_of

        return text_of(self)

    def write_params(self, path: PathLike) -> Path:
        """Write `params.yaml`, which `load_decision` reads, and return its path.

        Raises:
            ConfigError: when there is no set to write, or the file cannot be written.
        """
        from arbkit.decision.file import write_params

        return write_params(self, path)

    def picture(self) -> Figure:
        """Draw in-sample against out-of-sample with intervals, and plateau against peak."""
        from arbkit.decision.picture import draw

        return draw(self)

    def save_picture(self, path: PathLike) -> None:
        """Write the picture to a file; its ending says the format."""
        self.picture().savefig(path, dpi=150)

    def _repr_html_(self) -> str:
        import html

        return f"<pre>{html.escape(self.page())}</pre>"

    def __repr__(self) -> str:
        return f"Decision({self.study!r}: {self.sentence})"
