"""A RabbitMQ of the test's own, in a temporary folder, with ports and an epmd of its own."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from kombu import Connection

from farm.backends.amqp_queue import QUEUES
from tests.support.neighbours import free_port
from tests.support.waiting import until

# Debian's command of this name is a wrapper that wants to be root, and changes the user.
_SERVERS = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
_SERVER = next(filter(None, map(shutil.which, _SERVERS)), None)

needs_rabbitmq = pytest.mark.skipif(
    _SERVER is None, reason="rabbitmq-server is not installed, and CI does not bring it"
)


def empty(url: str) -> None:
    """Have nothing wait on the farm's queues."""
    with Connection(url) as connection:
        for queue in QUEUES:
            bound = queue(connection.default_channel)
            bound.declare()
            bound.purge()


class RabbitMq:
    """One node, that can be killed and started again with what it had."""

    def __init__(self, folder: Path, epmd_port: int) -> None:
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "enabled_plugins").write_text("[].")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "farm@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none.sh"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            # One thread that sleeps when there is nothing to do.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._port}//"

    def start(self) -> None:
        with (self._folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [str(_SERVER)],
                env=self._environment,
                cwd=self._folder,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        until(self._greets, "RabbitMQ greets", 90)

    def kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self._port), 1) as connection:
                connection.sendall(b"AMQP\0\0\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False


@contextmanager
def rabbitmq(folder: Path) -> Iterator[RabbitMq]:
    """Run a new node for the block."""
    port = free_port()
    environment = {**os.environ, "ERL_EPMD_ADDRESS": "127.0.0.1"}
    epmd = subprocess.Popen(["epmd", "-port", str(port)], env=environment)
    node = RabbitMq(folder, port)
    try:
        node.start()
        yield node
    finally:
        node.kill()
        epmd.terminate()
        epmd.wait(10)
