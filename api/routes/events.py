"""What happens to a job or a batch, told as it happens."""

from collections.abc import Iterator
from http import HTTPStatus

from apiflask import APIBlueprint
from flask import Response

from api.auth import Asked
from api.batch_news import BatchNews
from api.event_stream import LOOK_AGAIN_S, Event, followed, last_event_id, nothing_more
from api.schemas import event_answer, no_content, problems
from farm.jobs.batches.service import Batches
from farm.jobs.errors import BackendUnavailable, JobExpired, UnknownJob
from farm.jobs.ports import Pause
from farm.jobs.service import JobService
from farm.jobs.views import JobView
from farm.jobs.webhooks import Webhooks


def blueprint(asked: Asked) -> APIBlueprint:
    """Return the addresses of events over what ``asked`` returns."""
    events = APIBlueprint("events", __name__, url_prefix="/v1", tag="Events")

    @events.get("/jobs/<job_id>/events")
    @events.doc(
        summary="Follow a job",
        description="`event: state` with the job as data, at once and at each change; its `id` is "
        "the job's revision. Ends when the job has ended, and after some minutes; who comes back "
        "with `Last-Event-ID` is told what is new, or 204 where there will be nothing more.",
        responses={
            **event_answer("Events, as they happen"),
            **no_content(HTTPStatus.NO_CONTENT, "It has ended, as `Last-Event-ID` knows"),
            **problems(HTTPStatus.NOT_FOUND, HTTPStatus.GONE, HTTPStatus.SERVICE_UNAVAILABLE),
        },
    )
    def job(job_id: str) -> Response:
        service = asked()
        found = service.get(job_id)
        known = last_event_id()
        if found.state.is_terminal and known == str(found.revision):
            return nothing_more()
        return followed(
            service.ledger.watched(job_id), lambda pause: _states(service, job_id, known, pause)
        )

    @events.get("/batches/<batch_id>/events")
    @events.doc(
        summary="Follow a batch",
        description="`event: job` with each job that has ended, in the order of their ends and "
        "from the first one on, and `event: progress` with the batch, at most twice a second. "
        "Ends when no job is open. Who comes back with `Last-Event-ID` is told each end that was "
        "not told before, or 204 where there will be nothing more.",
        responses={
            **event_answer("Events, as they happen"),
            **no_content(HTTPStatus.NO_CONTENT, "It is over, as `Last-Event-ID` knows"),
            **problems(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
        },
    )
    def batch(batch_id: str) -> Response:
        service = asked()
        standing = Batches(service).get(batch_id)
        news = BatchNews.since(service, batch_id, last_event_id())
        if news.is_all_told(standing):
            return nothing_more()
        return followed(service.batch_jobs.watched(batch_id), news.told)

    return events


def _states(
    service: JobService, job_id: str, known: str, pause: Pause | None
) -> Iterator[Event | None]:
    """Yield each state of the job that is news, ``None`` where a look brought none.

    Without ``pause`` there is one look. A Redis that is away is waited for: a client that
    came back meanwhile would be refused, and then comes no more.
    """
    while True:
        try:
            job = service.get(job_id)
            told = Webhooks(service).of([job]).get(job_id)
        except BackendUnavailable:
            pass
        except (UnknownJob, JobExpired):
            return
        else:
            if str(job.revision) != known:
                known = str(job.revision)
                yield Event("state", JobView.of(job, told).model_dump(mode="json"), known)
            if job.state.is_terminal:
                return
        if pause is None:
            return
        pause(LOOK_AGAIN_S)
        yield None
