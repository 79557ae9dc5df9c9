from __future__ import annotations

import math

import numpy as np
import pytest

from arbkit.errors import MissingDependencyError
from arbkit.risk.garch import GarchVolatility
from arbkit.units import MINUTE_NS


def clustered(n: int = 700) -> list[float]:
    """Changes whose variance follows omega 0.1, alpha 0.15, beta 0.8, in units of 1e-4."""
    normal = np.random.default_rng(3).normal(size=n)
    variance, found = 2.0, []
    for draw in normal.tolist():
        found.append(math.sqrt(variance) * draw)
        variance = 0.1 + 0.15 * found[-1] ** 2 + 0.8 * variance
    return [1e-4 * change for change in found]


def test_the_forecast_is_that_of_arch_and_goes_on_between_estimates() -> None:
    from arch import arch_model

    changes = clustered()
    model = GarchVolatility(window="600m", refit="600m")
    found = [model.update(k * MINUTE_NS, change, 60.0) for k, change in enumerate(changes, 1)]
    assert all(map(math.isnan, found[:599]))
    assert not any(map(math.isnan, found[599:]))
    seen = np.array(changes[:600]) / math.sqrt(60)
    size = math.sqrt(float((seen * seen).mean()))
    fitted = arch_model(seen / size, mean="Zero", vol="GARCH", p=1, q=1, rescale=False).fit(disp="off")
    expected = float(fitted.forecast(horizon=1).variance.iloc[-1, 0]) * size * size
    assert found[599] == pytest.approx(expected, rel=1e-9)
    omega, alpha, beta = (fitted.params[name] for name in ("omega", "alpha[1]", "beta[1]"))
    for k in range(600, 650):
        expected = omega * size * size + alpha * changes[k] ** 2 / 60 + beta * expected
        assert found[k] == pytest.approx(expected, rel=1e-9)


def test_a_market_that_stands_still_has_no_estimate() -> None:
    model = GarchVolatility(window="600m", refit="300m")
    assert all(math.isnan(model.update(k * MINUTE_NS, 0.0, 60.0)) for k in range(1, 700))


def test_without_arch_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "arch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'arbkit\[risk\]'"):
        GarchVolatility()
