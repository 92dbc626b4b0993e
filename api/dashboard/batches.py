"""Batches as a list and one by one: how far, what failed, and what may be done about it."""

from http import HTTPStatus
from typing import cast, get_args

from apiflask import APIBlueprint
from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from api.auth import Asked
from api.batch_news import BatchNews
from api.dashboard import showing
from api.dashboard.jobs import query
from api.dashboard.posts import Posted
from api.dashboard.progress import MILESTONES, plots
from api.event_stream import followed
from farm.jobs.batches.control import Action, Control
from farm.jobs.batches.reading import Reading
from farm.jobs.batches.service import Batches
from farm.jobs.batches.views import RESULTS, BatchView
from farm.jobs.errors import NoSuchPage
from farm.jobs.listing import JobFilter
from farm.jobs.states import JobState

_PAGE_BATCHES = 30
_PICTURES = 12
_IN_BAR = ("succeeded", "failed", "cancelled", "running", "queued")


def add(pages: APIBlueprint, asked: Asked, posted: Posted) -> None:
    """Add the addresses of batches to ``pages``."""

    @pages.get("/batches")
    def batches() -> str:
        service = asked()
        wanted = query(request.args, _PAGE_BATCHES)
        page = Batches(service).listed(wanted.before, wanted.limit)
        views = [BatchView.of(standing) for standing in page.batches]
        return render_template(
            "dashboard/batches.html",
            batches=[(view, _bar(view)) for view in views],
            cursor=wanted.cursor,
            next=page.next,
            now=service.clock.now(),
        )

    @pages.get("/batches/<batch_id>")
    def batch(batch_id: str) -> str:
        service = asked()
        view, now = BatchView.of(Batches(service).get(batch_id)), service.clock.now()
        reading = Reading(service, batch_id)
        codes = sorted(view.failures_by_code.items(), key=lambda item: -item[1])
        latest = JobFilter(batch=batch_id, state=JobState.SUCCEEDED)
        return render_template(
            "dashboard/batch.html",
            batch=view,
            parts=_bar(view),
            causes=[(code, count, reading.failed_with(code, 1)) for code, count in codes],
            cards=[showing.Card(job) for job in service.listed(latest, None, _PICTURES).jobs],
            results=RESULTS,
            plots=plots(view, service.batch_jobs.milestones(batch_id, MILESTONES), now),
            now=now,
        )

    @pages.get("/batches/<batch_id>/events")
    def batch_events(batch_id: str) -> Response:
        service = asked()
        Batches(service).get(batch_id)
        news = BatchNews(service, batch_id, tells_ends=False)
        return followed(service.batch_jobs.watched(batch_id), news.told)

    @pages.post("/batches/<batch_id>/<action>")
    def steer(batch_id: str, action: str) -> Response:
        posted()
        if action not in get_args(Action):
            raise NoSuchPage("There is nothing at this address.")
        Control(asked()).act(batch_id, cast("Action", action), None)
        return redirect(f"/batches/{batch_id}", HTTPStatus.SEE_OTHER)


def _bar(view: BatchView) -> list[showing.Part]:
    counts = [(state, getattr(view, state)) for state in _IN_BAR]
    return showing.bar([(state, count, f"{count:,}") for state, count in counts if count])
