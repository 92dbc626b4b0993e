"""``farm keys`` against the farm's own API."""

import json
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from api.app import create_app
from api.settings import ApiSettings
from farm.client.cli import cli
from farm.client.errors import RequestInvalid, RequestRefused
from farm.client.http import FarmClient
from tests.support.builders import MemoryFarm

URL = "http://127.0.0.1:8000"


class Door:
    """A farm without a key, and the command line beside it."""

    def __init__(self) -> None:
        self.farm = MemoryFarm()
        self._transport = httpx.WSGITransport(create_app(ApiSettings(), self.farm.service))

    def client(self, url: str | None = None, key: str | None = None) -> FarmClient:
        return FarmClient(url or URL, key or "", transport=self._transport)

    def run(self, *arguments: str, key: str = "") -> Result:
        runner = CliRunner(env={"FARM_KEY": key})
        with capture_logs():  # of the farm, which is in this process here
            return runner.invoke(cli, arguments, obj=self.client, prog_name="farm")

    def first_key(self) -> str:
        return self.run("keys", "create", "--name", "op", "--scope", "keys").stdout.strip()


@pytest.fixture
def door() -> Door:
    return Door()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FARM_URL", raising=False)
    monkeypatch.delenv("FARM_KEY", raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_new_key_alone_is_on_stdout(door: Door) -> None:
    done = door.run("keys", "create", "--name", "operator", "--scope", "keys")
    assert done.exit_code == 0
    (key,) = door.farm.keys.all()
    assert done.stdout.startswith(f"rf_{key.id}_")
    assert len(done.stdout.split()) == 1
    assert done.stderr == f"Key {key.id} for operator. It is not shown again.\n"


def test_from_the_first_key_on_every_command_needs_one(door: Door) -> None:
    assert door.run("jobs").exit_code == 0
    key = door.first_key()
    refused = door.run("jobs")
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert "key" in refused.stderr
    assert door.run("keys", "list", key=key).exit_code == 0
    not_enough = door.run("jobs", key=key)
    assert not_enough.exit_code == 4
    assert "'jobs:read'" in not_enough.stderr


def test_the_first_key_must_be_able_to_make_others(door: Door) -> None:
    done = door.run("keys", "create", "--name", "shop")
    assert done.exit_code == 2
    assert "the first key needs the scope keys" in done.stderr
    assert not door.farm.keys.exists()


def test_every_option_reaches_the_key(door: Door) -> None:
    operator = door.first_key()
    options = ["--scope", "jobs:write", "--scope", "script", "--zone", "internal"]
    limits = ["--expires-in", "60", "--open-jobs-max", "7", "--requests-per-minute", "8"]
    done = door.run("keys", "create", "--name", "夏", *options, *limits, "--json", key=operator)
    made = json.loads(done.stdout)
    key = door.farm.keys.get(made["id"])
    assert key is not None
    assert (key.name, key.scopes, key.zones) == ("夏", ("jobs:write", "script"), ("internal",))
    assert (key.open_jobs_max, key.requests_per_minute) == (7, 8)
    assert key.expires_at is not None
    assert made["key"].startswith(f"rf_{key.id}_")


def test_keys_are_listed_without_their_secrets(door: Door) -> None:
    operator = door.first_key()
    done = door.run("keys", "list", key=operator)
    head, line = done.stdout.splitlines()
    assert head.split() == ["id", "name", "state", "scopes", "zones", "created", "expires"]
    assert line.split()[1:5] == ["op", "active", "keys", "public"]
    as_json = json.loads(door.run("keys", "list", "--json", key=operator).stdout)
    assert operator[-43:] not in json.dumps(as_json)
    assert [key["name"] for key in as_json["items"]] == ["op"]


def test_a_farm_without_keys_says_so(door: Door) -> None:
    done = door.run("keys", "list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "no keys" in done.stderr


def test_a_revoked_key_is_listed_as_such_and_opens_nothing(door: Door) -> None:
    operator = door.first_key()
    made = door.run("keys", "create", "--name", "shop", key=operator).stdout.strip()
    assert door.run("jobs", key=made).exit_code == 0
    done = door.run("keys", "revoke", made.split("_")[1], key=operator)
    assert (done.exit_code, done.stdout) == (0, f"{made.split('_')[1]}  revoked\n")
    assert door.run("jobs", key=made).exit_code == 4
    assert "revoked" in door.run("keys", "list", key=operator).stdout


def test_what_cannot_be_revoked_is_said(door: Door) -> None:
    operator = door.first_key()
    assert door.run("keys", "revoke", "nope", key=operator).exit_code == 2
    last = door.run("keys", "revoke", operator.split("_")[1], key=operator)
    assert last.exit_code == 2
    assert "make one first" in last.stderr


def test_the_client_tells_a_missing_key_from_a_wrong_request(door: Door) -> None:
    with door.client() as anybody:
        with pytest.raises(RequestInvalid) as wrong:
            anybody.create_key("a", scopes=["moon"])
        assert wrong.value.errors[0].field == "scopes.0"
        key = anybody.create_key("a", scopes=["keys"]).key
        with pytest.raises(RequestRefused) as refused:
            anybody.keys()
        assert (refused.value.status, refused.value.code) == (401, "unauthenticated")
    with door.client(key=key) as operator:
        assert [each.name for each in operator.keys().items] == ["a"]
        with pytest.raises(RequestRefused) as refused:
            operator.submit({"kind": "screenshot", "url": "http://page.test/"})
        assert (refused.value.status, refused.value.code) == (403, "scope_required")
