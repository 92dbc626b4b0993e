"""What a caller asks of a composed farm, through its published port."""

from http import HTTPStatus
from typing import Any

import httpx

from tests.containers.composed_farm import PAGE_URL
from tests.support.waiting import until


def submit(api: httpx.Client, **spec: object) -> str:
    answer = api.post("/v1/jobs", json=spec)
    assert answer.status_code == HTTPStatus.ACCEPTED, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def finished(api: httpx.Client, job_id: str, *, within_s: float = 60) -> dict[str, Any]:
    """Return the job once it has ended, however it ended."""

    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = api.get(f"/v1/jobs/{job_id}", params={"wait": 5}).json()
        return job if job["finished_at"] else None

    job = until(look, f"job {job_id} ends", within_s)
    assert job is not None
    return job


def render_page(api: httpx.Client) -> str:
    """Ask for a picture of a page in another container, under the name it has there."""
    return submit(api, kind="screenshot", url=PAGE_URL)


def probe(api: httpx.Client, video: bytes) -> str:
    """Leave ``video`` with the farm, and ask what it is."""
    upload = api.post(
        "/v1/uploads",
        params={"filename": "clip.mp4"},
        content=video,
        headers={"Content-Type": "video/mp4"},
    )
    assert upload.status_code == HTTPStatus.CREATED, upload.text
    return submit(api, kind="probe", upload_id=upload.json()["id"])
