"""Addresses of Sentinel's."""

import pytest

from api.settings import ApiSettings
from farm.backends.sentinels import Sentinels
from farm.jobs.errors import ConfigError
from tasks.settings import WorkerSettings


def test_an_address_has_servers_a_name_a_database_and_who_asks() -> None:
    found = Sentinels.of("sentinel://farm:a%40b@s1.test:1,s2,10.0.0.3:26380/main/2")
    assert found is not None
    assert found.hosts == (("s1.test", 1), ("s2", 26379), ("10.0.0.3", 26380))
    assert (found.name, found.db, found.username, found.password) == ("main", 2, "farm", "a@b")
    assert found.broker_url == (
        "sentinel://farm:a%40b@s1.test:1/2;sentinel://farm:a%40b@s2:26379/2;"
        "sentinel://farm:a%40b@10.0.0.3:26380/2"
    )
    assert "a%40b" not in repr(found)


def test_a_name_and_one_server_are_enough() -> None:
    found = Sentinels.of("sentinel://localhost/main")
    assert found is not None
    assert (found.db, found.username, found.password) == (0, None, None)
    assert found.broker_url == "sentinel://localhost:26379/0"


def test_the_default_user_may_have_a_password() -> None:
    found = Sentinels.of("sentinel://:hunter2@localhost/main")
    assert found is not None
    assert (found.username, found.password) == (None, "hunter2")
    assert found.broker_url == "sentinel://:hunter2@localhost:26379/0"


@pytest.mark.parametrize("url", ["redis://localhost/0", "rediss://h/0", "unix:///run/redis.sock"])
def test_other_addresses_are_none_of_its(url: str) -> None:
    assert Sentinels.of(url) is None


@pytest.mark.parametrize(
    "url",
    ["sentinel://", "sentinel://h", "sentinel://h:26379/", "sentinel:///main", "sentinel://a,,b/m",
     "sentinel://h:port/m", "sentinel://h/m/first", "sentinel://h/m/0/1"],
)  # fmt: skip
def test_an_incomplete_address_is_refused_by_the_settings(url: str) -> None:
    with pytest.raises(ConfigError, match="FARM_REDIS_URL: must be as sentinel://"):
        ApiSettings.from_environment({"FARM_REDIS_URL": url})


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("sentinel://redis1.test,localhost/main", True),
        ("sentinel://localhost,127.0.0.1/main", False),
        ("sentinel://:hunter2@redis1.test/main", False),
    ],
)
def test_servers_of_other_machines_take_a_password(url: str, is_refused: bool) -> None:
    if not is_refused:
        assert WorkerSettings.from_environment({"FARM_REDIS_URL": url}).redis_url == url
        return
    with pytest.raises(ConfigError, match="must have a password"):
        WorkerSettings.from_environment({"FARM_REDIS_URL": url})


def test_no_job_reaches_a_sentinel_or_a_broker() -> None:
    settings = WorkerSettings(
        redis_url="sentinel://:p@s1.test:1,s2.test/main", broker_url="amqps://u:p@rabbit.test//"
    )
    own = settings.own_services.split(",")
    assert own == ["s1.test:1", "s2.test:26379", "rabbit.test:5671"]
