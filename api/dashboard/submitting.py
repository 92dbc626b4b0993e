"""The first page: one field to submit, the options, and what came last."""

from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import cast

from apiflask import APIBlueprint
from flask import redirect, render_template, request
from werkzeug.wrappers import Response

from api.auth import Asked
from api.dashboard.options import KINDS, panel, wanted
from api.dashboard.posts import Posted
from api.dashboard.showing import Card
from farm.jobs.errors import (
    BackendUnavailable,
    FieldError,
    InvalidSpec,
    RequestError,
    ScopeRequired,
    UnknownUpload,
)
from farm.jobs.listing import JobFilter
from farm.jobs.specs.requests import Kind

_LATEST = 8


def add(pages: APIBlueprint, asked: Asked, posted: Posted) -> None:
    """Add the addresses of submitting to ``pages``."""

    @pages.get("/")
    def home() -> str:
        kind = known_kind(request.args)
        latest = asked().listed(JobFilter(), None, _LATEST).jobs
        return render_template(
            "dashboard/home.html",
            kind=kind,
            kinds=KINDS,
            panel=panel(kind),
            cards=[Card(job) for job in latest],
            now=asked().clock.now(),
        )

    @pages.post("/submit")
    def submit() -> Response:
        service = asked()
        form = posted()
        upload = None
        if form.file is not None:
            if "uploads" not in service.caller.scopes:
                raise ScopeRequired("uploads")
            file = form.file
            upload = service.upload(file.name, file.media_type, file.chunks)
        try:
            job = service.submit(wanted(form.fields, upload))
        except RequestError:
            # Nothing was stored, and nobody else knows of the file.
            if upload is not None:
                with suppress(BackendUnavailable, UnknownUpload):  # It expires by itself.
                    service.forget_upload(upload.id)
            raise
        return redirect(f"/jobs/{job.id}", HTTPStatus.SEE_OTHER)


def known_kind(args: Mapping[str, str]) -> Kind:
    """Return the kind that a page's address asks for, by itself the first one.

    Raises:
        InvalidSpec: There is no such kind.
    """
    kind = args.get("kind", KINDS[0])
    if kind not in KINDS:
        message = f"must be one of: {', '.join(KINDS)}"
        raise InvalidSpec([FieldError(field="kind", message=message)])
    return cast("Kind", kind)
