"""Web servers at every address of the rig, and a log of who reached them where."""

import base64
import hashlib
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.rig_owners import owner_of

PLAIN_PORTS = (80, 8080, 8088, 6379)
"""Redis's own is among them as a decoy; the rig's Redis is elsewhere."""
TLS_PORTS = (443, 8443)
SECRET = "SECRET-OF-THE-HOUSE"
"""Is in all that is answered where a test has put nothing."""

_HELD_MAX_S = 20
_PICTURES = (".png", ".ico", ".gif", ".jpg")
_SECRET_PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
_MEDIA_TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".sdp": "application/sdp",
}


@dataclass(frozen=True)
class Hit:
    """A request, or a connection that none came over: then all but the first three are empty."""

    address: str
    """Where it was reached."""
    port: int
    owner: str
    """Name of the process that connected."""
    method: str = ""
    host: str = ""
    """Without its port."""
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""


@dataclass(frozen=True)
class Content:
    """What is answered at a path."""

    body: bytes = b""
    media_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Origins:
    """The servers, all of the same content, on any address."""

    def __init__(self, certificate: Path) -> None:
        self.hits: list[Hit] = []
        self.is_open = threading.Event()
        """While it is not set, connections are taken, and nothing is said on them."""
        self.is_open.set()
        self._contents: dict[tuple[str, str], Content] = {}
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        for port in (*PLAIN_PORTS, *TLS_PORTS):
            server = _Server(port, self, context if port in TLS_PORTS else None)
            threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True).start()

    def put(self, url: str, body: str | bytes, headers: Mapping[str, str] | None = None) -> str:
        """Answer ``url``, without scheme, on all ports from now on; return it with ``http:``."""
        content = body.encode() if isinstance(body, str) else body
        return self._put(url, Content(content, _media_type(url), headers=headers or {}))

    def redirect(self, url: str, target: str, status: int = 302) -> str:
        """Send whoever asks for ``url`` to ``target``; return ``url`` with ``http:``."""
        return self._put(url, Content(status=status, headers={"Location": target}))

    def put_files(self, host: str, folder: Path) -> None:
        """Answer the files of ``folder`` at the root of ``host``."""
        for file in folder.iterdir():
            self.put(f"{host}/{file.name}", file.read_bytes())

    def _put(self, url: str, content: Content) -> str:
        host, _, path = url.partition("/")
        self._contents[host, f"/{path}"] = content
        return f"http://{url}"

    def content(self, host: str, path: str) -> Content:
        """Return what is answered; the secret of the house where a test has put nothing."""
        bare = path.partition("?")[0]
        if (found := self._contents.get((host, bare))) is not None:
            return found
        if bare.endswith(_PICTURES):
            return Content(_SECRET_PICTURE, "image/png")
        return Content(f"<title>{SECRET}</title><h1>{SECRET}</h1>".encode(), _media_type(bare))


def _media_type(path: str) -> str:
    return _MEDIA_TYPES.get(Path(path).suffix, _MEDIA_TYPES[".html"])


class _Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, origins: Origins, context: ssl.SSLContext | None) -> None:
        self.origins = origins
        self.port = port
        self._context = context
        super().__init__(("::", port), _Request)

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Without the look-up of this machine's name that the base class makes.
        self.socket.bind(self.server_address)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._context is not None:
            # The handshake is for the thread of the request.
            connection = self._context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, *args: Any) -> None:
        """Say nothing: browsers hang up as they please."""


class _Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 10

    def setup(self) -> None:
        super().setup()
        self.server.origins.is_open.wait(_HELD_MAX_S)
        reached = IPv6Address(self.connection.getsockname()[0].partition("%")[0])
        address, port = str(reached.ipv4_mapped or reached), self.server.port
        # The other side waits for an answer, so its socket is still there.
        self._reached = Hit(address, port, owner_of("tcp", self.client_address[1], port))
        self._is_asked = False

    def finish(self) -> None:
        if not self._is_asked:
            self.server.origins.hits.append(self._reached)
        super().finish()

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if length := int(headers.get("content-length", "0")):
            self.rfile.read(length)
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        self._is_asked = True
        hit = replace(
            self._reached, method=self.command, host=host, path=self.path, headers=headers
        )
        self.server.origins.hits.append(hit)
        if headers.get("upgrade", "").lower() == "websocket":
            self._accept(headers.get("sec-websocket-key", ""))
            return
        content = self.server.origins.content(host, self.path)
        self.send_response(content.status)
        given = {
            "Content-Type": content.media_type,
            "Content-Length": str(len(content.body)),
            "Access-Control-Allow-Origin": "*",
            **content.headers,
        }
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content.body)

    do_HEAD = do_POST = do_OPTIONS = do_GET  # noqa: N815 - the base class's names

    def _accept(self, key: str) -> None:
        """Accept a WebSocket, and end it (RFC 6455, 4.2.2)."""
        seal = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
        self.close_connection = True
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(seal).decode())
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""
