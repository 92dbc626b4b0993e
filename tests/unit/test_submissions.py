"""Jobs that come over Celery are held to the rules of those that come over HTTP."""

from typing import Any

import pytest

from farm.jobs.errors import (
    FarmError,
    InvalidSpec,
    KeyRefused,
    QueueFull,
    ScopeRequired,
    UnknownJob,
)
from farm.jobs.keys import Caller
from farm.jobs.service import Limits
from tasks.submissions import Submissions
from tests.support.builders import NOON, MemoryFarm, a_key

ID = "0b1f9c0e-6d1a-4c0e-9a55-6d4b6d0d8a11"
SPEC = {"kind": "screenshot", "url": "http://page.test/"}


def submit(farm: MemoryFarm, spec: object = SPEC, key: str | None = None, **of_job: str) -> None:
    Submissions(farm.service).submit(of_job.get("job_id", ID), spec, key)


def test_the_message_s_id_becomes_the_job_s(farm: MemoryFarm) -> None:
    submit(farm)
    assert farm.service.get(ID).spec.url == "http://page.test/"
    assert ID in farm.queue.announced("pages")


def test_a_message_that_comes_twice_makes_one_job(farm: MemoryFarm) -> None:
    submit(farm)
    submit(farm, {"kind": "probe", "url": "http://page.test/a.mp4"})
    assert farm.service.get(ID).kind == "screenshot"


@pytest.mark.parametrize(
    "spec",
    [
        {"kind": "screenshot", "url": "file:///etc/passwd"},
        {"kind": "probe", "url": "concat:/etc/passwd"},
        {"kind": "screenshot"},
        {"kind": "shot", "url": "http://page.test/"},
        {**SPEC, "fullpage": True},
        {"kind": "probe", "upload_id": "none"},
        "http://page.test/",
        None,
    ],
)
def test_a_spec_that_the_api_would_refuse_is_refused(farm: MemoryFarm, spec: Any) -> None:
    with pytest.raises(InvalidSpec):
        submit(farm, spec)
    with pytest.raises(UnknownJob):
        farm.service.get(ID)


@pytest.mark.parametrize("job_id", ["1", "a/../../b" * 4, "x" * 65, "None", f"{ID}\n"])
def test_an_id_that_fits_into_no_address_is_refused(farm: MemoryFarm, job_id: str) -> None:
    with pytest.raises(InvalidSpec):
        submit(farm, job_id=job_id)


def test_what_does_not_fit_is_refused(farm: MemoryFarm) -> None:
    full = Submissions(
        type(farm.service)(**{**vars(farm.service), "limits": Limits(backlog_max=0)})
    )
    with pytest.raises(QueueFull):
        full.submit(ID, SPEC, None)


class TestInAFarmWithKeys:
    def test_the_job_belongs_to_the_key_that_is_named(self, farm: MemoryFarm) -> None:
        key = a_key()
        farm.keys.add(key)
        submit(farm, key=key.id)
        job = farm.service.on_behalf_of(Caller.of(key)).get(ID)
        assert (job.owner, job.zones) == (key.id, ("public",))

    @pytest.mark.parametrize(
        ("key", "error"),
        [
            (None, KeyRefused),
            ("another", KeyRefused),
            ("revoked", KeyRefused),
            ("reader", ScopeRequired),
            ("shop", ScopeRequired),
        ],
    )
    def test_what_the_key_may_not_do_is_refused(
        self, farm: MemoryFarm, key: str | None, error: type[FarmError]
    ) -> None:
        farm.keys.add(a_key("shop"))
        farm.keys.add(a_key("reader", scopes=("jobs:read",)))
        farm.keys.add(a_key("revoked", revoked_at=NOON))
        with pytest.raises(error):
            submit(farm, {**SPEC, "scripts": ["1"]}, key=key)
        with pytest.raises(UnknownJob):
            farm.service.get(ID)
