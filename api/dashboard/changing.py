"""What may be done to jobs: cancel, queue again, tag."""

import re
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import urlencode

from apiflask import APIBlueprint
from flask import redirect
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from api.auth import Asked
from api.cells import fields
from api.dashboard.jobs import checked, filters, found, query
from api.dashboard.posts import Posted
from api.schemas import TagsBody
from farm.jobs.errors import InvalidSpec, NothingToRetry, SecretsNeeded
from farm.jobs.listing import PAGE_MAX

_SEEN = "seen"
"""What a form to retry says of when its page was made: pressed twice it retries once."""
_UNIX_MS = re.compile(r"[0-9]{1,14}", re.ASCII)


def add(pages: APIBlueprint, asked: Asked, posted: Posted) -> None:
    """Add the addresses of these to ``pages``."""

    @pages.post("/jobs/<job_id>/cancel")
    def cancel(job_id: str) -> Response:
        posted()
        asked().cancel(job_id)
        return redirect(f"/jobs/{job_id}", HTTPStatus.SEE_OTHER)

    @pages.post("/jobs/<job_id>/retry")
    def retry(job_id: str) -> Response:
        service, given = asked(), dict(posted().fields)
        job = service.get(job_id)
        if given.pop(_SEEN, str(job.revision)) == str(job.revision):
            secrets = fields((name, text) for name, text in given.items() if text.strip())
            service.queued_again(service.check_retry(job, secrets))
        return redirect(f"/jobs/{job_id}", HTTPStatus.SEE_OTHER)

    @pages.post("/jobs/<job_id>/tags")
    def tag_job(job_id: str) -> Response:
        text = dict(posted().fields).get("tags", "")
        tags = [each.strip() for each in text.split(",") if each.strip()]
        asked().tag(job_id, checked(TagsBody, {"tags": tags}).tags)
        return redirect(f"/jobs/{job_id}", HTTPStatus.SEE_OTHER)

    @pages.post("/jobs/retry")
    def retry_all() -> Response:
        service, given = asked(), MultiDict(posted().fields)
        seen_at = _moment(given.pop(_SEEN, ""))
        wanted = query(given, PAGE_MAX)
        for each in found(service, wanted).jobs[:PAGE_MAX]:
            if seen_at is not None and each.finished_at and each.finished_at > seen_at:
                continue
            # One whose upload is gone, or whose secrets are, stays as it is.
            with suppress(NothingToRetry, InvalidSpec, SecretsNeeded):
                service.queued_again(service.check_retry(each))
        return redirect(f"/jobs?{urlencode(filters(wanted))}", HTTPStatus.SEE_OTHER)


def _moment(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text) / 1000, UTC) if _UNIX_MS.fullmatch(text) else None
