"""A page that cannot be had leaves an error and nothing else, whichever browser a worker has."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from redis import Redis

from farm.jobs.states import JobState
from tests.support.neighbours import BROWSERS, free_port, need
from tests.support.site import Site, serving_tls
from tests.support.workers import working

pytestmark = [pytest.mark.redis, pytest.mark.timeout(180)]


@pytest.mark.parametrize("browser", BROWSERS, ids=["shell", "full"])
def test_80_to_83_94_96_a_page_that_cannot_be_had_leaves_no_file(
    redis_url: str, site: Site, browser: str
) -> None:
    with (
        # Not in pytest's own folder: Chromium has a socket in it, whose path may have 107 bytes.
        TemporaryDirectory(prefix="failed-", dir="/tmp") as folder,
        serving_tls() as secret,
        working(redis_url, Path(folder), CHROMIUM=need(browser)) as worker,
        Redis.from_url(redis_url) as redis,
    ):
        codes = {
            site.url("/no-content"): "empty_response",
            site.url("/archive"): "unsupported_content",
            site.url("/pdf"): "unsupported_content",
            site.url("/loop"): "too_many_redirects",
            secret.url("/colours"): "tls_error",
            site.url("/private"): "http_error",
            "http://nowhere.invalid/": "dns_error",
            f"http://127.0.0.1:{free_port()}/": "connection_failed",
        }
        for url, code in codes.items():
            job = worker.ended(worker.submit(url, fail_on_status=[401], collect=["html", "text"]))
            assert job.failure is not None, url
            assert (job.failure.code, job.artifacts, job.report) == (code, (), None)
        assert list(redis.scan_iter("farm:artifact:*")) == []
        # It would be seen here if there were one.
        assert worker.ended(worker.submit(site.url("/colours"))).state is JobState.SUCCEEDED
        assert list(redis.scan_iter("farm:artifact:*")) != []
