"""The dashboard in a real browser: hostile pages, keyboard, small and dark screens, no scripts."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from api.app import create_app
from api.settings import ApiSettings
from farm.jobs.states import JobState
from tests.support.builders import MemoryFarm
from tests.support.dashboards import TITLES, Visit, end, fail, fill, half_done, picture, serving
from tests.support.keyed import KeyedFarm
from tests.support.waiting import until

NAMES = (
    *("submit", "jobs", "gallery", "done", "failed", "secret", "waiting", "probe", "compare"),
    *("batches", "new-batch", "batch", "farm", "sign-in", "refused"),
)
REFUSED = "the server responded with a status of 404"
WCAG_AA = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


@dataclass(frozen=True)
class Served:
    farm: MemoryFarm
    url: str
    paths: dict[str, str]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A farm that is looked at, and that no test changes."""
    farm = MemoryFarm()
    paths = fill(farm)
    with serving(create_app(ApiSettings(flower_url="http://127.0.0.1:1"), farm.service)) as url:
        yield Served(farm, url, paths)


@pytest.fixture
def own() -> Iterator[Served]:
    """A farm for one test."""
    farm = MemoryFarm()
    with serving(create_app(ApiSettings(), farm.service)) as url:
        yield Served(farm, url, {})


class TestLooking:
    @pytest.mark.parametrize("name", NAMES)
    def test_what_pages_say_does_nothing_and_nothing_of_elsewhere_is_loaded(
        self, chromium: Browser, served: Served, name: str
    ) -> None:
        with Visit(chromium, served.url) as visit:
            visit.page.goto(served.paths[name])
            until(
                lambda: visit.page.evaluate("[...document.images].every(each => each.complete)"),
                "the pictures are there",
            )
            # Such an element would be one that the dashboard did not write.
            assert (
                visit.page.locator("main :is(script, b b, meta, [onerror], [onload])").count() == 0
            )
            assert visit.page.locator("script:not([src^='/dashboard/'])").count() == 0
            assert [each for each in visit.wrong if REFUSED not in each] == []

    def test_titles_stand_in_the_gallery_as_they_are(
        self, chromium: Browser, served: Served
    ) -> None:
        with Visit(chromium, served.url) as visit:
            visit.page.goto("/gallery?kind=screenshot&tag=%3Cb%3Enight%3C/b%3E")
            shown = visit.page.locator(".tile .title").all_text_contents()
            assert set(TITLES[:5]) <= set(shown)
            assert len(shown) == len(TITLES) + 1

    def test_pictures_show(self, chromium: Browser, served: Served) -> None:
        with Visit(chromium, served.url) as visit:
            visit.page.goto(served.paths["done"])
            shot = visit.page.locator(".shot img")
            until(
                lambda: visit.page.evaluate("[...document.images].every(each => each.complete)"),
                "the pictures are there",
            )
            assert shot.evaluate("each => each.naturalWidth") == 400
            bar = visit.page.get_by_role("img", name="Time by stage")
            assert "load 810 ms" in str(bar.get_attribute("aria-label"))

    def test_plots_are_drawn_and_say_what_they_show(
        self, chromium: Browser, served: Served
    ) -> None:
        with Visit(chromium, served.url, java_script_enabled=False) as visit:
            page = visit.page
            page.goto(served.paths["farm"])
            waiting = page.get_by_role("img", name="Waiting jobs over the last hour: now 99")
            line = waiting.locator("path").bounding_box()
            assert line
            assert line["width"] > 150
            assert line["height"] > 80
            ended = page.get_by_role("img", name="Jobs a minute over the last hour: 745")
            assert ended.locator("rect.of-succeeded").count() > 40
            durations = page.get_by_role("img", name="Time by stage over the last hour: 1.3 s")
            assert durations.locator("rect.of-load").count() > 8
            expect(page.locator(".codes")).to_contain_text("dns_error 19")
            page.goto(served.paths["batch"])
            expect(page.get_by_role("img", name="5 of 10 after 1 h")).to_be_visible()
            assert visit.wrong == []

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_axe_finds_nothing_against_wcag_aa(
        self, chromium: Browser, served: Served, name: str, scheme: str
    ) -> None:
        with Visit(chromium, served.url, color_scheme=scheme) as visit:
            visit.page.goto(served.paths[name])
            visit.page.evaluate(
                "document.querySelectorAll('details').forEach(each => each.open = true)"
            )
            # By the driver: the page's own policy lets no other script in.
            found = Axe().run(visit.page, options=WCAG_AA).response
            said = [
                (each["id"], [node["html"] for node in each["nodes"]][:3])
                for each in found["violations"]
            ]
            assert said == []
            assert "color-contrast" in {each["id"] for each in found["passes"]}

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("width_px", [360, 768])
    def test_nothing_is_wider_than_the_screen(
        self, chromium: Browser, served: Served, name: str, width_px: int
    ) -> None:
        viewport = {"width": width_px, "height": 740}
        with Visit(chromium, served.url, viewport=viewport) as visit:
            visit.page.goto(served.paths[name])
            visit.page.evaluate(
                "document.querySelectorAll('details').forEach(each => each.open = true)"
            )
            assert visit.page.evaluate("document.documentElement.scrollWidth") == width_px

    def test_the_dark_is_dark(self, chromium: Browser, served: Served) -> None:
        paper = {}
        for scheme in ("light", "dark"):
            with Visit(chromium, served.url, color_scheme=scheme) as visit:
                visit.page.goto("/")
                colour = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
                paper[scheme] = sum(map(int, colour.strip("rgb()").split(",")))
        assert paper["dark"] < 150
        assert paper["light"] > 600

    @pytest.mark.parametrize("name", NAMES)
    def test_without_scripts_all_of_it_can_be_read(
        self, chromium: Browser, served: Served, name: str
    ) -> None:
        with Visit(chromium, served.url, java_script_enabled=False) as visit:
            visit.page.goto(served.paths[name])
            expect(visit.page.get_by_role("heading", level=1)).to_be_visible()
            assert len(visit.page.locator("main").inner_text()) > 20


class TestKeyboard:
    def test_arrows_go_through_the_gallery(self, chromium: Browser, served: Served) -> None:
        with Visit(chromium, served.url) as visit:
            page = visit.page
            page.goto("/gallery")
            tiles = page.locator(".tile")
            page.keyboard.press("ArrowRight")
            expect(tiles.nth(0)).to_be_focused()
            page.keyboard.press("ArrowRight")
            expect(tiles.nth(1)).to_be_focused()
            page.keyboard.press("End")
            expect(tiles.last).to_be_focused()
            page.keyboard.press("Home")
            page.keyboard.press("ArrowDown")
            below = page.evaluate(
                "[...document.querySelectorAll('.tile')].indexOf(document.activeElement)"
            )
            first, under = tiles.nth(0).bounding_box(), tiles.nth(below).bounding_box()
            assert first
            assert under
            assert (under["x"], under["y"] > first["y"]) == (first["x"], True)
            page.keyboard.press("Enter")
            page.wait_for_url("**/jobs/*")

    def test_the_first_tab_leads_past_the_navigation(
        self, chromium: Browser, served: Served
    ) -> None:
        with Visit(chromium, served.url) as visit:
            visit.page.goto("/jobs")
            visit.page.keyboard.press("Tab")
            expect(visit.page.get_by_role("link", name="Skip to the content")).to_be_focused()
            visit.page.keyboard.press("Enter")
            visit.page.keyboard.press("Tab")
            expect(visit.page.get_by_role("link", name="As a gallery")).to_be_focused()


class TestSubmitting:
    def test_the_picture_appears_when_it_is_done_without_a_reload(
        self, chromium: Browser, own: Served
    ) -> None:
        with Visit(chromium, own.url) as visit:
            page = visit.page
            page.goto("/")
            page.evaluate("window.isStillHere = true")
            page.get_by_label("Address").fill("page.test")
            page.get_by_label("full page", exact=True).check()
            page.keyboard.press("Enter")
            expect(page.locator("#job .badge")).to_have_text("queued")
            job = own.farm.service.get(page.locator("#job dd code").inner_text())
            assert (job.spec.url, job.kind) == ("https://page.test/", "screenshot")
            end(own.farm, job, TITLES[1])
            expect(page.locator("#job .badge")).to_have_text("succeeded", timeout=15_000)
            expect(page.locator("#job h1")).to_have_text(TITLES[1])
            until(
                lambda: page.evaluate(
                    "document.querySelector('#job .shot img')?.naturalWidth === 400"
                ),
                "the pictures are there",
            )
            assert page.evaluate("window.isStillHere")
            assert visit.wrong == []

    def test_mistakes_show_where_they_were_made(self, chromium: Browser, own: Served) -> None:
        with Visit(chromium, own.url) as visit:
            page = visit.page
            page.goto("/")
            page.get_by_label("Address").fill("ftp://page.test")
            page.get_by_role("button", name="Take it").click()
            expect(page.get_by_role("alert")).to_contain_text("url")
            expect(page.get_by_label("Address")).to_have_value("ftp://page.test")

    def test_a_dropped_file_is_probed(self, chromium: Browser, own: Served) -> None:
        with Visit(chromium, own.url) as visit:
            visit.page.goto("/")
            visit.page.evaluate(
                """() => {
                    const data = new DataTransfer();
                    data.items.add(new File(["a film"], "clip.mp4", {type: "video/mp4"}));
                    const how = {dataTransfer: data, bubbles: true, cancelable: true};
                    document.querySelector(".file").dispatchEvent(new DragEvent("drop", how));
                }"""
            )
            expect(visit.page.locator("#job .meta")).to_contain_text("probe")
            job = own.farm.service.get(visit.page.locator("#job dd code").inner_text())
            assert job.spec.kind == "probe"

    def test_without_scripts_the_form_leads_to_the_job(
        self, chromium: Browser, own: Served
    ) -> None:
        with Visit(chromium, own.url, java_script_enabled=False) as visit:
            page = visit.page
            page.goto("/?kind=pdf")
            page.get_by_label("Address").fill("page.test")
            page.get_by_role("button", name="Print it").click()
            page.wait_for_url("**/jobs/*")
            page.get_by_role("button", name="Cancel").click()
            expect(page.locator(".badge")).to_have_text("cancelled")
            page.get_by_role("button", name="Retry").click()
            expect(page.locator(".badge")).to_have_text("queued")


class TestSubmittingLists:
    def test_a_list_is_typed_and_becomes_a_batch(self, chromium: Browser, own: Served) -> None:
        with Visit(chromium, own.url, java_script_enabled=False) as visit:
            page = visit.page
            page.goto("/")
            page.get_by_role("link", name="Submit a list").click()
            page.get_by_label("Addresses, one a line").fill(
                f"page.test/a\n{TITLES[1]}\npage.test/b"
            )
            page.get_by_label("full page", exact=True).check()
            page.get_by_role("button", name="Submit all").click()
            expect(page.locator("h1")).to_have_text("Submitted, but for 1 line")
            page.get_by_role("link", name="The batch of 2 jobs").click()
            expect(page.locator("#batch .legend").first).to_contain_text("queued 2")
            assert visit.wrong == []

    def test_a_dropped_list_is_sent_by_the_button_once(
        self, chromium: Browser, own: Served
    ) -> None:
        with Visit(chromium, own.url) as visit:
            page = visit.page
            page.goto("/batches/new")
            page.evaluate(
                """() => {
                    const data = new DataTransfer();
                    data.items.add(new File(["page.test/a\\npage.test/b"], "urls.txt"));
                    const how = {dataTransfer: data, bubbles: true, cancelable: true};
                    document.querySelector(".file").dispatchEvent(new DragEvent("drop", how));
                }"""
            )
            expect(page.get_by_role("button", name="Submit all")).to_be_visible()
            page.get_by_role("button", name="Submit all").dblclick()
            page.wait_for_url("**/batches/*")
            expect(page.locator("#batch .legend").first).to_contain_text("queued 2")
            page.goto("/batches")
            expect(page.locator("#list li.card")).to_have_count(1)
            assert visit.wrong == []


class TestComparing:
    def test_what_differs_between_two_captures_is_painted(
        self, chromium: Browser, served: Served
    ) -> None:
        with Visit(chromium, served.url) as visit:
            page = visit.page
            page.goto(served.paths["compare"])
            expect(page.get_by_role("status")).to_have_text("1.6 % of the pixels differ.")
            pixel = """([x, y]) => [...document.querySelector("canvas").getContext("2d")
                .getImageData(x, y, 1, 1).data]"""
            assert page.evaluate(pixel, [120, 70]) == [214, 0, 110, 255]
            red, green, blue, _ = page.evaluate(pixel, [300, 200])
            assert red == green == blue
            page.get_by_label("one over the other").check()
            page.get_by_label("From the earlier").fill("100")
            assert page.evaluate(pixel, [120, 70]) == [255, 0, 0, 255]
            page.get_by_label("From the earlier").fill("0")
            assert page.evaluate(pixel, [120, 70])[0] == page.evaluate(pixel, [120, 70])[1]
            # Of this test's own reading of it.
            assert [each for each in visit.wrong if "Canvas2D" not in each] == []

    def test_equal_and_unequal_sizes_are_told(self, chromium: Browser, own: Served) -> None:
        first = end(own.farm, own.farm.submit())
        second = end(own.farm, own.farm.submit())
        tall = end(own.farm, own.farm.submit(), content=picture(400, 500))
        with Visit(chromium, own.url) as visit:
            page, said = visit.page, visit.page.get_by_role("status")
            page.goto(f"/jobs/{first.id}/compare?with={second.id}")
            expect(said).to_have_text("Nothing differs.")
            page.goto(f"/jobs/{first.id}/compare?with={tall.id}")
            expect(said).to_contain_text("the sizes do, too: 400 by 250 and 400 by 500.")
            own.farm.artifacts.expire(tall.run_id, "screenshot.png", 0)
            page.reload()
            expect(said).to_have_text("A picture is no longer kept, or cannot be read.")

    def test_without_scripts_both_stand_side_by_side(
        self, chromium: Browser, served: Served
    ) -> None:
        with Visit(chromium, served.url, java_script_enabled=False) as visit:
            page = visit.page
            page.goto(served.paths["compare"])
            expect(page.locator("#difference")).to_be_hidden()
            left, right = (page.locator("img.side").nth(each).bounding_box() for each in (0, 1))
            assert left
            assert right
            assert left["x"] + left["width"] <= right["x"]
            page.get_by_label("With the capture of").select_option(index=3)
            page.get_by_role("button", name="Compare").click()
            assert "with=" in page.url
            expect(page.locator("img.side")).to_have_count(2)


class TestChanging:
    def test_a_tag_that_was_typed_leads_to_the_job(self, chromium: Browser, own: Served) -> None:
        job = end(own.farm, own.farm.submit())
        with Visit(chromium, own.url, java_script_enabled=False) as visit:
            page = visit.page
            page.goto(f"/jobs/{job.id}")
            page.get_by_label("Tags, between commas").fill(f"{TITLES[1]}, approved")
            page.get_by_role("button", name="Set").click()
            page.get_by_role("link", name=TITLES[1]).click()
            expect(page.locator(".jobs .what > a")).to_have_count(1)
            assert own.farm.service.get(job.id).tags == (TITLES[1], "approved")
            assert visit.wrong == []

    def test_secrets_are_given_anew_to_retry(self, chromium: Browser, own: Served) -> None:
        job = fail(own.farm, own.farm.submit(extra_http_headers={"Authorization": "x"}))
        with Visit(chromium, own.url) as visit:
            page = visit.page
            page.goto(f"/jobs/{job.id}")
            page.get_by_label("extra http headers").fill('{"Authorization": "y"}')
            page.get_by_role("button", name="Retry").click()
            expect(page.locator("#job .badge")).to_have_text("queued")
            assert '"y"' in own.farm.service.get(job.id).model_dump_json()
            assert visit.wrong == []

    def test_a_text_finds_a_hostile_title(self, chromium: Browser, served: Served) -> None:
        with Visit(chromium, served.url) as visit:
            page = visit.page
            page.goto("/jobs")
            page.get_by_label("Text").fill("<svg onload")
            page.keyboard.press("Enter")
            expect(page.locator(".jobs .what > a")).to_have_text([TITLES[3]])
            expect(page.get_by_label("Text")).to_have_value("<svg onload")
            assert visit.wrong == []


class TestFollowing:
    def test_a_list_follows_its_jobs(self, chromium: Browser, own: Served) -> None:
        job = own.farm.submit()
        with Visit(chromium, own.url) as visit:
            visit.page.goto("/jobs")
            expect(visit.page.locator(".jobs .badge")).to_have_text("queued")
            end(own.farm, job)
            expect(visit.page.locator(".jobs .badge")).to_have_text("succeeded", timeout=15_000)
            own.farm.submit()
            expect(visit.page.locator(".jobs .badge")).to_have_count(2, timeout=15_000)
            assert visit.wrong == []

    def test_a_job_is_told_of_as_it_changes(self, chromium: Browser, own: Served) -> None:
        job = own.farm.submit()
        with Visit(chromium, own.url) as visit:
            page, looks = visit.page, list[str]()
            page.on("request", lambda request: looks.append(request.url))
            with page.expect_response("**/live"):  # What the stream began with led to it.
                page.goto(f"/jobs/{job.id}")
            end(own.farm, job)
            # Sooner than it would look by itself once the stream is open.
            expect(page.locator("#job .badge")).to_have_text("succeeded", timeout=10_000)
            assert [each for each in looks if each.endswith(f"/v1/jobs/{job.id}/events")]
            assert len([each for each in looks if each.endswith("/live")]) <= 3
            assert visit.wrong == []

    def test_where_no_stream_is_to_be_had_it_looks_again_by_itself(
        self, chromium: Browser, own: Served
    ) -> None:
        job, batch = own.farm.submit(), half_done(own.farm)
        with Visit(chromium, own.url) as visit:
            page = visit.page
            page.route("**/events", lambda route: route.fulfill(status=503))
            page.goto(f"/jobs/{job.id}")
            end(own.farm, job)
            expect(page.locator("#job .badge")).to_have_text("succeeded", timeout=15_000)
            page.goto(f"/batches/{batch}")
            own.farm.service.cancel(own.farm.batches.open_jobs(batch, 1)[0].id)
            expect(page.locator("#batch .legend")).to_contain_text("cancelled 1", timeout=15_000)

    def test_a_batch_is_told_of_as_its_jobs_end(self, chromium: Browser, own: Served) -> None:
        batch = half_done(own.farm)
        with Visit(chromium, own.url) as visit:
            page, looks = visit.page, list[str]()
            page.on("request", lambda request: looks.append(request.url))
            page.goto(f"/batches/{batch}")
            expect(page.locator("#batch .legend").first).to_contain_text("queued 5")
            for job in own.farm.batches.open_jobs(batch, 10):
                end(own.farm, job)
            expect(page.locator("#batch .legend").first).to_contain_text(
                "succeeded 9", timeout=10_000
            )
            assert f"{own.url}/batches/{batch}/events" in looks
            # The end has come over the stream, and nothing is followed any more.
            expect(page.locator("#batch[data-live]")).to_have_count(0)
            assert visit.wrong == []

    def test_filters_choose_and_stand_in_the_address(
        self, chromium: Browser, served: Served
    ) -> None:
        with Visit(chromium, served.url) as visit:
            page = visit.page
            page.goto("/jobs")
            page.get_by_label("State").select_option("failed")
            page.get_by_label("Error").fill("dns_error")
            page.get_by_role("button", name="Filter").click()
            assert set(page.locator(".jobs .badge").all_inner_texts()) == {"failed"}
            assert "state=failed" in page.url
            page.get_by_role("link", name="Clear").click()
            assert page.locator(".jobs .badge").count() > 10


def test_with_a_key_one_signs_in_sees_one_s_pictures_and_signs_out(chromium: Browser) -> None:
    farm = KeyedFarm()
    shop = farm.holder()
    job = farm.ledger.get(shop.submit().get_json()["id"])
    end(farm, job)
    with serving(farm.app) as url, Visit(chromium, url) as visit:
        page = visit.page
        page.goto(f"/jobs/{job.id}")
        page.get_by_label("Key").fill(shop.text)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**/jobs/{job.id}")
        until(
            lambda: page.evaluate("document.querySelector('.shot img')?.naturalWidth === 400"),
            "the pictures are there",
        )
        assert page.evaluate("document.cookie") == ""
        following = farm.ledger.get(shop.submit().get_json()["id"])
        page.goto(f"/jobs/{following.id}")
        with page.expect_response("**/events") as stream:
            end(farm, following)
        assert stream.value.status == 200
        expect(page.locator("#job .badge")).to_have_text("succeeded", timeout=15_000)
        page.goto("/")
        page.get_by_label("Address").fill("page.test")
        page.get_by_role("button", name="Take it").click()
        expect(page.locator("#job .badge")).to_have_text("queued")
        made = farm.ledger.get(page.locator("#job dd code").inner_text())
        assert (made.owner, made.state) == (shop.key_id, JobState.QUEUED)
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/sign-in")
        page.goto("/jobs")
        expect(page.get_by_label("Key")).to_be_visible()
        assert visit.wrong == []
