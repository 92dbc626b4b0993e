"""A bucket, a RabbitMQ and a collector of traces that are no containers of the farm."""

import hashlib
import os
import secrets
from pathlib import Path
from xml.etree import ElementTree as ET

from dev.stack import ROOT
from tests.containers.composed_farm import docker, run

_FILE = Path(__file__).with_name("elsewhere.yaml")
_ATTACH = ROOT / "docker" / "attach.sh"
_FETCH = """
import sys
from urllib.request import Request, urlopen
asked = Request(sys.argv[1], headers={"Authorization": "AWS any:any"})
sys.stdout.buffer.write(urlopen(asked).read())
"""


class Elsewhere:
    """They, as a compose project of their own, and the networks that let the farm reach them."""

    def __init__(self) -> None:
        self.networks = f"farm-test-{secrets.token_hex(4)}"
        self._environment = {**os.environ, "FARM_NETWORKS": self.networks}

    def name(self, service: str) -> str:
        """Return what the container of ``service`` is called, everywhere."""
        return f"{self.networks}-{service}"

    def up(self) -> None:
        """Start all of them, and let them into the networks."""
        self._compose("up", "--detach", "--build", "--wait", "--wait-timeout", "120")
        self.attach("bucket", "rabbitmq", "collector")

    def attach(self, *services: str) -> None:
        """Let these into the networks, as an operator does."""
        run(str(_ATTACH), *map(self.name, services), environment=self._environment)

    def down(self) -> None:
        """Remove every trace but the images."""
        self._compose("down", "--volumes", "--timeout", "2")
        for part in ("api", "workers"):
            docker("network", "rm", f"{self.networks}-{part}")

    def settings(self) -> dict[str, str]:
        """Return what a farm is told that uses all three."""
        bucket, rabbitmq, collector = map(self.name, ("bucket", "rabbitmq", "collector"))
        return {
            "FARM_NETWORKS": self.networks,
            "FARM_EXTRAS": "s3,otel",
            "FARM_BROKER_URL": f"amqp://farm:elsewhere@{rabbitmq}:5672//",
            "FARM_ARTIFACTS_BUCKET": "s3://shots/farm",
            "FARM_ARTIFACTS_REDIS_URL": "",
            "FARM_ARTIFACTS_ENDPOINT": f"http://{bucket}:5000",
            "FARM_ARTIFACTS_ACCESS_KEY": "any",
            "FARM_ARTIFACTS_SECRET_KEY": "any",
            "FARM_OTLP_ENDPOINT": f"http://{collector}:4318",
            "FARM_EGRESS_OWN": f"{bucket}:5000,{rabbitmq}:5672,{collector}:4318",
        }

    def objects(self) -> set[str]:
        """Return the SHA-256 of each object in the bucket."""
        listed = ET.fromstring(self._fetch("shots?list-type=2"))
        keys = [str(each.text) for each in listed.iter() if each.tag.endswith("}Key")]
        return {hashlib.sha256(self._fetch(f"shots/{key}")).hexdigest() for key in keys}

    def consumers(self) -> dict[str, int]:
        """Return how many consumers each queue of RabbitMQ has."""
        command = ("rabbitmqctl", "--quiet", "--no-table-headers", "list_queues", "name")
        rows = self._run_in("rabbitmq", *command, "consumers").decode().split("\n")
        return {name: int(count) for name, count in (row.split("\t") for row in rows if row)}

    def traces(self) -> int:
        """Return how many times the collector was sent spans."""
        return docker("logs", self.name("collector")).count(b"took /v1/traces")

    def _fetch(self, path: str) -> bytes:
        return self._run_in("bucket", "python", "-c", _FETCH, f"http://127.0.0.1:5000/{path}")

    def _run_in(self, service: str, *command: str) -> bytes:
        return docker("exec", self.name(service), *command)

    def _compose(self, *arguments: str) -> None:
        scope = ("--ansi", "never", "-f", str(_FILE), "-p", f"{self.networks}-elsewhere")
        docker("compose", *scope, *arguments, environment=self._environment, timeout_s=600)
