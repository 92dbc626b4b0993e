"""Each part has its own user in Redis, who does that part's work and none of another's."""

from collections.abc import Sequence

import httpx
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError

from dev.redis_users import USERS, User
from dev.stack import Stack
from farm.client.http import FarmClient
from farm.jobs.states import JobState
from tests.support.site import Site
from tests.support.waiting import until

PARTS: Sequence[User] = [user for user in USERS if user != "default"]
OF_NOBODY = [
    *(("FLUSHALL",), ("FLUSHDB",), ("CONFIG", "GET", "*"), ("CONFIG", "SET", "dir", "/tmp")),
    *(("SHUTDOWN", "NOSAVE"), ("REPLICAOF", "127.0.0.1", "1"), ("ROLE",)),
    *(("ACL", "LIST"), ("ACL", "SETUSER", "me", "on"), ("MODULE", "LIST"), ("MONITOR",)),
    *(("KEYS", "*"), ("SCAN", "0"), ("RANDOMKEY",), ("CLIENT", "LIST"), ("SAVE",)),
    *(("SCRIPT", "FLUSH"), ("FUNCTION", "LIST"), ("MIGRATE", "127.0.0.1", "1", "k", "0", "1")),
]
KEYS_OF = {
    "api": ["farm:job:1", "door:keys", "door:secret", "sign:", "pages", "media"],
    "worker": ["farm:job:1", "pages", "media", "unacked"],
    "dispatcher": ["farm:job:1", "sign:", "pages", "media"],
    "flower": ["pages", "media"],
}
"""Of those below what a part may read."""
OF_SOMEBODY = [
    *("farm:job:1", "door:keys", "door:secret", "sign:", "pages", "media", "unacked", "mine")
]


def as_user(farm: Stack, user: User) -> Redis:
    return Redis.from_url(farm.redis_users.url(user, farm.ports.redis))


@pytest.mark.parametrize("user", PARTS)
@pytest.mark.parametrize("command", OF_NOBODY, ids=" ".join)
def test_no_part_may_what_is_the_operator_s(
    farm: Stack, user: User, command: tuple[str, ...]
) -> None:
    with as_user(farm, user) as redis, pytest.raises(NoPermissionError):
        redis.execute_command(*command)


@pytest.mark.parametrize("user", PARTS)
def test_each_part_reads_its_own_keys_alone(farm: Stack, user: User) -> None:
    read = []
    with as_user(farm, user) as redis:
        for key in OF_SOMEBODY:
            try:
                redis.exists(key)
            except NoPermissionError:
                continue
            read.append(key)
    assert read == KEYS_OF[user]


def test_flower_can_neither_make_a_message_nor_read_a_job(farm: Stack) -> None:
    with as_user(farm, "flower") as redis:
        for command in (
            ("LPUSH", "pages", "x"),
            ("HGETALL", "farm:job:1"),
            ("SET", "door:keys", "x"),
        ):
            with pytest.raises(NoPermissionError):
                redis.execute_command(*command)


def test_a_script_may_no_more_than_who_runs_it(farm: Stack) -> None:
    with as_user(farm, "worker") as redis, pytest.raises(ResponseError, match="can't access"):
        redis.eval("return redis.call('HGETALL', 'door:keys')", 0)


def test_nobody_gets_in_without_a_password(farm: Stack) -> None:
    for url in (
        f"redis://127.0.0.1:{farm.ports.redis}/0",
        f"redis://api:wrong@127.0.0.1:{farm.ports.redis}/0",
        f"redis://:wrong@127.0.0.1:{farm.ports.redis}/0",
    ):
        with Redis.from_url(url) as redis, pytest.raises(AuthenticationError):
            redis.ping()


def test_what_a_web_page_could_send_does_nothing(farm: Stack) -> None:
    """Redis takes lines of text: without a password a form of any page would reach it."""
    with pytest.raises(httpx.HTTPError):
        httpx.post(f"http://127.0.0.1:{farm.ports.redis}/", content="FLUSHALL\r\n")
    with httpx.Client() as client, pytest.raises(httpx.HTTPError):
        client.send(
            client.build_request(
                "GET", f"http://127.0.0.1:{farm.ports.redis}/", headers={"Host": "a"}
            )
        )


def attempts_at(client: FarmClient, job_id: str) -> int:
    webhook = client.job(job_id).webhook
    return webhook.attempts if webhook else 0


def test_the_parts_do_all_their_work_as_these_users(
    farm: Stack, client: FarmClient, site: Site
) -> None:
    with Redis.from_url(farm.redis_url) as redis:
        redis.acl_log_reset()
        spec = {"kind": "screenshot", "url": site.url("/colours")}
        for _ in range(2):
            assert httpx.post(f"{farm.url}/v1/webhooks/secret", json={}).status_code == 200
        jobs = [
            client.submit(spec),
            client.submit({**spec, "priority": "low"}, idempotency_key="users"),
            client.submit({"kind": "probe", "url": site.url("/video.mp4")}),
            client.submit({**spec, "webhook_url": site.url("/nobody")}),
        ]
        ended = [client.wait(job, timeout_s=60) for job in jobs]
        assert {job.state for job in ended} == {JobState.SUCCEEDED}
        assert client.result(ended[0].id)
        until(lambda: attempts_at(client, ended[-1].id), "its receiver was tried")
        cached = [client.run({**spec, "cache_ttl": 600}) for _ in range(2)]
        assert [job.cached for job in cached] == [False, True]
        client.cancel(cached[0].id)
        assert client.result(cached[1].id)
        client.cancel(client.submit({**spec, "url": site.url("/slow?5")}).id)
        assert client.jobs(limit=3).items
        assert client.pressure().accepting
        assert client.workers().items
        assert 'farm_redis_bytes{redis="records"}' in client.metrics()
        denied = [entry for entry in redis.acl_log() if entry["username"] in PARTS]
        users = {each["user"] for each in redis.client_list()}
        assert denied == []
        assert users >= {*PARTS}
