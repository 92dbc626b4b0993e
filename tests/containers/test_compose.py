"""The images and the compose file, run for real and used as a user would.

Each test speaks to the farm through its published ports, or to ``docker`` itself.
"""

import io
import socket
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Self

import httpx
import pytest
from PIL import Image

from tests.bench.images import BASE, size_mb
from tests.containers.asking import finished, probe, render_page, submit
from tests.containers.composed_farm import PAGE_URL, SERVICES, SILENT_URL, ComposedFarm
from tests.support.waiting import until

# The first test waits for the images too; each wait below has a bound of its own.
pytestmark = pytest.mark.timeout(1500)

UPLOADS = "/var/lib/farm/uploads"

KILL_PYTHON = """
import os, pathlib
for process in sorted(int(each.name) for each in pathlib.Path("/proc").glob("[0-9]*")):
    program = pathlib.Path(f"/proc/{process}/cmdline").read_bytes().partition(b"\\0")[0]
    if pathlib.PurePath(program.decode()).name == "python":  # the oldest: the main process
        os.kill(process, 9)
        break
"""


class Everywhere:
    """A server at all addresses of this machine, as a careless one of the operator's."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("0.0.0.0", 0))
        self.port: int = self._listener.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def test_it_lives_and_becomes_ready(api: httpx.Client) -> None:
    assert api.get("/healthz").status_code == HTTPStatus.OK
    until(lambda: api.get("/readyz").status_code == HTTPStatus.OK, "readyz says yes", 30)


def test_a_page_of_another_container_becomes_a_picture(api: httpx.Client) -> None:
    job = finished(api, render_page(api))
    assert job["state"] == "succeeded", job["failure"]
    result = api.get(f"/v1/jobs/{job['id']}/result")
    assert result.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(result.content))
    assert image.format == "PNG"
    assert image.size == (1280, 800)
    greys = image.convert("L").getcolors()
    assert greys is not None
    assert len(greys) > 2


@pytest.mark.parametrize(
    "url",
    ["http://api:8000/docs", "http://redis:6379/", "http://flower:5555", "http://gate:3100/"],
)
def test_no_job_gets_to_the_farm_itself(api: httpx.Client, url: str) -> None:
    job = finished(api, submit(api, kind="screenshot", url=url))
    assert (job["state"], job["failure"]["code"]) == ("failed", "target_forbidden")
    assert job["artifacts"] == []


GET = "GET / HTTP/1.1\r\nHost: localhost"


@pytest.mark.parametrize("service", ["worker-pages", "worker-media", "dispatcher"])
def test_what_runs_jobs_has_no_way_out_but_the_gate(farm: ComposedFarm, service: str) -> None:
    site = farm.address("site", "web")
    assert "200 OK" in (farm.answer(site, 9998, GET, to="gate") or "")
    assert farm.answer(site, 9998, GET, to=service) is None
    assert farm.answer("192.0.2.1", 80, GET, to=service) is None
    # Nor to the API, nor to this machine, whichever of its addresses it is called by.
    assert "gunicorn" in (farm.answer("127.0.0.1", 8000, GET, to="api") or "")
    for address in ("api", farm.address("api", "outside"), farm.address("api", "inside")):
        assert farm.answer(address, 8000, GET, to=service) is None
    with Everywhere() as here:
        for network in ("workshop", "egress"):
            assert farm.answer(farm.gateway(network), here.port, GET, to=service) is None


def test_the_gate_reaches_neither_redis_nor_the_api(farm: ComposedFarm) -> None:
    at_home = farm.answer("redis", 6379, "PING", to="worker-pages")
    assert "NOAUTH" in (at_home or "")
    for name in ("redis", "redis-artifacts"):
        for address in (name, farm.address(name, "workshop"), farm.address(name, "inside")):
            assert "NOAUTH" not in (farm.answer(address, 6379, "PING", to="gate") or "")
    for address in ("api", farm.address("api", "outside"), farm.address("api", "inside")):
        assert "gunicorn" not in (farm.answer(address, 8000, GET, to="gate") or "")


def test_a_gate_that_is_killed_comes_back_and_no_job_is_lost(
    farm: ComposedFarm, api: httpx.Client
) -> None:
    restarts = farm.inspect("gate")["RestartCount"]
    jobs = [submit(api, kind="screenshot", url=f"{PAGE_URL}?2") for _ in range(4)]
    until(
        lambda: any(api.get(f"/v1/jobs/{job}").json()["state"] == "running" for job in jobs),
        "one of them is under way",
    )
    farm.compose("exec", "-T", "--detach", "gate", "python", "-c", KILL_PYTHON)
    until(lambda: farm.inspect("gate")["RestartCount"] == restarts + 1, "it is restarted", 30)
    ended = [finished(api, job, within_s=120) for job in jobs]
    assert {job["state"] for job in ended} == {"succeeded"}, ended


def test_an_uploaded_video_is_probed(farm: ComposedFarm, api: httpx.Client) -> None:
    job = finished(api, probe(api, farm.video()))
    assert job["state"] == "succeeded", job["failure"]
    report = api.get(f"/v1/jobs/{job['id']}/result").json()
    codecs = {stream["codec_type"]: stream["codec_name"] for stream in report["ffprobe"]["streams"]}
    assert codecs == {"video": "h264", "audio": "aac"}


def test_uploads_lie_in_a_volume_that_a_worker_only_reads(
    farm: ComposedFarm, api: httpx.Client
) -> None:
    upload = api.post("/v1/uploads", content=b"no media")
    assert upload.status_code == HTTPStatus.CREATED, upload.text
    found = farm.run_in("api", "ls", UPLOADS)
    assert found
    assert farm.run_in("worker-media", "ls", UPLOADS) == found
    assert farm.run_in("worker-pages", "ls", UPLOADS) == b""
    api.delete(f"/v1/uploads/{upload.json()['id']}").raise_for_status()
    mounts = {service: farm.inspect(service)["Mounts"] for service in SERVICES}
    assert {
        service: mount["RW"]
        for service, of_service in mounts.items()
        for mount in of_service
        if mount["Destination"] == UPLOADS
    } == {"api": True, "worker-media": False, "dispatcher": True}


def test_artifacts_lie_apart_from_the_records(farm: ComposedFarm, api: httpx.Client) -> None:
    job = finished(api, render_page(api))
    assert job["state"] == "succeeded", job["failure"]

    def ask(service: str, *command: str) -> set[str]:
        return set(farm.run_in(service, "redis-cli", *command).decode().split())

    assert "noeviction" in ask("redis", "config", "get", "maxmemory-policy")
    assert "volatile-ttl" in ask("redis-artifacts", "config", "get", "maxmemory-policy")
    assert ask("redis", "--scan", "--pattern", "farm:artifact:*") == set()
    assert ask("redis-artifacts", "--scan", "--pattern", "farm:artifact:*")
    assert ask("redis-artifacts", "--scan") == ask(
        "redis-artifacts", "--scan", "--pattern", "farm:artifact:*"
    )


@pytest.mark.parametrize("service", ["redis", "redis-artifacts"])
def test_nobody_gets_into_redis_without_a_password(farm: ComposedFarm, service: str) -> None:
    said = farm.run_in(service, "env", "-u", "REDISCLI_AUTH", "redis-cli", "ping")
    assert b"NOAUTH" in said


def test_flower_asks_for_the_password(farm: ComposedFarm) -> None:
    page = f"{farm.flower_url}/workers"
    assert httpx.get(page).status_code == HTTPStatus.UNAUTHORIZED
    wrong = httpx.get(page, auth=("farm", "wrong"))
    assert wrong.status_code == HTTPStatus.UNAUTHORIZED
    right = httpx.get(page, auth=farm.flower_login)
    assert right.status_code == HTTPStatus.OK


def test_flower_sees_the_workers_and_may_not_stop_them(farm: ComposedFarm) -> None:
    def names() -> list[str]:
        answer = httpx.get(f"{farm.flower_url}/api/workers?refresh=1", auth=farm.flower_login)
        return sorted(name.partition("@")[0] for name in answer.raise_for_status().json())

    until(lambda: names() == ["media", "pages"], "both workers are seen", 30)
    worker = farm.run_in("worker-pages", "hostname").decode().strip()
    stop = httpx.post(
        f"{farm.flower_url}/api/worker/shutdown/pages@{worker}", auth=farm.flower_login
    )
    assert stop.status_code == HTTPStatus.FORBIDDEN


def test_flower_and_the_dashboard_lead_to_each_other_also_after_a_restart(
    farm: ComposedFarm, api: httpx.Client
) -> None:
    job = finished(api, render_page(api))
    assert f"{farm.flower_url}/task/{job['id']}" in api.get(f"/jobs/{job['id']}").text

    def leads_back() -> bool:
        with suppress(httpx.TransportError):  # It is just starting.
            page = httpx.get(f"{farm.flower_url}/task/{job['id']}", auth=farm.flower_login)
            return f"{farm.api_url}/jobs/{job['id']}" in page.text
        return False

    until(leads_back, "Flower has seen the job", 30)
    farm.compose("restart", "flower")
    until(leads_back, "Flower knows the job still", 60)


def test_only_this_machine_reaches_the_ports(farm: ComposedFarm) -> None:
    published = {
        service: {
            binding["HostIp"]
            for bindings in farm.inspect(service)["NetworkSettings"]["Ports"].values()
            for binding in bindings or ()
        }
        for service in SERVICES
    }
    nobody: set[str] = set()
    assert published == {
        **dict.fromkeys(SERVICES, nobody),
        "api": {"127.0.0.1"},
        "flower": {"127.0.0.1"},
    }


@pytest.mark.usefixtures("farm")  # It builds them.
@pytest.mark.parametrize(
    ("image", "at_most_mb"),
    [("api", 80), ("flower", 50), ("gate", 30), ("worker", 1400)],
)
def test_an_image_is_small_above_its_base(image: str, at_most_mb: int) -> None:
    assert size_mb(f"renderfarm-{image}:local") - size_mb(BASE) <= at_most_mb


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_runs_without_root_and_its_powers(farm: ComposedFarm, service: str) -> None:
    text = farm.run_in(service, "cat", "/proc/1/status").decode()
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split()
    assert int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert farm.inspect(service)["HostConfig"]["ReadonlyRootfs"] is True


def test_the_browser_has_its_own_sandbox(api: httpx.Client) -> None:
    job = finished(api, render_page(api))
    assert job["state"] == "succeeded", job["failure"]
    assert job["report"]["sandbox"] is True


@pytest.mark.parametrize("service", ["api", "worker-pages", "worker-media", "dispatcher"])
def test_the_command_line_is_in_the_images(farm: ComposedFarm, service: str) -> None:
    assert farm.run_in(service, "farm", "--version")


def test_jobs_leave_no_zombies(farm: ComposedFarm, api: httpx.Client) -> None:
    for job_id in [render_page(api) for _ in range(4)]:
        assert finished(api, job_id)["state"] == "succeeded"
    count = "grep -hE '^State:\\s+Z' /proc/[0-9]*/status 2>/dev/null | wc -l"
    # A process that is being reaped this moment is none.
    until(lambda: int(farm.run_in("worker-pages", "sh", "-c", count)) == 0, "no zombie is left", 5)


def test_a_stop_gives_back_the_job_that_would_outlast_it(
    farm: ComposedFarm, api: httpx.Client
) -> None:
    job_id = submit(api, kind="screenshot", url=SILENT_URL, timeout=120_000)

    def state() -> str:
        name: str = api.get(f"/v1/jobs/{job_id}").json()["state"]
        return name

    until(lambda: state() == "running", "the job runs")
    farm.compose("stop", "worker-pages")
    stopped = farm.inspect("worker-pages")["State"]
    job = api.get(f"/v1/jobs/{job_id}").json()
    api.delete(f"/v1/jobs/{job_id}").raise_for_status()
    farm.compose("start", "worker-pages")
    assert stopped["ExitCode"] == 0
    assert (job["state"], job["attempt"]) == ("queued", 0)


def test_a_killed_worker_comes_back_and_runs_what_was_asked_meanwhile(
    farm: ComposedFarm, api: httpx.Client
) -> None:
    restarts = farm.inspect("worker-pages")["RestartCount"]
    # The container goes down with it, and with the container this command: its end says nothing.
    farm.compose("exec", "-T", "--detach", "worker-pages", "python", "-c", KILL_PYTHON)

    def restarted() -> bool:
        now = farm.inspect("worker-pages")
        return now["RestartCount"] == restarts + 1 and now["State"]["Running"] is True

    until(restarted, "the container is restarted", 30)
    job = finished(api, render_page(api))
    assert job["state"] == "succeeded", job["failure"]
    assert farm.inspect("worker-pages")["RestartCount"] == restarts + 1


@pytest.mark.parametrize(
    "service", ["worker-pages", "worker-media", "dispatcher", "gate", "api", "flower"]
)
def test_a_stop_is_graceful(farm: ComposedFarm, service: str) -> None:
    farm.compose("stop", service)
    state = farm.inspect(service)["State"]
    farm.compose("start", service)
    assert state["ExitCode"] == 0
    assert state["OOMKilled"] is False


def test_an_upgrade_loses_no_job(farm: ComposedFarm, api: httpx.Client) -> None:
    lines = "".join(f"{PAGE_URL}{number}?1\n" for number in range(30))
    accepted = api.post(
        "/v1/batches",
        params={"kind": "screenshot"},
        content=lines,
        headers={"Content-Type": "text/plain"},
    )
    assert accepted.status_code in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}
    batch = f"/v1/batches/{accepted.json()['id']}"

    def counts() -> dict[str, Any]:
        found: dict[str, Any] = api.get(batch).raise_for_status().json()
        return found

    until(lambda: counts()["running"] and counts()["succeeded"], "some are done, some run", 60)
    before = {service: farm.inspect(service)["Id"] for service in SERVICES}
    # As with new images: every container is another one after it, those of Redis too.
    farm.compose("up", "--detach", "--wait", "--force-recreate", timeout_s=300)
    after = {service: farm.inspect(service)["Id"] for service in SERVICES}
    assert all(before[service] != after[service] for service in SERVICES)
    assert counts()["succeeded"] < 30, "all was done before the upgrade"
    until(lambda: counts()["succeeded"] == 30, "all jobs are done", 180)
