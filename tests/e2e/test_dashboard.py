"""The dashboard of the whole farm: what is submitted there is rendered, and shows."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from dev.stack import Stack
from farm.client.http import FarmClient
from tests.support.dashboards import Visit
from tests.support.site import Site
from tests.support.waiting import until

SOON_MS = 30_000
THOUSANDS = 5000
PATIENCE_MS = 2000
"""Ten times what a page should take, on a machine that is busy."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def visit(chromium: Browser, farm: Stack) -> Iterator[Visit]:
    with Visit(chromium, farm.url) as visit:
        yield visit


def shown(page: Page, selector: str) -> int:
    """Return the width of the picture there, once it is loaded."""
    page.locator(selector).first.scroll_into_view_if_needed()
    # Not by `wait_for_function`, whose second look is forbidden by the page's policy.
    width: int = until(
        lambda: page.evaluate(
            "selector => document.querySelector(selector)?.naturalWidth", selector
        ),
        f"{selector} is loaded",
    )
    return width


def test_a_page_is_submitted_and_its_picture_shows(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto("/")
    page.evaluate("window.isStillHere = true")
    page.get_by_label("Address").fill(site.url("/colours"))
    page.get_by_label("viewport width").fill("640")
    page.get_by_label("viewport height").fill("400")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#job .badge")).to_have_text("succeeded", timeout=SOON_MS)
    assert shown(page, "#job .shot img") == 640
    assert page.evaluate("window.isStillHere")
    expect(page.locator("#job .legend")).to_contain_text("capture")
    page.goto("/gallery?kind=screenshot")
    assert shown(page, ".tile img") == 320
    # The gallery also has jobs of other tests, which may have dropped their pictures.
    assert [each for each in visit.wrong if "status of 410" not in each] == []


def test_a_title_that_is_hostile_is_text(visit: Visit, client: FarmClient) -> None:
    html = "<title>&lt;img src=x onerror=alert(1)&gt;</title><h1>Hello</h1>"
    job = client.run({"kind": "screenshot", "html": html})
    visit.page.goto(f"/jobs/{job.id}")
    expect(visit.page.locator("h1")).to_have_text("<img src=x onerror=alert(1)>")
    assert visit.wrong == []


def test_a_file_is_probed_and_shown_with_streams_and_stills(
    visit: Visit, media_folder: Path
) -> None:
    page = visit.page
    page.goto("/?kind=probe")
    page.get_by_label("thumbnails count").fill("3")
    page.locator("input[type=file]").set_input_files(media_folder / "video.mp4")
    page.get_by_role("button", name="Probe it").click()
    expect(page.locator("#job .badge")).to_have_text("succeeded", timeout=SOON_MS)
    expect(page.locator("#job tbody tr").first).to_contain_text("video")
    expect(page.locator("#job .strip img")).to_have_count(3)
    assert shown(page, "#job .strip img") > 0
    assert visit.wrong == []


def test_a_failure_says_why_and_is_retried(visit: Visit) -> None:
    page = visit.page
    page.goto("/")
    page.get_by_label("Address").fill("http://nowhere.invalid/")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#job .badge")).to_have_text("failed", timeout=SOON_MS)
    code = page.locator("#job .failure code").inner_text()
    page.get_by_role("button", name="Retry").click()
    page.wait_for_url("**/jobs/*")
    expect(page.locator("#job .badge")).to_have_text("failed", timeout=SOON_MS)
    page.goto(f"/jobs?state=failed&error={code}&host=nowhere.invalid")
    expect(page.locator(".jobs .badge").first).to_have_text("failed")


def test_a_batch_is_followed_to_its_end(visit: Visit, farm: Stack, site: Site) -> None:
    urls = [*(site.url(f"/colours?{number}") for number in range(3)), "http://nowhere.invalid/b"]
    body = {"defaults": {"kind": "screenshot"}, "items": urls}
    batch = httpx.post(f"{farm.url}/v1/batches", json=body, trust_env=False).json()
    page = visit.page
    page.goto(f"/batches/{batch['id']}")
    expect(page.locator("#batch .badge").first).to_have_text("finished", timeout=2 * SOON_MS)
    expect(page.locator("#batch .legend")).to_contain_text("succeeded 3")
    expect(page.get_by_role("link", name="This job")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="results.csv").click()
    assert Path(download.value.path()).read_text().count("\n") == len(urls) + 1
    assert visit.wrong == []


def test_two_captures_of_a_page_are_compared(visit: Visit, client: FarmClient, site: Site) -> None:
    spec = {
        "kind": "screenshot",
        "url": site.url("/colours"),
        "viewport": {"width": 640, "height": 400},
    }
    first = client.run(spec)
    client.run({**spec, "styles": ["body { filter: invert(1) }"]})
    page = visit.page
    page.goto(f"/jobs/{first.id}")
    page.get_by_role("link", name="Compare with another capture").click()
    expect(page.get_by_role("status")).to_contain_text("% of the pixels differ")
    assert shown(page, "img.side") == 640
    page.goto(f"/jobs/{first.id}")
    page.get_by_label("Tags, between commas").fill("approved")
    page.get_by_role("button", name="Set").click()
    page.goto("/gallery?tag=approved")
    expect(page.locator(".tile")).to_have_count(1)
    assert visit.wrong == []


def test_a_list_is_submitted_followed_and_found_by_text(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto("/batches/new")
    urls = "\n".join(site.url(f"/colours?list={number}") for number in range(4))
    page.get_by_label("Addresses, one a line").fill(urls)
    page.get_by_role("button", name="Submit all").click()
    expect(page.locator("#batch .badge").first).to_have_text("finished", timeout=2 * SOON_MS)
    expect(page.get_by_role("img", name="Ended jobs since the batch")).to_be_visible()
    page.goto("/jobs")
    page.get_by_label("Text").fill("colours?list=")
    page.keyboard.press("Enter")
    expect(page.locator(".jobs tbody tr")).to_have_count(4)
    assert visit.wrong == []


def test_the_farm_shows_its_last_hour(visit: Visit) -> None:
    visit.page.goto("/farm")
    waiting = visit.page.get_by_role("img", name="Waiting jobs over the last hour")
    expect(waiting).to_have_count(2, timeout=SOON_MS)
    expect(visit.page.get_by_role("img", name="Jobs a minute over the last hour")).to_be_visible()
    assert visit.wrong == []


def test_the_farm_shows_its_workers_and_leads_to_flower(visit: Visit, farm: Stack) -> None:
    visit.page.goto("/farm")
    expect(visit.page.locator("table")).to_have_count(2)
    link = visit.page.get_by_role("link", name="In Flower").first.get_attribute("href")
    assert str(link).startswith(f"{farm.flower_url}/worker/")
    assert visit.wrong == []


def test_a_farm_of_thousands_is_paged_and_steered(visit: Visit, farm: Stack) -> None:
    page = visit.page
    urls = [f"http://nowhere.invalid/{number}" for number in range(THOUSANDS)]
    body = {"defaults": {"kind": "screenshot"}, "items": urls, "per_host_concurrency": 1}
    batch = httpx.post(f"{farm.url}/v1/batches", json=body, trust_env=False, timeout=60).json()
    page.goto(f"/batches/{batch['id']}")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#batch .badge").first).to_have_text("paused")
    page.goto(f"/jobs?batch={batch['id']}")
    seen: set[str] = set()
    for _ in range(3):
        seen |= set(page.locator(".jobs .what > a").all_inner_texts())
        page.get_by_role("link", name="Older").click()
    assert len(seen) == 150
    assert page.locator(".jobs tbody tr").count() == 50
    took_ms = page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd")
    assert took_ms < PATIENCE_MS
    page.goto(f"/batches/{batch['id']}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#batch .badge").first).to_have_text("cancelled")
    expect(page.locator("#batch .legend")).not_to_contain_text("queued", timeout=2 * SOON_MS)
    assert visit.wrong == []
