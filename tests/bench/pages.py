"""Pages as there are on the web, from a server that costs next to nothing."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from random import Random

from PIL import Image

from tests.bench.support import is_open
from tests.support.box_font import box_font
from tests.support.exchange import PAGES
from tests.support.neighbours import free_port
from tests.support.waiting import until

_DOCS = ("python3.11", "python3.12", "python3.13", "python3")
"""Folders of ``/usr/share/doc`` where Debian's python3-doc may be."""
_HEAVY = ("heavy-images.html", "heavy-fonts.html", "heavy-scripts.html")
_PLAIN = ("article.html", "bands.html", "tall.html", "frames.html", "drawing.svg")
_HEAVY_EACH = 8
"""One page in so many is heavy."""
_PICTURES = 8
_PICTURE_PX = (640, 480)
_NGINX = """daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 1;
events {{}}
http {{
  types {{
    text/html html; text/css css; text/javascript js; image/png png; image/jpeg jpg;
    image/svg+xml svg; font/ttf ttf;
  }}
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@dataclass(frozen=True)
class RealPages:
    """Addresses of pages, served now."""

    address: str
    paths: Sequence[str]
    kind: str
    """What they are, for the record."""

    def urls(self, count: int) -> list[str]:
        """Return ``count`` addresses, no two of them the same."""
        return [
            f"{self.address}/{path}?n={number}"
            for number, path in enumerate(islice(cycle(self.paths), count))
        ]


@contextmanager
def real_pages(docs: Path | None = None) -> Iterator[RealPages]:
    """Serve pages for the block: Debian's python3-doc, if it is installed, and heavy ones.

    ``docs`` is a folder of HTML to take in place of python3-doc.
    """
    found = docs or _python_docs()
    with tempfile.TemporaryDirectory(prefix="farm-bench-pages-") as name:
        root = Path(name) / "root"
        root.mkdir()
        for page in (*_HEAVY, *_PLAIN):
            shutil.copy(PAGES / page, root)
        _make_heavy(root / "heavy")
        plain = [*_PLAIN]
        if found is not None:
            (root / "docs").symlink_to(found)
            plain = [f"docs/{page.relative_to(found)}" for page in sorted(found.rglob("*.html"))]
        server = "nginx" if shutil.which("nginx") else "http.server"
        with _served(root, Path(name), server) as address:
            kind = f"{'python3-doc' if found else 'plain pages'} and heavy pages, by {server}"
            yield RealPages(address, _mixed(plain), kind)


def _python_docs() -> Path | None:
    folders = (Path("/usr/share/doc") / name / "html" for name in _DOCS)
    return next((each for each in folders if (each / "index.html").exists()), None)


def _mixed(plain: Sequence[str]) -> Sequence[str]:
    """Return the plain pages in an order of no meaning, and heavy ones among them."""
    shuffled = Random(1).sample(plain, len(plain))
    mixed: list[str] = []
    heavy = cycle(_HEAVY)
    for number, page in enumerate(shuffled, 1):
        mixed.append(page)
        if number % (_HEAVY_EACH - 1) == 0 or number == len(shuffled):
            mixed.append(next(heavy))
    return mixed


def _make_heavy(folder: Path) -> None:
    folder.mkdir()
    (folder / "box.ttf").write_bytes(box_font())
    noise = Random(1)
    for number in range(_PICTURES):
        coarse = Image.frombytes("RGB", (80, 60), noise.randbytes(80 * 60 * 3))
        content = BytesIO()
        coarse.resize(_PICTURE_PX, Image.Resampling.BICUBIC).save(content, "JPEG", quality=85)
        (folder / f"{number}.jpg").write_bytes(content.getvalue())


@contextmanager
def _served(root: Path, folder: Path, server: str) -> Iterator[str]:
    port = free_port()
    if server == "nginx":
        configuration = folder / "nginx.conf"
        configuration.write_text(_NGINX.format(folder=folder, port=port, root=root))
        argv = ["nginx", "-p", str(folder), "-c", str(configuration)]
    else:
        argv = [sys.executable, "-m", "http.server", str(port), "-b", "127.0.0.1", "-d", str(root)]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            until(lambda: is_open(port), "the pages are served")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
