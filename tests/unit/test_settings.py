"""Settings from an environment that is given, never from the real one."""

import sys
from pathlib import Path

import pytest

from api.settings import ApiSettings
from farm.backends.assembly import assemble
from farm.backends.buckets import Bucket
from farm.backends.settings import KNOWN_NAMES, Environment, Settings
from farm.jobs.errors import ConfigError
from tasks.egress.control import Remote
from tasks.egress.keeper import Keeper
from tasks.egress.settings import GateSettings
from tasks.settings import WorkerSettings

KINDS: list[type[Settings]] = [ApiSettings, WorkerSettings]


def mistakes(kind: type[Settings], **variables: str) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        kind.from_environment(variables)
    title, *lines = wrong.value.message.splitlines()
    assert title == "The environment is wrong:"
    return [line.strip() for line in lines]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_environment_gives_the_defaults(kind: type[Settings]) -> None:
    assert kind.from_environment({}) == kind()
    assert kind().redis_url == "redis://127.0.0.1:6379/0"
    assert kind().artifacts_redis_url is None  # Beside the records.


def test_the_defaults_are_those_of_the_documentation() -> None:
    api, worker = ApiSettings(), WorkerSettings()
    assert (api.upload_max_bytes, api.waiters_max) == (100 * 1024 * 1024, 48)
    assert (api.backlog_max, api.open_jobs_max) == (20_000, None)
    assert (worker.chromium, worker.chromium_sandbox) == (None, "auto")
    assert worker.concurrency >= 1


def test_each_process_takes_what_is_its_own_out_of_one_environment() -> None:
    environment = {
        "FARM_REDIS_URL": "rediss://:hunter2@redis.test/1",
        "FARM_ARTIFACTS_REDIS_URL": "unix:///run/redis.sock",
        "FARM_UPLOAD_MAX_BYTES": "1000",
        "FARM_WAITERS_MAX": "0",
        "FARM_CHROMIUM": "/usr/bin/chromium",
        "FARM_CHROMIUM_SANDBOX": "required",
        "FARM_CONCURRENCY": "4",
        "FARM_HEARTBEAT_FILE": "/run/beat",
        "FARM_URL": "http://farm.test",
        "FARM_API_PORT": "8001",
        "PATH": "/bin",
    }
    assert ApiSettings.from_environment(environment) == ApiSettings(
        redis_url="rediss://:hunter2@redis.test/1",
        artifacts_redis_url="unix:///run/redis.sock",
        upload_max_bytes=1000,
        waiters_max=0,
    )
    assert WorkerSettings.from_environment(environment) == WorkerSettings(
        redis_url="rediss://:hunter2@redis.test/1",
        artifacts_redis_url="unix:///run/redis.sock",
        chromium=Path("/usr/bin/chromium"),
        chromium_sandbox="required",
        concurrency=4,
        heartbeat_file=Path("/run/beat"),
    )


@pytest.mark.parametrize("kind", [*KINDS, GateSettings])
def test_every_setting_is_a_name_that_all_processes_know(kind: type[Environment]) -> None:
    assert {name.upper() for name in kind.model_fields} <= KNOWN_NAMES


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_variable_counts_as_not_set(kind: type[Settings]) -> None:
    empty = {f"FARM_{name}": "" for name in KNOWN_NAMES}
    assert kind.from_environment({**empty, "FARM_NO_SUCH": ""}) == kind()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("FARM_REDISURL", "; did you mean FARM_REDIS_URL?"),
        ("FARM_CONCURENCY", "; did you mean FARM_CONCURRENCY?"),
        ("FARM_UPLOAD_MAX_BYTE", "; did you mean FARM_UPLOAD_MAX_BYTES?"),
        ("FARM_XYZZY", ""),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_one(
    kind: type[Settings], variable: str, hint: str
) -> None:
    assert mistakes(kind, **{variable: "1"}) == [f"{variable}: no such setting{hint}"]


def test_all_mistakes_are_in_one_message(tmp_path: Path) -> None:
    found = mistakes(
        ApiSettings,
        FARM_REDIS_URL="http://redis.test",
        FARM_UPLOAD_MAX_BYTES="lots",
        FARM_WAITERS_MAX_FILE=str(tmp_path / "missing"),
        FARM_WAITER_MAX="1",
    )
    named = {mistake.partition(":")[0] for mistake in found}
    assert len(found) == 4
    assert named == {
        "FARM_REDIS_URL",
        "FARM_UPLOAD_MAX_BYTES",
        "FARM_WAITERS_MAX_FILE",
        "FARM_WAITER_MAX",
    }


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [
        (ApiSettings, "FARM_UPLOAD_MAX_BYTES", "0"),
        (ApiSettings, "FARM_UPLOAD_MAX_BYTES", str(2**40 + 1)),
        (ApiSettings, "FARM_BACKLOG_MAX", "0"),
        (ApiSettings, "FARM_BACKLOG_MAX", "10000001"),
        (ApiSettings, "FARM_OPEN_JOBS_MAX", "0"),
        (ApiSettings, "FARM_OPEN_JOBS_MAX", "1.5"),
        (ApiSettings, "FARM_WAITERS_MAX", "-1"),
        (ApiSettings, "FARM_WAITERS_MAX", "1001"),
        (ApiSettings, "FARM_UPLOADS_DIR", "/proc"),
        (ApiSettings, "FARM_UPLOADS_DIR", "/dev/null"),
        (WorkerSettings, "FARM_UPLOADS_DIR", "/nowhere"),
        (WorkerSettings, "FARM_CONCURRENCY", "0"),
        (WorkerSettings, "FARM_CONCURRENCY", "65"),
        (WorkerSettings, "FARM_CONCURRENCY", "1.5"),
        (WorkerSettings, "FARM_CHROMIUM_SANDBOX", "maybe"),
        (WorkerSettings, "FARM_REDIS_URL", "127.0.0.1:6379"),
        (WorkerSettings, "FARM_ARTIFACTS_REDIS_URL", "http://redis.test"),
        (WorkerSettings, "FARM_ARTIFACTS_BUCKET", "shots"),
        (WorkerSettings, "FARM_ARTIFACTS_BUCKET", "s3://Shots"),
        (WorkerSettings, "FARM_ARTIFACTS_BUCKET", "s3://shots/../a b"),
        (WorkerSettings, "FARM_ARTIFACTS_ENDPOINT", "minio:9000"),
        (WorkerSettings, "FARM_ARTIFACTS_ENDPOINT", "https://key:secret@minio:9000"),
        (WorkerSettings, "FARM_ARTIFACTS_REGION", "Frankfurt am Main"),
    ],
)
def test_a_value_out_of_range_is_refused(kind: type[Settings], variable: str, value: str) -> None:
    (mistake,) = mistakes(kind, **{variable: value})
    assert mistake.startswith(f"{variable}: ")


def test_a_bucket_is_a_place_for_artifacts() -> None:
    settings = WorkerSettings.from_environment(
        {
            "FARM_ARTIFACTS_BUCKET": "s3://shots/a/b/",
            "FARM_ARTIFACTS_ENDPOINT": "https://minio.test:9000",
            "FARM_ARTIFACTS_REGION": "eu-central-1",
            "FARM_ARTIFACTS_ACCESS_KEY": "id",
            "FARM_ARTIFACTS_SECRET_KEY": "hunter2",
        }
    )
    assert settings.artifacts == Bucket(
        "shots", "a/b", "https://minio.test:9000", "eu-central-1", "id", "hunter2"
    )
    assert "minio.test:9000" in settings.own_services
    assert "hunter2" not in f"{settings!r} {settings.artifacts!r}"


def test_a_bucket_of_amazon_s_needs_its_name_alone() -> None:
    settings = ApiSettings.from_environment({"FARM_ARTIFACTS_BUCKET": "s3://shots"})
    assert settings.artifacts == Bucket("shots", "", None, "us-east-1", None, None)


def test_a_bucket_without_its_library_is_a_mistake_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.delitem(sys.modules, "farm.backends.s3_artifacts", raising=False)
    bucket = Bucket("shots", "", None, "us-east-1", None, None)
    with pytest.raises(ConfigError, match=r"renderfarm\[s3\]"):
        assemble("redis://127.0.0.1", None, artifacts=bucket, waiters_max=0)


@pytest.mark.parametrize(
    ("variable", "others"),
    [
        ("FARM_ARTIFACTS_BUCKET", {"FARM_ARTIFACTS_REDIS_URL": "redis://127.0.0.1/1"}),
        ("FARM_ARTIFACTS_SECRET_KEY", {"FARM_ARTIFACTS_ACCESS_KEY": "id"}),
        ("FARM_ARTIFACTS_SECRET_KEY", {"FARM_ARTIFACTS_SECRET_KEY": "hunter2"}),
    ],
)
def test_what_does_not_go_together_is_refused(variable: str, others: dict[str, str]) -> None:
    (mistake,) = mistakes(ApiSettings, **{"FARM_ARTIFACTS_BUCKET": "s3://shots", **others})
    assert mistake.startswith(f"{variable}: ")
    assert "hunter2" not in mistake


SECRET = "x" * 32


def test_a_worker_that_is_told_of_a_gate_keeps_none() -> None:
    given = {"FARM_GATE": "[fd00::5]:3100", "FARM_GATE_SECRET": SECRET}
    settings = WorkerSettings.from_environment(given)
    keeper = settings.keeper()
    assert keeper.control == Remote("fd00::5", 3100, SECRET)
    assert "xxx" not in repr(settings)
    assert "xxx" not in repr(keeper)
    assert isinstance(WorkerSettings.from_environment({}).keeper(), Keeper)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"FARM_GATE": "gate:3100"}, "FARM_GATE: takes its secret: set FARM_GATE_SECRET too"),
        ({"FARM_GATE": "gate", "FARM_GATE_SECRET": SECRET}, "FARM_GATE: must be a host and a port"),
        ({"FARM_GATE": "gate:0", "FARM_GATE_SECRET": SECRET}, "FARM_GATE: must be a host and"),
        ({"FARM_GATE": "http://gate:1", "FARM_GATE_SECRET": SECRET}, "FARM_GATE: must be a host"),
        ({"FARM_GATE": "gate:3100", "FARM_GATE_SECRET": "hunter2"}, "FARM_GATE_SECRET: "),
    ],
)
def test_a_gate_is_a_host_and_a_port_with_a_secret(given: dict[str, str], wrong: str) -> None:
    (mistake,) = mistakes(WorkerSettings, **given)
    assert mistake.startswith(wrong)
    assert "hunter2" not in mistake


def test_a_folder_for_uploads_lets_them_be_larger_unless_the_limit_is_set(tmp_path: Path) -> None:
    environment = {"FARM_UPLOADS_DIR": str(tmp_path)}
    in_folder = ApiSettings.from_environment(environment)
    assert (in_folder.uploads_dir, in_folder.upload_max_bytes) == (tmp_path, 4 * 1024**3)
    limited = ApiSettings.from_environment({**environment, "FARM_UPLOAD_MAX_BYTES": "1000"})
    assert limited.upload_max_bytes == 1000
    assert WorkerSettings.from_environment(environment).uploads_dir == tmp_path


def test_a_worker_may_have_its_folder_for_uploads_read_only() -> None:
    assert WorkerSettings.from_environment({"FARM_UPLOADS_DIR": "/proc"}).uploads_dir is not None


@pytest.mark.parametrize("name", ["redis_url", "artifacts_redis_url"])
def test_a_value_may_come_from_a_file(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "redis"
    secret.write_text("redis://:hunter2@redis.test/0\n", encoding="utf-8")
    settings = ApiSettings.from_environment({f"FARM_{name.upper()}_FILE": str(secret)})
    assert getattr(settings, name) == "redis://:hunter2@redis.test/0"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "not text"])
def test_a_file_that_cannot_be_read_is_a_mistake(tmp_path: Path, content: bytes | None) -> None:
    secret = tmp_path / "redis"
    if content is not None:
        secret.write_bytes(content)
    (mistake,) = mistakes(ApiSettings, FARM_REDIS_URL_FILE=str(secret))
    assert mistake.startswith("FARM_REDIS_URL_FILE: ")
    assert "path" in mistake
    assert str(secret) not in mistake  # It may be the secret itself.


def test_a_setting_whose_name_ends_in_file_is_no_secret_s_path() -> None:
    settings = WorkerSettings.from_environment({"FARM_HEARTBEAT_FILE": "/nowhere/beat"})
    assert settings.heartbeat_file == Path("/nowhere/beat")


def test_the_message_does_not_repeat_a_password() -> None:
    assert "hunter2" not in str(mistakes(ApiSettings, FARM_REDIS_URL="http://:hunter2@redis.test"))


def test_the_process_s_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KNOWN_NAMES:
        monkeypatch.delenv(f"FARM_{name}", raising=False)
    monkeypatch.setenv("FARM_WAITERS_MAX", "7")
    assert ApiSettings.from_environment().waiters_max == 7


def test_a_secret_that_could_be_guessed_is_a_mistake_and_not_repeated() -> None:
    (mistake,) = mistakes(ApiSettings, FARM_SECRET="hunter2")
    assert mistake.startswith("FARM_SECRET: ")
    assert "hunter2" not in mistake
    settings = ApiSettings.from_environment({"FARM_SECRET": "x" * 32})
    assert "xxx" not in repr(settings)


OPEN_TO_OTHERS = [
    "redis://redis.test/0",
    "redis://api@redis.test:6379/0",
    "rediss://10.0.0.5/0",
    "redis://[2001:db8::1]:6379/0",
    "redis://localhost.redis.test/0",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["FARM_REDIS_URL", "FARM_ARTIFACTS_REDIS_URL"])
@pytest.mark.parametrize("url", OPEN_TO_OTHERS)
def test_a_redis_of_another_machine_takes_a_password(
    kind: type[Settings], name: str, url: str
) -> None:
    (mistake,) = mistakes(kind, **{name: url})
    assert mistake.startswith(f"{name}: must have a password")
    assert "FARM_ALLOW_INSECURE_REDIS=1" in mistake
    kind.from_environment({name: url, "FARM_ALLOW_INSECURE_REDIS": "1"})


@pytest.mark.parametrize(
    "url",
    [
        *("redis://127.0.0.1/0", "redis://127.8.9.1:1/0", "redis://[::1]/0", "redis:///0"),
        *("redis://localhost:6379/0", "unix:///run/redis.sock"),
        *("redis://api:hunter2@redis.test/0", "redis://redis.test/0?password=hunter2"),
    ],
)
def test_one_of_this_machine_or_with_a_password_is_taken(url: str) -> None:
    settings = ApiSettings.from_environment({"FARM_REDIS_URL": url})
    assert settings.redis_url == url


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "*", "127.0.0.0/8"])
def test_52_a_worker_does_not_start_where_everything_would_be_open(text: str) -> None:
    (mistake,) = mistakes(WorkerSettings, FARM_EGRESS_ALLOW=text)
    assert mistake.startswith("FARM_EGRESS_ALLOW")
