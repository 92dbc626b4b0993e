"""The file of Redis's users, as the local farm and compose make it of one template."""

import re
from pathlib import Path

from dev.redis_users import USERS, RedisUsers

DOCKER = Path(__file__).parents[2] / "docker"


def test_each_user_has_a_line_and_a_password_of_its_own(tmp_path: Path) -> None:
    users = RedisUsers(tmp_path)
    lines = users.write_acl().read_text(encoding="utf-8").splitlines()
    names = [line.split()[1] for line in lines]
    passwords = {part for line in lines for part in line.split() if part.startswith(">")}
    assert sorted(names) == sorted(USERS)
    assert len(passwords) == len(USERS)
    assert all(re.fullmatch(">[0-9a-f]{64}", password) for password in passwords)
    for user in USERS:
        url = users.url(user, 1)
        assert f">{url.removeprefix(f'redis://{user}:').removesuffix('@127.0.0.1:1/0')}" in (
            passwords
        )


def test_they_stay_the_same_and_are_for_their_owner_s_eyes_alone(tmp_path: Path) -> None:
    users = RedisUsers(tmp_path)
    assert users.url("api", 1) == RedisUsers(tmp_path).url("api", 1)
    users.write_acl()
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}


def test_compose_fills_in_every_password() -> None:
    wanted = set(re.findall("@[A-Z]+@", (DOCKER / "redis-users.acl").read_text(encoding="utf-8")))
    compose = (DOCKER / "compose.yaml").read_text(encoding="utf-8")
    assert wanted - {"@NAME@"} == set(re.findall(r"s/(@[A-Z]+@)/", compose))


def test_no_command_line_and_no_variable_of_the_local_farm_has_a_password() -> None:
    lines = (DOCKER / "supervisord.conf").read_text(encoding="utf-8")
    assert "redis://" not in lines
    assert len(re.findall(r"^environment=FARM_REDIS_URL_FILE=", lines, re.MULTILINE)) == 4
