"""Traces as a collector gets them."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from farm.backends.traces import traces_to
from farm.jobs.tracing import Span
from tests.support.builders import NOON
from tests.support.neighbours import free_port


class Collector:
    """Takes what it is sent."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []
        taken = self.taken

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                taken.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    the = Collector()
    thread = threading.Thread(target=the.server.serve_forever)
    thread.start()
    yield the
    the.server.shutdown()
    thread.join()
    the.server.server_close()


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
