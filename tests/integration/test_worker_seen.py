"""What an operator sees of a real worker: counts, log, trace and facts, joined by one id."""

import json
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from farm.jobs.models import Origin
from farm.jobs.states import JobState
from tests.support.collector import Collector
from tests.support.neighbours import need
from tests.support.site import Site
from tests.support.workers import working

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]
TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_one_job_is_counted_logged_and_traced(
    redis_url: str, site: Site, tmp_path: Path, collector: Collector
) -> None:
    need("chromium-headless-shell")
    origin = Origin(request_id="order-1", traceparent=f"00-{TRACE}-b7ad6b7169203331-01")
    with working(redis_url, tmp_path, OTLP_ENDPOINT=collector.url) as worker:
        farm = worker.farm.on_behalf_of(worker.farm.caller, origin)
        done = worker.ended(farm.submit(worker.submit(site.url("/colours")).spec))
        assert done.state is JobState.SUCCEEDED
        facts = worker.farm.workers.alive()[0].facts
        assert int(facts["memory_bytes"] or 0) > 100_000_000
        assert "fonts_missing" in facts
        assert worker.stop() == 0
        counts = worker.farm.statistics.counts()
    assert counts["farm_jobs_submitted|screenshot"] == 2
    assert counts["farm_jobs_ended|screenshot|succeeded|"] == 2
    assert counts["farm_browsers_launched"] == 1
    assert "farm_browsers_lost" not in counts
    assert counts["farm_gate_requests|allowed"] >= 2
    assert counts["farm_gate_bytes"] > 1000
    assert counts["farm_artifact_bytes|screenshot"] > sum(one.size_bytes for one in done.artifacts)

    said = (tmp_path / "worker.log").read_text().splitlines()
    lines = [json.loads(line) for line in said if line.startswith("{")]  # Celery has a banner.
    of_job = [line for line in lines if line.get("job_id") == done.id]
    assert [line["state"] for line in of_job if line["event"] == "moved"] == [
        "running",
        "succeeded",
    ]
    assert {(line["request_id"], line["attempt"]) for line in of_job} == {("order-1", 1)}

    spans = {
        span.name: span
        for _, body in collector.taken
        for told in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in told.scope_spans
        for span in scope.spans
        if span.trace_id.hex() == TRACE
    }
    stages = {"queue", "browser", "load", "settle", "capture", "store"}
    assert spans.keys() == {"farm screenshot", *stages}
    whole = spans["farm screenshot"]
    assert whole.parent_span_id.hex() == "b7ad6b7169203331"
    assert {spans[name].parent_span_id for name in stages} == {whole.span_id}
