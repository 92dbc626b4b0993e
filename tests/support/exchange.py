"""The server of the test site: files by themselves, all else by the answers it is given."""

import socket
import struct
import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

PAGES = Path(__file__).parent.parent / "site"
MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".xml": "application/xml",
}
Answer: TypeAlias = "Callable[[Exchange], None]"


class SiteServer(ThreadingHTTPServer):
    """The listening side, with what it knows of the past."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, folder: Path | None, answers: Mapping[str, Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.folder = folder
        self.answers = answers
        self.seen: list[str] = []
        self.heard: dict[str, dict[str, str]] = {}
        self.ended = threading.Event()

    def handle_error(self, *args: Any) -> None:
        """Say nothing: browsers hang up as they please."""


class Exchange(BaseHTTPRequestHandler):
    """One request, and the means to answer it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each small answer waits 40 ms
    server: SiteServer

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard[self.path] = self.server.heard[path] = headers
        if length := int(headers.get("content-length", "0")):
            self.rfile.read(length)
        if pause := self.query("wait"):
            self.server.ended.wait(float(pause))
        for prefix in (path, path[: path.rfind("/") + 1]):
            if prefix in self.server.answers:
                self.server.answers[prefix](self)
                return
        self._send_file(path.lstrip("/"))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def query(self, name: str, default: str = "") -> str:
        """Return what the address says of ``name``."""
        return parse_qs(urlsplit(self.path).query).get(name, [default])[0]

    def send(
        self,
        body: bytes | str = b"",
        media_type: str = "text/html; charset=utf-8",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        content = body.encode() if isinstance(body, str) else body
        extra = {} if status in {204, 304} else {"Content-Length": str(len(content))}
        self.send_head(status, media_type, {**(headers or {}), **extra})
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_head(self, status: int, media_type: str, headers: Mapping[str, str]) -> None:
        self.server.seen.append(self.path)
        self.send_response(status)
        for name, value in {"Content-Type": media_type, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_stream(
        self,
        chunks: Iterable[bytes],
        media_type: str = "text/html; charset=utf-8",
        headers: Mapping[str, str] | None = None,
        *,
        pause_s: float = 0.0,
    ) -> None:
        """Send chunk after chunk until there are no more, the client hangs up, or all ends."""
        self.send_head(200, media_type, {**(headers or {}), "Connection": "close"})
        for chunk in chunks:
            self.wfile.write(chunk)
            if self.server.ended.wait(pause_s):
                break

    def send_page(self, name: str, headers: Mapping[str, str], status: int = 200) -> None:
        """Send a page of ``tests/site`` with further headers."""
        self.send((PAGES / f"{name}.html").read_bytes(), status=status, headers=headers)

    def say_nothing(self) -> None:
        self.close_connection = True
        self.server.ended.wait(60)

    def hang_up(self, *, rudely: bool) -> None:
        """Close without an answer, with a reset if ``rudely``."""
        self.close_connection = True
        if rudely:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(self.connection.detach())

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def _send_file(self, name: str) -> None:
        for page in (PAGES / name, PAGES / f"{name}.html"):
            if page.is_file() and page.suffix in MEDIA_TYPES:
                self.send(page.read_bytes(), MEDIA_TYPES[page.suffix])
                return
        if self.server.folder and (self.server.folder / name).is_file():
            self.send((self.server.folder / name).read_bytes(), "application/octet-stream")
            return
        self.send("<h1>No such page</h1>", status=404)
