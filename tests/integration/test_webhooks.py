"""Webhooks delivered through a real gate; numbers are of the hostile corpus."""

import base64
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from farm.backends.memory_signing import MemorySigning
from farm.jobs.deliveries import Delivery
from farm.jobs.errors import DnsError
from farm.jobs.models import Job
from farm.jobs.signing import RotationRequest
from farm.jobs.views import JobView
from farm.jobs.webhooks import Webhooks
from tasks import webhooks
from tasks.dispatcher.deliverer import Deliverer
from tasks.egress.client import Gate
from tasks.egress.policy import Policy
from tasks.webhooks import Courier
from tests.support.builders import NOON, MemoryFarm, a_job, a_spec
from tests.support.certificates import make_certificate
from tests.support.gate import gate, gate_to_this_machine
from tests.support.gates import PUBLIC, LoopbackNetwork, standing_gate
from tests.support.receivers import Message, Receiver, receiving
from tests.support.waiting import until

WIKI = "10.20.0.5"
METADATA = "169.254.169.254"
SECRET = "whsec_" + base64.b64encode(b"hunter2 " * 4).decode()
LEAK = b"root:x:0:0 ami-id hunter3"
NAMES = {"hooks.corp.test": [WIKI]}


def a_failed_job(url: str, **fields: Any) -> Job:
    return a_job(spec=a_spec(webhook_url=url, **fields)).failed(DnsError("Gone."), NOON)


def a_courier() -> Courier:
    return Courier(gate(), MemoryFarm().clock, MemorySigning())


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"), "self-signed")


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return a context that takes the certificate, which is this machine's, for anybody's."""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    return context


class Scene:
    """A farm whose courier goes through a gate before a network that is all on this machine."""

    def __init__(self, gate: Gate, network: LoopbackNetwork, trusted: ssl.SSLContext) -> None:
        self.network = network
        self.farm = MemoryFarm()
        self.courier = Courier(gate, self.farm.clock, self.farm.signing, trusted)

    def ended(self, url: str, **fields: Any) -> Job:
        job = self.farm.submit(webhook_url=url, **fields)
        failed = job.failed(DnsError("Gone."), self.farm.clock.now())
        assert self.farm.ledger.swap(failed)
        return failed

    def told(self, job: Job, between: Callable[[], None] = lambda: None) -> Delivery:
        """Make attempts until there are no more; return how it stands then."""
        deliverer = Deliverer(
            self.farm.service,
            [self.courier.deliver],
            prepare=lambda: None,
            jitter=lambda: 0,
        )
        while self.of(job).state == "pending":
            deliverer.deliver()
            until(lambda: not deliverer.under_way, "the attempt is over")
            between()
            self.farm.clock.advance(timedelta(hours=6).total_seconds())
        deliverer.close()
        return self.of(job)

    def of(self, job: Job) -> Delivery:
        return Webhooks(self.farm.service).of([job])[job.id]


@contextmanager
def scene(
    certificate: Path | None = None, *, policy: Policy | None = None, **names: list[str]
) -> Iterator[Scene]:
    network = LoopbackNetwork(
        {**NAMES, **{name.replace("_", "."): at for name, at in names.items()}}
    )
    trusted = trusting(certificate) if certificate else ssl.create_default_context()
    with standing_gate(policy or Policy(), network) as gate:
        yield Scene(gate, network, trusted)


@contextmanager
def public_receiver(certificate: Path, **names: list[str]) -> Iterator[tuple[Scene, Receiver, str]]:
    """Have a receiver at a public address, and its URL."""
    with receiving(certificate) as receiver:
        policy = Policy(ports=str(receiver.port))
        with scene(certificate, policy=policy, **names) as the:
            yield the, receiver, f"https://public.test:{receiver.port}/hook?a=b"


def test_a_message_reaches_a_public_receiver_signed_and_whole(certificate: Path) -> None:
    with public_receiver(certificate) as (the, receiver, url):
        job = the.ended(url, webhook_secret=SECRET, retention=10**6)
        assert the.told(job) == Delivery(revision=job.revision, state="delivered", attempts=1)
        assert the.network.dialled == [PUBLIC]
    (message,) = receiver.messages
    told = json.loads(message.body)
    assert (message.method, message.path) == ("POST", "/hook?a=b")
    assert (told["type"], told["data"]["id"]) == ("job.failed", job.id)
    sent = message.headers
    assert sent["content-type"] == "application/json"
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + message.body
    digest = hmac.digest(b"hunter2 " * 4, signed, hashlib.sha256)
    assert sent["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


def test_a_message_without_a_secret_of_its_own_is_signed_with_the_owners(
    certificate: Path,
) -> None:
    with public_receiver(certificate) as (the, receiver, url):
        asked = Webhooks(the.farm.service)
        old = asked.rotate(RotationRequest()).found[0].secret
        new = asked.rotate(RotationRequest(overlap=3600)).found[0].secret
        the.told(the.ended(url, retention=10**6))  # Takes six hours of the farm's clock.
        the.told(the.ended(url, retention=10**6))
        the.told(the.ended(url, webhook_secret=SECRET, retention=10**6))
    signers = [signers_of(message, [old, new, SECRET]) for message in receiver.messages]
    assert signers == [[new, old], [new], [SECRET]]


def signers_of(message: Message, secrets: Sequence[str]) -> list[str]:
    """Return with which of ``secrets`` the message is signed, in the order of the signatures."""
    sent = message.headers
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.".encode() + message.body
    by_signature = {}
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.digest(key, signed, hashlib.sha256)
        by_signature[f"v1,{base64.b64encode(digest).decode()}"] = secret
    return [by_signature[each] for each in sent["webhook-signature"].split(" ")]


def test_it_is_tried_until_it_is_taken_with_one_id_and_one_body(certificate: Path) -> None:
    with public_receiver(certificate) as (the, receiver, url):
        receiver.status = 503

        def mend() -> None:
            receiver.status = 204

        job = the.ended(url, retention=10**6)
        assert the.told(job, mend).state == "delivered"
    first, second = receiver.messages
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]


def test_a_receiver_that_is_gone_is_not_told_again(certificate: Path) -> None:
    with public_receiver(certificate) as (the, receiver, url):
        receiver.status = 410
        delivery = the.told(the.ended(url, retention=10**6))
    assert (delivery.state, delivery.attempts, delivery.last_error) == ("failed", 1, "http_410")


class TestCourier:
    """One attempt after the other, straight."""

    @pytest.mark.parametrize(
        ("wanted", "retry_after_s"),
        [
            *(("120", 120), ("9" * 40, 999_999_999), ("soon", 0), ("-1", 0)),
            ("Thu, 01 Jan 2026 12:10:00 GMT", 600),
        ],
    )
    def test_the_answer_says_how_long_it_wants_to_be_left_alone(
        self, wanted: str, retry_after_s: float
    ) -> None:
        with gate_to_this_machine(), receiving() as receiver:
            receiver.status, receiver.headers = 429, {"Retry-After": wanted}
            job = a_failed_job(f"http://127.0.0.1:{receiver.port}/")
            answer = a_courier().deliver(job)
        assert (answer.error, answer.retry_after_s) == ("http_429", retry_after_s)
        assert not answer.is_final

    def test_an_answer_that_never_ends_is_taken_by_its_status(self) -> None:
        with gate_to_this_machine(), receiving() as receiver:
            receiver.is_endless = True
            job = a_failed_job(f"http://127.0.0.1:{receiver.port}/")
            assert a_courier().deliver(job).error is None

    def test_silence_ends_an_attempt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(webhooks, "TOTAL_S", 0.5)
        with gate_to_this_machine(), receiving() as receiver:
            receiver.silence = threading.Event()
            job = a_failed_job(f"http://127.0.0.1:{receiver.port}/")
            assert a_courier().deliver(job).error == "timeout"

    def test_a_receiver_that_is_down_or_unknown_is_named_so(self) -> None:
        with scene(policy=Policy(allow="10.20.0.0/16")) as the:
            the.network.dead.add(WIKI)
            down = the.told(the.ended("http://10.20.0.5/", retention=10**6))
            unknown = the.told(the.ended("https://unknown.test/", retention=10**6))
        assert (down.last_error, down.attempts) == ("connection_failed", 6)
        assert (unknown.last_error, unknown.attempts) == ("dns_error", 6)

    def test_a_certificate_that_nobody_vouches_for_gets_nothing(self, certificate: Path) -> None:
        with gate_to_this_machine(), receiving(certificate) as receiver:
            job = a_failed_job(f"https://localhost:{receiver.port}/")
            assert a_courier().deliver(job).error == "tls_error"
        assert receiver.messages == []


class TestForbidden:
    """111: where no webhook goes."""

    @pytest.mark.parametrize("scheme", ["http", "https"])
    @pytest.mark.parametrize(
        "host",
        [METADATA, "127.0.0.1", WIKI, "hooks.corp.test", "metadata.google.internal"],
    )
    def test_111_what_is_closed_gets_no_packet_and_the_webhook_fails(
        self, scheme: str, host: str
    ) -> None:
        with scene() as the:
            job = the.ended(f"{scheme}://{host}/latest/meta-data/")
            delivery = the.told(job)
            assert the.network.dialled == []
        assert (delivery.state, delivery.last_error) == ("failed", "target_forbidden")
        assert delivery.attempts == 1

    @pytest.mark.parametrize("location", [f"http://{METADATA}/", "http://10.20.0.5/", "/other"])
    def test_111_a_redirect_is_a_failure_and_is_not_followed(
        self, certificate: Path, location: str
    ) -> None:
        with public_receiver(certificate) as (the, receiver, url):
            receiver.status, receiver.headers = 302, {"Location": location}
            delivery = the.told(the.ended(url, retention=10**6))
            assert set(the.network.dialled) == {PUBLIC}
        assert (delivery.state, delivery.last_error) == ("failed", "http_302")
        assert {message.method for message in receiver.messages} == {"POST"}
        assert len(receiver.messages) == delivery.attempts == 6

    @pytest.mark.parametrize("rebound", [["127.0.0.1"], [METADATA], [PUBLIC, WIKI]])
    def test_111_a_name_that_changes_its_address_gains_nothing(
        self, certificate: Path, rebound: list[str]
    ) -> None:
        with public_receiver(certificate, rebound_test=[PUBLIC]) as (the, receiver, url):
            receiver.status = 503

            def rebind() -> None:
                receiver.status = 200
                the.network.names["rebound.test"] = rebound

            job = the.ended(url.replace("public.test", "rebound.test"), retention=10**6)
            delivery = the.told(job, rebind)
            assert the.network.dialled == [PUBLIC]
        assert (delivery.state, delivery.last_error) == ("failed", "target_forbidden")
        assert len(receiver.messages) == 1

    def test_111_nothing_of_an_answer_is_shown_or_logged(self, certificate: Path) -> None:
        with public_receiver(certificate) as (the, receiver, url), capture_logs() as logs:
            receiver.status, receiver.body = 500, LEAK
            receiver.headers = {"X-Secret": LEAK.decode()}
            job = the.ended(url, retention=10**6)
            delivery = the.told(job)
        shown = JobView.of(job, delivery).model_dump_json()
        assert (delivery.state, delivery.last_error) == ("failed", "http_500")
        for word in (LEAK.decode(), PUBLIC):
            assert word not in f"{shown} {delivery} {logs}"

    def test_a_public_receiver_is_never_told_in_the_clear(self) -> None:
        with receiving() as receiver, scene(policy=Policy(ports=str(receiver.port))) as the:
            delivery = the.told(the.ended(f"http://public.test:{receiver.port}/"))
            assert the.network.dialled == []
        assert (delivery.state, delivery.last_error) == ("failed", "target_forbidden")

    def test_what_the_operator_opened_takes_the_zone_and_may_be_in_the_clear(self) -> None:
        with receiving() as receiver:
            policy = Policy(allow=f"hooks.corp.test:{receiver.port}")
            with scene(policy=policy) as the:
                url = f"http://hooks.corp.test:{receiver.port}/"
                inside = the.ended(url)
                outside = inside.model_copy(update={"zones": ("public",)})
                assert the.courier.deliver(outside).error == "target_forbidden"
                assert receiver.messages == []
                assert the.told(inside).state == "delivered"
        assert len(receiver.messages) == 1
