"""A web site on loopback with the pages that tests render, the broken ones among them.

A page is a file in ``tests/site``: ``alert.html`` is at ``/alert``. Where a file is not
enough, ``answers`` has the path. Any address takes ``?wait=SECONDS``.
"""

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.answers import ANSWERS
from tests.support.certificates import Flaw, make_certificate
from tests.support.exchange import SiteServer


class Site:
    """The running site."""

    def __init__(self, server: SiteServer, scheme: str = "http") -> None:
        self._server = server
        self._scheme = scheme

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self._scheme}://{host}:{self._server.server_port}{path}"

    def seen(self, path: str) -> int:
        """Return how often ``path``, with its query, was answered."""
        return self._server.seen.count(path)

    def headers(self, path: str) -> Mapping[str, str]:
        """Return the headers of the last request for ``path``, by lower-case name.

        A path without a query stands for all its queries.
        """
        return self._server.heard[path]


@contextmanager
def serving(folder: Path | None = None) -> Iterator[Site]:
    """Serve the pages, and the files of ``folder``, for the block."""
    server = SiteServer(folder, ANSWERS)
    with _running(server):
        yield Site(server)


@contextmanager
def serving_tls(flaw: Flaw = "self-signed") -> Iterator[Site]:
    """Serve the pages by TLS, with a certificate that no browser trusts, for the block."""
    server = SiteServer(None, ANSWERS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        context.load_cert_chain(make_certificate(Path(folder), flaw))
    # The handshake is for the thread of the request: a silent client stops no other.
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    with _running(server):
        yield Site(server, "https")


@contextmanager
def _running(server: SiteServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
