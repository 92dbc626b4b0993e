"""The farm in containers, by ``docker/compose.yaml`` and whatever ``docker`` is there."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.neighbours import free_port

COMPOSE_FILE = Path(__file__).parents[2] / "docker" / "compose.yaml"
SITE_FILE = Path(__file__).with_name("site.yaml")
PAGE_URL, SILENT_URL = "http://site:9998/", "http://site:9999/"
REDIS_PASSWORDS = (
    "REDIS_PASSWORD",
    *(f"REDIS_PASSWORD_{part}" for part in ("API", "WORKER", "DISPATCHER", "FLOWER")),
)
SERVICES = (
    *("redis", "redis-artifacts", "api", "worker-pages", "worker-media", "dispatcher", "gate"),
    "flower",
)


def docker(
    *arguments: str, environment: Mapping[str, str] = os.environ, timeout_s: float = 60
) -> bytes:
    """Run ``docker`` and return what it printed; fail with its complaint."""
    return run("docker", *arguments, environment=environment, timeout_s=timeout_s)


def run(*command: str, environment: Mapping[str, str], timeout_s: float = 60) -> bytes:
    """Run ``command`` and return what it printed; fail with its complaint."""
    done = subprocess.run(
        command, capture_output=True, check=False, env=environment, timeout=timeout_s
    )
    if done.returncode:
        complaint = done.stderr.decode(errors="replace")[-4000:]
        pytest.fail(f"{' '.join(command)} left with {done.returncode}:\n{complaint}")
    return done.stdout


class ComposedFarm:
    """One copy of the farm: a compose project of its own, on free ports of this machine.

    ``files`` go beside that of the farm, ``settings`` are variables for all of them.
    """

    def __init__(self, *files: Path, **settings: str) -> None:
        api_port, flower_port = free_port(), free_port()
        self.api_url = f"http://127.0.0.1:{api_port}"
        self.flower_url = f"http://127.0.0.1:{flower_port}"
        self.flower_login = ("farm", secrets.token_hex(8))
        self.project = f"renderfarm-test-{secrets.token_hex(4)}"
        self._environment = {
            **os.environ,
            "COMPOSE_PROFILES": "flower",
            "FARM_API_PORT": str(api_port),
            "FARM_FLOWER_PORT": str(flower_port),
            "FLOWER_BASIC_AUTH": ":".join(self.flower_login),
            **{name: secrets.token_hex(8) for name in REDIS_PASSWORDS},
            "GATE_SECRET": secrets.token_hex(24),
            "FARM_EGRESS_ALLOW": "site:9998-9999",
            **settings,
        }
        self._files = [each for file in (COMPOSE_FILE, SITE_FILE, *files) for each in ("-f", file)]

    def up(self) -> None:
        """Build the images, start every service and wait until all are healthy."""
        # Images made from nothing take minutes: Debian's packages, the browser, the fonts.
        self.compose("build", timeout_s=900)
        self.compose("up", "--detach", "--wait", "--wait-timeout", "180", timeout_s=240)

    def down(self) -> None:
        """Remove every trace but the images."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")

    def compose(self, *arguments: str, timeout_s: float = 60) -> bytes:
        """Run ``docker compose`` and return what it printed; fail with its complaint."""
        scope = ("--ansi", "never", *map(str, self._files), "-p", self.project)
        command = ("compose", *scope, *arguments)
        return docker(*command, environment=self._environment, timeout_s=timeout_s)

    def run_in(self, service: str, *command: str) -> bytes:
        """Run ``command`` inside the container of ``service``, as its user."""
        return self.compose("exec", "-T", service, *command)

    def answer(self, address: str, port: int, line: str, *, to: str) -> str | None:
        """Return what is said to the container of ``to``, which says ``line``.

        ``None``: it gets no connection. Some machines' way out answers at every address, so
        an answer alone does not tell who gave it.
        """
        end = "\r\n\r\n"
        talk = f"""
import socket
try:
    with socket.create_connection(({address!r}, {port}), 3) as there:
        there.sendall({(line + end).encode()!r})
        print("answer:", there.recv(1000))
except OSError as error:
    print(error)
"""
        said = self.run_in(to, "python", "-c", talk).decode()
        return said if said.startswith("answer:") else None

    def address(self, service: str, network: str) -> str:
        """Return the address that ``service`` has in ``network``, the farm's or another."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        known = networks.get(f"{self.project}_{network}") or networks[network]
        found: str = known["IPAddress"]
        return found

    def gateway(self, network: str) -> str:
        """Return the address that this machine would have in ``network``."""
        found = json.loads(docker("network", "inspect", f"{self.project}_{network}"))
        gateway: str = found[0]["IPAM"]["Config"][0]["Gateway"]
        return gateway

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows about the container of ``service``, running or not."""
        container = self.compose("ps", "--all", "--quiet", service).decode().strip()
        found: list[dict[str, Any]] = json.loads(docker("inspect", container))
        return found[0]

    def logs(self) -> str:
        """Return the end of what the containers wrote, the stopped ones too."""
        output = self.compose("logs", "--no-color", "--timestamps", "--tail", "60")
        return output.decode(errors="replace")

    def video(self) -> bytes:
        """Return a second of video with sound.

        Made by the image's own ffmpeg: a test then needs nothing of the host but docker.
        """
        make = (
            "ffmpeg -loglevel error -f lavfi -i testsrc=size=320x240:rate=10:duration=1"
            " -f lavfi -i sine=duration=1 -c:v libx264 -pix_fmt yuv420p -c:a aac -y /tmp/clip.mp4"
            " && cat /tmp/clip.mp4 && rm /tmp/clip.mp4"
        )
        return self.run_in("worker-media", "sh", "-c", make)


@contextmanager
def running(farm: ComposedFarm) -> Iterator[None]:
    """Have ``farm`` run for the block."""
    try:
        farm.up()
        yield
    finally:
        try:
            print(farm.logs())  # noqa: T201 - pytest shows it if the farm did not come up
        finally:
            farm.down()
