"""Keys on the whole farm: the first one switches them on, and what has an owner is worked on."""

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from dev.stack import Stack, running
from farm.client.errors import RequestInvalid, RequestRefused
from farm.client.http import FarmClient
from farm.jobs.keys import ALL_SCOPES
from tests.support.neighbours import need
from tests.support.site import Site
from tests.support.stacks import a_stack
from tests.support.waiting import until

HTML = "<!doctype html><title>Hello</title><h1>Hello</h1>"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    for program in ("redis-server", "ffprobe", "chromium-headless-shell"):
        need(program)
    run_dir: Path = tmp_path_factory.mktemp("keys")
    with (
        (run_dir / "farm.log").open("wb") as log,
        running(a_stack(run_dir, log)) as stack,
    ):
        stack.wait_ready()
        yield stack


@pytest.fixture(scope="module")
def operator(stack: Stack) -> str:
    with FarmClient(stack.url, "") as anybody:
        key = anybody.create_key("operator", scopes=list(ALL_SCOPES)).key
    until(
        lambda: is_out(stack, "rf_none"), "every process knows that there are keys", timeout_s=1.5
    )
    assert key is not None
    return key


def is_out(stack: Stack, key: str) -> bool:
    """Return whether none of the API's processes lets ``key`` in; several answers are of all."""
    headers = {"Authorization": f"Bearer {key}"}
    # After a while an address that has no good key is told to wait.
    refused = {HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS}
    with httpx.Client(base_url=stack.url, headers=headers, trust_env=False) as client:
        return {client.get("/v1/jobs").status_code for _ in range(6)} <= refused


@pytest.fixture
def shop(stack: Stack, operator: str) -> Iterator[FarmClient]:
    with FarmClient(stack.url, operator) as client:
        key = client.create_key("shop").key
    with FarmClient(stack.url, key) as client:
        yield client


def test_a_page_of_a_key_is_rendered_and_its_link_shows_it_to_anybody(
    stack: Stack, shop: FarmClient, operator: str
) -> None:
    job = shop.run({"kind": "screenshot", "html": HTML})
    picture = shop.result(job.id)
    link = shop.link(job.id, "screenshot.png", expires_in_s=60)
    answer = httpx.get(link.url, headers={"Origin": "http://page.test"}, trust_env=False)
    assert (answer.status_code, answer.content) == (HTTPStatus.OK, picture)
    with FarmClient(stack.url, operator) as other, pytest.raises(RequestInvalid) as caught:
        other.result(job.id)
    assert caught.value.code == "unknown_job"


def test_a_file_of_a_key_is_probed(shop: FarmClient, media_folder: Path) -> None:
    report = shop.probe(media_folder / "video.mp4")
    assert report["summary"]["video"]["width"] > 0


def test_a_key_is_never_answered_with_another_s_result(
    stack: Stack, operator: str, site: Site
) -> None:
    path = f"/colours?{uuid4().hex}"
    spec = {"kind": "screenshot", "url": site.url(path), "cache_ttl": 600}
    with FarmClient(stack.url, operator) as client:
        keys = [client.create_key(name, zones=["internal"]).key for name in ("one", "two")]
    for loads, key in ((1, keys[0]), (1, keys[0]), (2, keys[1])):
        with FarmClient(stack.url, key) as client:
            client.run(spec)
        assert site.seen(path) == loads


def test_119_a_key_without_the_scope_runs_no_script(shop: FarmClient) -> None:
    with pytest.raises(RequestRefused) as caught:
        shop.submit({"kind": "screenshot", "html": HTML, "scripts": ["1"]})
    assert (caught.value.code, caught.value.errors[0].field) == ("scope_required", "scripts")


def test_108_a_revoked_key_is_out_within_a_second_in_every_process(
    stack: Stack, shop: FarmClient, operator: str
) -> None:
    with FarmClient(stack.url, operator) as client:
        made = client.create_key("short-lived")
        text = made.key or ""
        with FarmClient(stack.url, text) as short_lived:
            assert short_lived.jobs().items == ()
        client.revoke_key(made.id)
    until(lambda: is_out(stack, text), "the key is out", timeout_s=1.5)
    assert shop.jobs().items is not None
