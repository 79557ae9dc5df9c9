"""The market of a study: its panel, cut into what the search sees, what judges it, and the lockbox."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from arbkit import __version__
from arbkit.data.cache import cache_key, cached_path
from arbkit.engine import split_cuts, split_panel
from arbkit.errors import ConfigError, DataError
from arbkit.panel import Panel, PanelMeta, is_store, load_pair_file, load_panel
from arbkit.study.space import Categorical
from arbkit.study.spec import MARKET_KEYS, Folds, SplitSpec, StudySpec
from arbkit.units import DAY_NS

__all__ = ["Market", "Segment"]

Segment = Literal["train", "test"]


class Market:
    """The panel of a study, per reference and segment.

    The lockbox, the end of the out-of-sample time, is in no segment; `lockbox` alone returns it, for the
    validation, which records each opening.
    """

    def __init__(
        self,
        panel: Panel,
        split: SplitSpec,
        folds: Folds = 0,
        referenced: Callable[[str], Panel] | None = None,
    ) -> None:
        self._panel = panel
        self._split = split
        self._folds = folds
        self._referenced = referenced or panel.with_reference
        self._whole: dict[str, Panel] = {}
        self._segments: dict[str, dict[str, Panel]] = {}
        self._fold_panels: dict[tuple[str, int], Panel] = {}
        self._cut("none")

    @classmethod
    def load(cls, spec: StudySpec) -> Market:
        """Read the panel that a spec names.

        Raises:
            DataError: when the data are missing, broken or do not cover what was asked for.
        """
        split = spec.split
        if spec.panel is not None:
            path = Path(spec.panel)
            whole = Panel.open(path) if is_store(path) else load_pair_file(path)
            if spec.start is None and spec.end is None:
                return cls(whole, split, spec.folds)
            # Filled before the start is cut off, so that it is warm at the first row.
            return cls(
                whole.slice(spec.start, spec.end),
                split,
                spec.folds,
                lambda reference: whole.with_reference(reference).slice(spec.start, spec.end),
            )
        dataset, arguments = spec.dataset, _arguments(spec)
        assert dataset is not None
        panel = load_panel(dataset, **arguments)
        if spec.start is None:
            return cls(panel, split, spec.folds)
        return cls(
            panel, split, spec.folds, lambda reference: load_panel(dataset, **arguments, reference=reference)
        )

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the whole panel."""
        return self._panel.fingerprint

    @property
    def meta(self) -> PanelMeta:
        """What is known of the panel besides its numbers."""
        return self._panel.meta

    def panel_for(self, reference: str, segment: Segment = "train") -> Panel:
        """Return one segment of the panel, measured from a reference.

        A reference is filled before the cut: it looks back only, so the test segment begins with a
        warm reference and the training segment knows nothing of what follows.

        Args:
            reference: "none", "ewma:6h", ... as `Panel.with_reference` takes it.
            segment: "train" or "test" (the out-of-sample time before the lockbox).

        Raises:
            ConfigError: for any other segment, or a reference that does not parse.
        """
        if segment not in ("train", "test"):
            raise ConfigError(f"`segment` must be train or test, was {segment!r}")
        if reference not in self._segments:
            self._cut(reference)
        return self._segments[reference][segment]

    @property
    def cuts(self) -> tuple[int, int]:
        """Where the training part ends and where the lockbox begins, in nanoseconds."""
        return split_cuts(self._panel, self._split.out_of_sample, self._split.lockbox)

    def stretch(self, reference: str, start_ns: int | None, end_ns: int) -> Panel:
        """Return the rows with start <= ts < end, measured from a reference; never one of the lockbox.

        Raises:
            ConfigError: when the end lies inside the lockbox.
        """
        if end_ns > self.cuts[1]:
            raise ConfigError(f"a stretch must end before the lockbox, was to end at {end_ns}")
        return self._referenced_whole(reference).slice(start_ns, end_ns)

    def lockbox(self, reference: str) -> Panel:
        """Return the lockbox, measured from a reference; whoever asks for it records that it was opened."""
        return self._referenced_whole(reference).slice(self.cuts[1], None)

    def _referenced_whole(self, reference: str) -> Panel:
        if reference not in self._whole:
            self._cut(reference)
        return self._whole[reference]

    def stored(self, references: Sequence[str]) -> dict[str, str]:
        """Keep training panels in the cache as stores, and go on with those: mapped, shared by processes.

        Args:
            references: whose panels are wanted.

        Returns:
            The folder of each.
        """
        folders = {}
        for reference in references:
            folders[reference], panel = stored_panel(self.panel_for(reference))
            self._segments[reference]["train"] = panel
        return folders

    @functools.cached_property
    def fold_edges(self) -> list[int]:
        """Where the folds of the training part begin, and the end of the last, in nanoseconds; empty without.

        Folds are equal shares of the time, or days in UTC.
        """
        if self._folds == 0:
            return []
        train = self.panel_for("none")
        start, end = train.start_ns, train.end_ns + 1
        if self._folds == "day":
            midnights = range(-(-start // DAY_NS) * DAY_NS, end, DAY_NS)
            return [start, *(at for at in midnights if at > start), end]
        return [start + (end - start) * k // self._folds for k in range(self._folds + 1)]

    def fold(self, reference: str, k: int) -> Panel:
        """Return one fold of the training part, measured from a reference.

        Raises:
            DataError: when it has no row.
        """
        if (reference, k) not in self._fold_panels:
            start, end = self.fold_edges[k : k + 2]
            panel = self.panel_for(reference).slice(start, end)
            if len(panel) == 0:
                raise DataError(f"every fold of a study needs rows, fold {k} had none; make fewer `folds`")
            self._fold_panels[reference, k] = panel
        return self._fold_panels[reference, k]

    def _cut(self, reference: str) -> None:
        panel = self._panel if reference == "none" else self._referenced(reference)
        split = split_panel(panel, self._split.out_of_sample, self._split.lockbox)
        self._whole[reference] = panel
        self._segments[reference] = {"train": split.train, "test": split.test}


def stored_panel(panel: Panel) -> tuple[str, Panel]:
    """Keep a panel in the cache as a store, unless it is there already; return its folder, and it opened."""
    path = cached_path("panels", cache_key("training part", panel.fingerprint, __version__))
    if not is_store(path):
        try:
            panel.store(path)
        except DataError:
            if not is_store(path):  # Else another process was quicker.
                raise
    return str(path.absolute()), Panel.open(path)


def _arguments(spec: StudySpec) -> dict[str, Any]:
    given = {name: getattr(spec, name) for name in MARKET_KEYS if getattr(spec, name) is not None}
    given["levels"] = _levels(spec)
    return {**given, "same": spec.same} if spec.same else given


def _levels(spec: StudySpec) -> int:
    """Return how many book levels the deepest trial walks."""
    searched = spec.space.get("depth_levels")
    if searched is None:
        return int(spec.fixed.get("depth_levels", 0))
    if isinstance(searched, Categorical):
        return max(int(choice) for choice in searched.choices)  # type: ignore[arg-type]
    return int(searched.high)
