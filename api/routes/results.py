"""What the jobs of a batch came to, in one file, as far as it is by then."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from apiflask import APIBlueprint
from flask import Response
from jinja2 import Environment

from api.auth import Asked
from api.downloads import Downloads
from api.idempotency import once
from api.results.archive import Read, archive
from api.results.lines import csv_lines, ndjson
from api.results.pieces import gathered
from api.results.report import CAUSE_JOBS_MAX, Cause, Thumbnails, report
from api.routes.artifacts import linked
from api.schemas import BODY_REFUSED, BYTES, problems
from farm.jobs.batches.models import Standing
from farm.jobs.batches.reading import Reading
from farm.jobs.batches.service import Batches
from farm.jobs.batches.views import RESULTS, BatchView
from farm.jobs.errors import NoSuchPage
from farm.jobs.links import LinkRequest, Links, LinkView, results_path
from farm.jobs.repeats import make_link
from farm.jobs.service import JobService
from farm.jobs.views import JobView
from farm.jobs.webhooks import Webhooks

_NDJSON, _CSV = "application/x-ndjson", "text/csv; charset=utf-8"
_ZIP, _HTML = "application/zip", "text/html; charset=utf-8"
_REPORT = "report.html"


def blueprint(asked: Asked, links: Links, templates: Environment) -> APIBlueprint:
    """Return the addresses of results over what ``asked`` returns, and of ``links`` to them.

    Pages are made of ``templates``.
    """
    results = APIBlueprint("results", __name__, url_prefix="/v1/batches", tag="Results")
    downloads = Downloads()

    @results.get("/<batch_id>/results.ndjson")
    @results.doc(
        summary="Read all jobs of a batch as NDJSON",
        description="A line for each job, as it stands when its turn comes, in the order in which "
        "they were submitted.",
        responses=_file(_NDJSON),
    )
    def ndjson_lines(batch_id: str) -> Response:
        service = asked()
        Batches(service).get(batch_id)
        lines = gathered(ndjson(_views(service, batch_id)))
        return downloads.answer(lines, _NDJSON, f"batch-{batch_id}.ndjson")

    @results.get("/<batch_id>/results.csv")
    @results.doc(
        summary="Read all jobs of a batch as a table",
        description="A row for each job. Text that a spreadsheet would take for a formula stands "
        "behind an apostrophe.",
        responses=_file(_CSV),
    )
    def csv_table(batch_id: str) -> Response:
        service = asked()
        Batches(service).get(batch_id)
        lines = gathered(csv_lines(Reading(service, batch_id).jobs()))
        return downloads.answer(lines, _CSV, f"batch-{batch_id}.csv")

    @results.get("/<batch_id>/archive.zip")
    @results.doc(
        summary="Read all artifacts of a batch as a zip",
        description="With `manifest.jsonl`, which says of each job where its files are, and which "
        "are no longer kept; and with `report.html`.",
        responses=_file(_ZIP),
    )
    def archived(batch_id: str) -> Response:
        service = asked()
        standing = Batches(service).get(batch_id)
        pages = {_REPORT: lambda: _report(service, standing, templates, read=None)}
        jobs = Reading(service, batch_id).jobs()
        pieces = archive(jobs, service.read, pages, service.clock.now())
        return downloads.answer(pieces, _ZIP, f"batch-{batch_id}.zip")

    @results.get("/<batch_id>/report.html")
    @results.doc(
        summary="Read a batch as one page to look at",
        description="Opens without a network. It holds small pictures itself; large ones it shows "
        "where it lies in the unpacked `archive.zip`.",
        responses=_file(_HTML),
    )
    def reported(batch_id: str) -> Response:
        service = asked()
        standing = Batches(service).get(batch_id)
        pieces = _report(service, standing, templates, read=service.read)
        return downloads.answer(pieces, _HTML, f"batch-{batch_id}.html")

    @results.post("/<batch_id>/<name>/link")
    @results.input(LinkRequest)
    @results.output(LinkView)
    @results.doc(
        summary="Make a link that reads results of a batch without a key, for a while",
        description="To `results.ndjson`, `results.csv`, `archive.zip` or `report.html`, as they "
        "are when they are read.",
        responses=problems(
            *BODY_REFUSED,
            HTTPStatus.NOT_FOUND,
            HTTPStatus.CONFLICT,
            HTTPStatus.GONE,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    def link(batch_id: str, name: str, json_data: LinkRequest) -> Response:
        Batches(asked()).get(batch_id)
        if name not in RESULTS:
            raise NoSuchPage(f"A batch has no {name!r}, but {', '.join(RESULTS)}.")
        path = results_path(batch_id, name)
        return linked(make_link(once(asked), links, path, json_data.expires_in))

    return results


def _views(service: JobService, batch_id: str) -> Iterator[JobView]:
    for page in Reading(service, batch_id).pages():
        told = Webhooks(service).of(page)
        for job in page:
            yield JobView.of(job, told.get(job.id))


def _report(
    service: JobService, standing: Standing, templates: Environment, *, read: Read | None
) -> Iterator[bytes]:
    """Return the page; ``read`` gives it pictures to hold, ``None``: they lie beside it."""
    reading = Reading(service, standing.batch.id)
    codes = sorted(standing.progress.failures_by_code.items(), key=lambda item: -item[1])
    causes = (
        Cause(code, count, reading.failed_with(code, CAUSE_JOBS_MAX)) for code, count in codes
    )
    view, now = BatchView.of(standing), service.clock.now()
    return report(templates, view, causes, reading.jobs(), Thumbnails(read), now)


def _file(media_type: str) -> dict[int, Any]:
    return {
        HTTPStatus.OK.value: {
            "description": "A download, written while it is read. It may be asked for while the "
            "batch runs; one that breaks off ends without its last chunk.",
            "content": {media_type.partition(";")[0]: {"schema": dict(BYTES)}},
        },
        **problems(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
    }
