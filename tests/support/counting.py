"""Count what cannot be timed on a busy machine: commands, messages, copies, modules."""

import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import psutil
from playwright._impl.connection import Connection
from redis import Redis

from tasks.egress.control import Control

_END = "end-of-count"
_SCRIPT = "lua"
"""What Redis gives as the sender of a command that a script called."""


@dataclass
class Request:
    """What one client sent at once: a command, or a transaction."""

    sender: str
    """Host and port."""
    commands: list[str] = field(default_factory=list)
    """Those sent, and those that scripts called for them."""

    def is_about(self, *words: str) -> bool:
        return any(word in command for command in self.commands for word in words)


@contextmanager
def redis_requests(url: str) -> Iterator[list[Request]]:
    """Give a list that has, after the block, what Redis was sent in it, by whomever."""
    found: list[Request] = []
    with Redis.from_url(url) as client, Redis.from_url(url) as watching:
        client.ping()
        with watching.monitor() as monitor:
            yield found
            client.echo(_END)
            found += _grouped(monitor.listen())


def _grouped(lines: Iterator[Any]) -> Iterator[Request]:
    """Yield the requests up to the end's mark."""
    open_ones: dict[str, Request] = {}
    last = Request("")
    for line in lines:
        command = line["command"]
        sender = f"{line['client_address']}:{line['client_port']}"
        if command == f"ECHO {_END}":
            return
        if line["client_type"] == _SCRIPT:
            last.commands.append(command)
        elif command == "MULTI":
            open_ones[sender] = last = Request(sender)
        elif command == "EXEC":
            yield open_ones.pop(sender)
        elif sender in open_ones:
            last = open_ones[sender]
            last.commands.append(command)
        else:
            last = Request(sender, [command])
            yield last


def addresses(process: psutil.Process) -> set[str]:
    """Return the near ends of the connections that the process has."""
    with suppress(psutil.NoSuchProcess):
        ends = (each.laddr for each in process.net_connections("tcp") if each.laddr)
        return {f"{end.ip}:{end.port}" for end in ends}
    return set()


@contextmanager
def driver_messages() -> Iterator[list[str]]:
    """Give a list that gets each message this process sends to a driver of Playwright's."""
    found: list[str] = []
    real = Connection.send_message_to_server

    def noting(self: Connection, owner: Any, method: str, params: Any, options: Any) -> Any:
        inner = (params or {}).get("method", "") if method == "send" else ""
        found.append(f"{owner._type}.{method} {inner}".rstrip())  # noqa: SLF001 - it has no other name
        return real(self, owner, method, params, options)

    # There is no public place that all messages come through.
    with patch.object(Connection, "send_message_to_server", noting):
        yield found


@contextmanager
def gate_orders() -> Iterator[list[str]]:
    """Give a list that gets each order this process gives to a gate."""
    found: list[str] = []
    real = Control.order

    def noting(self: Control, name: str, **details: object) -> dict[str, Any]:
        found.append(name)
        return real(self, name, **details)

    with patch.object(Control, "order", noting):
        yield found


def modules_of(module: str) -> Sequence[str]:
    """Return what is imported once ``module`` is, in an interpreter of its own."""
    code = f"import sys, {module}; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.split()


def peak_bytes(work: Callable[[], object]) -> int:
    """Return how much memory of Python's ``work`` had at its height, beyond what was there."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
