"""The farm in containers, by ``docker/compose.yaml`` and whatever ``docker`` is there."""

import json
import os
import secrets
import subprocess
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


class ComposedFarm:
    """One copy of the farm: a compose project of its own, on free ports of this machine."""

    def __init__(self) -> None:
        api_port, flower_port = free_port(), free_port()
        self.api_url = f"http://127.0.0.1:{api_port}"
        self.flower_url = f"http://127.0.0.1:{flower_port}"
        self.flower_login = ("farm", secrets.token_hex(8))
        self._project = f"renderfarm-test-{secrets.token_hex(4)}"
        self._environment = {
            **os.environ,
            "FARM_API_PORT": str(api_port),
            "FARM_FLOWER_PORT": str(flower_port),
            "FLOWER_BASIC_AUTH": ":".join(self.flower_login),
            **{name: secrets.token_hex(8) for name in REDIS_PASSWORDS},
            "GATE_SECRET": secrets.token_hex(24),
            "FARM_EGRESS_ALLOW": "site:9998-9999",
        }

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
        files = ("-f", str(COMPOSE_FILE), "-f", str(SITE_FILE))
        scope = ("--ansi", "never", *files, "-p", self._project)
        return self._docker("compose", *scope, *arguments, timeout_s=timeout_s)

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
        """Return the address that ``service`` has in ``network``."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        found: str = networks[f"{self._project}_{network}"]["IPAddress"]
        return found

    def gateway(self, network: str) -> str:
        """Return the address that this machine would have in ``network``."""
        found = json.loads(self._docker("network", "inspect", f"{self._project}_{network}"))
        gateway: str = found[0]["IPAM"]["Config"][0]["Gateway"]
        return gateway

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows about the container of ``service``, running or not."""
        container = self.compose("ps", "--all", "--quiet", service).decode().strip()
        found: list[dict[str, Any]] = json.loads(self._docker("inspect", container))
        return found[0]

    def logs(self) -> str:
        """Return the end of what the containers wrote, the stopped ones too."""
        output = self.compose("logs", "--no-color", "--timestamps", "--tail", "60")
        return output.decode(errors="replace")

    def _docker(self, *arguments: str, timeout_s: float = 60) -> bytes:
        done = subprocess.run(
            ["docker", *arguments],
            capture_output=True,
            check=False,
            env=self._environment,
            timeout=timeout_s,
        )
        if done.returncode:
            complaint = done.stderr.decode(errors="replace")[-4000:]
            pytest.fail(f"docker {' '.join(arguments)} left with {done.returncode}:\n{complaint}")
        return done.stdout
