"""The kind ``pdf``: one page on paper."""

from typing import Any

from farm.jobs.errors import CaptureFailed
from farm.jobs.specs.pdf import PdfSpec
from tasks.deadline import Deadline
from tasks.outcome import Made
from tasks.pages.visit import Visit

NAME = "page.pdf"
_AS_IS = ("landscape", "scale", "print_background", "prefer_css_page_size", "outline")
_NOTHING = "<span></span>"


def pdf(visit: Visit, spec: PdfSpec, deadline: Deadline) -> tuple[Made, dict[str, Any]]:
    """Return the page as a PDF; the report has nothing more to say of it.

    Raises:
        CaptureFailed: The browser made none, or the spec's page ranges are not there.
        JobTimedOut: The deadline passed.
        BrowserCrashed: Chromium went away. The job is tried again.
    """
    options = {name: getattr(spec, name) for name in _AS_IS}
    options["tagged"] = spec.tagged or spec.outline  # Chromium makes no outline without tags.
    if spec.width is None:
        options["format"] = spec.format
    else:
        options.update(width=spec.width, height=spec.height)
    has_template = bool(spec.header_template or spec.footer_template)
    # Where one is given, Chromium would print its own in the place of the other.
    other = _NOTHING if has_template else None
    return _printed(
        visit,
        deadline,
        **options,
        margin=spec.margin.model_dump(),
        page_ranges=spec.page_ranges,
        display_header_footer=(
            has_template if spec.display_header_footer is None else spec.display_header_footer
        ),
        header_template=spec.header_template or other,
        footer_template=spec.footer_template or other,
    ), {}


def plain_pdf(visit: Visit, deadline: Deadline) -> Made:
    """Return the page as a PDF as a spec without options would have it."""
    return _printed(visit, deadline, format="A4", print_background=True)


def _printed(visit: Visit, deadline: Deadline, **options: Any) -> Made:  # noqa: ANN401 - Playwright's
    deadline.left_ms("capture")
    # It takes no timeout; the watchdog stands behind it.
    with visit.step("capture", deadline):
        content = visit.page.pdf(**options)
    if not content.startswith(b"%PDF-"):
        raise CaptureFailed("The browser made no document of this page.")
    return Made(NAME, "application/pdf", content)
