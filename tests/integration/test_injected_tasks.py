"""A worker looks again at what it is told to do, whoever has put it into Redis."""

import json
from pathlib import Path

import pytest
from celery import Celery
from redis import Redis

from farm.jobs.models import Job
from farm.jobs.states import JobState
from tests.support.builders import a_job, a_spec
from tests.support.neighbours import need
from tests.support.redis_contents import everything_in
from tests.support.site import Site
from tests.support.waiting import until
from tests.support.workers import RunningWorker, working

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]

FILE = "file:///etc/passwd"
SECRET = "hunter2-hunter2"


def send(redis_url: str, kind: str, *args: object) -> None:
    """Put a message into the broker, as whoever reaches it can."""
    with Celery("stranger", broker=redis_url, set_as_current=False) as app:
        queue = "media" if kind == "probe" else "pages"
        app.send_task(kind, args=args, queue=queue, ignore_result=True)


def forged(redis: Redis, job: Job, url: str) -> None:
    """Store ``job`` as if the API had let ``url`` pass."""
    record = json.loads(job.model_dump_json(exclude_unset=True))
    record["spec"]["url"] = url
    record["spec"]["extra_http_headers" if job.kind != "probe" else "headers"] = {"X-A": SECRET}
    redis.hset(f"farm:job:{job.id}", mapping={"revision": 1, "record": json.dumps(record)})


def goes_on(worker: RunningWorker, site: Site) -> None:
    """See that the worker has read what was sent before, and works."""
    for kind, path in (("screenshot", "/colours"), ("probe", "/video.mp4")):
        done = worker.ended(worker.submit(site.url(path), kind=kind))
        assert done.state is JobState.SUCCEEDED, done.failure


def test_46_a_task_with_a_local_file_is_refused_by_the_worker(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    with working(redis_url, tmp_path) as worker, Redis.from_url(redis_url) as redis:
        for kind in ("screenshot", "content", "probe"):
            # In the message itself, in each form that a task could be taken to have.
            for body in (FILE, {"kind": kind, "url": FILE}, f"../../{FILE}"):
                send(redis_url, kind, body)
            # In a record that nobody has looked at.
            job = a_job(f"{kind:0<32}", spec=a_spec(kind=kind))
            forged(redis, job, FILE)
            send(redis_url, kind, job.id)
        goes_on(worker, site)
        until(lambda: not redis.llen("pages") and not redis.llen("media"), "all is taken")
        held = everything_in(redis)
        assert "root:x:0:0" not in held
        for kind in ("screenshot", "content", "probe"):
            record = redis.hget(f"farm:job:{kind:0<32}", "record")
            assert record is not None
            assert json.loads(record).get("state") is None, "nobody has claimed it"
    log = (tmp_path / "worker.log").read_text()
    assert "root:x:0:0" not in log
    assert SECRET not in log


def test_46_a_message_that_is_no_json_is_not_unpacked(
    redis_url: str, site: Site, tmp_path: Path
) -> None:
    need("chromium-headless-shell")
    touched = tmp_path / "unpacked"
    with working(redis_url, tmp_path) as worker:
        with Celery("stranger", broker=redis_url, set_as_current=False) as app:
            app.conf.update(task_serializer="pickle", accept_content=["pickle", "json"])
            app.send_task("screenshot", args=[Unpacked(touched)], queue="pages")
        goes_on(worker, site)
    assert not touched.exists()


class Unpacked:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self._mark,))
