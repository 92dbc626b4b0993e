"""The report in a real browser, from a disk and without a network."""

import io
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from api.app import create_app
from api.settings import ApiSettings
from farm.jobs.errors import DnsError, HttpError
from farm.jobs.models import Job
from tests.support.builders import NOON, MemoryFarm
from tests.support.results import succeeded

TITLES = (
    "A shop",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</title></style></script><svg onload=alert(3)>",
    "'-->]]>\u202egnp.exe",
    "x" * 3000,
    "<meta http-equiv=refresh content=0;url=//evil.test>",
)
JOBS = 40
WIDE = 1280


def picture(width_px: int, height_px: int, media_type: str) -> bytes:
    made = io.BytesIO()
    Image.effect_noise((width_px, height_px), 90).convert("RGB").save(made, media_type)
    return made.getvalue()


class Farm(MemoryFarm):
    """Has a batch of jobs with hostile titles, tags and messages."""

    def __init__(self) -> None:
        super().__init__()
        self.client = create_app(ApiSettings(), self.service).test_client()
        items = [
            {"url": f"http://page-{n}.test/?q='%22%3E&{n}=(b)", "tags": ["<i>tag</i>"]}
            for n in range(JOBS)
        ]
        body = {"defaults": {"kind": "screenshot"}, "items": items}
        self.batch_id = self.client.post("/v1/batches", json=body).get_json()["id"]
        self.small = picture(32, 20, "webp")
        self.large = picture(400, 250, "png")
        for number, job in enumerate(self.batches.open_jobs(self.batch_id, JOBS)):
            if number < JOBS - 2:
                self._end(job, number)

    def _end(self, job: Job, number: int) -> None:
        running = job.claimed("worker-1", NOON, redeliveries=0)
        assert self.ledger.swap(running)
        if number % 5 == 4:
            error = DnsError("<b>No</b> host.") if number % 2 else HttpError("503 \"'<&>")
            assert self.ledger.swap(running.failed(error, NOON))
            return
        title = TITLES[number % len(TITLES)]
        more = {"thumbnail": ("image/webp", self.small)} if number % 3 else {}
        assert self.ledger.swap(succeeded(self, running, title, self.large, **more))

    def read(self, name: str) -> bytes:
        answer: bytes = self.client.get(f"/v1/batches/{self.batch_id}/{name}").data
        return answer


@pytest.fixture(scope="module")
def farm() -> Farm:
    return Farm()


@pytest.fixture(scope="module")
def folder(farm: Farm, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive, and the page that was read by itself in a folder of its own."""
    folder = tmp_path_factory.mktemp("report")
    ZipFile(io.BytesIO(farm.read("archive.zip"))).extractall(folder / "archive")
    (folder / "report.html").write_bytes(farm.read("report.html"))
    return folder


class Opened:
    """A page that was opened without a network, and what it did that it should not."""

    def __init__(self, browser: Browser, file: Path, width_px: int = WIDE) -> None:
        viewport = {"width": width_px, "height": 800}
        self.context = browser.new_context(offline=True, viewport=viewport)  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: self.wrong.append(said.text))
        self.page.goto(file.as_uri())

    @property
    def shown(self) -> int:
        return self.page.locator("#jobs > li:visible").count()

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f"select[name={name}]").select_option(value)


@pytest.fixture(params=["report.html", "archive/report.html"])
def opened(request: pytest.FixtureRequest, chromium: Browser, folder: Path) -> Iterator[Opened]:
    opened = Opened(chromium, folder / request.param)
    yield opened
    opened.context.close()


def test_what_pages_say_does_nothing(opened: Opened) -> None:
    cards = opened.page.locator("#jobs > li")
    assert cards.count() == JOBS
    titles = opened.page.locator("#jobs .title").all_inner_texts()
    assert set(TITLES[:5]) <= set(titles)
    assert opened.page.locator("script, style").count() == 2
    assert opened.page.locator("#jobs :is(script, svg, i, meta)").count() == 0
    assert [each for each in opened.wrong if "ERR_FILE_NOT_FOUND" not in each] == []


def test_jobs_are_found_by_text_state_and_cause(opened: Opened) -> None:
    page = opened.page
    failed = len([number for number in range(JOBS - 2) if number % 5 == 4])
    opened.choose("state", "failed")
    assert opened.shown == failed
    opened.choose("code", "dns_error")
    assert 0 < opened.shown < failed
    opened.choose("state", "")
    opened.choose("code", "")
    page.locator("input[name=text]").fill("<script>  PAGE-1.")
    assert opened.shown == 1
    assert page.locator("output").inner_text() == f"1 of {JOBS} shown"
    page.locator("input[name=text]").press("Enter")
    assert opened.shown == 1


def test_failures_stand_under_their_causes(opened: Opened) -> None:
    causes = opened.page.locator("details")
    assert causes.locator("summary code").all_inner_texts() == ["http_error", "dns_error"]
    causes.last.locator("summary").click()
    assert "<b>No</b> host." in causes.last.inner_text()


def pictures(opened: Opened) -> list[str]:
    """Return what becomes of each picture once it has been looked at: its width, or words."""
    opened.page.evaluate("document.querySelectorAll('img').forEach(each => each.loading = 'eager')")
    opened.page.wait_for_function("[...document.images].every(each => each.complete)")
    found = opened.page.evaluate(
        """[...document.querySelectorAll("a.picture")].map(each =>
            String(each.querySelector("img")?.naturalWidth ?? each.textContent.trim()))"""
    )
    return [str(each) for each in found]


def test_a_page_by_itself_shows_small_pictures_and_says_where_large_ones_are(
    chromium: Browser, folder: Path
) -> None:
    opened = Opened(chromium, folder / "report.html")
    assert set(pictures(opened)) == {"32", "in archive.zip"}
    opened.context.close()


def test_the_archive_s_page_shows_all_pictures(chromium: Browser, folder: Path) -> None:
    opened = Opened(chromium, folder / "archive" / "report.html")
    assert set(pictures(opened)) == {"32", "400"}
    assert opened.wrong == []
    opened.context.close()


@pytest.mark.parametrize("width_px", [360, 768, WIDE])
def test_nothing_is_wider_than_the_screen(chromium: Browser, folder: Path, width_px: int) -> None:
    opened = Opened(chromium, folder / "report.html", width_px)
    opened.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width_px
    opened.context.close()


def test_without_scripts_all_of_it_can_be_read(chromium: Browser, folder: Path) -> None:
    context = chromium.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto((folder / "report.html").as_uri())
    assert page.locator("#jobs > li").count() == JOBS
    assert not page.locator("form").is_visible()
    context.close()
