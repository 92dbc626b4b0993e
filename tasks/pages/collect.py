"""What else is kept of a page's one load."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from farm.jobs.specs.page import Collected, PageOptions
from tasks.deadline import Deadline
from tasks.outcome import Made
from tasks.pages.content import HTML, TEXT, as_json
from tasks.pages.pdf import plain_pdf
from tasks.pages.picture import thumbnail
from tasks.pages.visit import Visit

_HIDDEN = "***"
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})


def collect(visit: Visit, spec: PageOptions, main: Made, deadline: Deadline) -> list[Made]:
    """Return what ``spec`` wants besides ``main``, but for the HAR; see ``har_file``."""
    make: Mapping[Collected, Callable[[], Made]] = {
        "html": lambda: Made("page.html", "text/html; charset=utf-8", _read(visit, HTML, deadline)),
        "text": lambda: Made("page.txt", "text/plain; charset=utf-8", _read(visit, TEXT, deadline)),
        "console": lambda: _json("console.json", visit.console.lines),
        "network": lambda: _json("network.json", visit.traffic.as_json()),
        "thumbnail": lambda: _thumbnail(visit, spec, main, deadline),
        # Last, for it lays the page out anew.
        "pdf": lambda: plain_pdf(visit, deadline),
    }
    made = [make[name]() for name in make if name in spec.collect]
    return [each for each in made if each.name != main.name]


@contextmanager
def har_file(spec: PageOptions) -> Iterator[Path | None]:
    """Give a place for the browser to write its HAR to, if ``spec`` wants one."""
    if "har" not in spec.collect:
        yield None
        return
    with TemporaryDirectory(prefix="farm-har-") as folder:
        yield Path(folder) / "network.har"


def har(file: Path, spec: PageOptions) -> Made:
    """Return the HAR that the browser has written to ``file``, without anybody's secrets."""
    content = json.loads(file.read_bytes())
    given = {name.lower() for name in spec.extra_http_headers or {}} | _SECRET_HEADERS
    for entry in content["log"]["entries"]:
        for message in (entry["request"], entry["response"]):
            message["cookies"] = []
            for header in message["headers"]:
                if header["name"].lower() in given:
                    header["value"] = _HIDDEN
    return _json("network.har", content)


def _read(visit: Visit, function: str, deadline: Deadline) -> bytes:
    with visit.step("capture", deadline):
        text: str = visit.ask(function) or ""
    return text.encode("utf-8", "replace")


def _json(name: str, value: Any) -> Made:  # noqa: ANN401 - any JSON value
    return Made(name, "application/json", as_json(value))


def _thumbnail(visit: Visit, spec: PageOptions, main: Made, deadline: Deadline) -> Made:
    picture = main.content
    if not main.media_type.startswith("image/"):
        with visit.step("capture", deadline):
            picture = visit.page.screenshot(
                animations="disabled", timeout=deadline.left_ms("capture")
            )
    return Made("thumbnail.webp", "image/webp", thumbnail(picture, spec.thumbnail_width))
