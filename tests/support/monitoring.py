"""What ships for Prometheus and Grafana, and a Prometheus of the test's own."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from dev.stack import ROOT
from farm.jobs.metrics.names import METRICS, Metric
from tests.support.neighbours import free_port, need

MONITORING = ROOT / "docker" / "monitoring"
DASHBOARD = json.loads((MONITORING / "grafana/dashboards/renderfarm.json").read_text())
RULES = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]

_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}
TOLD: Mapping[str, Metric] = {
    f"{metric.name}{part}": metric for metric in METRICS for part in _PARTS[metric.sort]
}
SELECTED = re.compile(r"\b(farm_\w+)(?:\{([^}]*)\})?")
"""A metric in an expression, and what stands behind it in braces."""


def shown() -> Iterator[tuple[str, str]]:
    """Yield each expression of the dashboard, after the title of its panel."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


class Prometheus:
    """A server that asks one farm for its metrics once a second, by what ships."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def watches(self) -> bool:
        """Return whether the farm has told it something."""
        try:
            ready = self._client.get("/-/ready").is_success
        except httpx.TransportError:
            return False
        return ready and self.values('up{job="farm"}') == [1]

    def rules(self) -> dict[str, str]:
        """Return whether each alert could be evaluated; none before it was tried."""
        (group,) = self._get("rules")["groups"]
        found = {rule["name"]: rule["health"] for rule in group["rules"]}
        return {} if "unknown" in found.values() else found

    def names(self) -> set[str]:
        """Return the name of each metric that it was told."""
        return set(self._get("label/__name__/values"))

    def values(self, expression: str) -> list[float]:
        """Return what ``expression`` comes to now, but for what is no number."""
        # What Grafana would put there, at a scrape a second.
        spelled = expression.replace("$__rate_interval", "20s")
        found = self._get("query", query=spelled)["result"]
        numbers = [float(each["value"][1]) for each in found]
        return [number for number in numbers if number == number]  # noqa: PLR0124 - not NaN

    def _get(self, path: str, **query: str) -> Any:
        answer = self._client.get(f"/api/v1/{path}", params=query)
        assert answer.is_success, answer.text
        return answer.json()["data"]


@contextmanager
def prometheus(farm_url: str, folder: Path) -> Iterator[Prometheus]:
    """Run one in ``folder`` for the block."""
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    config["global"] = dict.fromkeys(config["global"], "1s")
    config["rule_files"] = [str(MONITORING / each) for each in config["rule_files"]]
    (job,) = config["scrape_configs"]
    job["static_configs"] = [{"targets": [farm_url.removeprefix("http://")]}]
    job["authorization"]["credentials_file"] = str(folder / "key")
    (folder / "key").write_text("none")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [need("prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (folder / "log").open("wb") as log:
        served = subprocess.Popen(
            [*command, f"--web.listen-address={address}"], cwd=folder, stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
            yield Prometheus(client)
    finally:
        served.terminate()
        served.wait(20)
