"""Traces by OpenTelemetry's protocol. Imported where they are wanted, and nowhere else."""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from farm.jobs.tracing import Span

_TIMEOUT_S = 5
"""For one batch of spans; a collector that is away costs no job anything."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OtlpTraces:
    """``Traces`` to a collector, from a thread of each process that tells something.

    May be made before a fork: nothing starts before the first span.
    """

    def __init__(self, service: str, exporter: Callable[[], SpanExporter]) -> None:
        """Tell, as ``service``, what ``exporter`` makes in each process."""
        self._service = service
        self._exporter = exporter
        self._provider: TracerProvider | None = None
        self._pid = 0

    def tell(self, span: Span, traceparent: str | None) -> None:
        """See ``Traces.tell``."""
        given = {"traceparent": traceparent} if traceparent else {}
        self._tell(span, TraceContextTextMapPropagator().extract(given, Context()))

    def close(self) -> None:
        """See ``Traces.close``."""
        provider, self._provider = self._provider, None
        if provider is not None and self._pid == os.getpid():
            with suppress(Exception):  # A process that ends must not fail because of it.
                provider.shutdown()

    def _tell(self, span: Span, parent: Context) -> None:
        told = self._tracer().start_span(
            span.name, parent, attributes=span.facts, start_time=_ns(span.start)
        )
        if span.error is not None:
            told.set_status(StatusCode.ERROR, span.error)
        for part in span.parts:
            self._tell(part, set_span_in_context(told, parent))
        told.end(_ns(span.end))

    def _tracer(self) -> Tracer:
        if self._provider is None or self._pid != os.getpid():
            self._pid = os.getpid()
            self._provider = TracerProvider(
                resource=Resource.create({SERVICE_NAME: self._service}), shutdown_on_exit=False
            )
            self._provider.add_span_processor(BatchSpanProcessor(self._exporter()))
        return self._provider.get_tracer("renderfarm")


def otlp_traces(endpoint: str, service: str) -> OtlpTraces:
    """Return traces to the collector at ``endpoint``, an address with or without a path."""
    url = endpoint if urlsplit(endpoint).path.strip("/") else f"{endpoint.rstrip('/')}/v1/traces"
    return OtlpTraces(service, lambda: OTLPSpanExporter(endpoint=url, timeout=_TIMEOUT_S))


def _ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1000
