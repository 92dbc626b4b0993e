"""What an operator asks a running farm, over HTTP and with the command."""

import subprocess
import sys
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from dev.stack import Stack
from farm.client.http import FarmClient
from tests.support.processes import lives
from tests.support.site import Site
from tests.support.waiting import until

ENDED = ("farm_jobs_ended_total", frozenset({("kind", "screenshot"), ("state", "succeeded")}))


def told(farm: Stack) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return all counts that the farm tells."""
    text = httpx.get(f"{farm.url}/metrics").raise_for_status().text
    return {
        (sample.name, frozenset(pair for pair in sample.labels.items() if pair[1])): sample.value
        for family in text_string_to_metric_families(text)
        if family.type in {"counter", "histogram"}
        for sample in family.samples
    }


def api_of(farm: Stack) -> psutil.Process | None:
    """Return the main process of the API, if there is one now."""
    children = psutil.Process(farm.pid).children()
    return next((each for each in children if "api.wsgi:create()" in each.cmdline()), None)


def is_back(farm: Stack) -> bool:
    try:
        return httpx.get(f"{farm.url}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_counts_are_the_same_from_each_process_and_outlive_the_api(
    farm: Stack, client: FarmClient, site: Site
) -> None:
    before = told(farm)
    for _ in range(2):
        client.screenshot(site.url("/colours"))
    after = told(farm)
    assert after[ENDED] == before[ENDED] + 2
    assert {told(farm)[ENDED] for _ in range(8)} == {after[ENDED]}  # It has two processes.
    old = api_of(farm)
    assert old is not None
    old.kill()
    until(lambda: not lives(old) and is_back(farm), "supervisord has started the API again", 60)
    again = told(farm)
    assert [name for name, count in after.items() if again[name] < count] == []


def test_the_doctor_finds_nothing_wrong_with_a_farm_that_runs(farm: Stack, site: Site) -> None:
    with FarmClient(farm.url) as client:
        client.screenshot(site.url("/colours"))  # So that a browser has opened a page.
    command = [str(Path(sys.executable).parent / "farm"), "--url", farm.url, "doctor", "--server"]
    done = subprocess.run(command, capture_output=True, timeout=90, check=False, text=True)
    assert done.returncode == 0, done.stdout
    lines = [line for line in done.stdout.splitlines() if " ok" not in line]
    # As root there is no sandbox, and this machine may be small; neither is an error.
    assert [line for line in lines if " warning " not in line] == []
    assert "slots for pages" in done.stdout
