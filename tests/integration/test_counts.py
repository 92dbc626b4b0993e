"""What a job costs, counted: nothing may come to cost more without anybody noticing."""

import pytest

from dev.stack import ROOT
from tests.support import counts
from tests.support.counts import CEILINGS, Count, over
from tests.support.neighbours import need
from tests.support.site import Site

pytestmark = pytest.mark.timeout(180)


@pytest.mark.redis
def test_redis_is_asked_for_no_more_than_before_for_a_job(redis_url: str, site: Site) -> None:
    need("chromium-headless-shell")
    found = list(counts.of_a_job(redis_url, site))
    assert all(each.number for each in found)
    assert over(found) == []


@pytest.mark.redis
def test_redis_is_asked_for_no_more_than_before_for_a_batch(redis_url: str) -> None:
    found = list(counts.of_a_batch(redis_url))
    assert all(each.number for each in found)
    assert over(found) == []


def test_the_driver_is_told_no_more_than_before_for_a_screenshot(site: Site) -> None:
    need("chromium-headless-shell")
    found = list(counts.of_a_capture(site))
    assert all(each.number for each in found)
    assert over(found) == []
    # Of a bare script it is known what it tells.
    assert "Page.screenshot" in counts.of_a_bare_capture(site).counted


@pytest.mark.redis
def test_an_artifact_is_in_memory_no_more_often_than_before(redis_url: str) -> None:
    found = list(counts.of_an_artifact(redis_url))
    assert all(each.number for each in found)
    assert over(found) == []


def test_no_process_starts_with_more_modules_than_before() -> None:
    found = list(counts.of_imports())
    assert all("farm.jobs" in each.counted for each in found)
    assert over(found) == []


def test_a_count_above_its_ceiling_is_told_with_all_that_was_counted() -> None:
    name, most = next(iter(CEILINGS.items()))
    (told,) = over([Count(name, most + 1, ("one", "another")), Count(name, most)])
    assert told.endswith("\none\nanother")


@pytest.mark.parametrize("name", CEILINGS)
def test_the_page_about_performance_has_each_count_with_its_ceiling(name: str) -> None:
    lines = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| {name} |"))
    counted, most = (float(cell) for cell in row.split("|")[2:4])
    assert counted <= most == CEILINGS[name], "run `make bench-counts`"
