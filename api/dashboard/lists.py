"""Submitting a list of addresses as a batch."""

from http import HTTPStatus

from apiflask import APIBlueprint
from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from api.auth import Asked
from api.batch_bodies import form_request
from api.bodies import JSON_MAX_BYTES, Form
from api.cells import fields
from api.dashboard.options import KINDS, panel
from api.dashboard.posts import Posted
from api.dashboard.submitting import known_kind
from farm.jobs.batches.service import Batches, BatchRequest
from farm.jobs.batches.views import AcceptedBatchView
from farm.jobs.errors import FieldError, InvalidSpec

_LIST = "list"
_REFUSED_MAX = 100
"""Lines that a page tells of; more of them have one cause mostly."""


def add(pages: APIBlueprint, asked: Asked, posted: Posted, batch_max_bytes: int) -> None:
    """Add the addresses of this to ``pages``; a file may have ``batch_max_bytes``."""

    @pages.get("/batches/new")
    def new_batch() -> str:
        kind = known_kind(request.args)
        limits = asked().limits
        return render_template(
            "dashboard/new_batch.html",
            kind=kind,
            kinds=KINDS,
            panel=panel(kind),
            lines_max=limits.batch_items_max,
        )

    @pages.post("/batches")
    def submit_batch() -> str | Response:
        service = asked()
        wanted = _wanted(posted(JSON_MAX_BYTES), batch_max_bytes)
        batch = AcceptedBatchView.accepted(Batches(service).submit(wanted), None)
        if not batch.rejected:
            return redirect(f"/batches/{batch.id}", HTTPStatus.SEE_OTHER)
        refused = batch.rejected[:_REFUSED_MAX]
        return render_template("dashboard/accepted.html", batch=batch, refused=refused)


def _wanted(form: Form, max_bytes: int) -> BatchRequest:
    given = [(name, text.strip()) for name, text in form.fields if text.strip()]
    typed = next((text for name, text in given if name == _LIST), "")
    asked_for = fields(each for each in given if each[0] != _LIST)
    if form.file is None:
        return form_request(asked_for, "", iter([typed.encode()]), max_bytes)
    if typed:
        message = "has addresses beside a file; only one of them can be the list"
        raise InvalidSpec([FieldError(field=_LIST, message=message)])
    return form_request(asked_for, form.file.name, form.file.chunks, max_bytes)
