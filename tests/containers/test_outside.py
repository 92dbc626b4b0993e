"""A farm whose bucket, RabbitMQ and collector of traces are not containers of its compose file."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from dev.stack import ROOT
from tests.containers.asking import finished, probe, render_page, submit
from tests.containers.composed_farm import ComposedFarm, docker, running
from tests.containers.elsewhere import Elsewhere
from tests.support.waiting import until

# The first test waits for the images too; each wait below has a bound of its own.
pytestmark = pytest.mark.timeout(1500)

FILES = (ROOT / "docker" / "compose.outside.yaml", Path(__file__).with_name("outside.yaml"))
GET = "GET / HTTP/1.1\r\nHost: localhost"


@pytest.fixture(scope="module")
def elsewhere(engine: None) -> Iterator[Elsewhere]:
    del engine
    elsewhere = Elsewhere()
    try:
        elsewhere.up()
        yield elsewhere
    finally:
        elsewhere.down()


@pytest.fixture(scope="module")
def farm(elsewhere: Elsewhere) -> Iterator[ComposedFarm]:
    settings = elsewhere.settings()
    # The operator lets pages into that network, and forgets what else is there.
    bucket = elsewhere.name("bucket")
    allowed = f"site:9998,{bucket}"
    farm = ComposedFarm(*FILES, **settings, FARM_EGRESS_ALLOW=allowed)
    with running(farm):
        docker("network", "connect", f"{farm.project}_web", bucket)
        yield farm
        docker("network", "disconnect", f"{farm.project}_web", bucket)


def test_artifacts_lie_in_the_bucket_and_messages_go_by_rabbitmq(
    farm: ComposedFarm, elsewhere: Elsewhere, api: httpx.Client
) -> None:
    until(lambda: api.get("/readyz").status_code == HTTPStatus.OK, "readyz says yes", 60)
    ended = [finished(api, job) for job in (render_page(api), probe(api, farm.video()))]
    assert [job["state"] for job in ended] == ["succeeded"] * 2, ended
    artifacts = [artifact for job in ended for artifact in job["artifacts"]]
    assert [artifact["name"] for artifact in artifacts] == ["screenshot.png", "probe.json"]
    for job, artifact in zip(ended, artifacts, strict=True):
        result = api.get(f"/v1/jobs/{job['id']}/result").raise_for_status()
        assert len(result.content) == artifact["size_bytes"]
    assert {artifact["sha256"] for artifact in artifacts} <= elsewhere.objects()
    assert farm.run_in("redis-artifacts", "redis-cli", "dbsize").strip() == b"0"

    def each_has_one() -> bool:
        consumers = elsewhere.consumers()  # As RabbitMQ counted them some seconds ago.
        return (consumers["pages"], consumers["media"]) == (1, 1)

    until(each_has_one, "a worker takes from each queue of RabbitMQ", 30)
    kept = farm.run_in("redis", "redis-cli", "exists", "pages", "media", "_kombu.binding.pages")
    assert kept.strip() == b"0"
    until(elsewhere.traces, "a worker has sent its spans", 30)


@pytest.mark.parametrize("service", ["worker-pages", "worker-media", "dispatcher"])
def test_what_runs_jobs_reaches_these_services_and_no_more(
    farm: ComposedFarm, elsewhere: Elsewhere, service: str
) -> None:
    bucket = elsewhere.name("bucket")
    assert "HTTP/1.1" in (farm.answer(bucket, 5000, GET, to=service) or "")
    site = farm.address("site", "web")
    assert farm.answer(site, 9998, GET, to=service) is None
    assert farm.answer("192.0.2.1", 80, GET, to=service) is None
    networks = ("outside", "inside", f"{elsewhere.networks}-api")
    for address in ("api", *(farm.address("api", network) for network in networks)):
        assert farm.answer(address, 8000, GET, to=service) is None


def test_no_page_gets_to_them_through_the_gate(
    farm: ComposedFarm, elsewhere: Elsewhere, api: httpx.Client
) -> None:
    bucket = elsewhere.name("bucket")
    assert "HTTP/1.1" in (farm.answer(bucket, 5000, GET, to="gate") or "")
    job = finished(api, submit(api, kind="screenshot", url=f"http://{bucket}:5000/"))
    assert (job["state"], job["failure"]["code"]) == ("failed", "target_forbidden")


@pytest.mark.usefixtures("engine")
def test_a_network_that_leads_out_is_not_taken() -> None:
    elsewhere = Elsewhere()
    network = f"{elsewhere.networks}-api"
    docker("network", "create", network)
    try:
        with pytest.raises(pytest.fail.Exception, match="leads out"):
            elsewhere.attach()
    finally:
        docker("network", "rm", network)
