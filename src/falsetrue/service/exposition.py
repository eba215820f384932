"""Figures of the service as Prometheus reads them, in its own text format or OpenMetrics.

Imported once somebody asks: the library takes longer than a request.
"""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from falsetrue.service.metrics import FAMILIES, Family, Kind, Metrics


def expose(metrics: Metrics, accept: str = "") -> tuple[bytes, str]:
    """The figures of all processes, and their media type, in the format that an ``Accept`` header asks for."""
    figures = _Figures(metrics)
    try:
        encode, media_type = choose_encoder(accept)
        return encode(figures), media_type
    except (TypeError, ValueError):  # of a version that is no number
        encode, media_type = choose_encoder("")
        return encode(figures), media_type


class _Figures(Collector):
    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Every figure, whether anything was counted or not."""
        read = self._metrics.read()
        return (_family(family, read[family.name]) for family in FAMILIES)


def _family(family: Family, series: dict[tuple[str, ...], list[float]]) -> Metric:
    name, labels = family.name.removesuffix("_total"), family.labels
    if family.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(name, family.help, labels=labels)
        for values, (total, *counts) in sorted(series.items()):
            histogram.add_metric(values, _buckets(family, counts), total)
        return histogram
    if family.kind is Kind.COUNTER:
        counter = CounterMetricFamily(name, family.help, labels=labels)
        for values, (number,) in sorted(series.items()):
            counter.add_metric(values, number)
        return counter
    gauge = GaugeMetricFamily(name, family.help, labels=labels)
    for values, (number,) in sorted(series.items()):
        if number or not name.endswith("_info"):  # what a process that has ended said of itself
            gauge.add_metric(values, number)
    return gauge


def _buckets(family: Family, counts: list[float]) -> list[tuple[str, float]]:
    bounds = [*map(floatToGoString, family.buckets), "+Inf"]
    return list(zip(bounds, accumulate(counts), strict=True))
