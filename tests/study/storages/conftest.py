"""An empty storage of each kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

KINDS = ("sqlite", "duckdb", "journal", "postgresql", "redis")

#: One parameter of each kind, and how trials may end.
SPACE = {
    "a": FloatDistribution(1e-3, 1.0, log=True),
    "b": IntDistribution(0, 90, step=10),
    "c": CategoricalDistribution((None, 20, "x", False)),
}
ENDS = (
    (TrialState.COMPLETE, [1.5, 0.1 + 0.2]),
    (TrialState.COMPLETE, [float("inf"), float("-inf")]),
    (TrialState.PRUNED, None),
    (TrialState.FAIL, None),
)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty storage, of each kind in turn."""
    return url_of_kind(request, request.param, tmp_path)


def url_of_kind(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    if kind in ("postgresql", "redis"):
        return str(request.getfixturevalue(f"{kind}_url"))
    return f"{kind}:///{folder}/x.{kind}"
