"""A site with media files and with answers of a test's own."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

from tests.support.answers import ANSWERS
from tests.support.exchange import Answer, Exchange, SiteServer
from tests.support.site import Site


@contextmanager
def serving_media(folder: Path | None, answers: Mapping[str, Answer]) -> Iterator[Site]:
    """Serve the test site, the files of ``folder``, and ``answers`` for the block."""
    server = SiteServer(folder, {**ANSWERS, **answers})
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Site(server)
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


class Watched:
    """A place on loopback that takes connections, counts them, and says nothing."""

    def __init__(self, listener: socket.socket) -> None:
        self.host = f"127.0.0.1:{listener.getsockname()[1]}"
        self.connections = 0
        self._listener = listener
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()


@contextmanager
def watching() -> Iterator[Watched]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Watched(listener)
        listener.shutdown(socket.SHUT_RDWR)  # wakes who waits for a connection


def fixed(content: bytes, media_type: str = "application/octet-stream") -> Answer:
    return lambda exchange: exchange.send(content, media_type)


def redirect(target: str) -> Answer:
    return lambda exchange: exchange.send(status=302, headers={"Location": target})


def dripping_head(exchange: Exchange) -> None:
    """Send a head that never ends, ten bytes a second."""
    exchange.close_connection = True
    exchange.server.seen.append(exchange.path)
    exchange.wfile.write(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    while not exchange.server.ended.wait(0.1):
        exchange.wfile.write(b"x")


def endless(content: bytes, pause_s: float = 0.0) -> Answer:
    """Answer with ``content`` again and again."""
    return lambda exchange: exchange.send_stream(repeat(content), "video/mp4", pause_s=pause_s)
