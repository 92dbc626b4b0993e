"""Jobs as a list, as a gallery, and one by one."""

from typing import Annotated, Any, TypeVar

from apiflask import APIBlueprint
from flask import render_template, request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.datastructures import MultiDict

from api.auth import Asked
from api.dashboard import showing
from api.dashboard.options import KINDS, example
from api.schemas import ListQuery
from farm.jobs.errors import InvalidSpec
from farm.jobs.listing import PAGE_MAX, Page
from farm.jobs.models import Job
from farm.jobs.searching import LOOKED_AT_MAX, Found, holding, search
from farm.jobs.service import JobService
from farm.jobs.specs.requests import errors_of
from farm.jobs.states import JobState
from farm.jobs.views import JobView
from farm.jobs.webhooks import Webhooks

_PAGE_JOBS = 50
_PAGE_PICTURES = 24

M = TypeVar("M", bound=BaseModel)


class Wanted(ListQuery):
    """Which jobs to show, and which part of them."""

    text: Annotated[
        str | None, Field(max_length=200, description="Words of its title or addresses.")
    ] = None


def add(pages: APIBlueprint, asked: Asked) -> None:
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
        return render_template("dashboard/_job.html", **_shown(service, service.get(job_id)))


def query(given: MultiDict[str, str], limit: int) -> Wanted:
    """Return what a form of filters asks for; an empty field asks for nothing.

    Raises:
        InvalidSpec: It is wrong; names each field at fault.
    """
    filled_in = {name: text.strip() for name, text in given.items() if text.strip()}
    return checked(Wanted, {"limit": limit, **filled_in})


def checked(model: type[M], given: dict[str, Any]) -> M:
    """Return ``given`` as the model.

    Raises:
        InvalidSpec: It is wrong; names each field at fault.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidSpec(errors_of(model, error)) from None


def found(service: JobService, wanted: Wanted) -> Page | Found:
    """Return the jobs that are as ``wanted``; by a text it may be none and older ones match."""
    if wanted.text is None:
        return service.listed(wanted, wanted.before, wanted.limit)
    return search(service, wanted, holding(wanted.text), wanted.before, wanted.limit)


def _listed(service: JobService, limit: int) -> dict[str, Any]:
    wanted = query(request.args, limit)
    page, now = found(service, wanted), service.clock.now()
    return {
        "cards": [showing.Card(job) for job in page.jobs],
        "filters": filters(wanted),
        "retried_max": PAGE_MAX,
        "looked_at_max": LOOKED_AT_MAX,
        "seen": int(now.timestamp() * 1000),
        "cursor": wanted.cursor,
        "next": page.next,
        "states": list(JobState),
        "kinds": KINDS,
        "now": now,
    }


def filters(wanted: Wanted) -> dict[str, Any]:
    """Return what was asked for, by field, for addresses and forms."""
    return wanted.model_dump(mode="json", exclude={"limit", "cursor"}, exclude_none=True)


def _shown(service: JobService, job: Job) -> dict[str, Any]:
    view = JobView.of(job, Webhooks(service).of([job]).get(job.id))
    return {
        "card": showing.Card(job),
        "job": job,
        "view": view,
        "pictures": showing.pictures(job),
        "stills": showing.stills(job),
        "comparable": bool(job.host) and showing.shot(job) is not None,
        "timings": showing.timings(job),
        "media": showing.media(job),
        "facts": showing.facts(job),
        "asked": showing.asked(view),
        "examples": {name: example(name) for name in job.dropped_secrets},
        "now": service.clock.now(),
    }
