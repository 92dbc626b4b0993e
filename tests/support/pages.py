"""Render a page as a worker would, and look at what came of it."""

import json
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from farm.jobs.errors import FarmError
from farm.jobs.specs.requests import JobRequest
from tasks.deadline import Deadline
from tasks.outcome import Made, Outcome, Stopwatch
from tasks.pages.browser import BrowserHolder
from tasks.pages.render import Pages
from tasks.watchdog import Watchdog
from tests.support.builders import a_job

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

Colour = tuple[int, int, int]

WATCHDOG = Watchdog()
_TIMEOUT_S = 60.0
"""Many times what a page of the tests needs, for machines that are busy with others."""


def render(
    browser: BrowserHolder,
    kind: str,
    *,
    timeout_s: float | None = None,
    stopwatch: Stopwatch | None = None,
    of: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Outcome:
    """Run a job of ``kind`` with the spec's ``fields``, and ``of`` for fields of the job itself.

    Only where the spec says so itself its ``timeout`` counts.
    """
    job = a_job(spec=JobRequest.model_validate({"kind": kind, **fields}).root)
    job = job.model_copy(update=dict(of or {}))
    usual_s = job.ladder.timeout_s if "timeout" in fields else _TIMEOUT_S
    deadline = Deadline(timeout_s or usual_s)
    with WATCHDOG.over(deadline, browser.kill):
        return Pages(browser).run(job, deadline, stopwatch or Stopwatch())


def shoot(browser: BrowserHolder, url: str | None = None, **fields: Any) -> Outcome:
    """Take a picture of the page at ``url``, or of that in the field ``html``.

    Many pages of the tests are blank; no test but those of ``retry_blank`` waits for it.
    """
    return render(browser, "screenshot", **{"url": url, "retry_blank": 0, **fields})


def failure(browser: BrowserHolder, url: str | None = None, **fields: Any) -> FarmError:
    """Return what a picture of the page fails with; it must."""
    with pytest.raises(FarmError) as caught:
        shoot(browser, url, **fields)
    return caught.value


def failure_of(browser: BrowserHolder, url: str | None = None, **fields: Any) -> str:
    """Return the code of what a picture of the page fails with."""
    return failure(browser, url, **fields).code


def read(browser: BrowserHolder, url: str | None = None, **fields: Any) -> dict[str, Any]:
    """Return what the page says: its ``content.json``."""
    outcome = render(browser, "content", url=url, **fields)
    found: dict[str, Any] = decoded(outcome.made[0])
    return found


def selected(browser: BrowserHolder, url: str, *selectors: str, **fields: Any) -> list[str | None]:
    """Return the text of the first element of each of ``selectors``."""
    select = {each: {"selector": each} for each in selectors}
    found = read(browser, url, select=select, **fields)["select"]
    return [next(iter(found[each]), None) for each in selectors]


def made(outcome: Outcome, name: str) -> Made:
    """Return the one artifact ``name``."""
    (found,) = (each for each in outcome.made if each.name == name)
    return found


def decoded(artifact: Made) -> Any:
    """Return what the JSON of ``artifact`` says."""
    assert artifact.media_type == "application/json"
    return json.loads(artifact.content)


def picture(outcome: Outcome, mode: str = "RGB") -> Image.Image:
    """Return the picture that was made."""
    return Image.open(BytesIO(outcome.made[0].content)).convert(mode)


def pixel(image: Image.Image, x: int, y: int) -> Colour:
    """Return the colour of a picture in RGB at a point."""
    red, green, blue = image.convert("RGB").crop((x, y, x + 1, y + 1)).tobytes()
    return red, green, blue


def is_near(one: Colour, other: Colour, tolerance: int = 12) -> bool:
    """Return whether two colours are the same but for a lossy format."""
    return all(abs(a - b) <= tolerance for a, b in zip(one, other, strict=True))
