"""The dashboard: what it shows of hostile pages, what it may load, and what its forms do."""

import re
from html import unescape
from html.parser import HTMLParser
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.auth import SCOPES
from api.settings import ApiSettings
from farm.jobs.errors import DnsError
from farm.jobs.models import Job
from farm.jobs.states import JobState
from tests.support.builders import NOON, MemoryFarm, a_child, a_spec, a_worker
from tests.support.results import succeeded

HTML = {"Accept": "text/html"}
OWN = {**HTML, "Sec-Fetch-Site": "same-origin"}
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</title></style></script><svg onload=alert(3)>",
    "{{ 7 * 7 }}",
)


class Elements(HTMLParser):
    """The names of a page's elements, and what it has inline."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.inline: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        given = dict(attrs)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in given) else []
        self.links += [str(given[name]) for name in ("href", "src", "action") if name in given]


class Dashboard(MemoryFarm):
    """A farm without keys, as one who sits before it sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.client = create_app(ApiSettings(), self.service).test_client()

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, headers=HTML)

    def token(self) -> str:
        return token_of(self.get("/").text)

    def post(self, path: str, **fields: object) -> TestResponse:
        return self.client.post(path, data={"token": self.token(), **fields}, headers=OWN)

    def ended(self, job: Job, title: str = "A page") -> Job:
        running = job.claimed("worker-1", NOON, redeliveries=0)
        assert self.ledger.swap(running)
        done = succeeded(self, running, title)
        assert self.ledger.swap(done)
        return done

    def failed(self, job: Job, message: str = "There is no such host.") -> Job:
        running = job.claimed("worker-1", NOON, redeliveries=0)
        assert self.ledger.swap(running)
        failed = running.failed(DnsError(message), NOON)
        assert self.ledger.swap(failed)
        return failed

    def batch(self, count: int = 3) -> str:
        items = [f"http://page-{number}.test/" for number in range(count)]
        body = {"defaults": {"kind": "screenshot"}, "items": items}
        found: str = self.client.post("/v1/batches", json=body).get_json()["id"]
        return found


def token_of(page: str) -> str:
    found = re.search(r'name="token" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


@pytest.fixture
def farm() -> Dashboard:
    return Dashboard()


def pages(farm: Dashboard) -> list[str]:
    """Return the address of every page, over a farm that has some of everything."""
    job = farm.ended(farm.submit(tags=["<b>tag"]), HOSTILE[0])
    failed = farm.failed(farm.submit(), HOSTILE[1])
    waiting = farm.submit()
    probe = farm.submit(kind="probe", url="http://page.test/a.mp4")
    running = probe.claimed("worker-1", NOON, redeliveries=0)
    assert farm.ledger.swap(running)
    tags = dict.fromkeys(HOSTILE, HOSTILE[2])
    summary = {"format_name": HOSTILE[0], "duration": 61.5, "tags": tags, "audio": [{"index": 1}]}
    report = {"summary": summary, "timings_ms": {"load": 1}}
    assert farm.ledger.swap(running.succeeded(NOON, artifacts=[], report=report))
    batch = farm.batch()
    farm.failed(next(iter(farm.batches.open_jobs(batch, 1))), HOSTILE[2])
    worker = a_worker()
    farm.workers.beat(worker, ttl_s=60)
    farm.workers.child_beat(worker.id, a_child(), ttl_s=60)
    return [
        *("/", "/?kind=pdf", "/?kind=content", "/?kind=probe", "/jobs", "/gallery", "/batches"),
        *("/farm", "/sign-in", f"/batches/{batch}", f"/jobs/{waiting.id}/live"),
        *(f"/jobs/{each.id}" for each in (job, failed, waiting, probe)),
        *("/jobs/nope", "/jobs?state=%3Cb%3E", "/?kind=%3Cb%3E"),
    ]


class TestPages:
    def test_every_page_is_one_and_holds_nothing_inline_or_of_elsewhere(
        self, farm: Dashboard
    ) -> None:
        for path in pages(farm):
            answer = farm.get(path)
            assert answer.status_code in {200, 404, 422}, path
            assert answer.content_type == "text/html; charset=utf-8"
            found = Elements(answer.text)
            assert found.inline == [], path
            foreign = [each for each in found.links if not each.startswith(("/", "#"))]
            assert all(each.startswith("http://page") for each in foreign), foreign

    def test_every_page_says_what_it_may_load(self, farm: Dashboard) -> None:
        for path in [*pages(farm), "/dashboard/dashboard.js"]:
            with farm.get(path) as answer:
                headers = answer.headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize("title", HOSTILE)
    def test_what_a_page_says_is_text(self, farm: Dashboard, title: str) -> None:
        job = farm.ended(farm.submit(tags=[title]), title)
        failed = farm.failed(farm.submit(), title)
        plain = Elements(farm.get("/gallery?tag=none").text).names
        for path in ("/jobs", "/gallery", f"/jobs/{job.id}", f"/jobs/{failed.id}"):
            page = farm.get(path).text
            assert title in unescape(page)
            assert title not in page or "<" not in title
            assert Elements(page).names.count("script") == plain.count("script")
            assert "alert(" not in "".join(Elements(page).links)

    def test_the_first_page_with_all_that_it_loads_is_small(self, farm: Dashboard) -> None:
        farm.ended(farm.submit())
        parts = ("/", "/dashboard/dashboard.css", "/dashboard/dashboard.js", "/dashboard/icon.svg")
        sizes = []
        for path in parts:
            with farm.get(path) as answer:
                sizes.append(len(answer.data))
        assert min(sizes) > 0
        assert sum(sizes) < 100_000

    def test_unknown_addresses_and_the_api_keep_their_problems(self, farm: Dashboard) -> None:
        for path in ("/nope", "/v1/nope", "/v1/jobs/nope"):
            assert farm.get(path).content_type == "application/problem+json"
        assert farm.get("/docs").status_code == 200

    def test_a_program_is_told_of_errors_as_everywhere(self, farm: Dashboard) -> None:
        answer = farm.client.get("/jobs/nope")
        assert answer.get_json()["code"] == "unknown_job"

    def test_the_description_of_the_api_has_no_pages(self, farm: Dashboard) -> None:
        paths = farm.get("/openapi.json").get_json()["paths"]
        assert not {path for path in paths if path.startswith(("/jobs", "/gallery", "/sign"))}

    def test_jobs_are_filtered_and_paged(self, farm: Dashboard) -> None:
        jobs = [farm.submit(url=f"http://page-{number}.test/") for number in range(60)]
        farm.failed(jobs[0])
        first = farm.get("/jobs").text
        assert jobs[-1].id in first
        assert jobs[0].id not in first
        older = re.search(r'href="(/jobs\?[^"]*cursor=[^"]*)" rel="next"', first)
        assert older
        assert jobs[0].id in farm.get(unescape(older[1])).text
        by_error = farm.get("/jobs?state=&kind=&host=&error=dns_error&tag=&batch=").text
        assert jobs[0].id in by_error
        assert jobs[1].id not in by_error
        assert jobs[7].id in farm.get("/jobs?host=PAGE-7.test").text

    def test_a_wrong_filter_is_named(self, farm: Dashboard) -> None:
        answer = farm.get("/jobs?colour=red")
        assert answer.status_code == 422
        assert "colour" in answer.text

    def test_a_picture_of_the_gallery_is_the_small_one(self, farm: Dashboard) -> None:
        running = farm.submit().claimed("worker-1", NOON, redeliveries=0)
        assert farm.ledger.swap(running)
        assert farm.ledger.swap(succeeded(farm, running, thumbnail=("image/webp", b"small")))
        source = f"/v1/jobs/{running.id}/artifacts/thumbnail.webp"
        assert f'src="{source}"' in farm.get("/gallery").text
        assert farm.get(source).data == b"small"

    def test_secrets_of_a_spec_are_not_shown(self, farm: Dashboard) -> None:
        job = farm.submit(extra_http_headers={"Authorization": "Bearer hush-hush"})
        page = farm.get(f"/jobs/{job.id}").text
        assert "extra_http_headers" in page
        assert "hush-hush" not in page


class TestForms:
    def test_a_page_is_submitted_as_the_form_says(self, farm: Dashboard) -> None:
        answer = farm.post(
            "/submit",
            **{
                "kind": "screenshot",
                "url": " page.test/a ",
                "full_page": "true",
                "viewport.width": "800",
                "viewport.height": "600",
                "collect": ["html", "thumbnail"],
                "type": "",
                "wait_for_selector": "#chart",
            },
        )
        assert answer.status_code == 303
        job = farm.service.get(answer.location.rpartition("/")[2])
        assert job.spec == a_spec(
            url="https://page.test/a",
            full_page=True,
            viewport={"width": 800, "height": 600},
            collect=["html", "thumbnail"],
            wait_for_selector="#chart",
        )

    def test_a_file_is_probed_whatever_kind_was_chosen(self, farm: Dashboard) -> None:
        answer = farm.client.post(
            "/submit",
            data={
                "token": farm.token(),
                "kind": "screenshot",
                "url": "",
                "full_page": "true",
                "priority": "high",
                "file": (BytesIO(b"a film"), "clip.mp4"),
            },
            headers=OWN,
        )
        assert answer.status_code == 303
        spec = farm.service.get(answer.location.rpartition("/")[2]).spec
        assert (spec.kind, spec.priority) == ("probe", "high")
        assert spec.kind == "probe"
        assert spec.upload_id

    def test_a_file_field_left_empty_is_no_file(self, farm: Dashboard) -> None:
        data = {"token": farm.token(), "kind": "pdf", "url": "page.test", "file": (BytesIO(), "")}
        answer = farm.client.post("/submit", data=data, headers=OWN)
        assert answer.status_code == 303

    def test_mistakes_are_named_by_field(self, farm: Dashboard) -> None:
        answer = farm.post("/submit", kind="screenshot", url="page.test", quality="7", padding="x")
        assert answer.status_code == 422
        assert "padding" in answer.text
        assert farm.get("/v1/jobs").get_json()["items"] == []

    def test_a_job_is_cancelled_and_retried(self, farm: Dashboard) -> None:
        job = farm.submit()
        assert farm.post(f"/jobs/{job.id}/cancel").location == f"/jobs/{job.id}"
        assert farm.service.get(job.id).state is JobState.CANCELLED
        assert farm.post(f"/jobs/{job.id}/retry").status_code == 303
        assert farm.service.get(job.id).state is JobState.QUEUED

    def test_cancelling_what_has_ended_forgets_nothing(self, farm: Dashboard) -> None:
        job = farm.ended(farm.submit())
        assert farm.post(f"/jobs/{job.id}/cancel").status_code == 303
        assert farm.service.get(job.id).state is JobState.SUCCEEDED

    def test_a_batch_is_steered(self, farm: Dashboard) -> None:
        batch = farm.batch()
        for action, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
            assert farm.post(f"/batches/{batch}/{action}").location == f"/batches/{batch}"
            assert farm.get(f"/v1/batches/{batch}").get_json()["state"] == state
        assert farm.post(f"/batches/{batch}/retry-failed").status_code == 409
        assert farm.post(f"/batches/{batch}/explode").status_code == 404


def changing() -> list[str]:
    """Return an address of every view that changes anything for who has come in."""
    rules = create_app(ApiSettings(), MemoryFarm().service).url_map.iter_rules()
    return [
        re.sub(r"<\w+>", "pause", rule.rule)
        for rule in rules
        if rule.endpoint.startswith("dashboard.") and SCOPES[rule.endpoint]
        if "POST" in (rule.methods or ())
    ]


class TestForgery:
    @pytest.mark.parametrize("path", changing())
    @pytest.mark.parametrize("token", ["", "0" * 64, "ключ"])
    def test_no_form_is_taken_without_its_token(
        self, farm: Dashboard, path: str, token: str
    ) -> None:
        answer = farm.client.post(path, data={"token": token, "url": "page.test"}, headers=OWN)
        assert answer.status_code == 403
        assert farm.get("/v1/jobs").get_json()["items"] == []

    @pytest.mark.parametrize("path", [*changing(), "/sign-in", "/sign-out"])
    @pytest.mark.parametrize(
        "headers",
        [
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-site"},
            {"Origin": "http://page.test"},
            {"Origin": "null"},
        ],
        ids=str,
    )
    def test_no_form_of_elsewhere_is_taken(
        self, farm: Dashboard, path: str, headers: dict[str, str]
    ) -> None:
        data = {"token": farm.token()}
        answer = farm.client.post(path, data=data, headers={**HTML, **headers})
        assert answer.status_code == 403

    def test_a_form_that_never_ends_is_refused(self, farm: Dashboard) -> None:
        answer = farm.post("/submit", url="x" * 100_000)
        assert answer.status_code == 413

    def test_a_broken_form_is_refused(self, farm: Dashboard) -> None:
        answer = farm.client.post(
            "/submit", data=b"--x\r\n", content_type="multipart/form-data; boundary=x", headers=OWN
        )
        assert answer.status_code in {400, 403}


def test_a_farm_without_keys_needs_no_sign_in(farm: Dashboard) -> None:
    client: FlaskClient = farm.client
    answer = client.post("/sign-in", data={"key": "anything", "then": "/jobs"}, headers=OWN)
    assert (answer.status_code, answer.location) == (303, "/jobs")
    assert "Set-Cookie" not in answer.headers
