"""A job's run as a trace that goes on with its caller's, and nothing where it is off."""

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from farm.backends import traces
from farm.backends.otlp_traces import OtlpTraces
from farm.backends.traces import traces_to
from farm.jobs.errors import ConfigError, DnsError
from farm.jobs.models import Job, Origin
from farm.jobs.tracing import NoTraces
from tasks.deadline import Deadline
from tasks.outcome import Outcome, Stopwatch
from tasks.runner import JobRunner, Room, Run
from tests.support.builders import MemoryFarm

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"


def rendered(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
    del job, deadline
    for name in ("load", "settle", "capture"):
        with stopwatch.stage(name):
            pass
    return Outcome(made=[], report={})


def failed(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
    del job, deadline
    with stopwatch.stage("load"):
        raise DnsError("Gone.")


def spans_of(run: Run, *, traceparent: str | None, before: Callable[[MemoryFarm], None]) -> Any:
    """Run one job that waited for two seconds, and return its spans by name."""
    exporter = InMemorySpanExporter()
    tracer = OtlpTraces("test", lambda: exporter)
    farm = MemoryFarm()
    runner = JobRunner(
        farm=farm.service,
        kinds={"screenshot": Room(run)},
        worker="w",
        overtime=TimeoutError,
        traces=tracer,
    )
    origin = Origin(request_id="order-1", traceparent=traceparent)
    farm.service = farm.service.on_behalf_of(farm.service.caller, origin)
    job = farm.submit()
    farm.clock.advance(2)
    before(farm)
    runner.run(job.id)
    tracer.close()
    return {span.name: span for span in exporter.get_finished_spans()}


def nothing(farm: MemoryFarm) -> None:
    del farm


def lasted_s(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9


def test_a_run_goes_on_with_its_callers_trace_stage_by_stage() -> None:
    spans = spans_of(rendered, traceparent=f"00-{TRACE}-{CALLER}-01", before=nothing)
    assert spans.keys() == {"farm screenshot", "queue", "load", "settle", "capture", "store"}
    whole = spans.pop("farm screenshot")
    assert f"{whole.parent.span_id:016x}" == CALLER
    assert f"{whole.context.trace_id:032x}" == TRACE
    assert {span.parent.span_id for span in spans.values()} == {whole.context.span_id}
    assert {span.context.trace_id for span in spans.values()} == {whole.context.trace_id}
    facts = dict(whole.attributes)
    assert facts.pop("farm.job_id")
    assert facts == {
        "farm.kind": "screenshot",
        "farm.attempt": 1,
        "farm.state": "succeeded",
        "farm.request_id": "order-1",
    }
    assert whole.status.status_code is StatusCode.UNSET
    assert whole.resource.attributes["service.name"] == "test"
    assert lasted_s(spans["queue"]) == 2
    assert lasted_s(whole) >= 2
    stages = [spans[name] for name in ("queue", "load", "settle", "capture", "store")]
    for earlier, later in pairwise(stages):
        assert earlier.end_time <= later.start_time


def test_without_a_callers_trace_it_is_one_of_its_own() -> None:
    spans = spans_of(rendered, traceparent=None, before=nothing)
    assert spans["farm screenshot"].parent is None


def test_what_the_caller_does_not_sample_is_not_told() -> None:
    assert spans_of(rendered, traceparent=f"00-{TRACE}-{CALLER}-00", before=nothing) == {}


def test_a_failure_has_its_code_and_no_words_of_strangers() -> None:
    spans = spans_of(failed, traceparent=None, before=nothing)
    assert spans.keys() == {"farm screenshot", "queue", "load"}
    status = spans["farm screenshot"].status
    assert (status.status_code, status.description) == (StatusCode.ERROR, "dns_error")


def test_a_run_that_nobody_wanted_any_more_says_so() -> None:
    farms: list[MemoryFarm] = []

    def cancelled(job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        farms[0].service.cancel_or_forget(job.id)
        return rendered(job, deadline, stopwatch)

    spans = spans_of(cancelled, traceparent=None, before=farms.append)
    assert spans["farm screenshot"].attributes["farm.state"] == "outrun"


def test_a_clock_that_went_back_makes_no_span_that_ends_before_it_begins() -> None:
    spans = spans_of(rendered, traceparent=None, before=lambda farm: farm.clock.advance(-9))
    assert all(lasted_s(span) >= 0 for span in spans.values())


def test_off_is_the_default_and_needs_nothing_of_it_installed() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None  # As if it were not installed.\n"
        "from tasks.app import make_celery; from tasks.settings import WorkerSettings\n"
        "make_celery(WorkerSettings())\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_off_it_is_not_imported_where_it_is_installed() -> None:
    code = (
        "import sys; from farm.backends.traces import traces_to\n"
        "traces_to(None, 'test')\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
    assert isinstance(traces_to(None, "test"), NoTraces)


def test_what_is_not_installed_is_named_with_what_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name}", name="opentelemetry.sdk")

    monkeypatch.setattr(traces, "import_module", missing)
    with pytest.raises(ConfigError, match=r"FARM_OTLP_ENDPOINT.*renderfarm\[otel\].*opentelemetry"):
        traces_to("http://127.0.0.1:4318", "test")


def test_stages_begin_where_the_stopwatch_does() -> None:
    stopwatch = Stopwatch()
    for name in ("load", "load"):
        with stopwatch.stage(name):
            pass
    first, second = stopwatch.stages
    assert 0 <= first.began_s <= first.ended_s <= second.began_s <= second.ended_s
    assert list(stopwatch.timings_ms) == ["load"]
    assert timedelta(seconds=second.ended_s) < timedelta(seconds=5)
