"""The users of a Redis that this machine runs for the farm: their passwords, and the file it reads.

What each may do stands in ``docker/redis-users.acl``, for compose as well.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

_TEMPLATE = Path(__file__).resolve().parent.parent / "docker" / "redis-users.acl"

User = Literal["default", "api", "worker", "dispatcher", "flower"]
USERS: tuple[User, ...] = get_args(User)


@dataclass(frozen=True)
class RedisUsers:
    """Passwords that are made once for each folder, and stay the same."""

    folder: Path
    """Nobody else's: what is written into it is for its owner's eyes alone."""

    def url(self, user: User, port: int) -> str:
        """Return the address at which ``user`` reaches the Redis at ``port``."""
        return f"redis://{user}:{self._password(user)}@127.0.0.1:{port}/0"

    def write_acl(self) -> Path:
        """Write the file that Redis takes as its ``aclfile``."""
        lines = _TEMPLATE.read_text(encoding="utf-8").splitlines(keepends=True)
        text = "".join(line for line in lines if not line.startswith("#"))
        for user in USERS:
            text = text.replace(f"@{user.upper()}@", self._password(user))
        return self.keep("users.acl", text)

    def keep(self, name: str, text: str) -> Path:
        """Write ``text`` into a file of the folder that nobody else may read."""
        file = self.folder / name
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(text, encoding="utf-8")
        return file

    def _password(self, user: User) -> str:
        file = self.folder / "secret"
        if not file.exists():
            self.keep("secret", secrets.token_hex(32))
        secret = bytes.fromhex(file.read_text(encoding="ascii"))
        return hmac.digest(secret, user.encode(), hashlib.sha256).hex()
