"""How the page is reached: what is sent along, and what is believed."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from publicsuffixlist import PublicSuffixList
from pydantic import Field, StringConstraints, model_validator

from farm.jobs.specs.base import LISTED, WRITE_ONLY, Model, OptionGroup, Url, mistake

HEADERS_MAX = 32
"""More than a browser itself sends; servers refuse heads that are much larger."""
_VALUE_MAX_CHARACTERS = 8192
_LOCAL = "localhost"
_COOKIE_MAX_BYTES = 4096
"""Name and value together; browsers take no larger one (RFC 6265bis, 5.6)."""

HeaderName = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=256, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
    ),  # RFC 9110's token
]
HeaderValue = Annotated[
    str, StringConstraints(max_length=_VALUE_MAX_CHARACTERS, pattern=r"^[\t\x20-\x7e\x80-\xff]*$")
]
# What Chromium refuses in a cookie: control characters, white space at either end, `;`.
CookieName = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=1024,
        pattern=r"^[^\x00-\x20\x7f;=](?:[^\x00-\x1f\x7f;=]*[^\x00-\x20\x7f;=])?$",
    ),
]
CookieValue = Annotated[
    str,
    StringConstraints(
        max_length=_COOKIE_MAX_BYTES,
        pattern=r"^(?:[^\x00-\x20\x7f;](?:[^\x00-\x1f\x7f;]*[^\x00-\x20\x7f;])?)?$",
    ),
]

# What makes up the request itself, and cookies, which have an option of their own.
_NOT_HEADERS = frozenset(
    {
        *("connection", "cookie", "expect", "host", "keep-alive", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    }
)
_NOT_HEADERS_BEGIN = ("content-", "proxy-", "sec-")


def check_header_names(field: str, names: Iterable[str]) -> None:
    """Raise the mistake of ``field`` if one of ``names`` is for the browser or prober to set."""
    for name in names:
        if name.lower() in _NOT_HEADERS or name.lower().startswith(_NOT_HEADERS_BEGIN):
            raise mistake(field, "{name} cannot be set", name=name)


def is_forwarding(name: str) -> bool:
    """Return whether a server may take the header of this name for the word of its own proxy."""
    return name.lower() == "forwarded" or name.lower().startswith("x-forwarded-")


class Cookie(Model):
    """A cookie, in Playwright's words. Without ``url`` and ``domain`` it is the page's."""

    name: Annotated[CookieName, Field(description="Its name.")]
    value: Annotated[CookieValue, Field(description="With the name at most 4,096 bytes of UTF-8.")]
    url: Annotated[
        Url | None, Field(description="Whose it is. Without this and domain: the page's.")
    ] = None
    domain: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=255,
            pattern=r"^[0-9A-Za-z:.\[\]_-]+$",
            description="Instead of url. With a dot before it subdomains have it too.",
        ),
    ] = None
    path: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=1024,
            pattern=r"^/[^\x00-\x1f\x7f;]*$",
            description="Together with domain. null: `/`.",
        ),
    ] = None
    expires: Annotated[
        float | None, Field(ge=-1, le=1e11, description="Unix time in seconds; -1: a session's.")
    ] = None
    httpOnly: Annotated[bool | None, Field(description="Hidden from scripts.")] = None  # noqa: N815 - Playwright's name
    secure: Annotated[bool | None, Field(description="For https alone.")] = None
    sameSite: Annotated[  # noqa: N815 - Playwright's name
        Literal["Lax", "None", "Strict"] | None,
        Field(description="Without `secure` browsers drop a cookie of `None`."),
    ] = None
    partitionKey: Annotated[  # noqa: N815 - Playwright's name
        str | None, Field(max_length=1024, description="The top-level site of a partitioned one.")
    ] = None

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        if len(self.name.encode()) + len(self.value.encode()) > _COOKIE_MAX_BYTES:
            raise mistake(
                "value", "name and value together exceed {limit} bytes", limit=_COOKIE_MAX_BYTES
            )
        if self.expires is not None and -1 < self.expires < 0:
            raise mistake("expires", "must be -1 or a time since 1970")
        return self

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        if self.url is not None and (self.domain is not None or self.path is not None):
            raise mistake("url", "give either url, or domain and path")
        if self.path is not None and self.domain is None:
            raise mistake("path", "needs a domain")
        return self


def check_cookies(field: str, cookies: Sequence[Cookie], page: str | None) -> None:
    """Raise the mistake of ``field`` if a cookie would go to nobody or to somebody else.

    Args:
        field: Where the cookies stand.
        cookies: Those of the spec.
        page: Whose they must be: the host of this URL or a parent of it; ``None``: anybody's.
    """
    host = urlsplit(page or "").hostname
    for cookie in cookies:
        if cookie.domain is None:
            owner = urlsplit(cookie.url or "").hostname
            is_owner = owner in (None, host)
        else:
            owner = cookie.domain.lower().removeprefix(".").strip("[]")
            if owner not in (host, _LOCAL) and _is_public_suffix(owner):
                raise mistake(
                    field,
                    "{owner} is too wide for a cookie: it has the sites of many owners below it",
                    owner=owner,
                )
            is_owner = f".{host}".endswith(f".{owner}") and (owner == host or not _is_number(host))
        if host is not None and not is_owner:
            raise mistake(
                field,
                "{owner} is not the page's host; storage_state takes cookies of others",
                owner=owner,
            )


def _is_public_suffix(domain: str) -> bool:
    """Return whether sites of different owners lie below ``domain``, as below `co.uk`.

    Browsers drop a cookie of all of them without a word. A single label counts as one.
    """
    return ":" not in domain and (not domain.strip(".") or _suffixes().is_public(domain))


@cache
def _suffixes() -> PublicSuffixList:
    """Return the list that comes with the library (https://publicsuffix.org); read once."""
    return PublicSuffixList()


def _is_number(host: str | None) -> bool:
    return (host or "").rpartition(".")[2].isdecimal()


class HttpCredentials(Model):
    """For HTTP authentication; sent to ``origin`` alone."""

    username: Annotated[str, Field(max_length=1024, description="Who.")]
    password: Annotated[str, Field(max_length=1024, description="The secret.")]
    origin: Annotated[Url | None, Field(description="null: the page's own.")] = None


class StorageItem(Model):
    """One entry of a local storage."""

    name: Annotated[str, Field(max_length=1024, description="Its key.")]
    value: Annotated[str, Field(max_length=256 * 1024, description="What is stored.")]


class StorageOrigin(Model):
    """The local storage of one origin."""

    origin: Annotated[Url, Field(description="Scheme, host and port.")]
    localStorage: Annotated[  # noqa: N815 - Playwright's name
        tuple[StorageItem, ...], LISTED, Field(max_length=500, description="Its entries.")
    ] = ()


class StorageState(Model):
    """Cookies and local storage, as Playwright's ``context.storage_state()`` gives them."""

    cookies: Annotated[
        tuple[Cookie, ...], LISTED, Field(max_length=500, description="As the option cookies.")
    ] = ()
    origins: Annotated[
        tuple[StorageOrigin, ...], LISTED, Field(max_length=50, description="Local storage.")
    ] = ()


class Access(OptionGroup):
    """Access to the page."""

    extra_http_headers: Annotated[
        dict[HeaderName, HeaderValue] | None,
        Field(
            max_length=HEADERS_MAX,
            description="Headers to send.",
            examples=[{"Authorization": "Bearer secret"}],
            json_schema_extra=dict(WRITE_ONLY),
        ),
    ] = None
    extra_http_headers_to: Annotated[
        Literal["origin", "all"],
        Field(
            description="Who gets them: the page's own origin, or every host that it loads from.",
            examples=["all"],
        ),
    ] = "origin"
    cookies: Annotated[
        tuple[Cookie, ...],
        LISTED,
        Field(
            max_length=100,
            description="Cookies to have, with Playwright's names.",
            examples=[[{"name": "session", "value": "secret"}]],
            json_schema_extra=dict(WRITE_ONLY),
        ),
    ] = ()
    http_credentials: Annotated[
        HttpCredentials | None,
        Field(
            description="For HTTP authentication.",
            examples=[{"username": "ann", "password": "secret"}],
            json_schema_extra=dict(WRITE_ONLY),
        ),
    ] = None
    storage_state: Annotated[
        StorageState | None,
        Field(
            description="Cookies and local storage, as Playwright's `storage_state()` saves them.",
            examples=[
                {
                    "origins": [
                        {
                            "origin": "https://example.com",
                            "localStorage": [{"name": "theme", "value": "dark"}],
                        }
                    ]
                }
            ],
            json_schema_extra=dict(WRITE_ONLY),
        ),
    ] = None
    ignore_https_errors: Annotated[
        bool,
        Field(description="Take certificates that nobody vouches for.", examples=[True]),
    ] = False
    bypass_csp: Annotated[
        bool,
        Field(description="Do not apply the page's Content-Security-Policy.", examples=[True]),
    ] = False

    @model_validator(mode="after")
    def _check_headers(self) -> Self:
        check_header_names("extra_http_headers", self.extra_http_headers or {})
        return self
