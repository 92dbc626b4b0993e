"""The farm itself: how busy it is, who works, and what fails."""

from collections import Counter

from apiflask import APIBlueprint
from flask import render_template

from api.auth import Asked
from api.dashboard import showing
from api.dashboard.history import Hour
from api.dashboard.words import span
from farm.jobs.farm_views import PressureView, WorkerView
from farm.jobs.listing import PAGE_MAX, JobFilter
from farm.jobs.models import Job
from farm.jobs.service import JobService
from farm.jobs.states import JobState


def add(pages: APIBlueprint, asked: Asked) -> None:
    """Add the address of the farm's own page to ``pages``."""

    @pages.get("/farm")
    def farm() -> str:
        service = asked()
        now = service.clock.now()
        running, hour = service.running(), Hour(service.statistics.kept(), now)
        failures = _failures(service) if "jobs:read" in service.caller.scopes else []
        return render_template(
            "dashboard/farm.html",
            pressure=PressureView.of(service.pressure(), service.limits.backlog_max, now),
            workers=[WorkerView.of(each, running) for each in service.workers.alive()],
            failures=failures,
            looked_at=PAGE_MAX,
            readiness=service.readiness(),
            hour=hour,
            stages=_stages(hour),
            codes=_bars(hour),
            now=now,
        )


def _stages(hour: Hour) -> list[showing.Part]:
    return showing.bar([(stage, took_s, span(took_s)) for stage, took_s in hour.means().items()])


def _bars(hour: Hour) -> list[tuple[str, int, list[showing.Part]]]:
    """Return each code that jobs failed with in the last hour: how many, and as a bar."""
    failed = hour.failed()
    most = max(failed.values(), default=0)
    return [
        (
            code,
            count,
            showing.bar([("failed", count, f"{count:,}"), ("rest", most - count, "")])[:1],
        )
        for code, count in failed.items()
    ]


def _failures(service: JobService) -> list[tuple[str, int, Job]]:
    """Return the codes of the newest failures: how many, and the newest of each."""
    failed = service.listed(JobFilter(state=JobState.FAILED), None, PAGE_MAX).jobs
    codes = [(job.failure.code, job) for job in failed if job.failure]
    newest = dict(reversed(codes))
    counts = Counter(code for code, _ in codes)
    return [(code, count, newest[code]) for code, count in counts.most_common()]
