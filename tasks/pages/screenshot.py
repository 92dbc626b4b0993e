"""The kind ``screenshot``: one picture of one page."""

from collections.abc import Mapping
from io import BytesIO

from PIL import Image
from playwright.sync_api import Page

from farm.jobs.errors import CaptureFailed, PageTooLarge
from farm.jobs.models import Job
from farm.jobs.specs import ImageType, ScreenshotSpec
from tasks.deadline import Deadline
from tasks.outcome import Made, Outcome, Stopwatch
from tasks.pages.browser import BrowserHolder
from tasks.pages.page import Loaded, loaded_page, page_errors, steadily

_DEFAULT_QUALITY = 80

_SIDE_MAX_PX: Mapping[ImageType, int] = {
    "png": 50_000,  # taller pictures take seconds and gigabytes, and no viewer opens them
    "jpeg": 65_535,  # of the format; beyond it Playwright returns nothing and no error
    "webp": 16_383,  # likewise
}
_AREA_MAX_PX = 100_000_000
"""Four bytes each in the browser's memory, some of it twice."""


class Screenshots:
    """Takes pictures with the process's one browser."""

    def __init__(self, browser: BrowserHolder) -> None:
        """Open pages with ``browser``."""
        self._browser = browser

    def run(self, job: Job, deadline: Deadline, stopwatch: Stopwatch) -> Outcome:
        """Take the picture that the job asks for; see ``loaded_page`` for what it raises."""
        spec = job.spec
        if not isinstance(spec, ScreenshotSpec):
            raise TypeError(f"a {spec.kind} is no screenshot")
        with (
            loaded_page(self._browser, spec, deadline, stopwatch) as loaded,
            stopwatch.stage("capture"),
        ):
            return steadily(
                loaded.page, deadline, lambda part: self._shoot(loaded, spec, deadline=part)
            )

    def _shoot(self, loaded: Loaded, spec: ScreenshotSpec, *, deadline: Deadline) -> Outcome:
        picture = capture_page(loaded.page, spec, deadline)
        width, height = _size_px(picture, spec.type)
        return Outcome(
            made=[Made(f"screenshot.{spec.type}", f"image/{spec.type}", picture)],
            report={
                **loaded.facts(deadline),
                "width": width,
                "height": height,
                "browser_version": self._browser.version,
                "sandbox": self._browser.has_sandbox,
            },
        )


def capture_page(page: Page, spec: ScreenshotSpec, deadline: Deadline) -> bytes:
    """Return a picture of ``page`` as it stands, encoded as ``spec.type``.

    Raises:
        PageTooLarge: The full page does not fit into a picture of this type.
        CaptureFailed: The browser made no picture of it.
        JobTimedOut: The deadline passed.
        BrowserCrashed: Chromium went away. The job is tried again.
    """
    with page_errors("capture", deadline):
        if spec.full_page:
            _check_size(page, spec.type)
        return page.screenshot(
            type=spec.type,
            full_page=spec.full_page,
            quality=_quality(spec),
            timeout=deadline.left_ms("capture"),
        )


def _quality(spec: ScreenshotSpec) -> int | None:
    if spec.type == "png":
        return None
    return _DEFAULT_QUALITY if spec.quality is None else spec.quality


def _check_size(page: Page, image_type: ImageType) -> None:
    # Asked of the browser: what the page says of itself need not be true.
    devtools = page.context.new_cdp_session(page)
    size = devtools.send("Page.getLayoutMetrics")["cssContentSize"]
    devtools.detach()
    width, height = size["width"], size["height"]
    limit = _SIDE_MAX_PX[image_type]
    if max(width, height) > limit:
        raise PageTooLarge(
            f"The page is {width} by {height} pixels; a {image_type} may have {limit} each way."
        )
    if width * height > _AREA_MAX_PX:
        raise PageTooLarge(
            f"The page is {width} by {height} pixels; a picture may have {_AREA_MAX_PX} in all."
        )


def _size_px(picture: bytes, image_type: ImageType) -> tuple[int, int]:
    """Return the picture's size, which proves that it is one: nothing empty is ever stored."""
    try:
        with Image.open(BytesIO(picture), formats=[image_type]) as image:
            return image.size
    except OSError as error:
        raise CaptureFailed("The browser made no picture of this page.") from error
