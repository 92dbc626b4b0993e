"""Receivers of webhooks: real servers, by HTTP or TLS, that remember what they were sent."""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Message:
    """One request, as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """What a server answers, and what came."""

    port: int
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    is_endless: bool = False
    """Whether the body never ends, once it has begun."""
    silence: threading.Event | None = None
    """Waited for before the answer."""
    messages: list[Message] = field(default_factory=list)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = Receiver(self.server_port)

    def handle_error(self, *_: Any) -> None:
        """Say nothing: who does not believe the certificate hangs up."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        named = {name.lower(): value for name, value in self.headers.items()}
        receiver.messages.append(Message(self.command, self.path, named, body))
        if receiver.silence is not None:
            receiver.silence.wait(30)
        with suppress(OSError):
            self._answer(receiver)

    def do_GET(self) -> None:
        """Remember what nobody should ask."""
        self.do_POST()

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, receiver: Receiver) -> None:
        self.send_response(receiver.status)
        for name, value in receiver.headers.items():
            self.send_header(name, value)
        if not receiver.is_endless:
            self.send_header("Content-Length", str(len(receiver.body)))
        self.end_headers()
        self.wfile.write(receiver.body)
        while receiver.is_endless:
            self.wfile.write(bytes(65536))


@contextmanager
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    """Have a receiver for the block, by TLS if it has a certificate."""
    with _Server() as server:
        receiver = server.receiver
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield receiver
        finally:
            if receiver.silence is not None:
                receiver.silence.set()
            server.shutdown()
            thread.join()
