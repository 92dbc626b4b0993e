"""Jobs as a list, as a gallery, and one by one."""

from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import redirect, render_template, request
from pydantic import ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from api.auth import Asked
from api.dashboard import showing
from api.dashboard.options import KINDS
from api.dashboard.posts import Posted
from api.schemas import ListQuery
from farm.jobs.errors import InvalidSpec
from farm.jobs.models import Job
from farm.jobs.service import JobService
from farm.jobs.specs.requests import errors_of
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from farm.jobs.webhooks import Webhooks

_PAGE_JOBS = 50
_PAGE_PICTURES = 24
_LIVE_WAIT_S = 5
"""A change other than the end shows after so long at most."""


def add(pages: APIBlueprint, asked: Asked, posted: Posted) -> None:
    """Add the addresses of jobs to ``pages``."""

    @pages.get("/jobs")
    def jobs() -> str:
        return render_template("dashboard/jobs.html", **_listed(asked(), _PAGE_JOBS))

    @pages.get("/gallery")
    def gallery() -> str:
        return render_template("dashboard/gallery.html", **_listed(asked(), _PAGE_PICTURES))

    @pages.get("/jobs/<job_id>")
    def job(job_id: str) -> str:
        service = asked()
        return render_template("dashboard/job.html", **_shown(service, service.get(job_id)))

    @pages.get("/jobs/<job_id>/live")
    def live_job(job_id: str) -> str:
        service = asked()
        found = service.wait(service.get(job_id), _LIVE_WAIT_S)
        return render_template("dashboard/_job.html", **_shown(service, found))

    @pages.post("/jobs/<job_id>/cancel")
    def cancel(job_id: str) -> Response:
        posted()
        asked().cancel(job_id)
        return redirect(f"/jobs/{job_id}", HTTPStatus.SEE_OTHER)

    @pages.post("/jobs/<job_id>/retry")
    def retry(job_id: str) -> Response:
        posted()
        asked().retry(job_id)
        return redirect(f"/jobs/{job_id}", HTTPStatus.SEE_OTHER)


def query(given: MultiDict[str, str], limit: int) -> ListQuery:
    """Return what a form of filters asks for; an empty field asks for nothing.

    Raises:
        InvalidSpec: It is wrong; names each field at fault.
    """
    fields = {name: text.strip() for name, text in given.items() if text.strip()}
    try:
        return ListQuery.model_validate({"limit": limit, **fields})
    except ValidationError as error:
        raise InvalidSpec(errors_of(ListQuery, error)) from None


def _listed(service: JobService, limit: int) -> dict[str, Any]:
    wanted = query(request.args, limit)
    before = None if wanted.cursor is None else int(wanted.cursor)
    page = service.listed(wanted, before, wanted.limit)
    filters = wanted.model_dump(mode="json", exclude={"limit", "cursor"}, exclude_none=True)
    return {
        "cards": [showing.Card(job) for job in page.jobs],
        "filters": filters,
        "cursor": wanted.cursor,
        "next": page.next,
        "states": list(JobState),
        "kinds": KINDS,
        "now": service.clock.now(),
    }


def _shown(service: JobService, job: Job) -> dict[str, Any]:
    view = JobView.of(job, Webhooks(service).of([job]).get(job.id))
    return {
        "card": showing.Card(job),
        "job": job,
        "view": view,
        "pictures": showing.pictures(job),
        "stills": showing.stills(job),
        "timings": showing.timings(job),
        "media": showing.media(job),
        "facts": showing.facts(job),
        "asked": showing.asked(view),
        "now": service.clock.now(),
    }
