"""Two captures of one address side by side; what differs is painted by the browser."""

from typing import Any

from apiflask import APIBlueprint
from flask import render_template, request

from api.auth import Asked
from api.dashboard import showing
from farm.jobs.listing import JobFilter
from farm.jobs.models import Job
from farm.jobs.searching import search
from farm.jobs.service import JobService
from farm.jobs.states import JobState

_OTHERS_MAX = 50


def add(pages: APIBlueprint, asked: Asked) -> None:
    """Add the address of comparisons to ``pages``."""

    @pages.get("/jobs/<job_id>/compare")
    def compare(job_id: str) -> str:
        service = asked()
        job = service.get(job_id)
        others = _others(service, job)
        chosen = request.args.get("with", "")
        other = service.get(chosen) if chosen else next(iter(others), None)
        return render_template(
            "dashboard/compare.html",
            job=job,
            others=others,
            other=other,
            **_shown(service, job, other),
        )


def _shown(service: JobService, job: Job, other: Job | None) -> dict[str, Any]:
    """Return both with their pictures, the earlier one first."""
    both = [job] if other is None else sorted((job, other), key=lambda each: each.created_at)
    return {
        "card": showing.Card(job),
        "sides": [(showing.Card(each), showing.shot(each)) for each in both],
        "now": service.clock.now(),
    }


def _others(service: JobService, job: Job) -> list[Job]:
    """Return the newest other jobs of the same address that made a picture."""
    if not job.host:
        return []
    wanted = JobFilter(state=JobState.SUCCEEDED, host=job.host)
    found = search(service, wanted, lambda each: _is_other(each, job), None, _OTHERS_MAX)
    return list(found.jobs[:_OTHERS_MAX])


def _is_other(each: Job, job: Job) -> bool:
    is_same = each.spec.url == job.spec.url and each.id != job.id
    return is_same and showing.shot(each) is not None
