"""The farm itself: how busy it is, who works, and what fails."""

from collections import Counter

from apiflask import APIBlueprint
from flask import render_template

from api.auth import Asked
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
        running = service.running()
        failures = _failures(service) if "jobs:read" in service.caller.scopes else []
        return render_template(
            "dashboard/farm.html",
            pressure=PressureView.of(service.pressure(), service.limits.backlog_max, now),
            workers=[WorkerView.of(each, running) for each in service.workers.alive()],
            failures=failures,
            looked_at=PAGE_MAX,
            readiness=service.readiness(),
            now=now,
        )


def _failures(service: JobService) -> list[tuple[str, int, Job]]:
    """Return the codes of the newest failures: how many, and the newest of each."""
    failed = service.listed(JobFilter(state=JobState.FAILED), None, PAGE_MAX).jobs
    codes = [(job.failure.code, job) for job in failed if job.failure]
    newest = dict(reversed(codes))
    counts = Counter(code for code, _ in codes)
    return [(code, count, newest[code]) for code, count in counts.most_common()]
