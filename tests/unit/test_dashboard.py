"""The dashboard: what it shows of hostile pages, what it may load, and what its forms do."""

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.auth import SCOPES
from api.settings import ApiSettings
from farm.backends.memory import MemoryLedger
from farm.backends.memory_keys import MemoryKeys
from farm.jobs.errors import BackendUnavailable, DnsError
from farm.jobs.keys import ApiKey
from farm.jobs.listing import JobFilter, Page
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


def hidden(page: str, name: str) -> str:
    found = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', page)
    assert found
    return unescape(found[1])


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
        *(
            "/batches/new",
            "/batches/new?kind=probe",
            "/",
            "/?kind=pdf",
            "/?kind=content",
            "/?kind=probe",
            "/jobs",
            "/gallery",
            "/batches",
        ),
        *("/farm", "/sign-in", f"/batches/{batch}", f"/jobs/{waiting.id}/live"),
        *(f"/jobs/{each.id}" for each in (job, failed, waiting, probe)),
        *("/batches/new?kind=nope", "/jobs/nope", "/jobs?state=%3Cb%3E", "/?kind=%3Cb%3E"),
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


class TestSearching:
    def test_jobs_are_found_by_words_of_title_and_addresses(self, farm: Dashboard) -> None:
        shop = farm.ended(farm.submit(url="http://page.test/shop"), "Bread & Butter")
        other = farm.ended(farm.submit(url="http://page.test/other"), "Bread for all")
        waiting = farm.submit(url="http://page.test/SHOP/2")

        def found(query: str, path: str = "/jobs") -> set[str]:
            text = farm.get(f"{path}?{query}").text
            return {job.id for job in (shop, other, waiting) if f'href="/jobs/{job.id}"' in text}

        for path in ("/jobs", "/gallery"):
            assert found("text=BREAD", path) == {shop.id, other.id}
        assert found("text=butter+shop") == {shop.id}
        assert found("text=shop") == {shop.id, waiting.id}
        assert found("text=shop&state=queued") == {waiting.id}
        assert found("text=100%25") == set()
        assert farm.get(f"/jobs?text={'x' * 201}").status_code == 422

    def test_a_search_looks_at_so_many_jobs_and_goes_on_by_its_cursor(
        self, farm: Dashboard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("farm.jobs.searching.LOOKED_AT_MAX", 100)
        wanted = farm.submit(url="http://needle.test/")
        for number in range(120):
            farm.submit(url=f"http://page.test/{number}")
        looks: list[int] = []
        listed = farm.ledger.listed

        def spied(wanted: JobFilter, before: int | None, limit: int, **more: str | None) -> Page:
            looks.append(limit)
            return listed(wanted, before, limit, **more)

        monkeypatch.setattr(farm.ledger, "listed", spied)
        first = farm.get("/jobs?text=needle").text
        assert sum(looks) == 100
        assert wanted.id not in first
        assert "older ones may be" in first
        assert "looks at" in first
        older = re.search(r'href="(/jobs\?[^"]*)" rel="next"', first)
        assert older
        page = farm.get(unescape(older[1])).text
        assert wanted.id in page
        assert 'rel="next"' not in page

    def test_all_that_a_text_finds_are_retried_and_no_others(self, farm: Dashboard) -> None:
        here = farm.failed(farm.submit(url="http://page.test/here"))
        there = farm.failed(farm.submit(url="http://page.test/there/x"))
        farm.post("/jobs/retry", state="failed", text="/x")
        assert farm.service.get(here.id).state is JobState.FAILED
        assert farm.service.get(there.id).state is JobState.QUEUED


class TestComparing:
    def test_captures_of_the_same_address_are_offered_and_the_newest_is_chosen(
        self, farm: Dashboard
    ) -> None:
        jobs = []
        for url in ("http://page.test/a", "http://page.test/a", "http://page.test/b"):
            jobs.append(farm.ended(farm.submit(url=url), HOSTILE[1]))
            farm.clock.advance(60)
        farm.submit(url="http://page.test/a")
        first, second, elsewhere = jobs
        latest = farm.ended(farm.submit(url="http://page.test/a"))
        page = farm.get(f"/jobs/{latest.id}/compare").text
        assert re.findall(r'<option value="([0-9a-f]+)"', page) == [second.id, first.id]
        sources = [f"/v1/jobs/{job.id}/artifacts/screenshot.png" for job in (second, latest)]
        assert re.findall(r'<img class="side" src="([^"]+)"', page) == sources
        page = farm.get(f"/jobs/{first.id}/compare?with={elsewhere.id}").text
        assert page.index(first.id) < page.index(f"/v1/jobs/{elsewhere.id}/artifacts")
        assert f"/jobs/{latest.id}/compare" in farm.get(f"/jobs/{latest.id}").text

    def test_where_there_is_nothing_to_compare_it_says_so(self, farm: Dashboard) -> None:
        alone, failed = farm.ended(farm.submit()), farm.failed(farm.submit())
        assert "There is no other capture" in farm.get(f"/jobs/{alone.id}/compare").text
        page = farm.get(f"/jobs/{alone.id}/compare?with={failed.id}").text
        assert "It made no picture." in page
        assert 'id="difference"' not in page
        for path in ("/jobs/nope/compare", f"/jobs/{alone.id}/compare?with=nope"):
            assert farm.get(path).status_code == 404


def test_who_asks_too_often_is_told_so_on_a_page(farm: Dashboard) -> None:
    client = create_app(ApiSettings(requests_per_minute=1), farm.service).test_client()
    answers = [client.get("/jobs", headers=HTML) for _ in range(3)]
    assert [answers[0].status_code, answers[-1].status_code] == [200, 429]
    assert answers[-1].content_type == "text/html; charset=utf-8"
    assert answers[-1].headers["Retry-After"]
    assert answers[-1].headers["Content-Security-Policy"]


class AbsentKeys(MemoryKeys):
    def all(self) -> list[ApiKey]:
        raise BackendUnavailable("Redis is away.")

    def signing_secret(self) -> bytes:
        raise BackendUnavailable("Redis is away.")


class AbsentLedger(MemoryLedger):
    def listed(self, *_: object, **__: object) -> Page:
        raise BackendUnavailable("Redis is away.")


class TestWithoutRedis:
    @pytest.mark.parametrize("part", ["keys", "ledger"])
    def test_a_page_says_so(self, farm: Dashboard, part: str) -> None:
        absent = {"keys": AbsentKeys(), "ledger": AbsentLedger(farm.clock)}[part]
        service = replace(farm.service, **{part: absent})  # type: ignore[arg-type]
        client = create_app(ApiSettings(), service).test_client()
        for path in ("/", "/jobs", "/gallery"):
            answer = client.get(path, headers=HTML)
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            assert "Redis is away." in answer.text


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
        assert "clip.mp4" in farm.get(answer.location).text

    def test_the_file_of_a_form_that_is_refused_is_not_kept(self, farm: Dashboard) -> None:
        file = (BytesIO(b"a film"), "clip.mp4")
        data = {"token": farm.token(), "kind": "probe", "timeout": "soon", "file": file}
        answer = farm.client.post("/submit", data=data, headers=OWN)
        assert answer.status_code == 422
        assert farm.artifacts.stored == {}

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

    def test_all_that_match_are_retried_and_no_others(self, farm: Dashboard) -> None:
        here = [farm.failed(farm.submit(url="http://here.test/")) for _ in range(3)]
        there, done = farm.failed(farm.submit()), farm.ended(farm.submit(url="http://here.test/"))
        assert 'action="/jobs/retry"' in farm.get("/jobs?state=failed&host=here.test").text
        assert 'action="/jobs/retry"' not in farm.get("/jobs?host=here.test").text
        answer = farm.post("/jobs/retry", state="failed", host="here.test")
        assert answer.location == "/jobs?state=failed&host=here.test"
        assert {farm.service.get(job.id).state for job in here} == {JobState.QUEUED}
        assert farm.service.get(there.id).state is JobState.FAILED
        assert farm.post("/jobs/retry", host="here.test").status_code == 303
        assert farm.service.get(done.id) == done

    def test_a_button_pressed_twice_retries_once(self, farm: Dashboard) -> None:
        job = farm.failed(farm.submit())
        seen = hidden(farm.get(f"/jobs/{job.id}").text, "seen")
        assert farm.post(f"/jobs/{job.id}/retry", seen=seen).status_code == 303
        assert farm.post(f"/jobs/{job.id}/retry", seen=seen).status_code == 303
        farm.failed(farm.service.get(job.id))
        assert farm.post(f"/jobs/{job.id}/retry", seen=seen).status_code == 303
        stored = farm.service.get(job.id)
        assert (stored.state, stored.retries) == (JobState.FAILED, 1)

    def test_all_that_match_are_retried_once_by_a_page_that_is_used_twice(
        self, farm: Dashboard
    ) -> None:
        job = farm.failed(farm.submit())
        seen = hidden(farm.get("/jobs?state=failed").text, "seen")
        farm.post("/jobs/retry", state="failed", seen=seen)
        farm.clock.advance(1)
        again = farm.service.get(job.id).claimed("w", farm.clock.now(), redeliveries=0)
        assert farm.ledger.swap(again)
        assert farm.ledger.swap(again.failed(DnsError("Gone."), farm.clock.now()))
        farm.post("/jobs/retry", state="failed", seen=seen)
        assert farm.service.get(job.id).retries == 1
        seen = hidden(farm.get("/jobs?state=failed").text, "seen")
        farm.post("/jobs/retry", state="failed", seen=seen)
        assert farm.service.get(job.id).retries == 2

    def test_a_job_that_had_secrets_takes_them_anew_on_its_page(self, farm: Dashboard) -> None:
        job = farm.failed(farm.submit(extra_http_headers={"Authorization": "Bearer x"}))
        page = farm.get(f"/jobs/{job.id}").text
        assert "were dropped when it ended" in page
        assert 'type="password" name="extra_http_headers"' in page
        given = {"extra_http_headers": '{"Authorization": "Bearer y"}'}
        assert farm.post(f"/jobs/{job.id}/retry", **given).status_code == 303
        again = farm.service.get(job.id)
        assert again.state is JobState.QUEUED
        assert again.spec == a_spec(extra_http_headers={"Authorization": "Bearer y"})
        assert "were dropped" not in farm.get(f"/jobs/{job.id}").text

    def test_tags_are_set_by_hand_and_lead_to_the_job(self, farm: Dashboard) -> None:
        job = farm.ended(farm.submit(tags=["old"]))
        answer = farm.post(f"/jobs/{job.id}/tags", tags=" new, <b>good</b>,, new")
        assert answer.location == f"/jobs/{job.id}"
        assert farm.service.get(job.id).tags == ("new", "<b>good</b>")
        page = farm.get(f"/jobs/{job.id}").text
        assert 'value="new, &lt;b&gt;good&lt;/b&gt;"' in page
        assert job.id in farm.get("/gallery?tag=%3Cb%3Egood%3C/b%3E").text
        assert job.id not in farm.get("/jobs?tag=old").text
        assert farm.post(f"/jobs/{job.id}/tags", tags="x" * 65).status_code == 422
        farm.post(f"/jobs/{job.id}/tags", tags="")
        assert farm.service.get(job.id).tags == ()

    def test_a_job_that_needs_its_secrets_again_keeps_no_other_from_a_retry(
        self, farm: Dashboard
    ) -> None:
        plain = farm.failed(farm.submit())
        secret = farm.failed(farm.submit(extra_http_headers={"Authorization": "Bearer x"}))
        assert farm.post("/jobs/retry", state="failed").status_code == 303
        assert farm.service.get(plain.id).state is JobState.QUEUED
        assert farm.service.get(secret.id).state is JobState.FAILED
        assert farm.post(f"/jobs/{secret.id}/retry").status_code == 409

    def test_a_file_that_is_too_large_is_refused_while_it_arrives(self, farm: Dashboard) -> None:
        client = create_app(ApiSettings(upload_max_bytes=1000), farm.service).test_client()
        for size_bytes in (1001, 200_000):
            film = (BytesIO(b"x" * size_bytes), "clip.mp4")
            data = {"token": farm.token(), "kind": "probe", "file": film}
            assert client.post("/submit", data=data, headers=OWN).status_code == 413

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


class TestLists:
    def jobs(self, farm: Dashboard, answer: TestResponse) -> list[Job]:
        assert answer.status_code == 303
        return list(farm.batches.open_jobs(answer.location.rpartition("/")[2], 10_000))

    def test_a_list_of_addresses_is_a_batch(self, farm: Dashboard) -> None:
        lines = (*("", " page.test/a ", "# not this"), "http://page.test/b", "page.test/a")
        options = {"format": "A5", "tags": '["nightly"]', "per_host_concurrency": "3"}
        answer = farm.post(
            "/batches", kind="pdf", list="\r\n".join(lines), max_failures="", **options
        )
        jobs = self.jobs(farm, answer)
        assert [job.spec for job in jobs] == [
            a_spec(kind="pdf", url=url, format="A5", tags=["nightly"], priority="low")
            for url in ("https://page.test/a", "http://page.test/b")
        ]
        assert farm.batches.get(str(jobs[0].batch_id)).batch.options.per_host_concurrency == 3
        assert farm.get(answer.location).status_code == 200

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("urls.txt", "page.test/a\nhttp://page.test/b\n"),
            ("URLS.CSV", "url,tags\nhttps://page.test/a,\nhttp://page.test/b,\n"),
            ("x.ndjson", '{"url": "https://page.test/a"}\n"http://page.test/b"\n'),
        ],
    )
    def test_a_file_may_be_the_list(self, farm: Dashboard, name: str, content: str) -> None:
        file = (BytesIO(content.encode()), name)
        jobs = self.jobs(farm, farm.post("/batches", kind="screenshot", list="", file=file))
        assert [job.spec.url for job in jobs] == ["https://page.test/a", "http://page.test/b"]

    def test_lines_that_are_none_are_told_and_the_others_go(self, farm: Dashboard) -> None:
        answer = farm.post(
            "/batches",
            kind="screenshot",
            list=f"page.test\n{HOSTILE[1]}\nftp://page.test/\npage.test",
        )
        assert answer.status_code == 200
        page = unescape(answer.text)
        assert "Submitted, but for 2 lines" in page
        assert "The batch of 1 job" in page
        assert "line 2: url" in re.sub(r"<[^>]+>", "", page)
        assert Elements(answer.text).names.count("img") == 1
        assert Elements(answer.text).inline == []
        many = farm.post("/batches", kind="screenshot", list="page.test/b\n" + "x://y\n" * 150)
        assert many.text.count("<li>line") == 100
        assert "And 50 more." in many.text

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"list": ""}, "items"),
            ({"list": "ftp://page.test/"}, "url"),
            ({"list": "page.test", "padding": "x"}, "padding"),
            ({"list": "page.test", "max_failures": "none"}, "max_failures"),
            ({"list": "page.test", "url": "http://page.test/"}, "defaults.url"),
            ({"list": "page.test", "file": (BytesIO(b"page.test"), "a.txt")}, "list"),
        ],
    )
    def test_mistakes_are_named_and_nothing_is_stored(
        self, farm: Dashboard, fields: dict[str, object], said: str
    ) -> None:
        answer = farm.post("/batches", kind="screenshot", **fields)
        assert answer.status_code == 422
        assert said in answer.text
        assert farm.get("/v1/batches").get_json()["items"] == []

    def test_a_long_list_may_be_typed_and_one_that_is_too_long_is_refused(
        self, farm: Dashboard
    ) -> None:
        line = "https://page.test/" + "a" * 100
        lines = "\n".join(f"{line}/{number}" for number in range(3000))
        assert len(self.jobs(farm, farm.post("/batches", kind="screenshot", list=lines))) == 3000
        answer = farm.post("/batches", kind="screenshot", list="\n" * (8 * 1024 * 1024 + 1))
        assert answer.status_code == 413
        client = create_app(ApiSettings(batch_max_bytes=1000), farm.service).test_client()
        data = {"kind": "pdf", "file": (BytesIO(b"page.test\n" * 200), "a.txt")}
        data["token"] = token_of(client.get("/", headers=HTML).text)
        assert client.post("/batches", data=data, headers=OWN).status_code == 413


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
