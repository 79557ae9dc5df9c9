"""`Panel.with_reference`: every form, its warm-up, and that it knows the past only."""

from __future__ import annotations

import numpy as np
import pytest

from arbkit.errors import ConfigError
from arbkit.panel import Panel, PanelMeta, parse_reference, warm_up_ns
from tests.kernels.test_reference import plain_ewma, plain_grid, plain_median

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
START = 1_704_067_200 * SECOND


def panel(n: int = 400, seed: int = 0, **meta: object) -> Panel:
    rng = np.random.default_rng(seed)
    ts = START + np.sort(rng.integers(0, n * 47, n)) * SECOND + 1
    a = 100 + np.cumsum(rng.normal(0, 0.1, n))
    a[rng.random(n) < 0.1] = np.nan
    b = np.full(n, 99.0)
    return Panel(
        ts, a, a + 0.1, b, b + 0.2, columns={"model": rng.uniform(0.9, 1.1, n)}, meta=PanelMeta(**meta)
    )  # type: ignore[arg-type]


def mids(one: Panel) -> list[float | None]:
    ratio = (one.bid_a + one.ask_a) / (one.bid_b + one.ask_b)
    return [float(r) if good else None for r, good in zip(ratio, one.tradable, strict=True)]


@pytest.mark.parametrize("max_age_s", [-1, 45])
@pytest.mark.parametrize("seed", range(2))
def test_ewma_and_median_are_those_of_the_plain_twins(seed: int, max_age_s: int) -> None:
    one = panel(seed=seed, max_age_ns=max_age_s * SECOND if max_age_s > 0 else -1)
    max_age = one.meta.max_age_ns
    ts = one.ts.tolist()
    start, samples = plain_grid(ts, mids(one), 60 * SECOND, max_age)
    for kind, twin in (("ewma", plain_ewma), ("median", plain_median)):
        got = one.with_reference(f"{kind}:30m").fair
        np.testing.assert_allclose(got, twin(ts, start, samples, 60 * SECOND, HOUR // 2), rtol=1e-12)
        assert np.isfinite(got).sum() > 100


@pytest.mark.parametrize("reference", ["ewma:10m", "median:10m"])
def test_other_rows_after_a_row_change_nothing_before_it(reference: str) -> None:
    one = panel()
    cut = 250
    changed = one.replace(
        bid_a=np.r_[one.bid_a[:cut], one.bid_a[cut:] * 2], ask_a=np.r_[one.ask_a[:cut], one.ask_a[cut:] * 2]
    )
    before, after = one.with_reference(reference).fair, changed.with_reference(reference).fair
    assert np.array_equal(before[: cut + 1], after[: cut + 1], equal_nan=True)
    assert not np.array_equal(before, after, equal_nan=True)


@pytest.mark.parametrize("reference", ["ewma:10m", "median:10m", "fixed:5", "column:model"])
def test_a_slice_keeps_the_reference_it_was_given_before(reference: str) -> None:
    one = panel().with_reference(reference)
    assert np.array_equal(one.rows(200, 300).fair, one.fair[200:300], equal_nan=True)
    assert one.rows(200, 300).meta.reference == reference


def test_none_takes_a_reference_away() -> None:
    one = panel()
    assert one.with_reference("fixed:5").with_reference("none").fingerprint == one.fingerprint
    assert one.with_reference("none").meta.reference == "none"


def test_fixed_is_a_ratio_in_bps() -> None:
    assert set(panel().with_reference("fixed:-25").fair) == {1 - 25e-4}


def test_a_column_is_taken_as_it_is() -> None:
    one = panel()
    assert np.array_equal(one.with_reference("column:model").fair, one.columns["model"])
    with pytest.raises(ConfigError, match="no column 'modell'; did you mean `model`"):
        one.with_reference("column:modell")
    with pytest.raises(ConfigError, match="no column 'model'; it has no further columns"):
        one.replace(columns={}).with_reference("column:model")
    assert one.replace(fair=np.ones(400)).with_reference("column:fair").fair[0] == 1.0


def test_the_step_of_the_grid_can_be_chosen() -> None:
    one = panel()
    start, samples = plain_grid(one.ts.tolist(), mids(one), 300 * SECOND, -1)
    want = plain_ewma(one.ts.tolist(), start, samples, 300 * SECOND, HOUR // 2)
    np.testing.assert_allclose(one.with_reference("ewma:30m", step_s=300).fair, want, rtol=1e-12)


def test_an_empty_and_a_void_panel_have_no_reference() -> None:
    for one in (panel(0), panel(5).replace(bid_b=np.full(5, np.nan))):
        for reference in ("ewma:1h", "median:1h"):
            assert np.isnan(one.with_reference(reference).fair).all()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("mean:6h", "was 'mean:6h'; did you mean `median`"),
        ("ewma", "a reference is none, fixed:BPS"),
        ("none:1", "a reference is none"),
        ("ewma:soon", "must be a duration"),
        ("ewma:0s", "longer than 0"),
        ("ewma:30s", "at least one step of 60 s"),
        ("fixed:many", "a number of basis points"),
        ("fixed:-10000", "finite ratio above 0"),
        ("fixed:nan", "finite ratio above 0"),
        ("column:", "a reference is none"),
    ],
)
def test_a_bad_reference_is_one_clear_error(reference: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        panel(3).with_reference(reference)


def test_a_bad_step_is_an_error() -> None:
    with pytest.raises(ConfigError, match="`step_s` must be above 0"):
        panel(3).with_reference("ewma:1h", step_s=0)


def test_references_are_read_and_their_warm_up_known() -> None:
    assert parse_reference("ewma:6h") == ("ewma", "6h")
    assert warm_up_ns("ewma:6h") == 12 * HOUR
    assert warm_up_ns("median:1d") == 24 * HOUR
    assert warm_up_ns("none") == warm_up_ns("fixed:3") == warm_up_ns("column:x") == 0
