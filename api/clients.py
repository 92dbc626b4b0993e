"""Who takes an answer that is long in coming: gone, or slow.

What is known of a connection comes from gunicorn; under another server nothing is, and a
client that has left shows at the next write.
"""

import select
import socket

STOPPING = "farm_is_stopping"
"""Name of the app's extension that says whether its process was told to stop."""

_PATIENCE_S = 30
"""How long a client may take for one chunk, of 256 KiB at most."""


def stop_waiting_for(connection: object) -> None:
    """Have writes to a client that does not read end after a while, and so its thread."""
    if isinstance(connection, socket.socket):
        connection.settimeout(_PATIENCE_S)


def has_left(connection: object) -> bool:
    """Return whether the client has closed its end; what it sends meanwhile is left alone."""
    if not isinstance(connection, socket.socket):
        return False
    try:
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):  # closed on this side already
        return True
