"""What ships for Prometheus and Grafana speaks of metrics and sections that there are."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from api.app import create_app
from api.settings import ApiSettings
from dev.stack import ROOT
from farm.jobs.metrics.names import METRICS
from tests.support.builders import MemoryFarm
from tests.support.monitoring import DASHBOARD, MONITORING, RULES, SELECTED, TOLD, shown
from tests.support.neighbours import need

COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())

_BY = re.compile(r"\bby \(([^)]*)\)")


EXPRESSIONS = [*((rule["alert"], rule["expr"]) for rule in RULES), *shown()]


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS)
def test_every_metric_and_label_that_is_asked_for_exists(where: str, expression: str) -> None:
    selected = SELECTED.findall(expression)
    assert selected or "up{" in expression, where
    labels = {"le"}
    for name, matchers in selected:
        metric = TOLD[name]
        labels |= set(metric.labels)
        assert set(re.findall(r"(\w+)\s*[=!]", matchers)) <= set(metric.labels)
    grouped = {label.strip() for found in _BY.findall(expression) for label in found.split(",")}
    assert grouped <= labels


@pytest.mark.parametrize("panel", DASHBOARD["panels"], ids=lambda panel: panel["title"])
def test_the_legend_of_a_panel_names_labels_that_there_are(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        kept = {
            label.strip() for found in _BY.findall(target["expr"]) for label in found.split(",")
        }
        names = [name for name, _ in SELECTED.findall(target["expr"])]
        labels = kept or {label for name in names for label in TOLD[name].labels}
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {
        TOLD[name].name
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name, _ in SELECTED.findall(target["expr"])
    }
    beside = {"farm_jobs_queued_limit"}  # As an alert.
    assert {metric.name for metric in METRICS} - shown == beside


def test_no_two_panels_lie_in_the_same_place() -> None:
    taken = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for place in [panel["gridPos"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_section_that_says_what_to_do(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.partition(f"\n### {name}\n")[2].partition("\n## ")[0].partition("\n### ")[0]
    assert re.findall(r"^\*\*(.*?):\*\*", section, flags=re.MULTILINE) == ["Means", "Look at", "Do"]
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]


def test_every_section_of_alarms_is_of_an_alert() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    alarms = text.partition("\n## Alarms\n")[2].partition("\n## ")[0]
    assert re.findall(r"^### (\w+)$", alarms, re.MULTILINE) == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("name", ["prometheus", "grafana"])
def test_monitoring_is_as_confined_as_the_rest_and_starts_only_when_asked(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["profiles"] == ["monitoring"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["networks"] == ["outside"]  # Redis is not there.
    assert {"mem_limit", "pids_limit", "healthcheck"} <= service.keys()
    assert not re.search(r":latest$", service["image"])
    for volume in service["volumes"]:
        source = volume.partition(":")[0]
        assert source in COMPOSE["volumes"] or (ROOT / "docker" / source).exists()
    port = service["ports"][0].rpartition(":")[2]
    assert f"{name}:{port}" in COMPOSE["services"]["gate"]["environment"]["FARM_EGRESS_OWN"]


def test_prometheus_calls_the_api_by_the_name_that_it_may() -> None:
    (job,) = yaml.safe_load((MONITORING / "prometheus.yml").read_text())["scrape_configs"]
    (targets,) = [each["targets"] for each in job["static_configs"]]
    assert targets == [COMPOSE["services"]["api"]["environment"]["FARM_METRICS_HOST"]]
    assert job["job_name"] == "farm"  # As FarmDown has it.


@pytest.fixture(scope="module")
def promtool() -> str:
    return need("promtool")


def run(*command: str, stdin: str = "", cwd: Path = MONITORING) -> str:
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, cwd=cwd, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_configuration_and_rules(promtool: str) -> None:
    run(promtool, "check", "config", "--syntax-only", "prometheus.yml")
    assert f"{len(RULES)} rules found" in run(promtool, "check", "rules", "alerts.yml")


def test_promtool_accepts_what_the_farm_tells(promtool: str) -> None:
    client = create_app(ApiSettings(), MemoryFarm().service).test_client()
    run(promtool, "check", "metrics", stdin=client.get("/metrics").text)


ENDED = "farm_jobs_ended_total"
FIRING = {
    "FarmDown": {'up{job="farm"}': "0x60"},
    "FarmWithoutWorkers": {'farm_workers{queue="pages"}': "0x60"},
    "FarmBrowserStale": {"farm_browser_check_age_seconds": "200+60x60"},
    "FarmFallsBehind": {'farm_oldest_wait_seconds{queue="pages"}': "400x60"},
    "FarmAlmostFull": {
        'farm_jobs_queued{queue="pages"}': "90x60",
        'farm_jobs_queued_limit{queue="pages"}': "100x60",
    },
    "FarmFailsJobs": {
        f'{ENDED}{{kind="pdf",state="failed",code="browser_crashed"}}': "0+3x60",
        f'{ENDED}{{kind="pdf",state="succeeded",code=""}}': "0+97x60",
    },
    "FarmJobsFail": {
        f'{ENDED}{{kind="pdf",state="failed",code="dns_error"}}': "0+60x60",
        f'{ENDED}{{kind="pdf",state="succeeded",code=""}}': "0+40x60",
    },
    "FarmLosesWorkers": {
        f'{ENDED}{{kind="pdf",state="failed",code="worker_lost"}}': "0x50 1x10",
        f'{ENDED}{{kind="pdf",state="succeeded",code=""}}': "0+99x60",
    },
    "FarmRunsAgain": {
        'farm_reruns_total{kind="pdf"}': "0+1x60",
        f'{ENDED}{{kind="pdf",state="succeeded",code=""}}': "0+9x60",
    },
    "FarmLosesBrowsers": {"farm_browsers_lost_total": "0+3x60"},
    "FarmWithoutSandbox": {"farm_browsers_without_sandbox": "1x60"},
    "FarmChildTooLarge": {'farm_largest_child_bytes{queue="pages"}': "3000000000x60"},
    "FarmRedisAlmostFull": {
        'farm_redis_bytes{redis="records"}': "70x60",
        'farm_redis_limit_bytes{redis="records"}': "100x60",
    },
    "FarmForbidsMuch": {
        'farm_gate_requests_total{verdict="target_forbidden"}': "0+30x60",
        'farm_gate_requests_total{verdict="allowed"}': "0+70x60",
    },
    "FarmGivesUpWebhooks": {'farm_webhook_attempts_total{outcome="given_up"}': "0x50 1x10"},
}
QUIET = {
    'up{job="farm"}': "1x60",
    'farm_workers{queue="pages"}': "1x60",
    "farm_browser_check_age_seconds": "50x60",
    'farm_oldest_wait_seconds{queue="pages"}': "20x60",
    'farm_jobs_queued{queue="pages"}': "10x60",
    'farm_jobs_queued_limit{queue="pages"}': "100x60",
    f'{ENDED}{{kind="pdf",state="failed",code="browser_crashed"}}': "0x60",
    f'{ENDED}{{kind="pdf",state="failed",code="dns_error"}}': "0+1x60",
    f'{ENDED}{{kind="pdf",state="failed",code="worker_lost"}}': "3x60",
    f'{ENDED}{{kind="pdf",state="succeeded",code=""}}': "0+99x60",
    'farm_reruns_total{kind="pdf"}': "0+1x60",
    "farm_browsers_lost_total": "0+1x60",
    "farm_browsers_without_sandbox": "0x60",
    'farm_largest_child_bytes{queue="pages"}': "600000000x60",
    'farm_redis_bytes{redis="records"}': "30x60",
    'farm_redis_limit_bytes{redis="records"}': "100x60",
    'farm_gate_requests_total{verdict="target_forbidden"}': "0+1x60",
    'farm_gate_requests_total{verdict="allowed"}': "0+70x60",
    'farm_webhook_attempts_total{outcome="given_up"}': "4x60",
}
"""A farm in which all is well; the numbers are of each minute."""


def test_every_alert_fires_when_it_should_and_no_other_does(promtool: str, tmp_path: Path) -> None:
    assert FIRING.keys() == {rule["alert"] for rule in RULES}
    tests = [_case(alert, {**QUIET, **series}) for alert, series in FIRING.items()]
    cases = {"rule_files": [str(MONITORING / "alerts.yml")], "tests": [_case("", QUIET), *tests]}
    file = tmp_path / "cases.yml"
    file.write_text(yaml.safe_dump(cases))
    run(promtool, "test", "rules", str(file))


def _case(firing: str, series: Mapping[str, str]) -> dict[str, Any]:
    """Expect that after an hour this alert fires, and no other."""
    pattern = 'count by (alertname) (ALERTS{alertstate="firing"})'
    expected = [{"labels": f'{{alertname="{firing}"}}', "value": 1}] if firing else []
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": pattern, "eval_time": "59m", "exp_samples": expected}],
    }
