"""Prometheus, asking a farm that works, by the configuration that ships."""

from functools import partial
from pathlib import Path

import pytest

from dev.stack import Stack
from farm.client.errors import JobNotSucceeded
from farm.client.http import FarmClient
from tests.support.monitoring import RULES, SELECTED, prometheus, shown
from tests.support.site import Site
from tests.support.waiting import until

NOT_HERE = {"farm_redis_limit_bytes"}
"""The Redis of `make run` has no limit."""


def work(client: FarmClient, site: Site) -> None:
    """Have a job succeed and another fail."""
    client.screenshot(site.url("/colours"))
    with pytest.raises(JobNotSucceeded):
        client.screenshot("http://192.0.2.1/")


def test_each_panel_and_each_alert_is_answered(
    farm: Stack, client: FarmClient, site: Site, tmp_path: Path
) -> None:
    with prometheus(farm.url, tmp_path) as watching:
        until(watching.watches, "it reaches the farm", 30)
        work(client, site)
        until(lambda: watching.values('farm_jobs_ended_total{state="failed"}'), "it was told")
        work(client, site)
        for title, expression in shown():
            answer = partial(watching.values, expression)
            if expression in NOT_HERE:
                assert answer() == []
            else:
                until(answer, f"{title} has something to show: {expression}")
        rules = until(watching.rules, "each alert was evaluated")
        assert rules == {rule["alert"]: "ok" for rule in RULES}
        asked = {name for rule in RULES for name, _ in SELECTED.findall(rule["expr"])}
        assert asked - watching.names() == NOT_HERE
