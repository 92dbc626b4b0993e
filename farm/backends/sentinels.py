"""A Redis that Sentinel watches over: which servers say where its master is.

Its address has all of them, the name that they know the master by, and perhaps a
database: ``sentinel://user:password@host1:26379,host2:26379,host3:26379/name/0``. User
and password are those of Redis itself.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

_PORT = 26379
_URL = re.compile(
    r"sentinel://(?:(?P<user>[^:@/]*):(?P<password>[^@/]*)@)?"
    r"(?P<hosts>[^@/]+)/(?P<name>[^/]+)(?:/(?P<db>[0-9]+))?"
)
_HOST = re.compile(r"(?P<host>[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class Sentinels:
    """What such an address says."""

    hosts: tuple[tuple[str, int], ...]
    name: str
    db: int
    user: str | None
    """Percent-encoded, as it stands there; ``None``: the default user."""
    encoded_password: str | None = field(repr=False)
    """Likewise; ``None``: there is none."""

    @classmethod
    def of(cls, url: str) -> "Sentinels | None":
        """Return what ``url`` says, or ``None`` if it is another sort of address.

        Raises:
            ValueError: It is one of Sentinel's, and is not complete.
        """
        if not url.startswith("sentinel://"):
            return None
        found = _URL.fullmatch(url)
        hosts = [_HOST.fullmatch(each) for each in found["hosts"].split(",")] if found else []
        if found is None or None in hosts:
            raise ValueError("must be as sentinel://user:password@host:26379,host:26379/name/0")
        return cls(
            hosts=tuple((each["host"], int(each["port"] or _PORT)) for each in hosts if each),
            name=found["name"],
            db=int(found["db"] or 0),
            user=found["user"] or None,
            encoded_password=found["password"] or None,
        )

    @property
    def username(self) -> str | None:
        """Who asks Redis; ``None``: the default user."""
        return self.user and unquote(self.user)

    @property
    def password(self) -> str | None:
        """The user's password; ``None``: there is none."""
        return self.encoded_password and unquote(self.encoded_password)

    @property
    def broker_url(self) -> str:
        """The same in kombu's words, which have the name apart."""
        who = f"{self.user or ''}:{self.encoded_password}@" if self.encoded_password else ""
        return ";".join(f"sentinel://{who}{host}:{port}/{self.db}" for host, port in self.hosts)
