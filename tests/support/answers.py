"""What the test site answers where a file is not enough."""

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from itertools import repeat
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from tests.support.box_font import box_font
from tests.support.exchange import Answer, Exchange

_CHUNK_BYTES = 1 << 16
_PAUSE_S = 0.001
"""Between two chunks: endless at some 50 MB/s, so that other tests go on beside it."""
_BOMB_MIB = 600


def _status(exchange: Exchange) -> None:
    """Answer ``/status?code=503``; with ``&empty=1`` without a body."""
    code = int(exchange.query("code", "200"))
    exchange.send("" if exchange.query("empty") else f"<h1>{code}</h1>", status=code)


def _private(exchange: Exchange) -> None:
    if exchange.headers["Authorization"] == "Basic " + base64.b64encode(b"user:secret").decode():
        exchange.send("<!doctype html><title>Private</title><h1>Welcome</h1>")
        return
    challenge = {"WWW-Authenticate": 'Basic realm="site"'}
    exchange.send("<h1>Who are you?</h1>", status=401, headers=challenge)


def _redirect(exchange: Exchange) -> None:
    """Answer ``/redirect?to=URL&status=302``."""
    status = int(exchange.query("status", "302"))
    exchange.send(status=status, headers={"Location": exchange.query("to", "/colours")})


def _hops(exchange: Exchange) -> None:
    """Answer ``/hops?3`` with a redirect to ``/hops?2``, and so on to ``/colours``."""
    left = int(urlsplit(exchange.path).query or 1)
    target = f"/hops?{left - 1}" if left > 1 else "/colours"
    exchange.send(status=302, headers={"Location": target})


def _cookies(exchange: Exchange) -> None:
    """Show the cookies that came, and set one."""
    came = exchange.headers.get("Cookie", "none")
    exchange.send(
        f"<!doctype html><title>Cookies</title><p id=cookies>{came}</p>",
        headers={"Set-Cookie": "visited=yes; Path=/"},
    )


def _echo(exchange: Exchange) -> None:
    """Show the request's headers, by lower-case name, as JSON."""
    headers = {name.lower(): value for name, value in exchange.headers.items()}
    exchange.send(json.dumps(headers, indent=1), "application/json")


def _slow(exchange: Exchange) -> None:
    """Answer ``/slow?2`` after two seconds."""
    query = urlsplit(exchange.path).query
    exchange.server.ended.wait(float(query) if query else 1)
    exchange.send_page("colours", {})


def _poll(exchange: Exchange) -> None:
    exchange.server.ended.wait(0.2)
    exchange.send("{}", "application/json")


def _colour(exchange: Exchange) -> None:
    """Answer ``/colour/ff0000.png?w=100&h=100`` with a picture of that colour and size."""
    name = Path(urlsplit(exchange.path).path).stem
    size = int(exchange.query("w", "100")), int(exchange.query("h", "100"))
    exchange.send(_png(f"#{name}", size), "image/png")


def _png(colour: str, size: tuple[int, int]) -> bytes:
    picture = BytesIO()
    Image.new("RGB", size, colour).save(picture, "png")
    return picture.getvalue()


def _video(exchange: Exchange) -> None:
    folder = exchange.server.folder
    file = folder / "video.mp4" if folder else None
    content = file.read_bytes() if file and file.is_file() else b"\0\0\0\x18ftypisom"
    exchange.send(content, "video/mp4")


def _bomb(exchange: Exchange) -> None:
    """Answer with 600 MiB of zeros in some 600 KB of gzip.

    After a full flush a block stands for itself, so one of them may be sent again and
    again. The checksum at the end is not that of the whole; browsers do not look at it.
    """
    gzip = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = gzip.compress(b"<!doctype html><title>Bomb</title><p>Text")
    head += gzip.flush(zlib.Z_FULL_FLUSH)
    block = gzip.compress(bytes(1 << 20)) + gzip.flush(zlib.Z_FULL_FLUSH)

    def blocks() -> Iterator[bytes]:
        yield head
        yield from repeat(block, _BOMB_MIB)
        yield gzip.flush()

    exchange.send_stream(blocks(), headers={"Content-Encoding": "gzip"})


def _endless(head: bytes, chunk: bytes, media_type: str, **headers: str) -> Answer:
    def answer(exchange: Exchange) -> None:
        def chunks() -> Iterator[bytes]:
            yield head
            yield from repeat(chunk)

        exchange.send_stream(chunks(), media_type, headers, pause_s=_PAUSE_S)

    return answer


def _cut_short(exchange: Exchange) -> None:
    """Promise 1 000 bytes, send a few, and hang up."""
    exchange.close_connection = True
    exchange.send_head(200, "text/html", {"Content-Length": "1000"})
    exchange.wfile.write(b"<!doctype html><title>Cut</title><h1>Half</h1>")


def _drip(exchange: Exchange) -> None:
    """Send the head and a first text at once, then a byte five times a second."""

    def drops() -> Iterator[bytes]:
        yield b"<!doctype html><title>Drip</title><body bgcolor=#00ff00><h1>Drip</h1>"
        yield from repeat(b".")

    exchange.send_stream(drops(), pause_s=0.2)


def _socket(exchange: Exchange) -> None:
    """Speak WebSocket: "tick" ten times a second (RFC 6455, 4.2.2 and 5.2)."""
    key = exchange.headers.get("Sec-WebSocket-Key", "")
    seal = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    exchange.close_connection = True
    exchange.send_response(101)
    exchange.send_header("Upgrade", "websocket")
    exchange.send_header("Connection", "Upgrade")
    exchange.send_header("Sec-WebSocket-Accept", base64.b64encode(seal).decode())
    exchange.end_headers()
    while not exchange.server.ended.wait(0.1):
        exchange.wfile.write(b"\x81\x04tick")


def _fixed(
    body: bytes | str = b"",
    media_type: str = "text/html; charset=utf-8",
    status: int = 200,
    **headers: str,
) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.send(body, media_type, status, named)


_FILLED = b"x" * _CHUNK_BYTES
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_HUGE_PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(
    ">I4sIIBBBBB", 13, b"IHDR", 4000, 4000, 8, 2, 0, 0, 0
)

ANSWERS: Mapping[str, Answer] = {
    # Statuses
    "/missing": _fixed("<h1>Not here</h1>", status=404),
    "/broken": _fixed("<h1>Broken</h1>", status=500),
    "/status": _status,
    "/no-content": _fixed(status=204),
    "/reset-content": _fixed(status=205),
    "/not-modified": _fixed(status=304),
    "/private": _private,
    "/proxy-auth": _fixed("<h1>Proxy?</h1>", status=407, Proxy_Authenticate='Basic realm="x"'),
    "/kept.css": _fixed("p {color: #333}", "text/css", Cache_Control="max-age=600"),
    # Redirects
    "/loop": _fixed(status=302, Location="/loop"),
    "/redirect": _redirect,
    "/hops": _hops,
    "/moved-nowhere": _fixed("<h1>Moved, but where?</h1>", status=302),
    "/moved-to-mail": _fixed(status=302, Location="mailto:x@y"),
    "/refresh-loop": _fixed("<!doctype html><title>Refresh</title><h1>Again</h1>", Refresh="0"),
    # Things that are no page
    "/attachment": _fixed("<h1>x</h1>", Content_Disposition='attachment; filename="page.html"'),
    "/archive": _fixed(b"PK\x03\x04", "application/zip"),
    "/octets": _fixed(b"\0\1\2\3", "application/octet-stream"),
    "/unknown-type": _fixed(b"abc", "application/x-nothing"),
    "/pdf": _fixed(_PDF, "application/pdf"),
    "/video": _video,
    "/colour/": _colour,
    "/box.ttf": lambda exchange: exchange.send(box_font(), "font/ttf"),
    # Bodies
    "/bomb": _bomb,
    "/garbled": _fixed(b"this is not gzip", Content_Encoding="gzip"),
    "/unknown-coding": _fixed(b"what is this", Content_Encoding="x-nothing"),
    "/cut-short": _cut_short,
    "/endless": _endless(b"<!doctype html><title>Endless</title>", b"<p>" + _FILLED, "text/html"),
    "/endless.png": _endless(_HUGE_PNG, _FILLED, "image/png"),
    "/endless-file": _endless(b"", _FILLED, "application/octet-stream"),
    "/drip": _drip,
    "/slow": _slow,
    # Connections
    "/silent": Exchange.say_nothing,
    "/hang-up": lambda exchange: exchange.hang_up(rudely=False),
    "/reset": lambda exchange: exchange.hang_up(rudely=True),
    "/poll": _poll,
    "/socket": _socket,
    # What came
    "/echo": _echo,
    "/cookies": _cookies,
    # Pages with headers
    "/csp-strict": lambda exchange: exchange.send_page(
        "csp-strict", {"Content-Security-Policy": "default-src 'none'"}
    ),
}
