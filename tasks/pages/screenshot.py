"""The kind ``screenshot``: one picture of one page."""

import math
from dataclasses import dataclass
from typing import Any

from farm.jobs.errors import CaptureFailed, PageTooLarge, SelectorNotFound
from farm.jobs.specs.screenshot import AREA_MAX_PX, SIDE_MAX_PX, Clip, ScreenshotSpec
from tasks.deadline import Deadline
from tasks.outcome import Made
from tasks.pages.picture import is_blank, size_px
from tasks.pages.settle import ELEMENT_S, found
from tasks.pages.still import standing_still
from tasks.pages.visit import LOOK_MS, Visit

_DEFAULT_QUALITY = 80
_BLANK_PAUSE_MS = 1000
_SIZE_S = 2.0
"""Many times what a document takes to have a first layout."""
_TOLERANCE_PX = 1
"""Lengths that are no whole number of pixels are rounded, by whom differs."""

_ADD_STYLE = """style => {
  const sheet = globalThis.farmStyle = new CSSStyleSheet();
  sheet.replaceSync(style);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""
_REMOVE_STYLE = """() => {
  const others = document.adoptedStyleSheets.filter(sheet => sheet !== globalThis.farmStyle);
  document.adoptedStyleSheets = others;
}"""
_HAS_BODY = "() => document.body !== null"
_SCROLLED = "() => ({x: window.scrollX, y: window.scrollY})"


@dataclass(frozen=True)
class _Frame:
    """What of the page is to be in the picture."""

    clip: Clip | None
    """Box on the page; ``None`` for the viewport or the whole page."""
    size_px: tuple[int, int] | None
    """What the picture must measure; ``None`` for a page that may still grow."""
    is_truncated: bool = False


def screenshot(
    visit: Visit, spec: ScreenshotSpec, deadline: Deadline
) -> tuple[Made, dict[str, Any]]:
    """Return a picture of the page as it stands, and what the report says of it.

    Raises:
        SelectorNotFound: The spec's element is not there.
        PageTooLarge: The element does not fit into a picture of this type.
        CaptureFailed: The browser made no picture of it.
        JobTimedOut: The deadline passed.
        BrowserCrashed: Chromium went away. The job is tried again.
    """
    with visit.step("capture", deadline):
        frame = _frame(visit, spec, deadline)
        picture = _shoot(visit, spec, frame, deadline)
    blank = is_blank(picture)
    for _ in range(spec.retry_blank):
        if not blank or deadline.left_s * 1000 < 1.2 * _BLANK_PAUSE_MS:
            break
        with visit.step("capture", deadline):
            visit.page.wait_for_timeout(_BLANK_PAUSE_MS)
            picture = _shoot(visit, spec, frame, deadline)
        blank = is_blank(picture)
    width, height = size_px(picture, spec.type)
    _verify((width, height), frame)
    facts = {
        "width": width,
        "height": height,
        "truncated": frame.is_truncated,
        "blank": blank,
    }
    return Made(f"screenshot.{spec.type}", f"image/{spec.type}", picture), facts


def _shoot(visit: Visit, spec: ScreenshotSpec, frame: _Frame, deadline: Deadline) -> bytes:
    if spec.style is None:
        return _encoded(visit, spec, frame, deadline)
    # Playwright's own way, a <style>, reaches frames, but a page's policy can forbid it.
    visit.ask(_ADD_STYLE, spec.style)
    picture = _encoded(visit, spec, frame, deadline)
    visit.ask(_REMOVE_STYLE)
    return picture


def _encoded(visit: Visit, spec: ScreenshotSpec, frame: _Frame, deadline: Deadline) -> bytes:
    if _is_plain(visit, spec, frame):
        quality = _quality(spec)
        with standing_still(visit, spec):
            return visit.window(
                format=spec.type, **({} if quality is None else {"quality": quality})
            )
    # A clip may lie below the viewport.
    full_page = spec.full_page or frame.clip is not None
    clip = frame.clip
    if full_page and not visit.ask(_HAS_BODY):
        # Playwright would wait for a body for ever; a drawing has none.
        full_page, clip = False, _in_a_window(visit, clip)
    return visit.page.screenshot(
        type=spec.type,
        quality=_quality(spec),
        full_page=full_page,
        clip=clip and clip.model_dump(),  # type: ignore[arg-type]  # of these very keys
        omit_background=spec.omit_background,
        scale=spec.scale,
        animations=spec.animations,
        caret=spec.caret,
        mask=[visit.page.locator(each) for each in spec.mask],
        mask_color=spec.mask_color,
        style=spec.style,
        timeout=deadline.left_ms("capture"),
    )


def _is_plain(visit: Visit, spec: ScreenshotSpec, frame: _Frame) -> bool:
    """Return whether a picture of the window will do, with nothing that Playwright adds to it.

    It reaches into frames, and it gives up in time on a page that is on its way elsewhere.
    """
    return (
        not (spec.full_page or frame.clip or spec.mask or spec.style or spec.omit_background)
        and spec.scale == "device"
        and len(visit.page.frames) == 1
        and not (visit.is_restless or visit.traffic.is_leaving)
    )


def _in_a_window(visit: Visit, clip: Clip | None) -> Clip:
    """Make the window as large as ``clip``, or the whole page, wants it; return the clip."""
    if clip is None:
        width, height = visit.layout_px()
        clip = Clip(x=0, y=0, width=width, height=height)
    window = visit.page.viewport_size or {"width": 0, "height": 0}
    visit.page.set_viewport_size(
        {
            "width": max(window["width"], math.ceil(clip.x + clip.width)),
            "height": max(window["height"], math.ceil(clip.y + clip.height)),
        }
    )
    return clip


def _quality(spec: ScreenshotSpec) -> int | None:
    if spec.type == "png":
        return None
    return _DEFAULT_QUALITY if spec.quality is None else spec.quality


def _frame(visit: Visit, spec: ScreenshotSpec, deadline: Deadline) -> _Frame:
    factor = _factor(visit, spec)
    if spec.full_page:
        return _whole_page(visit, spec, factor, deadline)
    if spec.selector is not None:
        clip = _element(visit, spec, spec.selector, deadline)
    elif spec.clip is not None:
        page = visit.layout_px()
        clip = _within(spec.clip, page)
    else:
        viewport = visit.page.viewport_size or {"width": 0, "height": 0}
        size = viewport["width"], viewport["height"]
        _check_size(size, factor, spec)
        return _Frame(None, _scaled(size, factor))
    _check_size((clip.width, clip.height), factor, spec)
    return _Frame(clip, _scaled((clip.width, clip.height), factor))


def _factor(visit: Visit, spec: ScreenshotSpec) -> float:
    """Return the picture's pixels for a CSS pixel; only the browser knows a device's."""
    if spec.scale == "css":
        return 1
    if spec.device is None or "device_scale_factor" in spec.model_fields_set:
        return spec.device_scale_factor
    return float(visit.ask("() => window.devicePixelRatio"))


def _whole_page(visit: Visit, spec: ScreenshotSpec, factor: float, deadline: Deadline) -> _Frame:
    width, height = _size_px(visit, deadline)
    side = SIDE_MAX_PX[spec.type] / factor
    shown_width = min(width, int(side))
    most = min(spec.full_page_max_height / factor, side, AREA_MAX_PX / factor**2 / shown_width)
    shown_height = min(height, int(most))
    if (shown_width, shown_height) == (width, height):
        return _Frame(None, None)
    clip = Clip(x=0, y=0, width=shown_width, height=shown_height)
    return _Frame(clip, _scaled((shown_width, shown_height), factor), is_truncated=True)


def _size_px(visit: Visit, deadline: Deadline) -> tuple[int, int]:
    """Return the whole page's size. One that goes on and on has none as each document begins."""
    looking = deadline.within(_SIZE_S)
    while True:
        width, height = visit.layout_px()
        if width and height:
            return width, height
        if looking.left_s == 0:
            raise CaptureFailed("The page has no size.")
        visit.page.wait_for_timeout(LOOK_MS)


def _element(visit: Visit, spec: ScreenshotSpec, selector: str, deadline: Deadline) -> Clip:
    with found(visit, selector, "picture"), visit.step("capture", deadline):
        part = deadline.within(ELEMENT_S)
        element = visit.page.locator(selector).first
        element.wait_for(state="visible", timeout=part.left_ms("capture"))
        element.scroll_into_view_if_needed(timeout=part.left_ms("capture"))
        box = element.bounding_box(timeout=part.left_ms("capture"))
    if box is None:
        raise SelectorNotFound(f"There is nothing to picture for {selector!r}.")
    scrolled = visit.ask(_SCROLLED)
    left = max(0.0, box["x"] + scrolled["x"] - spec.padding)
    top = max(0.0, box["y"] + scrolled["y"] - spec.padding)
    right = box["x"] + scrolled["x"] + box["width"] + spec.padding
    bottom = box["y"] + scrolled["y"] + box["height"] + spec.padding
    # Whole pixels, outwards, as Playwright does for an element.
    left, top = int(left), int(top)
    clip = Clip.model_construct(
        x=left, y=top, width=-(-right // 1) - left, height=-(-bottom // 1) - top
    )
    return _within(clip, visit.layout_px())


def _within(clip: Clip, page: tuple[int, int]) -> Clip:
    """Return the part of ``clip`` that lies on the page."""
    width = min(clip.x + clip.width, page[0]) - clip.x
    height = min(clip.y + clip.height, page[1]) - clip.y
    if width <= 0 or height <= 0:
        raise CaptureFailed(
            f"The clip lies outside of the page, which is {page[0]} by {page[1]} pixels."
        )
    return clip.model_copy(update={"width": width, "height": height})


def _check_size(size: tuple[float, float], factor: float, spec: ScreenshotSpec) -> None:
    width, height = _scaled(size, factor)
    side = SIDE_MAX_PX[spec.type]
    way_out = "; png and jpeg may have more" if spec.type == "webp" else ""
    if max(width, height) > side:
        raise PageTooLarge(
            f"The picture would be {width} by {height} pixels; a {spec.type} may have {side} each "
            f"way{way_out}."
        )
    if width * height > AREA_MAX_PX:
        raise PageTooLarge(
            f"The picture would be {width} by {height} pixels; one may have {AREA_MAX_PX} in all."
        )


def _scaled(size: tuple[float, float], factor: float) -> tuple[int, int]:
    return round(size[0] * factor), round(size[1] * factor)


def _verify(size: tuple[int, int], frame: _Frame) -> None:
    if frame.size_px is not None and any(
        abs(is_px - should_px) > _TOLERANCE_PX
        for is_px, should_px in zip(size, frame.size_px, strict=True)
    ):
        raise CaptureFailed(
            f"The browser made a picture of {size[0]} by {size[1]} pixels "
            f"instead of {frame.size_px[0]} by {frame.size_px[1]}."
        )
