"""What the gate says in its own name."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from tasks.egress.addresses import Address
from tasks.egress.heads import written

Code: TypeAlias = Literal[
    "target_forbidden", "dns_error", "connection_failed", "response_too_large", "timeout"
]
HEADER = b"X-Farm-Gate"
"""In every answer of the gate's own, with a code, and in no other one."""
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"
MALFORMED = (
    b"HTTP/1.1 400 Bad Request\r\n" + HEADER + b": connection_failed\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)
_BODY = b"The gate of the farm did not let this request through.\n"
"""The same for every reason: who asks may be a page."""


class NotServed(Exception):
    """The gate has to answer itself."""

    def __init__(self, code: Code, addresses: Sequence[Address] = ()) -> None:
        """Keep ``addresses``, which led to it, for the operator's eyes only."""
        super().__init__(code)
        self.code = code
        self.addresses = addresses


def own_answer(code: Code, *, to_head: bool, stays: bool) -> bytes:
    """Return a whole answer.

    Args:
        code: Why there is no other.
        to_head: Whether it is to a request that gets no body.
        stays: Whether the client may ask for more by the same connection.
    """
    line = b"HTTP/1.1 403 Forbidden" if code == "target_forbidden" else b"HTTP/1.1 502 Bad Gateway"
    headers = [
        (HEADER, code.encode()),
        (b"Content-Type", b"text/plain"),
        (b"Content-Length", b"%d" % len(_BODY)),
        (b"Cache-Control", b"no-store"),
    ]
    if not stays:
        headers.append((b"Connection", b"close"))
    return written(line, headers) + (b"" if to_head else _BODY)
