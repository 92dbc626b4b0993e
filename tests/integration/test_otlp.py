"""Traces as a collector gets them."""

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from farm.backends.traces import traces_to
from farm.jobs.tracing import Span
from tests.support.builders import NOON
from tests.support.collector import Collector
from tests.support.neighbours import free_port


@pytest.mark.parametrize(("path", "asked"), [("", "/v1/traces"), ("/", "/v1/traces"), ("/x", "/x")])
def test_a_span_reaches_the_collector_when_its_process_ends(
    collector: Collector, path: str, asked: str
) -> None:
    traces = traces_to(f"{collector.url}{path}", "renderfarm-worker")
    traces.tell(Span("farm pdf", NOON, NOON), None)
    traces.close()
    ((found, body),) = collector.taken
    (sent,) = ExportTraceServiceRequest.FromString(body).resource_spans
    assert found == asked
    assert [span.name for scope in sent.scope_spans for span in scope.spans] == ["farm pdf"]


@pytest.mark.filterwarnings("ignore")
def test_a_collector_that_is_away_costs_nothing() -> None:
    traces = traces_to(f"http://127.0.0.1:{free_port()}", "renderfarm-worker")
    traces.tell(Span("farm pdf", NOON, NOON), None)
