"""A job of a batch is what the same spec alone would be, however cheaply it was made."""

import json
from typing import Any

import pytest

from farm.backends.redis_casting import encoded
from farm.backends.redis_filing import filing
from farm.jobs.batches.intake import CHUNK_JOBS, Intake, Item
from farm.jobs.batches.models import BatchOptions
from farm.jobs.batches.moulds import Cast
from farm.jobs.errors import InvalidSpec
from farm.jobs.models import Job
from farm.jobs.specs.requests import JobRequest
from tests.support.builders import MemoryFarm

ITEMS: list[Any] = [
    "https://a.test/",
    "HTTPS://B.Test:443/?q='x'&y=[1]#top",
    "http://[::1]:8080/",
    {"url": "https://a.test/", "full_page": True},
    {"url": "https://a.test:8443/%20", "kind": "pdf", "landscape": True, "tags": ["a", 'Ü"\\']},
    {"url": "https://c.test/", "metadata": {"note": "http://mould.invalid/"}, "priority": "high"},
    {"url": "https://a.test/", "cookies": [{"name": "__Host-a", "value": "1"}]},
    {"kind": "content", "html": "<p>https://a.test/"},
    {"kind": "probe", "url": "https://media.test/a.mp4"},
    {"url": "https://d.test/", "webhook_url": "https://hooks.test/", "expires_in": 60},
    {"url": "https://e.test/", "cache_ttl": 60},
    {"url": "https://e.test/other", "cache_ttl": 60},
]


def intake(farm: MemoryFarm, **options: Any) -> Intake:
    return Intake(farm.service, "batch-1", BatchOptions(**options), {"kind": "screenshot"})


def jobs_of(farm: MemoryFarm, items: list[Any], **options: Any) -> list[Cast]:
    lines = (Item(n, value) for n, value in enumerate(items, 1))
    return [cast for chunk in intake(farm, **options).chunked(lines) for cast in chunk]


def test_each_job_is_as_if_its_spec_had_come_alone() -> None:
    farm = MemoryFarm()
    # Each twice: the second time it comes from a mould.
    casts = jobs_of(farm, [*ITEMS, *ITEMS], dedupe=False)
    for item, cast in zip([*ITEMS, *ITEMS], casts, strict=True):
        fields = {"url": item} if isinstance(item, str) else item
        whole = {"priority": "low", "kind": "screenshot", **fields}
        spec = JobRequest.model_validate(whole).root
        alone = farm.service.drafted(spec, cast.id).model_copy(update={"batch_id": "batch-1"})
        assert cast.job == alone


def test_what_is_encoded_together_is_what_each_would_be_alone() -> None:
    casts = jobs_of(MemoryFarm(), [*ITEMS, *ITEMS], dedupe=False)
    chunk = json.loads(encoded(casts))
    for cast, (job_id, record, place) in zip(casts, chunk["jobs"], strict=True):
        assert job_id == cast.id
        assert Job.model_validate_json(record) == cast.job
        assert chunk["filings"][place - 1] == json.loads(json.dumps(filing(cast.job)))
    assert chunk["unfiled"] == {
        "farm:unfiled:farm:queued:pages": 22,
        "farm:unfiled:farm:queued:media": 2,
        "farm:unfiled:farm:owner:": 24,
    }


def test_lines_that_ask_for_the_same_are_one_job() -> None:
    alike = ["https://a.test", "HTTPS://A.test:443/", {"url": "https://a.test/"}]
    other = [{"url": "https://a.test/", "full_page": True}, "https://a.test/#top"]
    taken = intake(farm := MemoryFarm())
    lines = (Item(n, value) for n, value in enumerate([*alike, *other, *alike, *other], 1))
    (chunk,) = taken.chunked(lines)
    assert (len(chunk), taken.duplicates) == (3, 7)
    assert len(jobs_of(farm, [*alike, *other], dedupe=False)) == 5


@pytest.mark.parametrize("line", ["https://", "", " ", None, 7, [], {}, {"url": 7}, {"kind": 7}])
def test_a_bad_line_is_bad_before_and_after_a_good_one(line: object) -> None:
    farm = MemoryFarm()
    with pytest.raises(InvalidSpec):
        jobs_of(farm, [line])
    taken = intake(farm)
    (chunk,) = taken.chunked(Item(n, each) for n, each in enumerate(["https://a.test/", line], 1))
    assert len(chunk) == 1
    assert [each.line for each in taken.rejected] == [2]
    assert all(error.message for error in taken.rejected[0].errors)


def test_jobs_come_in_chunks_of_bounded_size() -> None:
    farm = MemoryFarm()
    urls = [f"https://a.test/{number}" for number in range(2 * CHUNK_JOBS + 1)]
    lines = (Item(n, url) for n, url in enumerate(urls, 1))
    taken = intake(farm)
    sizes = [len(chunk) for chunk in taken.chunked(lines)]
    assert sizes == [CHUNK_JOBS, CHUNK_JOBS, 1]
    assert (taken.chunks, taken.jobs) == (3, {"pages": 2 * CHUNK_JOBS + 1})
    page = "x" * 600_000
    lines = (Item(n, {"kind": "pdf", "html": f"{page}{n}"}) for n in range(1, 5))
    assert [len(chunk) for chunk in intake(farm).chunked(lines)] == [2, 2]
