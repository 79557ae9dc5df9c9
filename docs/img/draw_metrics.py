"""Draw the picture of docs/metrics.md: `python docs/img/draw_metrics.py`."""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from arbkit.metrics import expected_max_sharpe, min_track_record_length, probabilistic_sharpe_ratio

BLUE, ORANGE, GRAY, GREEN = "#2563a8", "#d97706", "#8a8f98", "#2e7d4f"
LINES = ((30, ORANGE, "30 days"), (90, GREEN, "90 days"), (365, BLUE, "a year"), (1825, GRAY, "5 years"))
#: The hedge funds of Bailey and Lopez de Prado (2012): monthly Sharpe ratio, skewness and kurtosis.
SHARPE, FAT = 0.458, {"skewness": -2.448, "kurtosis": 10.164}


def draw_track_record(axis: Axes) -> None:
    """How the probability of a true edge grows with the record, with and without fat tails."""
    small = {"textcoords": "offset points", "fontsize": 9}
    months = np.arange(2, 61)
    for color, name, moments in ((BLUE, "normal returns", {}), (ORANGE, "skewness -2.4, kurtosis 10", FAT)):
        axis.plot(
            months, [probabilistic_sharpe_ratio(SHARPE, int(n), **moments) for n in months], color, label=name
        )
        enough = min_track_record_length(SHARPE, **moments)
        axis.plot([enough, enough], [0.5, 0.95], color=color, lw=1, ls=":")
        axis.annotate(f"{enough:.0f} months", (enough, 0.51), (4, 0), color=color, **small)
    axis.axhline(0.95, color=GRAY, lw=1, ls="--")
    axis.annotate(
        "95 %", (60, 0.95), (0, -11), textcoords="offset points", ha="right", color=GRAY, fontsize=9
    )
    axis.set(
        xlabel="length of the record, months", ylabel="probability that the true Sharpe ratio is above 0"
    )
    axis.set(xlim=(0, 60), ylim=(0.5, 1.005))
    axis.set_title("A monthly Sharpe ratio of 0.458 (1.6 a year)", fontsize=11)
    axis.legend(frameon=False, loc=(0.6, 0.15), fontsize=9)


def draw_best_of_many(axis: Axes) -> None:
    """What the best of many sets without an edge shows."""
    sets = np.unique(np.round(np.logspace(np.log10(2), 5, 120)).astype(int))
    lines = (
        (30, ORANGE, "30 days"),
        (90, "#2e7d4f", "90 days"),
        (365, BLUE, "a year"),
        (1825, GRAY, "5 years"),
    )
    for days, color, name in lines:
        best = [expected_max_sharpe(int(n), 1 / days) * math.sqrt(365) for n in sets]
        axis.plot(sets, best, color)
        axis.annotate(
            name, (sets[-1], best[-1]), (4, -3), textcoords="offset points", color=color, fontsize=9
        )
    axis.set(xscale="log", xlim=(2, 1e5), ylim=(0, None))
    axis.set(xlabel="distinct sets tried", ylabel="best Sharpe ratio, annualised (365 days)")
    axis.set_title("What the best of sets without any edge is expected to show", fontsize=11)


def main(folder: Path) -> None:
    """Write the picture."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
    draw_track_record(left)
    draw_best_of_many(right)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.get_layout_engine().set(w_pad=0.15)  # type: ignore[union-attr]
    figure.savefig(folder / "metrics.png", dpi=110)


if __name__ == "__main__":
    main(Path(__file__).parent)
