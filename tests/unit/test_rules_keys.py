"""Keys: their text, their secret, and who may make and end them."""

import hashlib
import re
from datetime import timedelta
from typing import Any

import pytest

from farm.backends.memory import ManualClock
from farm.backends.memory_keys import MemoryKeys
from farm.jobs.errors import InvalidSpec, UnknownKey, WouldLockOut
from farm.jobs.key_service import KNOWN_FOR_S, KeyRequest, KeyService
from farm.jobs.keys import ANYBODY, ApiKey, Caller, KeyText, is_proven
from farm.jobs.models import Job
from farm.jobs.specs.powers import USES
from farm.jobs.specs.requests import SPECS
from tests.support.builders import NOON, a_job, a_key


class CountingKeys(MemoryKeys):
    """Counts how often all keys are read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0

    def all(self) -> list[ApiKey]:
        self.reads += 1
        return super().all()


class Subject:
    """The service over memory, with hands on both of its clocks."""

    def __init__(self) -> None:
        self.ring = CountingKeys()
        self.clock = ManualClock(NOON)
        self.seconds = 0.0
        self.service = KeyService(self.ring, self.clock, monotonic=lambda: self.seconds)

    def make(self, *scopes: str, **fields: Any) -> tuple[ApiKey, str]:
        wanted = {"name": "a key", "scopes": scopes or ("keys",), **fields}
        key, text = self.service.create(KeyRequest.model_validate(wanted))
        return key, str(text)


@pytest.fixture
def subject() -> Subject:
    return Subject()


class TestText:
    def test_it_has_an_id_and_256_random_bits(self) -> None:
        text = KeyText.new()
        assert re.fullmatch(r"rf_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", str(text))
        assert KeyText.parse(str(text)) == text
        assert len({str(KeyText.new()) for _ in range(100)}) == 100

    @pytest.mark.parametrize(
        "text",
        [
            *("", "rf_", "rf__", "x" * 63, "rf_0123456789abcdef_" + "a" * 42),
            *("rf_0123456789abcdef_" + "a" * 44, "rf_0123456789ABCDEF_" + "a" * 43),
            *("rf_0123456789abcde٤_" + "a" * 43, "rf_0123456789abcdef_" + "a" * 42 + "=", "\0"),
            *(" rf_0123456789abcdef_" + "a" * 43, "rf_0123456789abcdef_" + "a" * 43 + "\n"),
        ],
    )
    def test_what_is_no_key_is_none(self, text: str) -> None:
        assert KeyText.parse(text) is None

    def test_its_secret_alone_proves_it(self) -> None:
        text = KeyText.new()
        key = a_key(text.id, secret_sha256=text.sha256)
        assert text.sha256 == hashlib.sha256(str(text)[-43:].encode()).hexdigest()
        assert is_proven(text, key)
        assert not is_proven(KeyText(text.id, KeyText.new().secret), key)
        assert not is_proven(text, None)
        assert not is_proven(None, key)
        assert not is_proven(None, None)


class TestCaller:
    def test_a_key_s_owner_has_what_it_owns_and_no_more(self) -> None:
        caller = Caller.of(a_key("a"))
        assert caller.has("a")
        assert not caller.has("b")
        assert not caller.has("")
        assert caller.zones == ("public",)
        assert caller.scopes == {"jobs:read", "jobs:write", "uploads"}

    def test_anybody_has_everything_on_every_zone(self) -> None:
        assert ANYBODY.has("")
        assert ANYBODY.has("a")
        assert ANYBODY.zones == ("public", "internal")

    def test_a_record_of_a_farm_before_keys_may_lead_everywhere(self) -> None:
        old = a_job().model_dump_json(exclude={"zones", "owner"})
        job = Job.model_validate_json(old)
        assert (job.owner, job.zones) == ("", ("public", "internal"))


class TestTelling:
    def test_a_farm_is_open_until_it_has_a_key_and_never_again(self, subject: Subject) -> None:
        assert subject.service.is_open()
        key, _ = subject.make()
        assert not subject.service.is_open()
        subject.ring.revoke(key.id, NOON)
        subject.seconds += 1
        assert not subject.service.is_open()

    def test_a_key_is_told_by_its_text(self, subject: Subject) -> None:
        _, text = subject.make("keys", "jobs:read", zones=["internal"], open_jobs_max=3)
        caller = subject.service.caller(text)
        assert caller is not None
        assert caller.scopes == {"keys", "jobs:read"}
        assert (caller.zones, caller.open_jobs_max, caller.sees_all) == (("internal",), 3, False)

    def test_many_questions_cost_one_read(self, subject: Subject) -> None:
        _, text = subject.make()
        subject.ring.reads = 0
        for _ in range(100):
            assert not subject.service.is_open()
            assert subject.service.caller(text)
        assert subject.ring.reads == 1

    def test_a_key_that_another_process_revoked_is_out_within_a_second(
        self, subject: Subject
    ) -> None:
        key, text = subject.make()
        assert subject.service.caller(text)
        subject.ring.revoke(key.id, NOON)
        assert KNOWN_FOR_S <= 1
        subject.seconds += KNOWN_FOR_S
        assert subject.service.caller(text) is None

    def test_a_key_that_another_process_made_is_good_at_once(self, subject: Subject) -> None:
        subject.make()
        assert not subject.service.is_open()
        text = KeyText.new()
        subject.ring.add(a_key(text.id, secret_sha256=text.sha256))
        assert subject.service.caller(str(text))

    def test_an_expired_key_is_out_though_it_was_read_before(self, subject: Subject) -> None:
        subject.make()
        _, text = subject.make("jobs:read", expires_in=60)
        assert subject.service.caller(text)
        subject.clock.advance(60)
        assert subject.service.caller(text) is None


class TestMaking:
    @pytest.mark.parametrize(
        ("scopes", "fields", "wrong"),
        [
            (("jobs:read",), {}, {"scopes"}),
            (("keys",), {"expires_in": 60}, {"expires_in"}),
            (("jobs:read",), {"expires_in": 60}, {"scopes", "expires_in"}),
        ],
    )
    def test_the_first_key_must_be_able_to_make_others_for_good(
        self, subject: Subject, scopes: tuple[str, ...], fields: dict[str, int], wrong: set[str]
    ) -> None:
        with pytest.raises(InvalidSpec) as caught:
            subject.make(*scopes, **fields)
        assert {error.field for error in caught.value.errors} == wrong
        assert subject.service.is_open()
        assert not subject.ring.exists()

    def test_the_second_may_be_as_small_as_one_likes(self, subject: Subject) -> None:
        subject.make()
        key, _ = subject.make("jobs:read", "jobs:read", expires_in=60)
        assert key.scopes == ("jobs:read",)
        assert key.expires_at == NOON + timedelta(seconds=60)
        assert len(subject.service.all()) == 2

    def test_by_itself_a_key_has_no_power_and_leads_to_the_web_alone(self) -> None:
        wanted = KeyRequest(name="a")
        assert (wanted.scopes, wanted.zones) == (
            ("jobs:read", "jobs:write", "uploads"),
            ("public",),
        )


class TestRevoking:
    def test_a_revoked_key_is_out_at_once_in_the_same_process(self, subject: Subject) -> None:
        subject.make()
        key, text = subject.make("jobs:read")
        assert subject.service.caller(text)
        assert subject.service.revoke(key.id).revoked_at == NOON
        assert subject.service.caller(text) is None

    def test_no_such_key_is_unknown(self, subject: Subject) -> None:
        with pytest.raises(UnknownKey):
            subject.service.revoke("0123456789abcdef")

    def test_the_last_key_that_makes_keys_for_good_stays(self, subject: Subject) -> None:
        first, _ = subject.make()
        subject.make("jobs:read")
        subject.make("keys", expires_in=3600)
        with pytest.raises(WouldLockOut):
            subject.service.revoke(first.id)
        subject.make()
        assert subject.service.revoke(first.id).revoked_at == NOON

    def test_a_revoked_key_may_be_revoked_again(self, subject: Subject) -> None:
        subject.make()
        key, _ = subject.make()
        subject.service.revoke(key.id)
        subject.clock.advance(60)
        assert subject.service.revoke(key.id).revoked_at == NOON


class TestPowers:
    def test_every_field_in_the_table_is_one_of_a_spec(self) -> None:
        fields = {name for spec in SPECS.values() for name in spec.model_fields}
        assert {use.field for use in USES} <= fields

    def test_every_field_that_holds_code_is_in_the_table(self) -> None:
        holds_code = {
            name
            for spec in SPECS.values()
            for name, field in spec.model_fields.items()
            if re.search(r"JavaScript|CSS (to add|that applies)", field.description or "")
        }
        assert holds_code >= {"scripts", "styles", "style", "wait_for_function"}
        assert holds_code <= {use.field for use in USES} | {"java_script_enabled"}
