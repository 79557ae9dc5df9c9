"""Metrics of a simulated run, and the statistics that say what they are worth (docs/metrics.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from arbkit._lazy import lazy_names

if TYPE_CHECKING:
    from arbkit.metrics.bootstrap import MeanInterval, mean_interval
    from arbkit.metrics.newey_west import MeanEstimate, newey_west_mean, newey_west_t, t_quantile
    from arbkit.metrics.pbo import PboResult, probability_of_overfitting
    from arbkit.metrics.ratios import (
        DAYS_PER_YEAR,
        annualised,
        calmar_ratio,
        downside_deviation,
        ewma_variance,
        ewma_window,
        expected_shortfall,
        omega_ratio,
        sortino_ratio,
        value_at_risk,
    )
    from arbkit.metrics.sharpe import (
        DeflatedSharpe,
        ReturnMoments,
        ar1_scaling,
        deflated_sharpe_ratio,
        expected_max_sharpe,
        expected_maximum,
        min_backtest_length,
        min_track_record_length,
        probabilistic_sharpe_ratio,
        return_moments,
        sharpe_ratio,
        sharpe_standard_error,
    )
    from arbkit.metrics.spa import SpaResult, long_run_deviation, superior_predictive_ability
    from arbkit.metrics.summary import METRIC_NAMES, Metrics, metric_columns

__all__ = [
    "DAYS_PER_YEAR",
    "METRIC_NAMES",
    "DeflatedSharpe",
    "MeanEstimate",
    "MeanInterval",
    "Metrics",
    "PboResult",
    "ReturnMoments",
    "SpaResult",
    "annualised",
    "ar1_scaling",
    "calmar_ratio",
    "deflated_sharpe_ratio",
    "downside_deviation",
    "ewma_variance",
    "ewma_window",
    "expected_max_sharpe",
    "expected_maximum",
    "expected_shortfall",
    "long_run_deviation",
    "mean_interval",
    "metric_columns",
    "min_backtest_length",
    "min_track_record_length",
    "newey_west_mean",
    "newey_west_t",
    "omega_ratio",
    "probabilistic_sharpe_ratio",
    "probability_of_overfitting",
    "return_moments",
    "sharpe_ratio",
    "sharpe_standard_error",
    "sortino_ratio",
    "superior_predictive_ability",
    "t_quantile",
    "value_at_risk",
]

_HOMES: Final = {
    "DAYS_PER_YEAR": "arbkit.metrics.ratios",
    "METRIC_NAMES": "arbkit.metrics.summary",
    "DeflatedSharpe": "arbkit.metrics.sharpe",
    "MeanEstimate": "arbkit.metrics.newey_west",
    "MeanInterval": "arbkit.metrics.bootstrap",
    "Metrics": "arbkit.metrics.summary",
    "PboResult": "arbkit.metrics.pbo",
    "ReturnMoments": "arbkit.metrics.sharpe",
    "SpaResult": "arbkit.metrics.spa",
    "annualised": "arbkit.metrics.ratios",
    "ar1_scaling": "arbkit.metrics.sharpe",
    "calmar_ratio": "arbkit.metrics.ratios",
    "deflated_sharpe_ratio": "arbkit.metrics.sharpe",
    "downside_deviation": "arbkit.metrics.ratios",
    "ewma_variance": "arbkit.metrics.ratios",
    "ewma_window": "arbkit.metrics.ratios",
    "expected_max_sharpe": "arbkit.metrics.sharpe",
    "expected_maximum": "arbkit.metrics.sharpe",
    "expected_shortfall": "arbkit.metrics.ratios",
    "long_run_deviation": "arbkit.metrics.spa",
    "mean_interval": "arbkit.metrics.bootstrap",
    "metric_columns": "arbkit.metrics.summary",
    "min_backtest_length": "arbkit.metrics.sharpe",
    "min_track_record_length": "arbkit.metrics.sharpe",
    "newey_west_mean": "arbkit.metrics.newey_west",
    "newey_west_t": "arbkit.metrics.newey_west",
    "omega_ratio": "arbkit.metrics.ratios",
    "probabilistic_sharpe_ratio": "arbkit.metrics.sharpe",
    "probability_of_overfitting": "arbkit.metrics.pbo",
    "return_moments": "arbkit.metrics.sharpe",
    "sharpe_ratio": "arbkit.metrics.sharpe",
    "sharpe_standard_error": "arbkit.metrics.sharpe",
    "sortino_ratio": "arbkit.metrics.ratios",
    "superior_predictive_ability": "arbkit.metrics.spa",
    "t_quantile": "arbkit.metrics.newey_west",
    "value_at_risk": "arbkit.metrics.ratios",
}

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
