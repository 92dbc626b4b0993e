"""A web site on loopback with the pages that tests render, the broken ones among them."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COLOURS = b"""<!doctype html><title>Colours</title><style>body{margin:0}
div{height:100px}</style><div style="background:#ff0000"></div>
<div style="background:#00ff00"></div><div style="background:#0000ff"></div>"""

LIAR = b"""<div style='height:90000px'></div><script>
for (const name of ['scrollWidth', 'scrollHeight'])
  Object.defineProperty(Element.prototype, name, {get: () => 1})</script>"""

PAGES: Mapping[str, tuple[int, str, bytes]] = {
    "/empty": (200, "text/html", b"<!doctype html><title>Empty</title>"),
    "/colours": (200, "text/html", COLOURS),
    "/tall": (
        200,
        "text/html",
        b"<!doctype html><body style='margin:0'><div style='height:3000px;background:#00f'></div>",
    ),
    "/too-tall": (200, "text/html", b"<!doctype html><div style='height:90000px'></div>"),
    "/missing": (404, "text/html", b"<h1>Not here</h1>"),
    "/broken": (500, "text/html", b"<h1>Broken</h1>"),
    "/no-content": (204, "text/html", b""),
    "/archive": (200, "application/zip", b"PK\x03\x04"),
    "/spin": (200, "text/html", b"<script>for(;;);</script>"),
    "/spin-later": (
        200,
        "text/html",
        b"<title>x</title><script>onload=()=>setTimeout(()=>{for(;;);},0)</script>",
    ),
    "/popups": (
        200,
        "text/html",
        b"<title>P</title><script>for(i=0;i<9;i++)window.open('/empty')</script>",
    ),
    "/alert": (200, "text/html", b"<title>A</title><script>alert(1)</script>"),
    "/goes-on": (
        200,
        "text/html",
        b"<script>onload=()=>setTimeout(()=>{location='/colours'},0)</script>",
    ),
    "/liar": (200, "text/html", LIAR),
    "/bad-title": (200, "text/html", b"<script>document.title='a\\ud800b'</script>"),
    "/crash": (
        200,
        "text/html",
        b"<script>a=[];for(;;)a.push(new Array(1e6).fill(1.5))</script>",
    ),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/loop":
            self._send(302, "text/html", b"", {"Location": "/loop"})
        elif path == "/silent":
            self.server.ended.wait(60)
        elif path == "/slow":
            time.sleep(float(self.path.partition("?")[2] or 1))
            self._send(200, "text/html", COLOURS)
        elif path in PAGES:
            self._send(*PAGES[path])
        elif self.server.folder and (self.server.folder / path.lstrip("/")).is_file():
            content = (self.server.folder / path.lstrip("/")).read_bytes()
            self._send(200, "application/octet-stream", content)
        else:
            self._send(404, "text/html", b"<h1>No such page</h1>")

    def _send(
        self, status: int, media_type: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        self.server.seen.append(self.path)
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": media_type}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.seen: list[str] = []
        self.ended = threading.Event()

    def handle_error(self, *args: Any) -> None:
        """Say nothing: browsers hang up as they please."""


class Site:
    """The running site."""

    def __init__(self, server: _Server) -> None:
        self._server = server

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def seen(self, path: str) -> int:
        """Return how often ``path`` was answered."""
        return self._server.seen.count(path)


@contextmanager
def serving(folder: Path | None = None) -> Iterator[Site]:
    """Serve the pages, and the files of ``folder``, for the block."""
    server = _Server(folder)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Site(server)
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
