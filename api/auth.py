"""Who calls, and whether they may: keys and scopes or, without keys, this machine alone."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog
from flask import Flask, g, request

from api.tracking import origin
from farm.jobs.errors import (
    BackendUnavailable,
    ForbiddenHost,
    ForbiddenOrigin,
    InvalidLink,
    KeyRefused,
    ScopeRequired,
)
from farm.jobs.key_service import KeyService
from farm.jobs.keys import ANYBODY, Caller, Scope
from farm.jobs.links import Links
from farm.jobs.service import JobService
from farm.jobs.sessions import Sessions

Asked = Callable[[], JobService]
"""Returns the farm on behalf of whoever makes the request; a view has no other."""

SCOPES: Mapping[str, Scope | None] = {
    "jobs.submit": "jobs:write",
    "jobs.list_jobs": "jobs:read",
    "jobs.read": "jobs:read",
    "jobs.retry": "jobs:write",
    "jobs.tag_job": "jobs:write",
    "jobs.delete": "jobs:write",
    "events.job": "jobs:read",
    "events.batch": "jobs:read",
    "results.ndjson_lines": "jobs:read",
    "results.csv_table": "jobs:read",
    "results.archived": "jobs:read",
    "results.reported": "jobs:read",
    "results.link": "jobs:read",
    "batches.submit": "jobs:write",
    "batches.list_batches": "jobs:read",
    "batches.read": "jobs:read",
    "batches.list_jobs": "jobs:read",
    "batches.pause": "jobs:write",
    "batches.resume": "jobs:write",
    "batches.cancel": "jobs:write",
    "batches.retry_failed": "jobs:write",
    "webhooks.deliver": "jobs:write",
    "webhooks.deliver_batch": "jobs:write",
    "webhooks.list_failed": "jobs:read",
    "webhooks.show_secrets": "jobs:write",
    "webhooks.rotate_secret": "jobs:write",
    "artifacts.result": "jobs:read",
    "artifacts.artifact": "jobs:read",
    "artifacts.link": "jobs:read",
    "uploads.leave": "uploads",
    "uploads.forget": "uploads",
    "farm.pressure": "farm:read",
    "farm.workers": "farm:read",
    "metrics.tell": "farm:read",
    "keys.create": "keys",
    "keys.list_keys": "keys",
    "keys.revoke": "keys",
    "dashboard.home": "jobs:read",
    "dashboard.submit": "jobs:write",
    "dashboard.jobs": "jobs:read",
    "dashboard.gallery": "jobs:read",
    "dashboard.job": "jobs:read",
    "dashboard.live_job": "jobs:read",
    "dashboard.compare": "jobs:read",
    "dashboard.tag_job": "jobs:write",
    "dashboard.cancel": "jobs:write",
    "dashboard.retry": "jobs:write",
    "dashboard.retry_all": "jobs:write",
    "dashboard.batches": "jobs:read",
    "dashboard.batch": "jobs:read",
    "dashboard.new_batch": "jobs:write",
    "dashboard.submit_batch": "jobs:write",
    "dashboard.batch_events": "jobs:read",
    "dashboard.steer": "jobs:write",
    "dashboard.farm": "farm:read",
    # Without a key: they tell nothing of any job.
    "health.healthz": None,
    "health.readyz": None,
    "dashboard.sign_in": None,
    "dashboard.begin_session": None,
    "dashboard.sign_out": None,
    "dashboard.static": None,
    "docs.asset": None,
    "docs.errors": None,
    "openapi.docs": None,
    "openapi.spec": None,
    "openapi.swagger_ui_oauth_redirect": None,
}
"""What each view takes, by endpoint. One that is not here cannot be called at all."""

DASHBOARD = "dashboard"
SESSION_COOKIE = "farm_session"
_RESULTS = ("ndjson_lines", "csv_table", "archived", "reported")
LINKED = frozenset({"artifacts.artifact", *(f"results.{view}" for view in _RESULTS)})
"""What a link may lead to."""
_METRICS = "metrics.tell"
_SHOWN_IN_PAGES = frozenset({"artifacts", "results", "events"})
"""What the dashboard shows, links and follows: its session reads that, and reaches no other
address."""
_WHO_HAS_A_LINK = replace(ANYBODY, scopes=frozenset({"jobs:read"}))
"""Sees any job and batch, for the link has said which."""
_UNIX_TIME = re.compile(r"[0-9]{1,11}", re.ASCII)
_PROXIED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")
_OWN_NAME = re.compile(
    r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE
)
_BEARER = re.compile(r"bearer +(\S+) *", re.ASCII | re.IGNORECASE)

_log = structlog.get_logger(__name__)


class Door:
    """Looks at every request before its view does."""

    def __init__(
        self,
        keys: KeyService,
        links: Links,
        sessions: Sessions,
        service: JobService,
        failed: Callable[[], None],
        metrics_host: str | None = None,
    ) -> None:
        """Let whom ``keys``, ``links`` and ``sessions`` know use ``service``.

        ``failed`` is called for others; ``metrics_host`` is a further name by which the
        metrics alone may be asked for.
        """
        self._keys = keys
        self._links = links
        self._sessions = sessions
        self._service = service
        self._failed = failed
        self._metrics_host = metrics_host

    def install(self, app: Flask) -> None:
        """Have every request of ``app`` looked at."""
        app.before_request(self._look)

    def asked(self) -> JobService:
        """See ``Asked``."""
        caller: Caller = g.caller
        return self._service.on_behalf_of(caller, origin())

    def begin_session(self, text: str) -> str | None:
        """Return a session of who has the key ``text``; ``None``: nobody needs any.

        Raises:
            KeyRefused: It is not a key that is good.
            RateLimited: Too many wrong ones came from this address.
        """
        if self._keys.is_open():
            return None
        return self._sessions.begin(self._known(text).owner)

    def form_token(self) -> str | None:
        """Return what each form of this request's caller must bring; ``None``: nothing.

        Who shows a key with each request is not led into one by a page of elsewhere.
        """
        session: str | None = g.get("session")
        return None if session is None else self._sessions.form_token(session)

    def check_form_token(self, token: str) -> None:
        """Refuse a form that is not one of this caller's own pages.

        Raises:
            ForbiddenOrigin: ``token`` is not what ``form_token`` returns.
        """
        session: str | None = g.get("session")
        if session is not None and not self._sessions.is_token(session, token):
            raise ForbiddenOrigin("This form is out of date. Open the page again.")

    def _look(self) -> None:
        if request.endpoint is None:
            return  # No such page or method, which the error says.
        scope = SCOPES[request.endpoint]
        if scope is None:
            return
        g.caller = self._caller()
        if scope not in g.caller.scopes:
            raise ScopeRequired(scope)

    def _caller(self) -> Caller:
        if request.endpoint in LINKED and "signature" in request.args:
            self._check_link()
            return _WHO_HAS_A_LINK
        if self._keys.is_open():
            _check_near(self._metrics_host if request.endpoint == _METRICS else None)
            g.session = ""
            return ANYBODY
        if "Authorization" not in request.headers and _may_have_session():
            return self._signed_in()
        given = _BEARER.fullmatch(request.headers.get("Authorization", ""))
        return self._known(given[1] if given else "")

    def _known(self, text: str) -> Caller:
        caller = self._keys.caller(text)
        if caller is None:
            self._failed()
            raise KeyRefused("This takes a key of the farm, as a Bearer token or in FARM_KEY.")
        return caller

    def _signed_in(self) -> Caller:
        g.session = request.cookies.get(SESSION_COOKIE, "")
        key_id = self._sessions.key_id(g.session)
        caller = self._keys.holder(key_id) if key_id else None
        if caller is None:
            raise KeyRefused("Sign in with a key of the farm.")
        return caller

    def _check_link(self) -> None:
        expires, signature = (request.args.get(part, "") for part in ("expires", "signature"))
        is_time = _UNIX_TIME.fullmatch(expires)
        if not is_time or not self._links.are_good(request.path, int(expires), signature):
            raise InvalidLink("This link is not one of this farm's, or its time is over.")


def _may_have_session() -> bool:
    if request.blueprint == DASHBOARD:
        return True
    is_read = request.method in {"GET", "HEAD"}
    return is_read and request.blueprint in _SHOWN_IN_PAGES and SESSION_COOKIE in request.cookies


def check_own_page() -> None:
    """Refuse a form that a page of elsewhere has a browser send.

    Raises:
        ForbiddenOrigin: The browser says so.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site:  # The browser's own word, also where a proxy calls the farm by another name.
        is_own = site == "same-origin"
    else:
        is_own = origin is None or origin.partition("://")[2].lower() == request.host.lower()
    if not is_own:
        raise ForbiddenOrigin("This form was sent by a page of elsewhere.")


def _check_near(also: str | None) -> None:
    """Refuse what a web page has a browser of this machine ask, be it by a rebound name.

    ``also`` is a host that the farm may be called by besides.

    Raises:
        ForbiddenHost: The farm is called by a name that others may give to it.
        ForbiddenOrigin: A page that is not the farm's own is behind the request.
    """
    host = request.headers.get("Host", "")
    if not _OWN_NAME.fullmatch(host) and host != also:
        raise ForbiddenHost(
            "This farm has no keys, so it can be called as 127.0.0.1 or localhost alone."
        )
    # A proxy on this machine may call by its own name for whoever calls it by any other.
    if any(name in request.headers for name in _PROXIED):
        raise ForbiddenHost("This farm has no keys, so it cannot be called through a proxy.")
    origin = request.headers.get("Origin")
    is_foreign = origin is not None and origin.partition("://")[2].lower() != host.lower()
    if is_foreign or request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise ForbiddenOrigin("This farm has no keys, so web pages of elsewhere cannot call it.")


def say_who_may_call(keys: KeyService) -> None:
    """Log whether the farm has keys."""
    try:
        is_open = keys.is_open()
    except BackendUnavailable as error:
        _log.warning("keys_unknown", reason=error.message)
        return
    if is_open:
        _log.warning(
            "no_keys",
            meaning="Whoever reaches this API as 127.0.0.1 or localhost may do all. "
            "`farm keys create --name NAME --scope keys` makes the first key.",
        )
    else:
        _log.info("keys_required")
