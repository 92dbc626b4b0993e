"""The farm's metrics in the words of Prometheus."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from farm.jobs.metrics import names
from farm.jobs.metrics.names import BUCKETS_S
from farm.jobs.metrics.samples import Histogram, Samples

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BOUNDS = [*(str(float(bound)) for bound in BUCKETS_S), "+Inf"]

_FAMILIES: Mapping[names.Sort, Any] = {
    "counter": CounterMetricFamily,
    "gauge": GaugeMetricFamily,
    "histogram": HistogramMetricFamily,
}


def exposition(told: Iterable[tuple[names.Metric, Samples]]) -> bytes:
    """Return all of ``told`` as text. Nothing of it is kept in this process."""
    return generate_latest(_Told([_family(metric, samples) for metric, samples in told]))


class _Told(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _family(metric: names.Metric, samples: Samples) -> Metric:
    meaning = metric.meaning.replace("`", "")
    family = _FAMILIES[metric.sort](metric.name, meaning, labels=metric.labels)
    for labels, value in samples.items():
        if isinstance(value, Histogram):
            buckets = list(zip(_BOUNDS, map(float, value.counts), strict=True))
            family.add_metric(list(labels), buckets, value.sum_s)
        else:
            family.add_metric(list(labels), value)
    return cast("Metric", family)
