"""A worker that keeps its artifacts in a bucket, for its children are forked processes."""

from pathlib import Path

import pytest

from farm.backends.buckets import Bucket
from farm.jobs.states import JobState
from tests.support.buckets import objects
from tests.support.neighbours import need
from tests.support.site import Site
from tests.support.workers import working

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]


def test_artifacts_of_a_worker_lie_in_the_bucket_and_go_with_their_job(
    redis_url: str, tmp_path: Path, site: Site, bucket: Bucket
) -> None:
    need("chromium-headless-shell")
    settings = {
        "ARTIFACTS_BUCKET": f"s3://{bucket.name}/{bucket.prefix}",
        "ARTIFACTS_ENDPOINT": str(bucket.endpoint),
        "ARTIFACTS_ACCESS_KEY": str(bucket.access_key),
        "ARTIFACTS_SECRET_KEY": str(bucket.secret_key),
        "CONCURRENCY": "2",
    }
    with working(redis_url, tmp_path, **settings) as worker:
        assert worker.farm.readiness().checks["artifacts"] == "ok"
        jobs = [worker.submit(site.url("/colours"), full_page=each) for each in (True, False)]
        ended = [worker.ended(job) for job in jobs]
        for job in ended:
            assert job.state is JobState.SUCCEEDED, job.failure
            (artifact,) = job.artifacts
            content = b"".join(worker.farm.read(job, artifact))
            assert len(content) == artifact.size_bytes
            assert content.startswith(b"\x89PNG")
        worker.farm.cancel_or_forget(ended[0].id)
        worker.farm.artifacts.sweep()
        assert len(objects(bucket)) == 1
