"""Jobs as lines: NDJSON for programs, CSV for tables."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from api.results.names import file_name
from farm.jobs.models import Job
from farm.jobs.views import JobView, rfc3339

COLUMNS = (
    *("id", "kind", "state", "url", "final_url", "http_status", "title", "error", "message"),
    *("attempt", "created_at", "started_at", "finished_at", "file", "media_type", "size_bytes"),
    *("sha256", "tags", "metadata", "warnings"),
)
"""Of the CSV. ``file`` is where the result lies in the archive."""

_FORMULA = "=+-@\uff1d\uff0b\uff0d\uff20"
"""What a spreadsheet may begin a formula with, the wide forms of it too."""


def ndjson(views: Iterable[JobView]) -> Iterator[bytes]:
    """Yield one line for each job, as it is read by itself."""
    for view in views:
        yield f"{json.dumps(view.model_dump(mode='json'), separators=(',', ':'))}\n".encode()


def csv_lines(jobs: Iterable[Job]) -> Iterator[bytes]:
    """Yield a head and a row for each job, as RFC 4180 has them, in UTF-8."""
    yield _row(COLUMNS)
    for job in jobs:
        yield _row(_cells(job))


def _cells(job: Job) -> Iterator[object]:
    report = job.report or {}
    result = job.artifacts[0] if job.artifacts else None
    yield from (job.id, job.kind, job.state, job.spec.url)
    yield from (report.get("final_url"), report.get("http_status"), report.get("title"))
    yield job.failure and job.failure.code
    yield job.failure and job.failure.message
    yield from (job.attempt, *map(_time, (job.created_at, job.started_at, job.finished_at)))
    yield result and file_name(job, result)
    yield result and result.media_type
    yield result and result.size_bytes
    yield result and result.sha256
    for several in (job.tags, job.spec.metadata, job.warnings):
        yield json.dumps(several, ensure_ascii=False) if several else None


def _time(value: datetime | None) -> str | None:
    return rfc3339(value) if value else None


def _row(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow([_cell(cell) for cell in cells])
    return line.getvalue().encode(errors="replace")


def _cell(value: object) -> object:
    """Return ``value``; text that a spreadsheet would run stands behind an apostrophe."""
    if not isinstance(value, str):
        return value
    text = value.replace("\0", "\ufffd")
    return f"'{text}" if text.lstrip()[:1] in _FORMULA and text.strip() else text
