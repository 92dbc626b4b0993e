"""One job's time at the gate: what it may, what it did, and its end."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import structlog

from tasks.egress.addresses import Address
from tasks.egress.network import Network
from tasks.egress.policy import Policy
from tasks.egress.pool import Pool
from tasks.egress.refusals import Code, NotServed
from tasks.egress.target import of_url
from tasks.egress.vetting import Vetting
from tasks.egress.wire import Wire

LOG_MAX = 1000
"""Entries: one for each target and verdict."""
_TOLD_MAX = 50
"""Refusals of one session that the operator's log tells of: a page shall not flood it."""
_OF_ONE_HOST_MAX = 64
"""Requests and tunnels at once: many times what a browser wants. Others wait."""
_BROWSERS_OWN = frozenset(
    {"clients2.google.com", "update.googleapis.com", "content-autofill.googleapis.com"}
)
"""Where Chromium calls on its own business, which is neither the page's nor ours."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Terms:
    """What a session may."""

    job: str | None
    zones: frozenset[str]
    main: tuple[str, int] | None
    """Host and port of what the job is about; ``None`` if it brings its own page."""
    max_bytes: float
    """Of both directions."""
    max_requests: float
    max_seconds: float
    internal_only: bool = False
    """Whether even a public target is closed."""

    @classmethod
    def parse(cls, message: Mapping[str, Any]) -> "Terms":
        """Return what a worker's child wants.

        Raises:
            KeyError: A field is missing.
            TypeError: A field is of another type.
            ValueError: A field is wrong.
        """
        url = message["url"]
        return cls(
            job=str(message["job"]),
            zones=frozenset(message["zones"]),
            main=None if url is None else of_url(url),
            max_bytes=float(message["max_bytes"]),
            max_requests=float(message["max_requests"]),
            max_seconds=float(message["max_seconds"]),
            internal_only=bool(message["internal_only"]),
        )


NOBODY = Terms(None, frozenset(), None, 0, 0, inf)
"""Of the time between two jobs."""


class Session:
    """Judges, counts and logs what goes through one listener for one job."""

    def __init__(self, policy: Policy, network: Network, terms: Terms) -> None:
        """Begin now."""
        self._terms = terms
        self._vetting = Vetting(
            policy, network, terms.zones, terms.main, internal_only=terms.internal_only
        )
        self._totals: Counter[str] = Counter()
        self._verdicts: dict[tuple[str, int, str], int] = {}
        self._bytes = self._requests = self._denied = 0
        self._cut: Code | None = "target_forbidden" if terms.job is None else None
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(terms.max_seconds, self.cut, "timeout")
        self.is_closed = False
        """Whether it is over, though somebody may not know yet."""
        self.wires: set[Wire] = set()
        """All that are connected, to either side."""
        self.pool = Pool(network, lambda: Wire(self))
        self.turns = defaultdict[str, asyncio.Semaphore](
            lambda: asyncio.Semaphore(_OF_ONE_HOST_MAX)
        )
        """By host; held while a request or a tunnel to it is under way."""

    async def admit(self, host: str, port: int) -> Sequence[Address]:
        """Judge one request; return where it may go.

        Raises:
            NotServed: Nowhere.
        """
        if host in _BROWSERS_OWN:
            raise NotServed("target_forbidden")
        self._requests += 1
        if self._cut is not None:
            raise NotServed(self._cut)
        if self._requests > self._terms.max_requests:
            raise NotServed("response_too_large")
        addresses = await self._vetting.addresses(host, port)
        self._note(host, port, "allowed")
        return addresses

    def note(self, host: str, port: int, refusal: NotServed) -> None:
        """Remember that a request was not served."""
        if self._terms.job is None or host in _BROWSERS_OWN:
            return
        is_denied = refusal.code == "target_forbidden"
        self._denied += is_denied
        is_new = self._note(host, port, refusal.code) == 1
        if is_denied and is_new and self._denied <= _TOLD_MAX:
            _log.warning(
                "target_forbidden",
                job_id=self._terms.job,
                host=host,
                port=port,
                addresses=[str(address) for address in refusal.addresses],
            )

    def count(self, size_bytes: int) -> None:
        """Count what came, from whichever side."""
        self._bytes += size_bytes
        if self._bytes > self._terms.max_bytes:
            self.cut("response_too_large")

    def cut(self, code: Code) -> None:
        """Break everything off, and answer all that still comes with ``code``."""
        if self._cut is None:
            self._cut = code
            _log.warning("session_cut", job_id=self._terms.job, code=code)
            self._break_off()

    def close(self) -> None:
        """Break everything off."""
        self.is_closed = True
        self._timer.cancel()
        self._break_off()

    def report(self) -> dict[str, Any]:
        """Return what happened so far, without any address of a name."""
        return {
            "requests": self._requests,
            "bytes": self._bytes,
            "denied": self._denied,
            "verdicts": self._totals,
            "cut": self._cut,
            "log": [
                {"host": host, "port": port, "verdict": verdict, "count": count}
                for (host, port, verdict), count in self._verdicts.items()
            ],
        }

    def _break_off(self) -> None:
        for wire in tuple(self.wires):
            wire.abort()

    def _note(self, host: str, port: int, verdict: str) -> int:
        """Return how often it was so; what was so last is at the end."""
        self._totals[verdict] += 1
        key = (host, port, verdict)
        count = self._verdicts[key] = self._verdicts.pop(key, 0) + 1
        if len(self._verdicts) > LOG_MAX:
            del self._verdicts[next(iter(self._verdicts))]
        return count
