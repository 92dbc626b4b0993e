"""What a spec may say of a webhook, when it is tried again, and who may ask for that."""

import base64
from datetime import timedelta

import pytest

from farm.jobs.deliveries import RETRIES_AFTER_S, Answer, Delivery
from farm.jobs.errors import DnsError, NotFinished, NothingToDeliver
from farm.jobs.models import Job
from farm.jobs.specs.base import secret_bytes
from farm.jobs.webhooks import Webhooks
from tests.support.builders import NOON, MemoryFarm, a_spec
from tests.support.refusals import refused_fields

URL = "https://hooks.test/"
BROKEN = Answer(error="http_500")


def secret_of(size_bytes: int) -> str:
    return "whsec_" + base64.b64encode(b"k" * size_bytes).decode()


def ended(farm: MemoryFarm, url: str | None = URL) -> Job:
    job = farm.submit(webhook_url=url)
    failed = job.failed(DnsError("Gone."), NOON)
    assert farm.ledger.swap(failed)
    return failed


class TestSpec:
    @pytest.mark.parametrize("size_bytes", [24, 32, 64])
    def test_a_secret_has_24_to_64_bytes(self, size_bytes: int) -> None:
        spec = a_spec(webhook_url=URL, webhook_secret=secret_of(size_bytes))
        assert secret_bytes(spec.webhook_secret or "") == b"k" * size_bytes

    @pytest.mark.parametrize(
        "secret",
        [
            *("", "whsec_", secret_of(23), secret_of(65)),
            *(secret_of(24).removeprefix("whsec_"), "whsec_" + "~" * 40, secret_of(24) + "\n"),
        ],
    )
    def test_anything_else_is_none_and_is_not_said_again(self, secret: str) -> None:
        errors = refused_fields(webhook_url=URL, webhook_secret=secret)
        assert list(errors) == ["webhook_secret"]
        assert len(secret) < 20 or secret not in errors["webhook_secret"]

    def test_a_secret_alone_is_of_no_use(self) -> None:
        assert refused_fields(webhook_secret=secret_of(24)) == {
            "webhook_secret": "needs a webhook_url"
        }

    @pytest.mark.parametrize(
        "url", ["ftp://hooks.test/", "https://a@hooks.test/", "https://[::1]/"]
    )
    def test_the_address_is_as_any_other(self, url: str) -> None:
        assert list(refused_fields(webhook_url=url)) == ["webhook_url"]


class TestDelivery:
    def test_an_answer_that_is_good_ends_it(self) -> None:
        after = Delivery(revision=2, last_error="timeout").after(Answer(), NOON, jitter=0)
        assert after == Delivery(revision=2, state="delivered", attempts=1)

    def test_it_is_tried_six_times_with_longer_and_longer_pauses(self) -> None:
        delivery, pauses = Delivery(revision=2), []
        while delivery.state == "pending":
            delivery = delivery.after(BROKEN, NOON, jitter=0)
            if delivery.due_at:
                pauses.append((delivery.due_at - NOON).total_seconds())
        assert pauses == [5, 300, 1800, 7200, 18_000] == list(RETRIES_AFTER_S)
        assert delivery == Delivery(
            revision=2, state="failed", attempts=6, last_error="http_500", failed_at=NOON
        )

    def test_it_is_not_tried_again_where_that_is_of_no_use(self) -> None:
        after = Delivery(revision=2).after(Answer(error="http_410", is_final=True), NOON, jitter=0)
        assert (after.state, after.due_at) == ("failed", None)

    @pytest.mark.parametrize(
        ("wanted_s", "pause_s"), [(0, 5), (3, 5), (60, 60), (10**9, 18_000), (-7, 5)]
    )
    def test_a_receiver_may_want_to_be_left_alone_for_hours_at_most(
        self, wanted_s: float, pause_s: float
    ) -> None:
        answer = Answer(error="http_503", retry_after_s=wanted_s)
        assert Delivery(revision=2).after(answer, NOON, jitter=0).due_at == NOON + timedelta(
            seconds=pause_s
        )

    def test_what_failed_together_comes_back_apart(self) -> None:
        assert Delivery(revision=2).after(BROKEN, NOON, jitter=0.5).due_at == NOON + timedelta(
            seconds=5.5
        )


class TestDeliverAgain:
    def test_all_attempts_are_made_anew(self) -> None:
        farm = MemoryFarm()
        job = ended(farm)
        farm.deliveries.record(
            job, Delivery(revision=job.revision, state="failed", attempts=6, last_error="timeout")
        )
        assert farm.deliveries.take(NOON, NOON, 1) == []
        assert Webhooks(farm.service).deliver_again(job.id) == job
        assert farm.deliveries.take(NOON, NOON, 1) == [job]
        assert Webhooks(farm.service).of([job])[job.id].attempts == 0

    def test_an_open_job_has_nothing_to_tell_yet(self) -> None:
        farm = MemoryFarm()
        job = farm.submit(webhook_url=URL)
        with pytest.raises(NotFinished):
            Webhooks(farm.service).deliver_again(job.id)

    def test_a_job_without_a_webhook_has_nobody_to_tell(self) -> None:
        farm = MemoryFarm()
        with pytest.raises(NothingToDeliver):
            Webhooks(farm.service).deliver_again(ended(farm, None).id)


def test_only_jobs_with_a_webhook_are_asked_about() -> None:
    farm = MemoryFarm()
    one, other = ended(farm), ended(farm, None)
    assert list(Webhooks(farm.service).of([one, other])) == [one.id]
