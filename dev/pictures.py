"""Pictures of the dashboard for docs/, taken by a farm (``make docs-pictures``).

No farm opens its own address, so there are two: one that has work to show, and one that
takes the pictures of it.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from dev.demo import make_video
from dev.pages import serving
from dev.stack import ROOT, Ports, Stack, interrupt_on_signals, running
from farm.client.http import FarmClient

_OUTPUT = ROOT / "docs" / "pictures"
_TITLES = (
    *("Alpine huts", "Bread for beginners", "City trams", "Desert nights", "Every lighthouse"),
    *("Forest paths", "Garden almanac", "Harbour news"),
)
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
  body {{ margin: 0; min-height: 100vh; font: 24px/1.5 Georgia, serif; color: #222;
    background: #fffdf8 }}
  header {{ padding: 90px 80px; color: white; font: 22px system-ui, sans-serif;
    background: linear-gradient(120deg, hsl({hue} 55% 30%), hsl({next} 60% 48%)) }}
  h1 {{ font-size: 76px; line-height: 1.1; margin: 0 0 12px }}
  main {{ max-width: 780px; padding: 40px 80px }}
</style>
<header><h1>{title}</h1>A journal of small things, well looked after.</header>
<main><p>It began with a question that nobody had time for, and a notebook. What follows was written
down along the way, in the order in which it happened.</p></main></html>
"""


def main() -> int:
    """Start both farms, take the pictures, stop them; return the exit code."""
    _OUTPUT.mkdir(parents=True, exist_ok=True)
    pages = {f"/{number}": _page(number).encode() for number in range(len(_TITLES))}
    with tempfile.TemporaryDirectory(prefix="farm-pictures-") as folder, serving(pages) as site:
        place = Path(folder)
        with (
            _farm(place / "shown", site) as shown,
            _farm(place / "taking", shown.url) as taking,
            FarmClient(shown.url) as work,
            FarmClient(taking.url) as camera,
        ):
            for name, (path, spec) in _wanted(_work(work, site, place)).items():
                address = f"{shown.url}{path}"
                file = _OUTPUT / f"{name}.webp"
                file.write_bytes(camera.screenshot(address, html=None, **spec))
                print(file, flush=True)
    return 0


@contextmanager
def _farm(folder: Path, reaches: str) -> Iterator[Stack]:
    folder.mkdir()
    settings = {
        "FARM_EGRESS_ALLOW": reaches.removeprefix("http://"),
        "STACK_PAGES_CONCURRENCY": "1",
        "STACK_MEDIA_CONCURRENCY": "1",
    }
    with (
        (folder / "farm.log").open("wb") as output,
        running(Stack(folder, Ports.free(), output=output, settings=settings)) as stack,
    ):
        stack.wait_ready()
        yield stack


def _page(number: int) -> str:
    hue = number * 360 // len(_TITLES)
    return _PAGE.format(title=_TITLES[number], hue=hue, next=hue + 40)


def _work(client: FarmClient, site: str, folder: Path) -> Mapping[str, str]:
    """Have the farm do some of everything; return the addresses to take pictures of."""
    addresses = [f"{site}/{number}" for number in range(len(_TITLES))]
    lines = [*addresses, "http://nowhere.invalid/a", "http://nowhere.invalid/b"]
    batch = client.batch(lines, kind="screenshot", collect=["thumbnail"], tags=["journals"])
    for _ in batch:
        pass
    video = folder / "demo.mp4"
    make_video(video)
    upload = client.upload(video)
    stills = {"count": 5, "width": 320}
    named = {"filename": video.name}
    probe = client.run(
        {"kind": "probe", "upload_id": upload.id, "thumbnails": stills, "metadata": named}
    )
    page = client.run(
        {"kind": "screenshot", "url": addresses[2], "collect": ["thumbnail", "har", "html"]}
    )
    return {"job": page.id, "probe": probe.id, "batch": str(batch.id)}


def _wanted(made: Mapping[str, str]) -> Mapping[str, tuple[str, Mapping[str, object]]]:
    """Return the path and the options of each picture, by its name."""
    job, batch = f"/jobs/{made['job']}", f"/batches/{made['batch']}"
    places: Sequence[tuple[str, str, str, int]] = (
        ("submit", "/", "light", 1280),
        ("gallery", "/gallery?kind=screenshot", "light", 1280),
        ("gallery-dark", "/gallery?kind=screenshot", "dark", 1280),
        ("jobs", "/jobs", "light", 1280),
        ("job", job, "light", 1280),
        ("media", f"/jobs/{made['probe']}", "dark", 1280),
        ("batch", batch, "light", 1280),
        ("farm", "/farm", "dark", 1280),
    )
    return {name: (path, _options(scheme, width)) for name, path, scheme, width in places}


def _options(scheme: str, width_px: int) -> Mapping[str, object]:
    viewport = {"width": width_px, "height": 860}
    return {"type": "webp", "viewport": viewport, "color_scheme": scheme}


if __name__ == "__main__":
    interrupt_on_signals()
    sys.exit(main())
