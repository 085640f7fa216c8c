"""Figures in Prometheus' text format, by the SDK and its exporter."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider, ObservableCounter, ObservableGauge
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    CardinalityLimits,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
)
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest

from shared.service import Gauge
from shared.telemetry import CPU_SECONDS, DESCRIBED, DISTRIBUTIONS, Distribution, Kind

CONTENT_TYPE = "text/plain; version=0.0.4"

_POINTS_AT_MOST = 100_000
"""Of one figure; there are two for each channel of each tenant."""


class _Reader(PrometheusMetricReader):
    """Beside what the SDK collects, the distributions that we count ourselves."""

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **given: Any
    ) -> None:
        [resource] = metrics_data.resource_metrics
        [scope] = resource.scope_metrics
        metrics = [*scope.metrics, *map(_histogram, DISTRIBUTIONS)]
        resource = replace(resource, scope_metrics=[replace(scope, metrics=metrics)])
        super()._receive_metrics(MetricsData([resource]), timeout_millis, **given)


def exposition(figures: Sequence[Gauge]) -> str:
    """The figures given, the CPU and the distributions of this process.

    Raises KeyError for a figure that is not described.
    """
    by_name: dict[str, list[Gauge]] = {}
    for figure in (Gauge(CPU_SECONDS.name, {}, time.process_time()), *figures):
        by_name.setdefault(figure.name, []).append(figure)
    registry = CollectorRegistry(auto_describe=False)
    limits: CardinalityLimits = {
        ObservableCounter: _POINTS_AT_MOST,
        ObservableGauge: _POINTS_AT_MOST,
    }
    reader = _Reader(
        disable_target_info=True,
        scope_info_enabled=False,
        registry=registry,
        cardinality_limits=limits,
    )
    provider = MeterProvider([reader], resource=Resource.get_empty(), shutdown_on_exit=False)
    meter = provider.get_meter("pulsetrail")
    for name, of_name in by_name.items():
        _observe(meter, name, of_name)
    shown = generate_latest(registry).decode()
    provider.shutdown()
    return shown


def _observe(meter: Meter, name: str, figures: Sequence[Gauge]) -> None:
    observations = [Observation(each.value, each.labels) for each in figures]

    def observed(_options: CallbackOptions) -> Sequence[Observation]:
        return observations

    described = DESCRIBED[name]
    if described.kind is Kind.COUNTER:
        plain = name.removesuffix("_total")
        meter.create_observable_counter(plain, [observed], description=described.meaning)
    else:
        meter.create_observable_gauge(name, [observed], description=described.meaning)


def _histogram(distribution: Distribution) -> Metric:
    described = distribution.described
    points = [
        HistogramDataPoint(
            attributes=dict(zip(described.labels, counted.labels, strict=True)),
            start_time_unix_nano=0,
            time_unix_nano=0,
            count=sum(counted.buckets),
            sum=counted.total,
            bucket_counts=counted.buckets,
            explicit_bounds=distribution.bounds,
            min=0.0,
            max=0.0,
        )
        for counted in distribution.counted()
    ]
    data = Histogram(points, AggregationTemporality.CUMULATIVE)
    return Metric(described.name, described.meaning, "", data)
